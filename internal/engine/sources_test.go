package engine

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What an engine reads and what runward writes for it is in its sources, and
// its program among its programs.
func TestSources(t *testing.T) {
	s := under(t, map[string]string{
		"/etc/containerd/config.toml": "version = 2\nimports = [\"/opt/vendor/*.toml\", \"/etc/containerd/conf.d/*.toml\"]\n",
		"/opt/vendor/a.toml":          "version = 2\n",
	}, "containerd", "crio", "dockerd", "podman")
	for _, e := range All() {
		sources := e.Sources(s)
		written := []string{e.Usual()}
		switch e.Name {
		case "containerd":
			written = append(written, containerdDropIn(e.Usual()), "/opt/vendor/a.toml")
		case "cri-o":
			written = append(written, crioDropIn(e.Usual()))
		case "podman":
			written = append(written, podmanDropIn(e.Usual()))
		}
		for _, path := range written {
			if !slices.ContainsFunc(sources, func(dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }) {
				t.Errorf("%s: %s is not in %q", e.Name, path, sources)
			}
		}
		for _, path := range sources {
			if !filepath.IsAbs(path) {
				t.Errorf("%s: %s", e.Name, path)
			}
		}
		if !slices.Contains(e.Executables(), e.program) || len(e.Units()) == 0 {
			t.Errorf("%s: %q, %q", e.Name, e.Executables(), e.Units())
		}
	}
}
