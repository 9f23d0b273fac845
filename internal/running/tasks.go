package running

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/runward/runward/internal/state"
)

// most is how many bytes of an engine's own files are read.
const most = 8 << 20

// taskRoot finds the bundles that containerd has for one of its name spaces.
// It removes a bundle when its container has ended, so that there is one of
// every container also where its runtime keeps its state in a form of its own.
func (f *finder) taskRoot(dir string) {
	namespace := filepath.Base(dir)
	for _, id := range f.directories(dir) {
		bundle := filepath.Join(dir, id)
		if _, err := os.Lstat(filepath.Join(bundle, "config.json")); err != nil {
			continue // containerd makes it first, and removes it last
		}
		c := Container{ID: id, Namespace: namespace, Bundle: bundle, User: ownerOf(dir)}
		if i, before := f.byBundle[canonical(bundle)]; before {
			if i >= 0 {
				f.Containers[i].Namespace = namespace
			}
			continue
		}
		c.Root = shimRoot(bundle, namespace)
		runs := true
		if pid, err := readPID(filepath.Join(bundle, "init.pid")); err == nil {
			c.PID = pid
			runs = (&state.Seen{PID: pid}).Running()
		}
		f.add(c, runs)
	}
}

// shimRoot tells from the options that containerd's shim for runc leaves in a
// bundle where its runtime keeps its state; "": it is another runtime's shim.
func shimRoot(bundle, namespace string) string {
	var options struct {
		Root string `json:"root"`
	}
	text, err := readSome(filepath.Join(bundle, "options.json"))
	if err != nil || json.Unmarshal(text, &options) != nil {
		return ""
	}
	if options.Root == "" {
		options.Root = "/run/containerd/runc"
	}
	return canonical(filepath.Join(options.Root, namespace))
}

func readPID(path string) (int, error) {
	text, err := readSome(path)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}

// readSome reads a regular file of a size that can be expected. It follows no
// link and waits for no writer: a user's own engine may have put anything there.
func readSome(path string) ([]byte, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // it is only read from
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > most {
		return nil, errors.New(path + " is no regular file, or too large")
	}
	return io.ReadAll(io.LimitReader(file, most))
}
