package policyfile_test

import (
	"strings"
	"testing"
	"time"

	"github.com/runward/runward/internal/policyfile"
	"github.com/runward/runward/policy"
	"github.com/runward/runward/policy/profiles"
	"github.com/runward/runward/policy/rules"
)

const head = "version = 1\nname = 'p'\n"

func noProfiles(name string) (*policy.Policy, error) { return policyfile.BuiltIn(name, rules.All) }

// Every mistake has its place and says what to do.
func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", `p.toml:1:1: no version: write version = 1 at the top`},
		{"version = 2\nname = 'p'", `p.toml:1:1: version 2 is not known to this runward; it reads version 1`},
		{"version = 1", `p.toml:1:1: no name: write name = "..." at the top; receipts and refusals name the policy by it`},
		{"version = 1\nname = 'a b'", `p.toml:2:1: name: no spaces, "+" or "|"`},
		{head + "mode = 'Enforce'", `p.toml:3:1: mode: want enforce, audit or off, found "Enforce"`},
		{head + "extends = ['baselin']", `p.toml:3:12: extends: no profile is called "baselin"; did you mean "baseline"?`},
		{head + "[capabilites]", `p.toml:3:2: unknown key "capabilites"; did you mean "capabilities"?`},
		{head + "[Capabilities]", `p.toml:3:2: unknown key "Capabilities"; did you mean "capabilities"?`},
		{head + "capabilities = 1", `p.toml:3:1: capabilities: want a table [capabilities]`},
		{head + "[capabilities]\nallow = 'CAP_CHOWN'", `p.toml:4:1: allow: want an array of strings`},
		{head + "[capabilities]\naction = 'refuse'", `p.toml:4:1: action: want rewrite, deny or audit`},
		{head + "[memory]\nmax = '2 Gigs'", `p.toml:4:1: max: want a size such as 536870912 or "512MiB", found "2 Gigs"`},
		{head + "[pids]\nmax = -1.5", `p.toml:4:1: max: want a whole number`},
		{head + "[[select]]\nnamespase = ['a']", `p.toml:4:1: unknown key "namespase"; did you mean "namespace"?`},
		{head + "[[select]]\nmissing = 'yes'", `p.toml:4:1: missing: want "match", or leave it out, found "yes"`},
		{head + "[[exception]]\nreason='r'\nmatch={engine=['*']}", `p.toml:3:3: exception: it names no rules: write rules = [...]`},
		{head + "[[exception]]\nrules=['pids']\nmatch={engine=['*']}", `p.toml:3:3: exception: it gives no reason: write reason = "..."; it stands in every receipt that uses it`},
		{head + "[[exception]]\nrules=['pids']\nreason='r'", `p.toml:3:3: exception: it matches every container; write match = { engine = ["*"] } if that is meant`},
		{head + "[[exception]]\nrules=['pid']\nreason='r'\nmatch={engine=['*']}", `p.toml:4:8: exception: unknown rule "pid"; did you mean "pids"?`},
		{head + "[[exception]]\nrules=['pids']\nreason='r'\nmatch={engine=['*']}\nallow={maximum=3}", `p.toml:7:8: exception: allow: unknown key "maximum"; known here: default, max`},
		{head + "[[exception]]\nrules=['pids']\nreason='r'\nmatch={engine=['*'],missing='match'}", `p.toml:6:1: exception: what the engine did not say never matches an exception: take missing out`},
		{head + "[[exception]]\nrules=['no_new_privileges']\nreason='r'\nmatch={engine=['*']}\nexpires='2027-01-01'", `p.toml:7:1: expires: want a date such as 2027-06-30, found a string`},
	} {
		_, err := policyfile.Parse("p.toml", []byte(c.text), rules.All, noProfiles)
		if err == nil || err.Error() != c.want {
			t.Errorf("%q:\n got %v\nwant %s", c.text, err, c.want)
		}
	}
}

// A date is the moment at which the day begins, in UTC.
func TestParseExpires(t *testing.T) {
	for text, want := range map[string]time.Time{
		"2027-06-30":                time.Date(2027, 6, 30, 0, 0, 0, 0, time.UTC),
		"2027-06-30T12:00:00":       time.Date(2027, 6, 30, 12, 0, 0, 0, time.UTC),
		"2027-06-30T12:00:00+02:00": time.Date(2027, 6, 30, 10, 0, 0, 0, time.UTC),
	} {
		p, err := policyfile.Parse("p.toml", []byte(head+"[[exception]]\nrules=['pids']\nreason='r'\nmatch={engine=['*']}\nexpires="+text), rules.All, noProfiles)
		if err != nil || p.Exceptions[0].Expires != want.Unix() {
			t.Errorf("%s: %v, %v", text, p, err)
		}
	}
}

// FuzzPolicy: whatever is in a policy file, it is decoded or refused in one
// line with its place, and what is decoded decides without failing.
func FuzzPolicy(f *testing.F) {
	for _, name := range profiles.Names() {
		text, _ := profiles.Text(name)
		f.Add(text)
	}
	f.Add([]byte(head + "[[select]]\nengine = ['docker']\n[[exception]]\nrules = ['host_paths']\nmatch = {namespace = ['a']}\nallow = {sources = ['/x']}\nreason = 'r'\nexpires = 2027-01-01\n"))
	f.Add([]byte(head + "[memory]\nmax = 1e9\n[cpu]\nmax = 1.5\n[rlimits]\nmax = {nofile = 1}\n"))
	spec, err := policy.ParseSpec([]byte(`{"process":{},"linux":{}}`))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := policyfile.Parse("p.toml", text, rules.All, noProfiles)
		if err != nil {
			if s := err.Error(); !strings.HasPrefix(s, "p.toml:") || strings.Contains(s, "\n") {
				t.Fatalf("not one line with its place: %q", s)
			}
			return
		}
		policy.Evaluate(policy.Set{Policies: []*policy.Policy{p}}, rules.All, spec, &policy.Facts{})
	})
}
