//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/test/e2e/lab"
)

// custom is a policy with a rule for containers and one for what joins them.
const custom = `
version = 1
name = "site"
extends = ["baseline"]

[no_new_privileges]

[[rule]]
id = "no-host-name"
when = 'spec.hostname == "forbidden" or not spec.process.noNewPrivileges'
message = "the host name forbidden"

[[rule]]
id = "no-sleep"
on = ["exec"]
when = 'len(spec.process.args) > 0 and spec.process.args[0] == "sleep"'
message = "a sleep"
`

func TestCustomRules(t *testing.T) {
	n := lab.NewNode(t)
	n.Policy("10-site.toml", custom)

	// It judges what the runtime will read: no_new_privileges has been set before.
	if out := lab.Bundle(t, "echo ran").Run(n.Runward); out != "ran\n" {
		t.Errorf("allowed: %q", out)
	}
	refused := lab.Bundle(t, "echo ran", func(s *specs.Spec) { s.Hostname = "forbidden" })
	for range 2 { // by the files, and by what is kept of them
		out := refused.Try(n.Runward)
		want := `runward: no-host-name: found the host name forbidden, wanted a container for which this does not hold: ` +
			`spec.hostname == "forbidden" or not spec.process.noNewPrivileges; hint: ask the node's administrator for an exception from the rule (policy site, receipt `
		if out.Code != 1 || !strings.HasPrefix(out.Stderr, want) {
			t.Errorf("refused: %+v", out)
		}
	}
	r := n.Receipt(refused.ID)
	if r.Verdict != "deny" || len(r.Findings) == 0 || r.Findings[len(r.Findings)-1].Rule != "no-host-name" {
		t.Errorf("receipt: %+v", r)
	}

	b := sleeping(t, n)
	if out := b.Do(n.Runward, "exec", b.ID, "echo", "joined"); out.Stdout != "joined\n" {
		t.Errorf("exec: %+v", out)
	}
	if out := b.Do(n.Runward, "exec", b.ID, "sleep", "1"); out.Code != 255 || !strings.Contains(out.Stderr, "no-sleep: found a sleep, ") {
		t.Errorf("exec that is refused: %+v", out)
	}
	if out := b.Do(n.Runward, "kill", b.ID, "KILL"); out.Code != 0 {
		t.Errorf("kill: %+v", out)
	}
}

// An expression that is wrong denies every create, also where its policy does
// not select the container, and nothing else.
func TestCustomRuleThatIsWrong(t *testing.T) {
	n := lab.NewNode(t)
	b := sleeping(t, n)
	n.Policy("10-site.toml", "version = 1\nname = 'site'\n[[select]]\nengine = ['docker']\n[[rule]]\nid = 'a-b'\nmessage = 'm'\nwhen = 'spec.hostnam == \"\"'\n")
	other := lab.Bundle(t, "echo ran")
	for range 2 {
		out := other.Try(n.Runward)
		if want := `etc/runward/policy.d/10-site.toml:8:14: when: unknown field "hostnam"; did you mean "hostname"?; nothing was started (receipt `; out.Code != 1 || !strings.Contains(out.Stderr, want) {
			t.Errorf("%+v", out)
		}
	}
	for _, args := range [][]string{{"state", b.ID}, {"kill", b.ID, "KILL"}, {"delete", "--force", b.ID}} {
		if out := b.Do(n.Runward, args...); out.Code != 0 {
			t.Errorf("%v: %+v", args, out)
		}
	}
}

// Without the program that evaluates them, or with one that is not root's,
// custom rules deny.
func TestCustomRulesWithoutTheirProgram(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(program string) error
		want  string
	}{
		"missing":      {os.Remove, "cannot be used: it is missing; a policy has custom rules ([[rule]]): install the whole of runward, or take them out; nothing was started"},
		"another's":    {func(p string) error { return os.Chown(p, 1000, 1000) }, "belongs to user 1000, not to root"},
		"writable":     {func(p string) error { return os.Chmod(p, 0o777) }, "is writable by others than its owner"},
		"no program":   {func(p string) error { return os.WriteFile(p, []byte("x"), 0o755) }, "cannot be executed: exec format error; a policy has custom rules"},
		"not for use":  {func(p string) error { return os.Chmod(p, 0o644) }, "cannot be executed: user 0 may not read it; a policy has custom rules"},
		"no directory": {func(p string) error { return os.Chmod(filepath.Dir(p), 0o777) }, "is writable by others than its owner"},
	} {
		t.Run(name, func(t *testing.T) {
			n := lab.NewNode(t)
			n.Policy("10-site.toml", custom)
			must(t, c.spoil(n.RulesProgram()))
			b := lab.Bundle(t, "echo ran")
			if out := b.Try(n.Runward); out.Code != 1 || out.Stdout != "" || !strings.Contains(out.Stderr, c.want) {
				t.Errorf("%+v, want %q", out, c.want)
			}
			if r := n.Receipt(b.ID); r.Verdict != "deny" || r.Error == "" {
				t.Errorf("receipt: %+v", r)
			}
			// A node that only records starts it, and says what is wrong.
			n.Settings("mode = 'audit'")
			if out := b.Run(n.Runward); out != "ran\n" {
				t.Errorf("in audit mode: %q", out)
			}
		})
	}
}

// The detour through the other program leaves the runtime everything as the
// engine gave it, ignored signals among it.
func TestRuntimeInheritsEverythingThroughCustomRules(t *testing.T) {
	n := lab.NewNode(t)
	n.Policy("10-site.toml", custom)
	me, err := os.Executable()
	must(t, err)
	n.Settings("[runtime]\npath = '" + me + "'\n")
	b := lab.Bundle(t, "true")
	want, got := inspect(t, b, me, "create"), inspect(t, b, n.Runward, "create")
	if want.DeathSig != int(syscall.SIGTERM) || want.Fds["4"] == "" {
		t.Fatalf("the stand-in itself: %+v", want)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}

	reporter := filepath.Join(n.Dir, "report")
	must(t, os.WriteFile(reporter, []byte("#!/bin/sh\nulimit -Sn\ngrep -E 'SigBlk|SigIgn' /proc/self/status\n"), 0o755))
	n.Settings("[runtime]\npath = '" + reporter + "'\n")
	for _, c := range traps {
		out := lab.Try(t, b.Dir, nil, "/bin/sh", "-c", "ulimit -Sn 77; "+c.trap+"; exec "+n.Runward+" --root "+b.Root+" create --bundle "+b.Dir+" "+b.ID).Stdout
		if !strings.HasPrefix(out, "77\n") || !strings.HasSuffix(out, ignoring(t, c.ignored)) {
			t.Errorf("%s: %q", c.trap, out)
		}
	}
}
