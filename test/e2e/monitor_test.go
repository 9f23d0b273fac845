//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

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
	b := sleeping(t, n)
	c := m.Until(b.ID, "proven", proven)
	out := lab.Try(t, b.Dir, nil, n.Ctl, "attest", b.ID)
	if out.Code != 0 || !strings.Contains(out.Stdout, "shows what was decided") {
		t.Errorf("attest: exit code %d, %s%s", out.Code, out.Stdout, out.Stderr)
	}
	file := filepath.Join("/proc", strconv.Itoa(c.PID), "oom_score_adj")
	must(t, os.WriteFile(file, []byte("-500"), 0o644))
	c = m.Until(b.ID, "different", differs)
	if len(c.Differences) == 0 || c.Differences[0].Field != "oom_score_adj" || c.Differences[0].Got != "-500" {
		t.Errorf("found %+v", c.Differences)
	}
	out = lab.Try(t, b.Dir, nil, n.Ctl, "alerts")
	if out.Code != 1 || !strings.Contains(out.Stdout, "attest.oom_score_adj") {
		t.Errorf("alerts: exit code %d, %s%s", out.Code, out.Stdout, out.Stderr)
	}
	must(t, os.WriteFile(file, []byte("0"), 0o644))
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
