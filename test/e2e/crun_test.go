//go:build e2e

package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/test/e2e/lab"
)

// needCrun returns crun, which refuses to run anything where cgroup v1 and v2
// are mounted side by side: there it skips, by what is mounted.
func needCrun(t *testing.T) string {
	t.Helper()
	if _, err := os.Stat("/sys/fs/cgroup/unified/cgroup.controllers"); err == nil {
		t.Skip("crun runs nothing on hybrid cgroups: /sys/fs/cgroup/unified is cgroup v2 below v1")
	}
	return lab.Tool(t, "crun")
}

// The real crun from create to delete: what policy took away is away, also for
// processes that join, and what would widen is refused.
func TestCrun(t *testing.T) {
	crun := needCrun(t)
	n := lab.NewNode(t)
	n.Settings("[runtime]\npath = '" + crun + "'\n")
	n.Policy("10-test.toml", "version = 1\nname = 'test'\nextends = ['baseline']\n[no_new_privileges]\n[capabilities]\nallow = ['CAP_CHOWN']\n[memory]\nmax = '64MiB'\n")
	const bounded = "CapEff:\t0000000000000001\nCapBnd:\t0000000000000001\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n"
	b := lab.Bundle(t, "sleep 1000")
	// crun's log takes another form than runc's: the flags of engines that use crun.
	do := func(args ...string) lab.Result {
		return lab.Try(t, b.Dir, nil, n.Runward, append([]string{"--root", b.Root, "--log-format", "json", "--log", b.Log}, args...)...)
	}
	t.Cleanup(func() { lab.Try(t, "", nil, crun, "--root", b.Root, "delete", "--force", b.ID) })
	for _, args := range [][]string{{"create", "--bundle", b.Dir, "--pid-file", filepath.Join(b.Dir, "pid"), b.ID}, {"start", b.ID}} {
		if out := do(args...); out.Code != 0 {
			t.Fatalf("%v: %s", args, out.Stderr)
		}
	}
	if r := n.Receipt(b.ID); r.Verdict != "rewrite" {
		t.Errorf("receipt: %+v", r)
	}
	file := filepath.Join(b.Dir, "process.json")
	all := []string{"CAP_SYS_ADMIN", "CAP_CHOWN"}
	raw, err := json.Marshal(specs.Process{
		Args: []string{"sh", "-c", power}, Env: []string{"PATH=/bin"}, Cwd: "/",
		Capabilities: &specs.LinuxCapabilities{Bounding: all, Effective: all, Permitted: all, Inheritable: all, Ambient: all},
	})
	must(t, err)
	must(t, os.WriteFile(file, raw, 0o644))
	for _, c := range []struct {
		name string
		args []string
		want string // beginning of standard error; empty: what is inside is bounded
	}{
		{"a process file asks for everything", []string{"exec", "--process", file, b.ID}, ""},
		{"a flag asks for more", []string{"exec", "--cap", "CAP_SYS_ADMIN", b.ID, "sh", "-c", power}, ""},
		{"a prefix of it", []string{"exec", "--ca=CAP_SYS_ADMIN", b.ID, "sh", "-c", power}, ""},
		{"nothing is asked", []string{"exec", b.ID, "sh", "-c", power}, ""},
		{"another user", []string{"exec", "-u", "1000", b.ID, "sh", "-c", "id -u >&2; " + power}, "1000\n"},
		{"mounts", []string{"mounts", "add", b.ID, file}, "runward: mounts changes a container after it was judged"},
		{"more memory", []string{"update", "--memory", "134217728", b.ID}, "runward: ceiling /memory/limit"},
		{"less memory", []string{"update", "--memory", "33554432", b.ID}, "none"},
	} {
		out := do(c.args...)
		switch {
		case c.want == "" && out.Stdout != bounded:
			t.Errorf("%s: inside %q, want %q %s", c.name, out.Stdout, bounded, out.Stderr)
		case c.want == "none" && out.Code != 0, c.want != "" && c.want != "none" && !strings.HasPrefix(out.Stderr, c.want):
			t.Errorf("%s: exit code %d, %q, want %q", c.name, out.Code, out.Stderr, c.want)
		}
	}
	if out := do("state", b.ID); out.Code != 0 || !strings.Contains(out.Stdout, `"status": "running"`) {
		t.Errorf("state: %s%s", out.Stdout, out.Stderr)
	}
	for _, args := range [][]string{{"kill", b.ID, "KILL"}, {"delete", "--force", b.ID}} {
		if out := do(args...); out.Code != 0 {
			t.Errorf("%v: %s", args, out.Stderr)
		}
	}
	if kept := n.Kept(); len(kept) != 0 {
		t.Errorf("kept %v", kept)
	}
	refused := lab.Bundle(t, "touch /ran", without(specs.PIDNamespace))
	out := lab.Try(t, refused.Dir, nil, n.Runward, "--root", refused.Root, "run", "--bundle", refused.Dir, refused.ID)
	if out.Code != 1 || !strings.HasPrefix(out.Stderr, "runward: namespaces /linux/namespaces: found the host's pid namespace") {
		t.Errorf("the host's pid namespace: exit code %d, %q", out.Code, out.Stderr)
	}
}
