package policyfile

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/runward/runward/policy"
	"github.com/runward/runward/policy/rules"
)

// later is a moment at which all that a test wrote has long been left alone.
func later() time.Time { return time.Now().Add(time.Hour) }

// A node is a node's directories, for tests that change them.
type node struct {
	t *testing.T
	Sources
	dir string
}

const strict = "version = 1\nname = \"first\"\n[capabilities]\nallow = [\"CAP_SETUID\"]\n"

func newNode(t *testing.T) *node {
	t.Helper()
	dir := t.TempDir()
	n := &node{t: t, dir: dir, Sources: Sources{
		Dirs:     []string{dir + "/etc/policy.d", dir + "/run/policy.d", dir + "/lib/policy.d"},
		Profiles: []string{dir + "/etc/profiles", dir + "/lib/profiles"}, Unselected: "restricted",
		Cache: dir + "/run/policy.cache",
	}}
	n.mkdir("etc", "run", "lib", "etc/policy.d", "lib/policy.d", "lib/profiles", "other")
	n.write("etc/policy.d/10.toml", strict)
	n.write("lib/policy.d/10.toml", strings.Replace(strict, "first", "masked", 1))
	n.write("lib/policy.d/20.toml", "version = 1\nname = \"second\"\nextends = [\"ours\", \"baseline\"]\n[[select]]\nnamespace = [\"prod-*\"]\n")
	n.write("lib/policy.d/30.toml", "version = 1\nname = \"third\"\n[[select]]\nnamespace = [\"test\"]\n[user]\n")
	n.write("lib/profiles/ours.toml", "version = 1\nname = \"ours\"\n[user]\nnon_root = true\n")
	return n
}

func (n *node) must(err error) {
	n.t.Helper()
	if err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) path(name string) string { return filepath.Join(n.dir, name) }

func (n *node) mkdir(names ...string) {
	for _, name := range names {
		n.must(os.Mkdir(n.path(name), 0o755))
	}
}

func (n *node) write(name, text string) { n.must(os.WriteFile(n.path(name), []byte(text), 0o644)) }

// open opens, and tells whether the cache was believed.
func (n *node) open() (s *Store, cached bool) {
	n.t.Helper()
	s, err := open(n.Sources, rules.All, later())
	n.must(err)
	n.t.Cleanup(s.Close)
	return s, s.cache != nil
}

// keep makes the cache, and checks that it is believed.
func (n *node) keep() {
	n.t.Helper()
	n.open()
	if _, cached := n.open(); !cached {
		n.t.Fatal("the cache is not believed though nothing changed")
	}
}

var testFacts = []*policy.Facts{
	{},
	{Engine: "containerd", Identity: policy.Identity{Namespace: "prod-shop"}},
	{Engine: "containerd", Identity: policy.Identity{Namespace: "test"}},
	{Engine: "containerd", Identity: policy.Identity{Namespace: "else"}},
}

// decidesAsFiles checks that what Open gives is what the files say, for several
// containers.
func (n *node) decidesAsFiles(s *Store) {
	n.t.Helper()
	want, err := Load(n.Sources, rules.All)
	n.must(err)
	if s.Advises() != want.Advises() {
		n.t.Errorf("Advises: got %v", s.Advises())
	}
	if s.Digest() != want.Digest {
		n.t.Errorf("digest: got %s", s.Digest())
	}
	for _, f := range testFacts {
		got, err := s.Set(f)
		n.must(err)
		sameFor(n.t, f, got, want)
	}
}

func sameFor(t interface {
	Helper()
	Errorf(string, ...any)
}, f *policy.Facts, got, want policy.Set,
) {
	t.Helper()
	a, b := selecting(got, f), selecting(want, f)
	if !reflect.DeepEqual(a, b) {
		t.Errorf("for %+v: got %+v, want %+v", f.Identity, a, b)
	}
	if len(b) == 0 && !reflect.DeepEqual(got.Fallback, want.Fallback) {
		t.Errorf("fallback: got %+v, want %+v", got.Fallback, want.Fallback)
	}
	if got.Digest != want.Digest {
		t.Errorf("digest: got %s, want %s", got.Digest, want.Digest)
	}
}

func selecting(set policy.Set, f *policy.Facts) (out []policy.Policy) {
	for _, p := range set.Policies {
		if p.Selects(f) {
			out = append(out, *p)
		}
	}
	return out
}

// ctimes are the ctimes of everything under the node's directory.
func (n *node) ctimes() map[string]int64 {
	all := map[string]int64{}
	n.must(filepath.Walk(n.dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && path != n.Cache {
			all[path] = info.Sys().(*syscall.Stat_t).Ctim.Nano()
		}
		return err
	}))
	return all
}

// ticked waits until a change made now has another ctime than anything has:
// for the kernel's clock to tick, which no test may assume.
func (n *node) ticked() {
	var newest int64
	for _, at := range n.ctimes() {
		newest = max(newest, at)
	}
	probe := n.path("other/probe")
	for {
		n.must(os.WriteFile(probe, nil, 0o644))
		n.must(os.Chmod(probe, 0o644))
		info, err := os.Stat(probe)
		n.must(err)
		if info.Sys().(*syscall.Stat_t).Ctim.Nano() > newest {
			n.must(os.Remove(probe))
			return
		}
	}
}
