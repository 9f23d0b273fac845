package rules_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/runward/runward/internal/policyfile"
	"github.com/runward/runward/policy"
	"github.com/runward/runward/policy/rules"
)

// Neither many variables nor many to take out make the wrapper slow, and none
// that is to go stays.
func TestEnvironmentIsBounded(t *testing.T) {
	for _, c := range []struct {
		secrets int
		want    policy.Verdict
	}{{0, policy.Allow}, {256, policy.Rewrite}, {257, policy.Deny}, {150_000, policy.Deny}} {
		env := make([]string, 150_000)
		for i := range env {
			name := "SERVICE"
			if i < c.secrets {
				name = "SECRET"
			}
			env[i] = name + strconv.Itoa(i) + "=hidden"
		}
		raw, err := json.Marshal(map[string]any{"process": map[string]any{"env": env}, "linux": map[string]any{}})
		if err != nil {
			t.Fatal(err)
		}
		spec, err := policy.ParseSpec(raw)
		if err != nil {
			t.Fatal(err)
		}
		p, err := policyfile.Parse("a.toml", []byte("version = 1\nname = \"a\"\n[environment]\nno_secrets = true\n"), rules.All, noProfiles)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		d := policy.Evaluate(policy.Set{Policies: []*policy.Policy{p}}, rules.All, spec, &policy.Facts{})
		if d.Verdict != c.want || len(d.Findings) != min(c.secrets, 257) || c.want == policy.Rewrite && len(d.Patch) != c.secrets {
			t.Errorf("%d secrets: %v, %d findings, %d operations", c.secrets, d.Verdict, len(d.Findings), len(d.Patch))
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%d secrets: took %v", c.secrets, took)
		}
	}
}

// What stands in the environment is in no decision: neither what is taken out,
// nor what is reported, nor what stays, however much is taken out.
func TestEnvironmentIsNeverShown(t *testing.T) {
	const marker = "hunter2" // in every value, and in entries and names that are values
	entries := []string{
		"PASSWORD=%", "LD_PRELOAD=%", "GLIBC_TUNABLES=%", "PATH=%", "A=postgres://app:%@db", "postgres://app:%@db?x=y", "my secret is %=",
		"% password", "B=-----BEGIN PRIVATE KEY-----%", "C=ghp_%abcdefghijklmnopqrstuvwxyz0123456789", "ghp_%abcdefghijklmnopqrstuvwxyz0123456789=TOKEN",
	}
	policies := []string{"", "no_secrets = true\n", "forbid = [\"default\"]\n", "forbid = [\"*\"]\n", "no_secrets = true\naction = \"deny\"\nforbid = [\"default\"]\n"}
	facts := &policy.Facts{}
	rapid.Check(t, func(t *rapid.T) {
		var env []string
		for i, entry := range rapid.SliceOfN(rapid.SampledFrom(entries), 0, 40).Draw(t, "env") {
			env = append(env, strings.Replace(entry, "%", marker+strings.Repeat("x", i%3), 1))
		}
		raw, err := json.Marshal(map[string]any{"process": map[string]any{"env": env}, "linux": map[string]any{}})
		if err != nil {
			t.Fatal(err)
		}
		spec, err := policy.ParseSpec(raw)
		if err != nil {
			t.Fatal(err)
		}
		text := "version = 1\nname = \"a\"\n[environment]\n" + rapid.SampledFrom(policies).Draw(t, "policy")
		p, err := policyfile.Parse("a.toml", []byte(text), rules.All, noProfiles)
		if err != nil {
			t.Fatal(err)
		}
		decision := encoded(t, policy.Evaluate(policy.Set{Policies: []*policy.Policy{p}}, rules.All, spec, facts))
		if strings.Contains(string(decision), marker) {
			t.Fatalf("a value is shown: %s\nof %s", decision, raw)
		}
	})
}
