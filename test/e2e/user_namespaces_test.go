//go:build e2e

package e2e

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/test/e2e/lab"
)

// A user namespace is added where it works, read from inside, and where one
// would not work the container is refused with the reason, and the real runtime
// shows that it is one.
func TestUserNamespaceIsAdded(t *testing.T) {
	n := lab.NewNode(t)
	n.Policy("10-test.toml", "version = 1\nname = 'test'\n[user_namespaces]\nhost_ids = '100000:65536'\n")
	mapping := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 100000, Size: 65536}}
	byHand := func(s *specs.Spec) {
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
		s.Linux.UIDMappings, s.Linux.GIDMappings = mapping, mapping
	}
	bundle := func(edits ...func(*specs.Spec)) *lab.Container {
		b := lab.Bundle(t, "cat /proc/self/uid_map; (echo written > /data/x) 2>&1; cat /data/x", edits...)
		must(t, os.Chmod(filepath.Dir(b.Dir), 0o755)) // what is above the root file system lets others pass
		return b
	}
	readOnly := func(s *specs.Spec) { s.Root.Readonly = true }
	chown := func(b *lab.Container) {
		must(t, filepath.WalkDir(filepath.Join(b.Dir, "rootfs"), func(path string, _ fs.DirEntry, err error) error {
			must(t, err)
			return os.Lchown(path, 100000, 100000)
		}))
	}
	const mapped = `^ +0 +100000 +65536\n`

	b := bundle(readOnly)
	if out := b.Try(n.Runward); !regexp.MustCompile(mapped+`.*Read-only file system`).MatchString(out.Stdout) || n.Receipt(b.ID).Verdict != "rewrite" {
		t.Errorf("read-only: %+v", out)
	}
	b = bundle()
	chown(b)
	if out := b.Try(n.Runward); !regexp.MustCompile(mapped + `written\n$`).MatchString(out.Stdout) {
		t.Errorf("of the range: %+v", out)
	}
	kept, err := filepath.Glob(filepath.Join(n.Dir, "run/features/*"))
	if err != nil || len(kept) != 1 {
		t.Errorf("what the runtime said is kept in %v, %v", kept, err)
	}

	for _, c := range []struct {
		name    string
		edit    func(*specs.Spec)
		close   bool
		refusal string
		plain   string // what runc, given the namespace by hand, says or lets the container say
	}{
		{"writable root", nil, false, `/root/path: .* the root file system belongs to user 0 and is writable`, `Permission denied`},
		{"closed above the root", readOnly, true, `/root/path: .* is closed to user 100000`, `permission denied`},
		{"joined network", func(s *specs.Spec) {
			readOnly(s)
			for i := range s.Linux.Namespaces {
				if s.Linux.Namespaces[i].Type == specs.NetworkNamespace {
					s.Linux.Namespaces[i].Path = "/proc/1/ns/net"
				}
			}
		}, false, `/linux/namespaces/1: .* the network namespace is joined`, `runc run failed`},
		{"sysctl", func(s *specs.Spec) {
			readOnly(s)
			s.Linux.Sysctl = map[string]string{"net.ipv4.ping_group_range": "0 2147483647"}
		}, false, `/linux/sysctl/net.ipv4.ping_group_range: .* cannot be set`, `invalid argument`},
	} {
		t.Run(c.name, func(t *testing.T) {
			edit := c.edit
			if edit == nil {
				edit = func(*specs.Spec) {}
			}
			b := bundle(edit)
			if c.close {
				must(t, os.Chmod(b.Dir, 0o700))
			}
			if out := b.Try(n.Runward); out.Code == 0 || !regexp.MustCompile(`^runward: user_namespaces `+c.refusal).MatchString(out.Stderr) {
				t.Errorf("under runward: %+v, want %s", out, c.refusal)
			}
			plain := bundle(edit, byHand)
			if c.close {
				must(t, os.Chmod(plain.Dir, 0o700))
			}
			if out := plain.Do(lab.Runc(t), "run", "--bundle", plain.Dir, plain.ID); !regexp.MustCompile(c.plain).MatchString(out.Stdout + out.Stderr) {
				t.Errorf("under runc: %+v, want %s", out, c.plain)
			}
		})
	}
	// crun before 1.9 has no such verb.
	silent := filepath.Join(lab.Dir(t), "crun")
	must(t, os.WriteFile(silent, []byte("#!/bin/sh\nexit 1\n"), 0o600))
	must(t, os.Chmod(silent, 0o755))
	n.Settings("[runtime]\npath = '" + silent + "'\n")
	b = bundle(readOnly)
	if out := b.Try(n.Runward); out.Code == 0 || !regexp.MustCompile(`crun does not tell its features: it says nothing to the verb features`).MatchString(out.Stderr) {
		t.Errorf("without the verb features: %+v", out)
	}
}
