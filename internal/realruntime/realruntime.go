// Package realruntime finds the OCI runtime that runward stands in front of.
package realruntime

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/runward/runward/internal/config"
	"github.com/runward/runward/internal/owner"
)

// Find returns the absolute path of the runtime to execute for the name that
// runward was called by. self is runward's own path, which is never the answer.
func Find(cfg *config.Config, handler, self string) (string, error) {
	path := cfg.Runtime.Handlers[handler]
	if path == "" {
		path = cfg.Runtime.Path
	}
	me, err := os.Stat(self)
	if err != nil {
		return "", errors.New(self + " cannot be examined: " + owner.Reason(err))
	}
	if path == "" {
		return firstRuntime(me)
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return "", errors.New("the real runtime " + path + " cannot be used: " + owner.Reason(err) + "; install it, or correct runtime.path in " + config.File())
	case os.SameFile(info, me):
		return "", errors.New("the real runtime " + path + " is runward itself: set runtime.path in " + config.File() + " to runc's absolute path")
	case !info.Mode().IsRegular() || info.Mode()&0o111 == 0:
		return "", errors.New("the real runtime " + path + " is not a program: correct runtime.path in " + config.File())
	}
	return path, nil
}

// firstRuntime finds one where the node's settings name none.
func firstRuntime(me os.FileInfo) (string, error) {
	itself := ""
	for _, path := range config.RuntimePaths {
		info, err := os.Stat(path)
		if err != nil || !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
			continue
		}
		if os.SameFile(info, me) {
			itself = path
			continue
		}
		return path, nil
	}
	if itself != "" {
		return "", errors.New(itself + " is runward itself and no other runtime is at " + strings.Join(config.RuntimePaths, ", ") + ": set runtime.path in " + config.File())
	}
	return "", errors.New("no OCI runtime is at " + strings.Join(config.RuntimePaths, ", ") + ": install runc, or set runtime.path in " + config.File())
}

// Safe says that nobody but root can change a program that is to be executed:
// whoever can, decides over every container whatever policy says. what names
// it, with its path.
func Safe(what, path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return errors.New(what + " cannot be used: " + owner.Reason(err))
	}
	if err := owner.Check(what, info); err != nil {
		return err
	}
	return (owner.Dirs{}).Check(filepath.Dir(path))
}

// Kind names the runtime's family from its file name; an unknown one is held
// to be runc-like.
func Kind(path string) string {
	name := path[strings.LastIndexByte(path, '/')+1:]
	for _, kind := range [...]string{"crun", "youki", "runsc", "runc"} {
		if strings.Contains(name, kind) {
			return kind
		}
	}
	return "runc"
}
