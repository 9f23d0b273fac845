package policy

import (
	"encoding/json"
	"reflect"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// Two small rules stand in for the real ones, which have their own tests.

type capsSettings struct {
	Allow AllowList `toml:"allow"`
}

type nnpSettings struct {
	Required Flag `toml:"required"`
}

var toyRules = []Rule{
	{ID: "caps", Default: ActionRewrite, Check: Check[capsSettings](func(e *Eval, s *capsSettings) {
		for _, name := range e.Spec.Process.Capabilities.Bounding {
			if s.Allow.Permits(name, Match) {
				continue
			}
			e.Rewrite(Finding{Pointer: "/process/capabilities/bounding", Found: name, Wanted: s.Allow.String()}, func(spec *specs.Spec) {
				b := spec.Process.Capabilities.Bounding
				for j := range b {
					if b[j] == name {
						spec.Process.Capabilities.Bounding = append(b[:j:j], b[j+1:]...)
						return
					}
				}
			})
		}
	})},
	{ID: "nnp", Default: ActionDeny, Check: Check[nnpSettings](func(e *Eval, s *nnpSettings) {
		if !e.Spec.Process.NoNewPrivileges {
			e.Deny(Finding{Pointer: "/process/noNewPrivileges", Found: "false", Wanted: "true"})
		}
	})},
}

const toySpec = `{"ociVersion":"1.0.2","process":{"user":{"uid":7,"gid":0},"args":["a"],"cwd":"/","capabilities":{"bounding":["CAP_A","CAP_B","CAP_C"]}, "x-unknown": 1.50},"linux":{}}`

func allow(policy string, items ...string) Setting {
	return Setting{Settings: &capsSettings{AllowList{[]List{{policy, items}}}}}
}

func toyPolicy(name string, allowed ...string) *Policy {
	return &Policy{Name: name, Rules: map[string]Setting{"caps": allow(name, allowed...)}}
}

func decide(t *testing.T, facts Facts, policies ...*Policy) Decision {
	t.Helper()
	spec, err := ParseSpec([]byte(toySpec))
	if err != nil {
		t.Fatal(err)
	}
	return Evaluate(Set{Policies: policies}, toyRules, spec, &facts)
}

// outcome is a decision in short: the verdict, then each finding's done and found.
func outcome(d Decision) []string {
	out := []string{d.Verdict.String()}
	for _, f := range d.Findings {
		s := string(f.Done) + " " + f.Found
		if f.Because != "" {
			s += " because " + f.Because
		}
		out = append(out, s)
	}
	return out
}

func TestEvaluate(t *testing.T) {
	all := []string{"CAP_*"}
	mode := func(m Mode, p *Policy) *Policy { p.Mode = m; return p }
	action := func(a Action, p *Policy) *Policy {
		s := p.Rules["caps"]
		s.Action = a
		p.Rules["caps"] = s
		return p
	}
	except := func(p *Policy, x Exception) *Policy {
		if x.Rules == nil {
			x.Rules = []string{"caps"}
		}
		p.Exceptions = append(p.Exceptions, x)
		return p
	}
	widen := map[string]any{"caps": &capsSettings{AllowList{[]List{{"exception", []string{"CAP_C"}}}}}}
	prod := Selector{Namespace: []string{"prod"}}
	for _, c := range []struct {
		name     string
		facts    Facts
		policies []*Policy
		want     []string
	}{
		{"allow", Facts{}, []*Policy{toyPolicy("p", all...)}, []string{"allow"}},
		{"rewrite", Facts{}, []*Policy{toyPolicy("p", "CAP_A")}, []string{"rewrite", "rewritten CAP_B", "rewritten CAP_C"}},
		{"meet", Facts{}, []*Policy{toyPolicy("p", "CAP_A", "CAP_B"), toyPolicy("q", "CAP_B", "CAP_C")}, []string{"rewrite", "rewritten CAP_A", "rewritten CAP_C"}},
		{"action deny wins", Facts{}, []*Policy{action(ActionAudit, toyPolicy("p", "CAP_A", "CAP_B")), action(ActionDeny, toyPolicy("q", all...))}, []string{"deny", "denied CAP_C"}},
		{"action audit", Facts{}, []*Policy{action(ActionAudit, toyPolicy("p", "CAP_A", "CAP_B"))}, []string{"allow", "would-rewrite CAP_C"}},
		{"default action counts against audit", Facts{}, []*Policy{action(ActionAudit, toyPolicy("p", all...)), toyPolicy("q", "CAP_A", "CAP_B")}, []string{"rewrite", "rewritten CAP_C"}},
		{"audit policy records", Facts{}, []*Policy{toyPolicy("p", all...), mode(Audit, toyPolicy("q", "CAP_A", "CAP_B"))}, []string{"allow", "would-rewrite CAP_C"}},
		{"off", Facts{}, []*Policy{mode(Off, toyPolicy("p"))}, []string{"allow"}},
		{"nothing selects", Facts{}, []*Policy{{Name: "p", Select: []Selector{prod}}}, []string{"deny", "denied no policy for this container"}},
		{"deny rule", Facts{}, []*Policy{{Name: "p", Rules: map[string]Setting{"nnp": {Settings: &nnpSettings{}}}}}, []string{"deny", "denied false"}},

		{"exception waives", Facts{Identity: Identity{Namespace: "prod"}}, []*Policy{except(toyPolicy("p", "CAP_A", "CAP_B"), Exception{Match: prod, Reason: "r"})}, []string{"allow", "excepted CAP_C because r"}},
		{"exception of another", Facts{Identity: Identity{Namespace: "test"}}, []*Policy{except(toyPolicy("p", "CAP_A", "CAP_B"), Exception{Match: prod, Reason: "r"})}, []string{"rewrite", "rewritten CAP_C"}},
		{"exception needs identity", Facts{}, []*Policy{except(toyPolicy("p", "CAP_A", "CAP_B"), Exception{Match: prod, Reason: "r"})}, []string{"rewrite", "rewritten CAP_C"}},
		{"exception widens", Facts{}, []*Policy{except(toyPolicy("p", "CAP_A"), Exception{Allow: widen, Reason: "r"})}, []string{"rewrite", "rewritten CAP_B", "excepted CAP_C because r"}},
		{"exception widens every policy", Facts{}, []*Policy{except(toyPolicy("p", "CAP_A"), Exception{Allow: widen, Reason: "r"}), toyPolicy("q", "CAP_A", "CAP_B")}, []string{"rewrite", "rewritten CAP_B", "excepted CAP_C because r"}},
		{"exception speaks to one policy", Facts{}, []*Policy{except(toyPolicy("p", "CAP_A", "CAP_B"), Exception{Policies: []string{"p"}, Reason: "r"}), toyPolicy("q", "CAP_A", "CAP_B")}, []string{"rewrite", "rewritten CAP_C"}},
		{"exception expired", Facts{Now: 100}, []*Policy{except(toyPolicy("p", "CAP_A", "CAP_B"), Exception{Expires: 100, Reason: "r"})}, []string{"rewrite", "rewritten CAP_C", "expired CAP_C because r"}},
		{"exception of an audited policy", Facts{}, []*Policy{toyPolicy("p", "CAP_A", "CAP_B"), mode(Audit, except(toyPolicy("q", all...), Exception{Reason: "r"}))}, []string{"rewrite", "rewritten CAP_C"}},
		{"exception of a later policy", Facts{}, []*Policy{toyPolicy("p", "CAP_A", "CAP_B"), except(&Policy{Name: "x"}, Exception{Reason: "r"})}, []string{"allow", "excepted CAP_C because r"}},
	} {
		d := decide(t, c.facts, c.policies...)
		if got := outcome(d); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s:\n got %q\nwant %q", c.name, got, c.want)
		}
		if (d.Verdict == Rewrite) != (len(d.Patch) > 0) {
			t.Errorf("%s: verdict %v with patch %v", c.name, d.Verdict, d.Patch)
		}
	}
}

func TestFallback(t *testing.T) {
	spec, err := ParseSpec([]byte(toySpec))
	if err != nil {
		t.Fatal(err)
	}
	set := Set{Fallback: toyPolicy("baseline", "CAP_A"), Policies: []*Policy{{Name: "p", Select: []Selector{{Engine: []string{"docker"}}}}}}
	if d := Evaluate(set, toyRules, spec, &Facts{Engine: "podman"}); d.Verdict != Rewrite || d.Policies[0] != "baseline" {
		t.Errorf("not selected: %+v", d)
	}
	if d := Evaluate(set, toyRules, spec, &Facts{Engine: "docker"}); d.Verdict != Allow || d.Policies[0] != "p" {
		t.Errorf("selected: %+v", d)
	}
	if d := Evaluate(set.OnlyAudit(), toyRules, spec, &Facts{Engine: "podman"}); d.Verdict != Allow || len(d.Findings) != 2 || d.Findings[0].Done != WouldRewrite {
		t.Errorf("audit only: %+v", d)
	}
	if d := Evaluate(Set{}.OnlyAudit(), toyRules, spec, &Facts{}); d.Verdict != Allow {
		t.Errorf("an empty set, audited: %+v", d)
	}
	if d := Evaluate(Set{}, toyRules, spec, &Facts{}); d.Verdict != Deny {
		t.Errorf("an empty set: %+v", d)
	}
}

func TestAdvises(t *testing.T) {
	baseline := toyPolicy("baseline")
	audit := &Policy{Name: "a", Mode: Audit}
	some := &Policy{Name: "s", Mode: Audit, Select: []Selector{{Engine: []string{"docker"}}}}
	for _, c := range []struct {
		name string
		set  Set
		want bool
	}{
		{"nothing", Set{}, false},
		{"baseline", Set{Fallback: baseline}, false},
		{"audit of everything", Set{Fallback: baseline, Policies: []*Policy{audit}}, true},
		{"audit of some", Set{Fallback: baseline, Policies: []*Policy{some}}, false},
		{"audit and enforce", Set{Policies: []*Policy{audit, toyPolicy("p")}}, false},
		{"node audits", Set{Fallback: baseline, Policies: []*Policy{some}}.OnlyAudit(), true},
	} {
		if got := c.set.Advises(); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// The zero values deny, and verdicts survive being written and read.
func TestZeroVerdictDenies(t *testing.T) {
	var d Decision
	if d.Verdict != Deny {
		t.Error("the zero Decision does not deny")
	}
	for _, v := range []Verdict{Deny, Allow, Rewrite} {
		text, err := json.Marshal(v)
		var back Verdict
		if err != nil || json.Unmarshal(text, &back) != nil || back != v {
			t.Errorf("%v: %s, %v", v, text, err)
		}
	}
	v := Allow
	if err := v.UnmarshalText([]byte("alow")); err != nil || v != Deny {
		t.Errorf("an unknown verdict reads as %v", v)
	}
}
