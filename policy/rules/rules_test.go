package rules_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/runward/runward/internal/jsondoc"
	"github.com/runward/runward/internal/patch"
	"github.com/runward/runward/internal/policyfile"
	"github.com/runward/runward/internal/policytest"
	"github.com/runward/runward/policy"
	"github.com/runward/runward/policy/rules"
)

var update = flag.Bool("update", false, "write what the rules do now into the .txtar files")

// TestCases walks <rule>.txtar. A case is a folder of the archive:
//
//	<case>/policy.toml   and any other *.toml, in the order of their names: each a policy
//	<case>/config.json   the container
//	<case>/facts.json    optional, see internal/policytest
//	<case>/want          verdict, findings, patch
func TestCases(t *testing.T) {
	for _, rule := range rules.All {
		t.Run(rule.ID, func(t *testing.T) {
			file := rule.ID + ".txtar"
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatalf("%v: every rule has cases", err)
			}
			cases := casesOf(t, archive)
			if len(cases) == 0 {
				t.Fatal("no cases")
			}
			for _, c := range cases {
				t.Run(c.name, func(t *testing.T) { c.run(t, archive) })
			}
			if *update {
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestEveryCaseFileHasItsRule(t *testing.T) {
	files, err := filepath.Glob("*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		found := false
		for _, rule := range rules.All {
			found = found || file == rule.ID+".txtar"
		}
		if !found {
			t.Errorf("%s: no rule of this name in rules.All", file)
		}
	}
}

type testCase struct {
	name          string
	policies      []txtar.File
	config, facts []byte
	want          int // index of the want file in the archive, or -1
}

func casesOf(t *testing.T, archive *txtar.Archive) []*testCase {
	t.Helper()
	var cases []*testCase
	for i, f := range archive.Files {
		name, file, ok := strings.Cut(f.Name, "/")
		if !ok {
			t.Fatalf("%s: want <case>/<file>", f.Name)
		}
		if len(cases) == 0 || cases[len(cases)-1].name != name {
			cases = append(cases, &testCase{name: name, want: -1})
		}
		c := cases[len(cases)-1]
		switch {
		case file == "config.json", file == "process.json", file == "resources.json": // the latter two of exec and update
			c.config = f.Data
		case file == "facts.json":
			c.facts = f.Data
		case file == "want":
			c.want = i
		case path.Ext(file) == ".toml":
			c.policies = append(c.policies, f)
		default:
			t.Fatalf("%s: not a file of a case", f.Name)
		}
	}
	return cases
}

func (c *testCase) run(t *testing.T, archive *txtar.Archive) {
	if c.want < 0 {
		t.Fatalf("no %s/want", c.name)
	}
	set := policy.Set{}
	for _, f := range c.policies {
		p, err := policyfile.Parse(path.Base(f.Name), f.Data, rules.All, noProfiles)
		if err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		set.Policies = append(set.Policies, p)
	}
	facts, err := policytest.Facts(c.facts)
	if err != nil {
		t.Fatal(err)
	}
	if facts.Verb == "update" {
		c.check(t, archive, c.update(t, set, facts))
		return
	}
	spec, err := policy.ParseSpec(c.config)
	if facts.Verb == "exec" {
		spec, err = policy.ParseProcess(c.config, facts.Ceiling)
	}
	if err != nil {
		t.Fatalf("config.json: %v", err)
	}
	d := judge(set, spec, facts)
	checkFixpoint(t, set, spec, facts, d)
	c.check(t, archive, d)
}

// update judges a case of update, to which only resources are given.
func (c *testCase) update(t *testing.T, set policy.Set, facts *policy.Facts) policy.Decision {
	doc, err := jsondoc.Parse(c.config, jsondoc.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	var u policy.Update
	if err := jsondoc.Decode(doc.Root(), &u.Resources); err != nil {
		t.Fatal(err)
	}
	return policy.EvaluateUpdate(set, rules.All, u, facts, facts.Ceiling)
}

func (c *testCase) check(t *testing.T, archive *txtar.Archive, d policy.Decision) {
	checkMessages(t, d)
	got := describe(t, d)
	if *update {
		archive.Files[c.want].Data = got
		return
	}
	if want := archive.Files[c.want].Data; !bytes.Equal(got, want) {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func judge(set policy.Set, spec *policy.Spec, facts *policy.Facts) policy.Decision {
	if facts.Verb == "exec" {
		return policy.EvaluateExec(set, rules.All, spec, facts, facts.Ceiling)
	}
	return policy.Evaluate(set, rules.All, spec, facts)
}

func noProfiles(name string) (*policy.Policy, error) {
	return nil, fmt.Errorf("profile %q: cases stand alone", name)
}

// checkFixpoint holds that the patched config.json is allowed as it is.
func checkFixpoint(t *testing.T, set policy.Set, spec *policy.Spec, facts *policy.Facts, d policy.Decision) {
	t.Helper()
	if d.Verdict != policy.Rewrite {
		return
	}
	raw, err := patch.Apply(spec.Raw(), jsondoc.DefaultLimits(), d.Patch)
	if err != nil {
		t.Fatalf("apply: %v", err)
	}
	patched, err := policy.ParseSpec(raw)
	if err != nil {
		t.Fatalf("patched config.json: %v", err)
	}
	if again := judge(set, patched, facts); again.Verdict != policy.Allow || len(again.Patch) > 0 {
		t.Errorf("not a fixpoint: the patched config.json gives\n%s", describe(t, again))
	}
}

// engineCodes are words that engines turn into exit codes of their own.
var engineCodes = []string{
	"permission denied", "no such file or directory", "executable file not found", "operation not permitted",
	"no such process", "container not running", "invalid process", "does not exist",
}

// checkMessages holds what every finding's words keep to.
func checkMessages(t *testing.T, d policy.Decision) {
	t.Helper()
	for _, f := range d.Findings {
		for _, text := range []string{f.Found, f.Wanted, f.Hint} {
			if strings.ContainsAny(text, "\n\r") || strings.HasSuffix(text, ".") {
				t.Errorf("%s: %q: want one line without a full stop", f.Rule, text)
			}
			for _, code := range engineCodes {
				if strings.Contains(text, code) {
					t.Errorf("%s: %q has %q, which engines map to an exit code", f.Rule, text, code)
				}
			}
		}
		if f.Found == "" || f.Wanted == "" || f.Hint == "" && f.Done != policy.Reported {
			t.Errorf("%s: %+v: want found, wanted and hint", f.Rule, f)
		}
	}
}

// describe writes a decision as a want file has it: the verdict, a line per
// finding, a line per operation of the patch.
func describe(t *testing.T, d policy.Decision) []byte {
	t.Helper()
	b := &bytes.Buffer{}
	fmt.Fprintln(b, d.Verdict)
	for _, f := range d.Findings {
		fmt.Fprintf(b, "%s %s %s | %s | %s | %s", f.Done, f.Rule, f.Pointer, f.Found, f.Wanted, f.Hint)
		if f.Because != "" {
			fmt.Fprintf(b, " | because %s", f.Because)
		}
		fmt.Fprintln(b)
	}
	ops, err := json.Marshal(d.Patch)
	if err != nil {
		t.Fatal(err)
	}
	var each []json.RawMessage
	if err := json.Unmarshal(ops, &each); err != nil {
		t.Fatal(err)
	}
	for _, op := range each {
		if len(op) > 2000 {
			op = fmt.Appendf(nil, "%s ... %d bytes, sha256 %x", op[:400], len(op), sha256.Sum256(op))
		}
		fmt.Fprintf(b, "%s\n", op)
	}
	return b.Bytes()
}
