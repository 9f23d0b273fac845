// Package cases_test holds what the built-in profiles decide about known attack
// and legitimate configurations: see README.md.
package cases_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/runward/runward/internal/jsondoc"
	"github.com/runward/runward/internal/patch"
	"github.com/runward/runward/internal/policyfile"
	"github.com/runward/runward/internal/policytest"
	"github.com/runward/runward/policy"
	"github.com/runward/runward/policy/rules"
)

var update = flag.Bool("update", false, "write what the profiles decide now into the case.json files")

// A testCase is a case.json.
type testCase struct {
	Engine    string `json:"engine"` // as policy.Facts has it; empty: not known
	Tests     string `json:"tests"`
	Reference string `json:"reference,omitempty"`

	// Without a config.json of its own, a case is another one with a patch.
	Base  string      `json:"base,omitempty"`
	Patch patch.Patch `json:"patch,omitempty"`

	Policy   string                     `json:"policy,omitempty"` // a file here that holds beside the profile
	Paths    map[string]policytest.Node `json:"paths,omitempty"`  // on the node, besides the default tree
	Rootless bool                       `json:"rootless,omitempty"`
	CgroupV1 bool                       `json:"cgroup_v1,omitempty"`
	Arch     string                     `json:"arch,omitempty"`

	// The verdict and the rules that refuse or rewrite; json is the strict reader.
	Baseline   string `json:"baseline"`
	Restricted string `json:"restricted"`
}

func TestCases(t *testing.T) {
	files, err := filepath.Glob("*/case.json")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 210 {
		t.Fatalf("%d cases", len(files))
	}
	for _, file := range files {
		dir := filepath.Dir(file)
		t.Run(dir, func(t *testing.T) {
			c := readCase(t, file)
			raw := c.config(t, dir)
			baseline, restricted := c.decide(t, "baseline", raw), c.decide(t, "restricted", raw)
			if *update {
				c.Baseline, c.Restricted = baseline, restricted
				writeCase(t, file, c)
				return
			}
			if baseline != c.Baseline {
				t.Errorf("baseline: %s, want %s", baseline, c.Baseline)
			}
			if restricted != c.Restricted {
				t.Errorf("restricted: %s, want %s", restricted, c.Restricted)
			}
		})
	}
}

func readCase(t *testing.T, file string) *testCase {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	c := new(testCase)
	if err := d.Decode(c); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	if c.Tests == "" {
		t.Fatalf("%s: it does not say what it tests", file)
	}
	return c
}

func writeCase(t *testing.T, file string, c *testCase) {
	t.Helper()
	b := &bytes.Buffer{}
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(c); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// config returns the case's own config.json, or its base's with the patch.
func (c *testCase) config(t *testing.T, dir string) []byte {
	t.Helper()
	if c.Base != "" {
		dir = c.Base
	}
	raw, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	if c.Base == "" {
		return raw
	}
	raw, err = patch.Apply(raw, jsondoc.DefaultLimits(), c.Patch)
	if err != nil {
		t.Fatalf("patch: %v", err)
	}
	return raw
}

// decide returns the verdict and the rules for it.
func (c *testCase) decide(t *testing.T, profile string, raw []byte) string {
	t.Helper()
	set := c.set(t, profile)
	spec, err := policy.ParseSpec(raw)
	if err != nil {
		t.Logf("%s: %v", profile, err)
		return "deny json"
	}
	facts := c.facts(t, spec)
	d := policy.Evaluate(set, rules.All, spec, facts)
	policytest.CheckRewrite(t, set, rules.All, spec, facts, d)
	var ids []string
	done := policy.Rewritten
	if d.Verdict == policy.Deny {
		done = policy.Denied
	}
	for _, f := range d.Findings {
		if testing.Verbose() {
			t.Logf("%s: %s %s %s | %s | %s", profile, f.Done, f.Rule, f.Pointer, f.Found, f.Wanted)
		}
		if f.Done == done && (len(ids) == 0 || ids[len(ids)-1] != f.Rule) {
			ids = append(ids, f.Rule)
		}
	}
	return strings.TrimSpace(d.Verdict.String() + " " + strings.Join(ids, ", "))
}

// set is the profile, and the case's own policy beside it.
func (c *testCase) set(t *testing.T, profile string) policy.Set {
	t.Helper()
	p, err := policyfile.BuiltIn(profile, rules.All)
	if err != nil {
		t.Fatal(err)
	}
	set := policy.Set{Policies: []*policy.Policy{p}}
	if c.Policy == "" {
		return set
	}
	text, err := os.ReadFile(c.Policy)
	if err != nil {
		t.Fatal(err)
	}
	own, err := policyfile.Parse(c.Policy, text, rules.All, nil)
	if err != nil {
		t.Fatal(err)
	}
	set.Policies = append(set.Policies, own)
	return set
}

// calls are how engines call the runtime.
var calls = map[string]policytest.Call{
	"containerd": {Root: "/run/containerd/runc/k8s.io", Bundle: "/run/containerd/io.containerd.runtime.v2.task/k8s.io/ID", ParentExe: "/usr/bin/containerd-shim-runc-v2"},
	"nerdctl":    {Root: "/run/containerd/runc/default", Bundle: "/run/containerd/io.containerd.runtime.v2.task/default/ID", ParentExe: "/usr/bin/containerd-shim-runc-v2"},
	"cri-o":      {Root: "/run/runc", Bundle: "/run/containers/storage/overlay-containers/ID/userdata", ParentExe: "/usr/bin/conmon"},
	"docker":     {Root: "/var/run/docker/runtime-runc/moby", Bundle: "/var/run/docker/containerd/daemon/io.containerd.runtime.v2.task/moby/ID", ParentExe: "/usr/bin/containerd-shim-runc-v2"},
	"podman":     {Bundle: "/var/lib/containers/storage/overlay-containers/ID/userdata", ParentExe: "/usr/bin/conmon"},
	"buildah":    {Bundle: "/var/tmp/buildah12345", ParentExe: "/usr/bin/buildah"},
	"":           {Bundle: "/srv/bundle", ParentExe: "/usr/bin/bash"},
}

func (c *testCase) facts(t *testing.T, spec *policy.Spec) *policy.Facts {
	t.Helper()
	call, ok := calls[c.Engine]
	if !ok {
		t.Fatalf("engine %q is not known", c.Engine)
	}
	id := spec.View().Linux.CgroupsPath // ends in the container's id
	if id = id[strings.LastIndexAny(id, "/:")+1:]; len(id) != 64 {
		id = strings.Repeat("c", 64)
	}
	call.Bundle = strings.Replace(call.Bundle, "ID", id, 1)
	call.Engine, call.CgroupVersion = c.Engine, 2
	if c.CgroupV1 {
		call.CgroupVersion = 1
	}
	facts, tree, err := policytest.CallFacts(call, spec.View())
	if err != nil {
		t.Fatal(err)
	}
	facts.Rootless = c.Rootless
	if c.Arch != "" {
		facts.Arch = c.Arch
	}
	facts.SELinux = spec.View().Process.SelinuxLabel != ""
	if spec.View().Process.ApparmorProfile != "" {
		facts.AppArmor = policy.AppArmor{Enabled: true, Profiles: func() []string {
			return []string{"docker-default", "cri-containerd.apparmor.d", "crio-default"}
		}}
	}
	for path, node := range c.Paths {
		if err := tree.Add(path, node); err != nil {
			t.Fatal(err)
		}
	}
	return facts
}
