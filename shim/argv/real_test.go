package argv

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// installed returns the path of a runtime. Without it there is nothing to hold
// the tables against, and only then the test is skipped.
func installed(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%v: test/setup test installs it", err)
	}
	return path
}

// grammarOf is the grammar of the runc at path, by its version.
func grammarOf(t *testing.T, path string) Grammar {
	t.Helper()
	version := run(t, "", path, "--version")
	if regexp.MustCompile(`version 1\.[1-5]\.`).MatchString(version) {
		return RuncV1
	}
	return RuncV3
}

// run runs a program that is expected to end soon, whatever its exit code, and
// returns all it says.
func run(t interface{ Fatal(args ...any) }, dir, path string, args ...string) string {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	var out bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &out
	_ = cmd.Run() // most are refused
	if ctx.Err() != nil {
		t.Fatal("does not end:", path, args)
	}
	return out.String()
}

// runEmpty is run in an empty directory of its own: a runtime makes directories
// as it goes, and the next line may name one.
func runEmpty(t *rapid.T, path string, args []string) string {
	dir, err := os.MkdirTemp("", "argv-")
	if err != nil {
		t.Fatal(err)
	}
	said := run(t, dir, path, args...)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	return said
}

// TestHelpRunc: the table of each verb has every flag that the installed runc
// shows, by the same names, and with a value where it has one; and no verb is
// there that nobody has decided about.
func TestHelpRunc(t *testing.T) {
	runc := installed(t, "runc")
	flagLine := regexp.MustCompile(`(?m)^ +--([a-z0-9-]+)(?: (value|string|int))?(?:, -([a-z])(?: (?:value|string|int))?)?(?:  .*)?$`)
	check := func(table []flag, help string) {
		found := flagLine.FindAllStringSubmatch(help, -1)
		for _, m := range found {
			holdTo(t, "runc", table, m[1], m[3], m[2] != "")
		}
		if len(found) < 5 {
			t.Errorf("%d flags in %q", len(found), help)
		}
	}
	check(runcGlobals, run(t, "", runc, "--help"))
	for _, verb := range []string{"create", "run", "exec", "update", "restore", "checkpoint"} {
		table := runcFlags(verb)
		if grammarOf(t, runc) == RuncV3 {
			table = slices.Concat(table, runcPersistent)
		}
		check(table, run(t, "", runc, verb, "--help"))
	}
	_, commands, _ := strings.Cut(run(t, "", runc, "--help"), "COMMANDS:\n")
	commands, _, _ = strings.Cut(commands, "\n\n")
	for line := range strings.Lines(commands) {
		if verb, _, _ := strings.Cut(strings.TrimSpace(line), " "); !isRuncVerb(strings.TrimSuffix(verb, ",")) {
			t.Errorf("runc has %q: decide whether it is for policy", verb)
		}
	}
}

// TestHelpCrun is the same for crun.
func TestHelpCrun(t *testing.T) {
	crun := installed(t, "crun")
	flagLine := regexp.MustCompile(`(?m)^ +(?:-(.), )?(?:-., )?--([a-z0-9-]+)(\[?=[A-Z]+\]?)?(?:  .*)?$`)
	check := func(table []flag, help string) {
		found := flagLine.FindAllStringSubmatch(help, -1)
		for _, m := range found {
			if m[2] == "version" {
				m[1] = "v" // and V, which the expression cannot give as well
			}
			holdTo(t, "crun", table, m[2], m[1], m[3] != "" && m[3][0] == '=')
		}
		if len(found) < 4 {
			t.Errorf("%d flags in %q", len(found), help)
		}
	}
	check(crunGlobals, run(t, "", crun, "--help"))
	for _, verb := range []string{"create", "run", "exec", "update", "delete"} {
		check(crunFlags(verb), run(t, "", crun, verb, "--help"))
	}
	known := strings.Fields("checkpoint create delete exec features list mounts kill ps restore run spec start state pause resume update")
	for _, m := range regexp.MustCompile(`(?m)^\t([a-z]+) +- `).FindAllStringSubmatch(run(t, "", crun, "--help"), -1) {
		if !slices.Contains(known, m[1]) {
			t.Errorf("crun has %q: decide whether it is for policy", m[1])
		}
	}
}

// holdTo holds one flag that a runtime shows against a table.
func holdTo(t *testing.T, program string, table []flag, name, alias string, hasValue bool) {
	t.Helper()
	f := find(table, name)
	switch {
	case f == nil:
		t.Errorf("%s has --%s, which the table lacks", program, name)
	case f.alias != alias:
		t.Errorf("%s has -%s for --%s, and the table -%s", program, alias, name, f.alias)
	case hasValue != (f.takes == value || f.takes == list):
		t.Errorf("%s's --%s has a value: %v, and not so in the table", program, name, hasValue)
	}
}

// TestRealRunc: where runc goes for the bundle, Parse has said so or refused;
// and where it does not, Parse has not misled policy about another bundle.
func TestRealRunc(t *testing.T) {
	runc := installed(t, "runc")
	grammar := grammarOf(t, runc)
	chdir := regexp.MustCompile(`(?:create|run) failed: chdir (.*): no such file or directory|chdir (.*): no such file or directory`)
	rapid.Check(t, func(t *rapid.T) {
		args := drawArgs([]string{"create", "run"}, runcGlobals, runcFlags).Draw(t, "args")
		inv, err := Parse(grammar, args)
		said := runEmpty(t, runc, args)
		m := chdir.FindStringSubmatch(said)
		bundle := ""
		if m != nil {
			bundle = m[1] + m[2]
		}
		reached := m != nil || strings.Contains(said, "config.json not found")
		if reached && err == nil && (!startsOne(inv) || inv.Bundle != bundle) {
			t.Fatalf("%q: runc takes %q for the bundle; Parse %q of %q", args, bundle, inv.Bundle, inv.Verb)
		}
	})
}

func startsOne(inv Invocation) bool { return inv.Verb == "create" || inv.Verb == "run" }

// TestRealCrun is the same for crun, whose first error may be about --config.
func TestRealCrun(t *testing.T) {
	crun := installed(t, "crun")
	path := regexp.MustCompile("(?:realpath|chdir) `(.*)` failed: No such file")
	awake := func(table []flag) []flag {
		return slices.DeleteFunc(slices.Clone(table), func(f flag) bool { return f.name == "HANG" }) // sleeps for an hour
	}
	rapid.Check(t, func(t *rapid.T) {
		args := drawArgs([]string{"create", "run"}, awake(crunGlobals), func(verb string) []flag { return awake(crunFlags(verb)) }).Draw(t, "args")
		inv, err := Parse(Crun, args)
		said := runEmpty(t, crun, args)
		m := path.FindStringSubmatch(said)
		reached := m != nil || strings.Contains(said, "error loading config.json") || strings.Contains(said, "open `config.json`")
		if !reached || err != nil {
			return
		}
		want := inv.Bundle
		if inv.Config != "" && inv.Config != "config.json" {
			want = inv.Config
		}
		if !startsOne(inv) || m != nil && m[1] != want || m == nil && want != "" {
			t.Fatalf("%q: crun says %q; Parse has bundle %q and config %q of %q", args, said, inv.Bundle, inv.Config, inv.Verb)
		}
	})
}
