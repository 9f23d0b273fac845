//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/runward/runward/test/e2e/lab"
)

// Foretold is what happens: the real runtime starts the program as it was asked
// for, and what it does after the rewrite is what the finding says. Where there
// is no finding the program works as before.
func TestCompatibilityIsForetold(t *testing.T) {
	n := lab.NewNode(t)
	program, err := os.ReadFile(lab.Probe(t))
	must(t, err)

	// bind is CAP_NET_BIND_SERVICE in struct vfs_cap_data, permitted and effective.
	const bind = "\x01\x00\x00\x02" + "\x00\x04\x00\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00"
	const nnp, drop, as1000, readOnly = "[no_new_privileges]\n", "[capabilities]\nallow = []\n", "[user]\nuid = 1000\ngid = 1000\n", "[read_only_rootfs]\n"
	all := []string{"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_NET_BIND_SERVICE"}
	user := func(uid uint32, caps ...string) func(*specs.Spec) {
		return func(s *specs.Spec) {
			s.Process.User = specs.User{UID: uid, GID: uid}
			s.Process.Capabilities = &specs.LinuxCapabilities{Bounding: all, Effective: caps, Permitted: caps}
		}
	}
	root := user(0, all...)
	for _, c := range []struct {
		name, policy string
		mode         uint32
		owner        [2]int // of what is in /opt
		xattr        string
		edit         func(*specs.Spec)
		args         []string
		before       string // what it prints under plain runc
		finding      string // what runward foretells; empty: nothing
		after        string // what it prints under runward, or its error
	}{
		{"set-user-id", nnp, 0o4755, [2]int{}, "", user(1000), nil, `euid 0 egid 1000`, `is set-user-id 0, .* it runs as user 1000$`, `euid 1000 egid 1000`},
		{"set-group-id", nnp, 0o2755, [2]int{0, 8}, "", user(1000), nil, `euid 1000 egid 8`, `is set-group-id 8, .* in group 1000$`, `euid 1000 egid 1000`},
		{"set-user-id by its owner", nnp, 0o4755, [2]int{}, "", root, nil, `euid 0 egid 0`, ``, `euid 0 egid 0`},
		{"nothing special", nnp + drop, 0o755, [2]int{}, "", user(1000), nil, `euid 1000`, ``, `euid 1000`},
		{"only root may run it", as1000 + drop, 0o700, [2]int{}, "", root, nil, `euid 0`, `mode 700, which user 1000 may not run$`, `permission denied`},
		{"found by PATH", as1000 + drop, 0o700, [2]int{}, "", root, []string{"probe"}, `euid 0`, `"probe" \("/opt/probe"\), of user 0.* may not run$`, `permission denied|not found`},
		{"its user with CAP_DAC_OVERRIDE", as1000, 0o700, [2]int{}, "", root, nil, `euid 0`, ``, `euid 1000`},
		{"its group", as1000 + drop, 0o750, [2]int{0, 1000}, "", root, nil, `euid 0`, ``, `euid 1000`},
		{"root without CAP_DAC_OVERRIDE", drop, 0o700, [2]int{1000, 1000}, "", root, nil, `euid 0`, `which user 0 may not run$`, `permission denied`},
		{"file capabilities, of root", drop, 0o755, [2]int{}, bind, root, nil, `euid 0`, `has the file capabilities CAP_NET_BIND_SERVICE: without them`, `operation not permitted`},
		{"file capabilities, of another", drop, 0o755, [2]int{}, bind, user(1000), nil, `CapEff:\s0{13}400\neuid 1000`, `has the file capabilities CAP_NET_BIND_SERVICE: without them`, `operation not permitted`},
		{"file capabilities and no gains", nnp, 0o755, [2]int{}, bind, user(1000), nil, `CapEff:\s0{13}400\n`, `CAP_NET_BIND_SERVICE, which have no effect here`, `CapEff:\s0{16}\n`},
		{"file capabilities, permitted", nnp, 0o755, [2]int{}, bind, user(1000, "CAP_NET_BIND_SERVICE"), nil, `CapEff:\s0{13}400\n`, ``, `CapEff:\s0{13}400\n`},
		{"script that only root may read", as1000 + drop, 0o755, [2]int{}, "", root, []string{"/opt/script"}, `^ran\n`, `a script of user 0.* may run but not read$`, `script`},
		{"in root's directory", as1000 + drop, 0o755, [2]int{}, "", root, []string{"/private/probe"}, `euid 0`, `in a directory that user 1000 may not enter$`, `permission denied`},
		{"TMPDIR", readOnly, 0o755, [2]int{}, "", root, nil, `written true`, `^TMPDIR says "/data", .* read-only$`, `written false`},
		{"TMPDIR mounted", readOnly, 0o755, [2]int{}, "", func(s *specs.Spec) {
			s.Mounts = append(s.Mounts, specs.Mount{Destination: "/data", Type: "tmpfs", Source: "tmpfs"})
		}, nil, `written true`, ``, `written true`},
		{"mounted over", nnp, 0o4755, [2]int{}, "", func(s *specs.Spec) {
			user(1000)(s)
			s.Mounts = append(s.Mounts, specs.Mount{Destination: "/opt", Type: "bind", Source: "rootfs/usr", Options: []string{"bind"}})
		}, nil, `euid 1000`, ``, `euid 1000`},
	} {
		t.Run(c.name, func(t *testing.T) {
			n.Policy("10-test.toml", "version = 1\nname = 'test'\n"+c.policy)
			bundle := func() *lab.Container {
				b := lab.Bundle(t, "", func(s *specs.Spec) {
					s.Process.Args, s.Process.Env = []string{"/opt/probe"}, []string{"PATH=/bin:/opt", "TMPDIR=/data"}
					if c.args != nil {
						s.Process.Args = c.args
					}
					if c.edit != nil {
						c.edit(s)
					}
				})
				for name, f := range map[string]struct {
					text []byte
					mode uint32
				}{
					"opt/probe": {program, c.mode}, "private/probe": {program, 0o755}, "usr/probe": {program, 0o755},
					"opt/script": {[]byte("#!/bin/sh\necho ran\n"), 0o711},
				} {
					name = filepath.Join(b.Dir, "rootfs", name)
					must(t, os.MkdirAll(filepath.Dir(name), 0o755))
					must(t, os.WriteFile(name, f.text, 0o600))
					if filepath.Base(filepath.Dir(name)) == "opt" {
						must(t, unix.Chown(name, c.owner[0], c.owner[1]))
					}
					must(t, unix.Chmod(name, f.mode))
				}
				must(t, unix.Chmod(filepath.Join(b.Dir, "rootfs/private"), 0o700))
				if c.xattr != "" {
					must(t, unix.Setxattr(filepath.Join(b.Dir, "rootfs/opt/probe"), "security.capability", []byte(c.xattr), 0))
				}
				return b
			}
			plain := bundle()
			if out := plain.Do(lab.Runc(t), "run", "--bundle", plain.Dir, plain.ID); !regexp.MustCompile(c.before).MatchString(out.Stdout) {
				t.Fatalf("under runc: %q, want %s\n%s", out.Stdout, c.before, out.Stderr)
			}
			b := bundle()
			out := b.Try(n.Runward)
			if !regexp.MustCompile(c.after).MatchString(out.Stdout + out.Stderr) {
				t.Errorf("under runward: %q, want %s\n%s", out.Stdout, c.after, out.Stderr)
			}
			found := ""
			for _, f := range n.Receipt(b.ID).Findings {
				if f.Rule == "compatibility" {
					found += f.Found
					if f.Done != "reported" {
						t.Errorf("%+v", f)
					}
				}
			}
			if c.finding == "" && found != "" || !regexp.MustCompile(c.finding).MatchString(found) {
				t.Errorf("foretold %q, want %q", found, c.finding)
			}
			if c.finding == "" {
				return
			}
			n.Policy("10-test.toml", "version = 1\nname = 'test'\n"+c.policy+"[compatibility]\naction = 'deny'\n")
			refused := bundle()
			if out := refused.Try(n.Runward); out.Code == 0 || !regexp.MustCompile(`^runward: compatibility /`).MatchString(out.Stderr) {
				t.Errorf("with action deny: %+v", out)
			}
		})
	}
}
