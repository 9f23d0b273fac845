package customrule_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path"
	"reflect"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/runward/runward/internal/customrule"
	"github.com/runward/runward/internal/policyfile"
	"github.com/runward/runward/internal/policytest"
	"github.com/runward/runward/policy"
	"github.com/runward/runward/policy/rules"
)

var update = flag.Bool("update", false, "write what the rules do now into custom.txtar")

// TestCases walks custom.txtar, whose cases are as those of policy/rules. Those
// whose names begin with "example" are in the reference.
func TestCases(t *testing.T) {
	archive, err := txtar.ParseFile("custom.txtar")
	if err != nil {
		t.Fatal(err)
	}
	set, facts, name := policy.Set{}, []byte(nil), ""
	var config []byte
	for i, f := range archive.Files {
		folder, file, _ := strings.Cut(f.Name, "/")
		if folder != name {
			set, facts, config, name = policy.Set{}, nil, nil, folder
		}
		switch {
		case path.Ext(file) == ".toml":
			set.Policies = append(set.Policies, parse(t, file, string(f.Data)))
		case file == "facts.json":
			facts = f.Data
		case file == "want":
			t.Run(name, func(t *testing.T) {
				got := describe(decide(t, set, config, facts))
				if *update {
					archive.Files[i].Data = got
				} else if !bytes.Equal(got, f.Data) {
					t.Errorf("got:\n%s\nwant:\n%s", got, f.Data)
				}
			})
		default:
			config = f.Data
		}
	}
	if *update {
		if err := os.WriteFile("custom.txtar", txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// Whatever a container is given, one more custom rule takes it all or nothing:
// it denies, or changes nothing that another policy decided.
func TestOneMoreRuleNeverWidens(t *testing.T) {
	archive, err := txtar.ParseFile("custom.txtar")
	if err != nil {
		t.Fatal(err)
	}
	with := func(when, action string) *policy.Policy {
		return parse(t, "more.toml", "version = 1\nname = 'more'\n[[rule]]\nid = 'one-more'\nmessage = 'm'\non = ['create', 'exec']\naction = '"+action+"'\nwhen = '"+when+"'\n")
	}
	set, facts, name := policy.Set{}, []byte(nil), ""
	var config []byte
	for _, f := range archive.Files {
		folder, file, _ := strings.Cut(f.Name, "/")
		if folder != name {
			set, facts, name = policy.Set{}, nil, folder
		}
		switch {
		case path.Ext(file) == ".toml":
			set.Policies = append(set.Policies, parse(t, file, string(f.Data)))
			continue
		case file == "facts.json":
			facts = f.Data
			continue
		case file != "want":
			config = f.Data
			continue
		}
		before := decide(t, set, config, facts)
		for _, c := range []struct{ when, action string }{{"true", "deny"}, {"true", "audit"}, {"false", "deny"}, {"spec.process.args[99] == \"\"", "deny"}} {
			more := policy.Set{Policies: append(set.Policies[:len(set.Policies):len(set.Policies)], with(c.when, c.action))}
			after := decide(t, more, config, facts)
			if c.when != "false" && c.action == "deny" {
				if after.Verdict != policy.Deny {
					t.Errorf("%s: with %+v: %s", name, c, after.Verdict)
				}
				continue
			}
			if len(set.Policies) > 0 && set.Policies[0].Mode == policy.Audit {
				continue // what always holds where a policy enforces does so now
			}
			if after.Verdict != before.Verdict || !reflect.DeepEqual(after.Patch, before.Patch) || !reflect.DeepEqual(after.Ceiling, before.Ceiling) {
				t.Errorf("%s: with %+v: %s %v, want %s %v", name, c, after.Verdict, after.Patch, before.Verdict, before.Patch)
			}
		}
	}
}

func parse(t testing.TB, file, text string) *policy.Policy {
	t.Helper()
	p, err := policyfile.ParseCompile(file, []byte(text), rules.All, noProfiles, customrule.Compile)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func noProfiles(string) (*policy.Policy, error) { return nil, errors.New("cases stand alone") }

func decide(t testing.TB, set policy.Set, config, text []byte) policy.Decision {
	t.Helper()
	facts, err := policytest.Facts(text)
	if err != nil {
		t.Fatal(err)
	}
	if facts.Verb == "exec" {
		spec, err := policy.ParseProcess(config, facts.Ceiling)
		if err != nil {
			t.Fatal(err)
		}
		return policy.EvaluateExec(set, rules.All, spec, facts, facts.Ceiling)
	}
	spec, err := policy.ParseSpec(config)
	if err != nil {
		t.Fatal(err)
	}
	return policy.Evaluate(set, rules.All, spec, facts)
}

// describe leaves out what built-in rules find that always hold.
func describe(d policy.Decision) []byte {
	b := &bytes.Buffer{}
	fmt.Fprintln(b, d.Verdict)
	for _, f := range d.Findings {
		if !strings.Contains(f.Rule, "-") {
			continue
		}
		fmt.Fprintf(b, "%s %s (%s) | %s | %s | %s", f.Done, f.Rule, f.Policy, f.Found, f.Wanted, f.Hint)
		if f.Because != "" {
			fmt.Fprintf(b, " | because %s", f.Because)
		}
		fmt.Fprintln(b)
	}
	return b.Bytes()
}
