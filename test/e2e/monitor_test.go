//go:build e2e

package e2e

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

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

// What an administrator asks for is done, by the kernel's word, undone, and
// recorded with who and why; a policy that says kill has it done by itself.
func TestMonitorAnswers(t *testing.T) {
	n := lab.NewNode(t)
	n.Settings("[monitor]\nattest_every = '1s'\n")
	n.Policy("10-test.toml", "version = 1\nname = 'test'\n[pids]\nmax = 50\n[monitor]\non_difference = 'kill'\n")
	m := n.Runwardd()
	n.Hook()
	b := sleeping(t, n)
	c := m.Until(b.ID, "proven", proven)
	ctl := func(args ...string) lab.Result { return lab.Try(t, b.Dir, nil, n.Ctl, args...) }
	if out := ctl("freeze", b.ID, "--why", "a look at it"); out.Code != 0 || !strings.Contains(out.Stdout, "frozen") {
		t.Errorf("freeze: exit code %d, %s%s", out.Code, out.Stdout, out.Stderr)
	}
	if out := b.Do(n.Runward, "state", b.ID); !strings.Contains(out.Stdout, `"paused"`) {
		t.Errorf("the runtime does not see that it is frozen: %s", out.Stdout)
	}
	if out := ctl("release", b.ID); out.Code != 0 {
		t.Errorf("release: exit code %d, %s%s", out.Code, out.Stdout, out.Stderr)
	}
	if out := b.Do(n.Runward, "state", b.ID); !strings.Contains(out.Stdout, `"running"`) {
		t.Errorf("it does not run again: %s", out.Stdout)
	}
	overwrite(t, filepath.Join(groupDir(t, c.PID, "pids"), "pids.max"), "max")
	m.Until(b.ID, "killed by policy", func(f lab.Followed) bool { return f.Phase == "stopped" })
	out := ctl("events", "-n", "100")
	for _, part := range []string{"freeze container " + b.ID + " (by uid 0 (root))", "release container " + b.ID, "alert attest.pids", "kill container " + b.ID + " (by policy)", "container " + b.ID + " stopped"} {
		if !strings.Contains(out.Stdout, part) {
			t.Errorf("%q is missing in the events:\n%s%s", part, out.Stdout, out.Stderr)
		}
	}
	if out := ctl("receipts", "verify"); out.Code != 0 {
		t.Errorf("the chain: exit code %d, %s%s", out.Code, out.Stdout, out.Stderr)
	}
}

// A container that runward was never asked about, and a policy that somebody
// changes, are alerts.
func TestMonitorSeesTheNode(t *testing.T) {
	n := lab.NewNode(t)
	n.Settings("[monitor.census]\nevery = '1s'\n[monitor.files]\nsettle = '100ms'\n")
	m := n.Runwardd()
	b := lab.Bundle(t, "sleep 1000")
	do(t, b, lab.Tool(t, "runc"), "create", "--bundle", b.Dir, b.ID)
	do(t, b, lab.Tool(t, "runc"), "start", b.ID)
	n.Policy("10-test.toml", "version = 1\nname = 'test'\n")
	var alerts []struct{ Name, Message string }
	has := func(name, text string) {
		t.Helper()
		if !lab.Within(time.Minute, 200*time.Millisecond, func() bool {
			alerts = nil
			m.Get("/v1/alerts", &alerts)
			for _, a := range alerts {
				if a.Name == name && strings.Contains(a.Message, text) {
					return true
				}
			}
			return false
		}) {
			t.Errorf("no alert %s with %q: %+v", name, text, alerts)
		}
	}
	has("census.unknown", "in cgroup /"+b.ID+",")
	has("file.changed", "10-test.toml")
}
