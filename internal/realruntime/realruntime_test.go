package realruntime

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/runward/runward/internal/config"
)

func TestFind(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, nil, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	self, runc, crun, text := file("runward", 0o755), file("runc", 0o755), file("crun", 0o755), file("text", 0o644)
	link := filepath.Join(dir, "link")
	if err := os.Link(self, link); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(dir, "missing")
	handlers := map[string]string{"runward-crun": crun}
	for _, c := range []struct {
		name    string
		set     string // runtime.path
		handler string
		list    []string
		want    string
		err     string
	}{
		{"as set", runc, "runward", nil, runc, ""},
		{"the handler's own", runc, "runward-crun", nil, crun, ""},
		{"the first that is there", "", "runward", []string{missing, text, dir, crun, runc}, crun, ""},
		{"never itself", "", "runward", []string{link, runc}, runc, ""},
		{"set to itself", link, "runward", nil, "", "the real runtime " + link + " is runward itself: set runtime.path in "},
		{"set to nothing", missing, "runward", nil, "", "the real runtime " + missing + " cannot be used: it is missing; install it, or correct runtime.path in "},
		{"set to a text", text, "runward", nil, "", "the real runtime " + text + " is not a program: correct runtime.path in "},
		{"set to a directory", dir, "runward", nil, "", "the real runtime " + dir + " is not a program: correct runtime.path in "},
		{"only itself", "", "runward", []string{link}, "", link + " is runward itself and no other runtime is at " + link},
		{"none", "", "runward", []string{missing}, "", "no OCI runtime is at " + missing + ": install runc, or set runtime.path in "},
	} {
		t.Run(c.name, func(t *testing.T) {
			defer func(list []string) { config.RuntimePaths = list }(config.RuntimePaths)
			config.RuntimePaths = c.list
			cfg := &config.Config{Runtime: config.Runtime{Path: c.set, Handlers: handlers}}
			got, err := Find(cfg, c.handler, self)
			if got != c.want {
				t.Errorf("found %q, want %q", got, c.want)
			}
			if (err == nil) != (c.err == "") || err != nil && !strings.HasPrefix(err.Error(), c.err) {
				t.Errorf("error %v, want %q", err, c.err)
			}
		})
	}
}

func TestKind(t *testing.T) {
	for path, want := range map[string]string{
		"/usr/bin/runc": "runc", "/usr/bin/crun": "crun", "/opt/crun-1.8.1": "crun", "/usr/bin/youki": "youki",
		"/usr/bin/runsc": "runsc", "/opt/crun/bin/other": "runc",
	} {
		if got := Kind(path); got != want {
			t.Errorf("%s is taken for %s, want %s", path, got, want)
		}
	}
}
