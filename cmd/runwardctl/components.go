package main

import (
	"bytes"
	"debug/buildinfo"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/runward/runward/internal/config"
	"github.com/runward/runward/internal/stamp"
)

// A component is a program of runward's that is installed.
type component struct {
	Name    string `json:"name"`
	Path    string `json:"path"`
	Version string `json:"version"` // unknown: the file does not say
	Go      string `json:"go,omitempty"`
}

// components are those that were installed with this program, as its files say;
// none is executed.
func components() []component {
	runtime.KeepAlive(stamp.Mark) // in this program's file, too
	sbin := beside("../sbin/runwardd")
	all := []component{}
	for _, path := range []string{
		beside("runward"), config.RulesProgram(), config.HookProgram(), sbin, beside("runwardctl"), beside("containerd-shim-runward-v2"),
	} {
		if text, err := os.ReadFile(path); err == nil {
			c := component{Name: filepath.Base(path), Path: path, Version: stamped(text)}
			if built, err := buildinfo.Read(bytes.NewReader(text)); err == nil {
				c.Go = built.GoVersion
			}
			all = append(all, c)
		}
	}
	return all
}

// stamped finds the version in a program.
func stamped(program []byte) string {
	for rest := program; ; {
		i := bytes.Index(rest, []byte(stamp.Prefix))
		if i < 0 {
			return "unknown"
		}
		rest = rest[i+len(stamp.Prefix):]
		// Go's strings lie one beside the other: the words alone may be somewhere else.
		if end := bytes.IndexByte(rest[:min(len(rest), 65)], ';'); end > 0 && bytes.IndexFunc(rest[:end], notVersion) < 0 {
			return string(rest[:end])
		}
	}
}

func notVersion(r rune) bool {
	return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && !strings.ContainsRune(".+~-", r)
}
