//go:build e2e

package e2e

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/test/e2e/lab"
)

func proven(c lab.Followed) bool  { return c.Phase == "running" && c.Verdict == "proven" }
func differs(c lab.Followed) bool { return c.Verdict == "differs" }

// What runs is as decided, by the kernel's word; what is changed behind
// runward's back is named.
func TestMonitorProves(t *testing.T) {
	n := lab.NewNode(t)
	n.Settings("[monitor]\nattest_every = '1s'\n")
	m := n.Runwardd()
	fifty := int64(50)
	b := sleeping(t, n, func(s *specs.Spec) { s.Linux.Resources.Pids = &specs.LinuxPids{Limit: &fifty} })
	c := m.Until(b.ID, "proven", proven)
	out := lab.Try(t, b.Dir, nil, n.Ctl, "attest", b.ID)
	if out.Code != 0 || !strings.Contains(out.Stdout, "shows what was decided") {
		t.Errorf("attest: exit code %d, %s%s", out.Code, out.Stdout, out.Stderr)
	}
	limit := filepath.Join(groupDir(t, c.PID, "pids"), "pids.max")
	overwrite(t, limit, "max")
	c = m.Until(b.ID, "different", differs)
	if len(c.Differences) == 0 || c.Differences[0].Field != "pids.limit" || c.Differences[0].Got != "no limit" || c.Differences[0].Want != "at most 50" {
		t.Errorf("found %+v", c.Differences)
	}
	out = lab.Try(t, b.Dir, nil, n.Ctl, "alerts")
	if out.Code != 1 || !strings.Contains(out.Stdout, "attest.pids") {
		t.Errorf("alerts: exit code %d, %s%s", out.Code, out.Stdout, out.Stderr)
	}
	overwrite(t, limit, "50")
	m.Until(b.ID, "proven again", proven)
	out = lab.Try(t, b.Dir, nil, n.Ctl, "alerts")
	if out.Code != 0 || out.Stdout != "No alert holds.\n" {
		t.Errorf("alerts: exit code %d, %s%s", out.Code, out.Stdout, out.Stderr)
	}
}

// A daemon that is killed finds all containers again, and those that came
// meanwhile.
func TestMonitorCatchesUp(t *testing.T) {
	n := lab.NewNode(t)
	m := n.Runwardd()
	a := sleeping(t, n)
	m.Until(a.ID, "proven", proven)
	m.Kill()
	b := sleeping(t, n)
	c := sleeping(t, n)
	c.Do(n.Runward, "kill", c.ID, "KILL")
	m.Start()
	for _, id := range []string{a.ID, b.ID} {
		m.Until(id, "proven", proven)
	}
	m.Until(c.ID, "no longer running", func(f lab.Followed) bool { return f.Phase != "running" })
}
