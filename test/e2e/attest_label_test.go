//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/test/e2e/lab"
)

// A module of the kernel's that labels processes, and two labels.
type labels struct {
	field      string // what attestation calls it
	own, other string
	give       func(*specs.Process)
	exec       []string // of runc: joins under the other one
}

// needLabels is what is in force here; where nothing is, by the kernel's own word,
// the test is skipped.
func needLabels(t *testing.T) labels {
	t.Helper()
	if _, err := os.Stat("/sys/fs/selinux/enforce"); err == nil {
		l := labels{field: "selinux", own: "system_u:system_r:unconfined_t:s0:c1,c2", other: "system_u:system_r:initrc_t:s0"}
		for _, label := range []string{l.own, l.other} {
			if err := os.WriteFile("/sys/fs/selinux/context", []byte(label), 0); err != nil {
				t.Fatalf("the loaded policy of SELinux has no %s: %v", label, err)
			}
		}
		l.give = func(p *specs.Process) { p.SelinuxLabel = l.own }
		l.exec = []string{"--process-label", l.other}
		return l
	}
	needAppArmor(t)
	l := labels{field: "apparmor", own: "runward-lab", other: "unconfined", exec: []string{"--apparmor", "unconfined"}}
	l.give = func(p *specs.Process) { p.ApparmorProfile = l.own }
	profile := filepath.Join(lab.Dir(t), "profile")
	must(t, os.WriteFile(profile, []byte("profile "+l.own+" flags=(attach_disconnected,mediate_deleted) {\n  capability,\n  network,\n  file,\n  mount,\n  umount,\n  pivot_root,\n  ptrace,\n  signal,\n  unix,\n}\n"), 0o644))
	load := func(how string) {
		if out := lab.Try(t, "", nil, lab.Tool(t, "apparmor_parser"), how, profile); out.Code != 0 {
			t.Fatal(out.Stderr)
		}
	}
	load("--replace")
	t.Cleanup(func() { load("--remove") })
	return l
}

// A container's processes are confined by the label that it was given; one that
// joined it under another is told of.
func TestAttestLabels(t *testing.T) {
	l := needLabels(t)
	n := lab.NewNode(t)
	n.Policy("10-free.toml", free)
	b := lasting(t, n, func(s *specs.Spec) { l.give(s.Process) })
	do(t, b, n.Runward, "exec", "--detach", b.ID, "sleep", "998")
	s := subjects(t, n)[0]
	s.joined("998")
	s.clean("before")
	do(t, b, lab.Runc(t), append(append([]string{"exec", "--detach"}, l.exec...), b.ID, "sleep", "999")...)
	s.joined("999")
	want := fmt.Sprintf("%s: %q, want %s", l.field, l.other, l.own)
	if got := s.differ(); len(got) != 1 || got[0] != want {
		t.Errorf("found %q, want %q", got, want)
	}
}
