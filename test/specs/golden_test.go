package specs_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/internal/policyfile"
	"github.com/runward/runward/internal/policytest"
	"github.com/runward/runward/policy"
	"github.com/runward/runward/policy/rules"
)

var update = flag.Bool("update", false, "write what the profiles decide now into golden.txt and README.md")

var profiles = [...]string{"baseline", "restricted"}

// TestGolden holds what the built-in profiles decide about every captured
// config.json, which is in golden.txt beside it, and the table of README.md.
func TestGolden(t *testing.T) {
	cases, err := filepath.Glob("*/*/config.json")
	if err != nil {
		t.Fatal(err)
	}
	var sets []policy.Set
	for _, name := range profiles {
		p, err := policyfile.BuiltIn(name, rules.All)
		if err != nil {
			t.Fatal(err)
		}
		sets = append(sets, policy.Set{Policies: []*policy.Policy{p}})
	}
	table := &strings.Builder{}
	fmt.Fprintf(table, "| case | baseline | restricted |\n| --- | --- | --- |\n")
	for _, file := range cases {
		dir := filepath.Dir(file)
		t.Run(dir, func(t *testing.T) { golden(t, dir, sets, table) })
	}
	checkTable(t, table.String())
}

// hostNamespaces are the paths in captured files that lead to the host's
// namespaces, as the command asked for; only the inode tells, which a capture
// does not have. By case, the types.
var hostNamespaces = map[string][]specs.LinuxNamespaceType{
	"cri/host-network":    {specs.NetworkNamespace},
	"cri/host-pid-ipc":    {specs.PIDNamespace, specs.IPCNamespace},
	"cri/node-agent":      {specs.NetworkNamespace, specs.PIDNamespace},
	"docker/network-host": {specs.NetworkNamespace},
}

// addHostNamespaces makes the paths of those types the host's namespaces.
func addHostNamespaces(t *testing.T, tree *policytest.Tree, types []specs.LinuxNamespaceType, spec *specs.Spec) {
	t.Helper()
	for _, ns := range spec.Linux.Namespaces {
		if ns.Path == "" || !slices.Contains(types, ns.Type) {
			continue
		}
		name := string(ns.Type)
		if ns.Type == specs.NetworkNamespace {
			name = "net"
		}
		if err := tree.Add(tree.Lookup(ns.Path).Path, policytest.Node{SameAs: "/proc/1/ns/" + name}); err != nil {
			t.Fatal(err)
		}
	}
}

// captured reads a captured config.json and what its engine and node were.
func captured(t *testing.T, dir string) ([]byte, *policy.Spec, *policy.Facts) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	spec, err := policy.ParseSpec(raw)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "facts.json"))
	if err != nil {
		t.Fatal(err)
	}
	call, err := policytest.ParseCall(text)
	if err != nil {
		t.Fatal(err)
	}
	facts, tree, err := policytest.CallFacts(call, spec.View())
	if err != nil {
		t.Fatal(err)
	}
	addHostNamespaces(t, tree, hostNamespaces[filepath.ToSlash(dir)], spec.View())
	facts.Rootless = filepath.Base(dir) == "rootless"
	return raw, spec, facts
}

func golden(t *testing.T, dir string, sets []policy.Set, table *strings.Builder) {
	_, spec, facts := captured(t, dir)
	got := &bytes.Buffer{}
	fmt.Fprintf(table, "| `%s`", filepath.ToSlash(dir))
	fmt.Fprintf(got, "engine %s\n", describeIdentity(facts))
	for i, set := range sets {
		d := policy.Evaluate(set, rules.All, spec, facts)
		policytest.CheckRewrite(t, set, rules.All, spec, facts, d)
		fmt.Fprintf(got, "\n%s: %s", profiles[i], describe(t, d))
		fmt.Fprintf(table, " | %s", summary(d))
	}
	fmt.Fprintln(table, " |")
	compare(t, filepath.Join(dir, "golden.txt"), got.Bytes())
}

func compare(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v: run go test ./test/specs -update and read what it writes", err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: got:\n%s\nwant:\n%s", file, got, want)
	}
}

func describeIdentity(f *policy.Facts) string {
	s := f.Engine
	if s == "" {
		s = "not known"
	}
	for _, part := range []string{f.Identity.Kind, f.Identity.Namespace, f.Identity.Pod, f.Identity.Container, f.Identity.Image, f.Identity.Conflict} {
		if part != "" {
			s += ", " + part
		}
	}
	return s
}

// describe writes the verdict, a line per finding, and a line per operation of
// the patch: its pointer, and its value where that is short.
func describe(t *testing.T, d policy.Decision) string {
	t.Helper()
	b := &strings.Builder{}
	fmt.Fprintln(b, d.Verdict)
	for _, f := range d.Findings {
		fmt.Fprintf(b, "%s %s %s | %s | %s\n", f.Done, f.Rule, f.Pointer, f.Found, f.Wanted)
	}
	ops, err := json.Marshal(d.Patch)
	if err != nil {
		t.Fatal(err)
	}
	var each []struct {
		Op, Path string
		Value    json.RawMessage
	}
	if err := json.Unmarshal(ops, &each); err != nil {
		t.Fatal(err)
	}
	for _, op := range each {
		value := string(op.Value)
		if len(value) > 200 {
			value = fmt.Sprintf("(%d bytes)", len(value))
		}
		fmt.Fprintln(b, strings.TrimSpace("patch "+op.Op+" "+op.Path+" "+value))
	}
	return b.String()
}

// summary is a decision as the table has it: the verdict and the rules for it.
func summary(d policy.Decision) string {
	done := policy.Rewritten
	if d.Verdict == policy.Deny {
		done = policy.Denied
	}
	var rules []string
	for _, f := range d.Findings {
		if f.Done == done && (len(rules) == 0 || rules[len(rules)-1] != f.Rule) {
			rules = append(rules, f.Rule)
		}
	}
	return strings.TrimSpace(d.Verdict.String() + " " + strings.Join(rules, ", "))
}

const tableHead, tableEnd = "\n## Verdicts\n", "\n## Cases\n"

// checkTable holds the generated table of README.md.
func checkTable(t *testing.T, table string) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(readme), tableHead)
	_, after, ok2 := strings.Cut(rest, tableEnd)
	if !ok || !ok2 {
		t.Fatal("README.md: want the headings Verdicts and Cases")
	}
	want := before + tableHead + `
What the built-in profiles decide, and the rules that refuse or rewrite; golden.txt of each case has the findings
and the patch. Written by ` + "`go test ./test/specs -update`" + `.

` + table + tableEnd + after
	if want == string(readme) {
		return
	}
	if !*update {
		t.Fatal("README.md: the table of verdicts is not what the rules decide: run go test ./test/specs -update")
	}
	if err := os.WriteFile("README.md", []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}
