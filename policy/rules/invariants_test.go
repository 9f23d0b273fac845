package rules_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"pgregory.net/rapid"

	"github.com/runward/runward/internal/jsondoc"
	"github.com/runward/runward/internal/patch"
	"github.com/runward/runward/internal/policyfile"
	"github.com/runward/runward/internal/policytest"
	"github.com/runward/runward/policy"
	"github.com/runward/runward/policy/rules"
)

// The invariants of every rule together, over documents and policies that are
// drawn: see draw_test.go.

// decided is a decision and what the container is then given.
type decided struct {
	policy.Decision
	given    *specs.Spec // nil where it is refused
	document []byte
}

func decideAll(t *rapid.T, raw []byte, facts *policy.Facts, policies ...*policy.Policy) decided {
	spec, err := policy.ParseSpec(raw)
	if err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	set := policy.Set{Policies: policies}
	d := decided{Decision: policy.Evaluate(set, rules.All, spec, facts)}
	policytest.CheckRewrite(t, set, rules.All, spec, facts, d.Decision)
	if d.Verdict == policy.Deny {
		return d
	}
	after, err := spec.Apply(d.Patch)
	if err != nil {
		t.Fatal(err)
	}
	given, err := policy.ParseSpec(after)
	if err != nil {
		t.Fatal(err)
	}
	d.given, d.document = given.View(), after
	return d
}

// often checks a property six times as often as rapid does by itself: the
// documents are many, and most policies refuse most of them.
func often(t *testing.T, property func(t *rapid.T)) {
	t.Helper()
	for i := range 6 {
		t.Run(strconv.Itoa(i), func(t *testing.T) { rapid.Check(t, property) })
	}
}

func profilesOf(t *rapid.T) []*policy.Policy {
	var out []*policy.Policy
	for _, name := range []string{"baseline", "restricted", "cis-docker", "nist-800-190", "hardened"} {
		p, err := policyfile.BuiltIn(name, rules.All)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
	return out
}

func view(t *rapid.T, raw []byte) *specs.Spec {
	spec, err := policy.ParseSpec(raw)
	if err != nil {
		t.Fatal(err)
	}
	return spec.View()
}

// Fixpoint, Minimal and Meet: a patched document is allowed as it is, and has
// every other byte as it was (CheckRewrite); and whatever stands beside a
// policy, the container gets no more than with the policy alone, nor does the
// order of two change the verdict.
func TestMeet(t *testing.T) {
	often(t, func(t *rapid.T) {
		raw := drawSpec(t)
		facts := drawFacts(t, view(t, raw))
		a, b := drawPolicy(t, "a"), drawPolicy(t, "b")
		for _, p := range profilesOf(t) {
			if under(t, p.Name, 6) == 0 {
				a = p
			}
		}
		meet(t, raw, facts, a, b)
	})
}

// The same of the rules that compare numbers and sets, on documents that have them.
func TestMeetOfLimits(t *testing.T) {
	limits := []policy.Rule{rules.Capabilities, rules.MaskedPaths, rules.Memory, rules.CPU, rules.Pids, rules.Rlimits, rules.OOMScoreAdj, rules.NoNewPrivileges, rules.Quota}
	often(t, func(t *rapid.T) {
		raw := []byte(`{"process": {"rlimits": []}, "linux": {"resources": {}}}`)
		for range 1 + under(t, "limits", 3) {
			next, err := patch.Apply(raw, jsondoc.DefaultLimits(), drawLimit(t))
			if err != nil {
				t.Fatal(err)
			}
			raw = next
		}
		facts := drawFacts(t, view(t, raw))
		meet(t, raw, facts, drawPolicyOf(t, "a", limits, 2), drawPolicyOf(t, "b", limits, 2))
	})
}

// The same where a user namespace can be added, which few documents let.
func TestMeetOfUserNamespaces(t *testing.T) {
	near := []policy.Rule{rules.UserNamespaces, rules.User, rules.Namespaces, rules.Mounts, rules.ReadOnlyRootfs, rules.NoNewPrivileges, rules.Compatibility}
	added := false
	often(t, func(t *rapid.T) {
		mount := pick(t, "mount", []string{
			`{"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"}`,
			`{"destination": "/data", "type": "bind", "source": "/srv/data", "options": ["rbind", "ro"]}`,
			`{"destination": "/data", "type": "bind", "source": "/srv/data", "options": ["rbind"]}`,
		})
		raw := []byte(`{"process": {"args": ["/app"], "cwd": "/", "user": {"uid": ` + pick(t, "user", []string{"0", "1000", "70000"}) + `, "gid": 0}},
			"root": {"path": "rootfs", "readonly": true}, "mounts": [` + mount + `],
			"linux": {"namespaces": [{"type": "pid"}, {"type": "network"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"}]}}`)
		facts := drawFacts(t, view(t, raw))
		facts.Features = func() policy.Features { return policy.Features{UserNamespace: true, IDMap: true} }
		a, b := drawPolicyOf(t, "a", near, 3), drawPolicyOf(t, "b", near, 3)
		meet(t, raw, facts, a, b)
		if given := decideAll(t, raw, facts, a).given; given != nil && len(given.Linux.UIDMappings) > 0 {
			added = true
		}
	})
	if !added {
		t.Error("none was added")
	}
}

func meet(t *rapid.T, raw []byte, facts *policy.Facts, a, b *policy.Policy) {
	orig := view(t, raw)
	both, turned := decideAll(t, raw, facts, a, b), decideAll(t, raw, facts, b, a)
	if both.Verdict != turned.Verdict && !ofQuota(both) && !ofQuota(turned) {
		t.Fatalf("the order matters: %v, %v\n%+v\n%+v", both.Verdict, turned.Verdict, both.Findings, turned.Findings)
	}
	for _, p := range []*policy.Policy{a, b} {
		alone := decideAll(t, raw, facts, p)
		if both.given == nil {
			continue
		}
		// One may refuse what both let start, where the other's rewrite has
		// taken away what it refuses: then it has nothing against the result.
		if d := decideAll(t, both.document, facts, p); d.Verdict != policy.Allow {
			t.Fatalf("%s does not allow what both give: %+v\n%s", p.Name, d.Findings, both.document)
		}
		if alone.given == nil {
			continue
		}
		if what := more(orig, alone.given, both.given); what != "" {
			t.Fatalf("with both policies more than with %s alone: %s\n%+v\n%+v", p.Name, what, alone.Findings, both.Findings)
		}
		if what := more(orig, orig, alone.given); what != "" {
			t.Fatalf("%s gives more than was asked: %s\n%+v", p.Name, what, alone.Findings)
		}
	}
}

// ofQuota tells whether a quota alone refuses: what it counts may be a default,
// which is the first policy's.
func ofQuota(d decided) bool {
	return d.given == nil && !slices.ContainsFunc(d.Findings, func(f policy.Finding) bool { return f.Done == policy.Denied && f.Rule != "quota" })
}

// An exception is the only thing that widens, and the findings name it.
func TestOnlyExceptionsWiden(t *testing.T) {
	often(t, func(t *rapid.T) {
		raw := drawSpec(t)
		orig := view(t, raw)
		facts := drawFacts(t, orig)
		strict := drawPolicy(t, "strict")
		rule := rapid.SampledFrom(rules.All).Draw(t, "rule").ID
		wide := *strict
		wide.Exceptions = []policy.Exception{{Rules: []string{rule}, Reason: "because"}}
		before, after := decideAll(t, raw, facts, strict), decideAll(t, raw, facts, &wide)
		excepted := slices.ContainsFunc(after.Findings, func(f policy.Finding) bool {
			return f.Done == policy.Excepted && f.Rule == rule && f.Because == "because"
		})
		widened := before.given == nil && after.given != nil || before.given != nil && after.given != nil && more(orig, before.given, after.given) != ""
		if widened && !excepted {
			t.Fatalf("wider without a finding that says so: %+v\n%+v", before.Findings, after.Findings)
		}
		if excepted && strict.Rules[rule].Settings == nil {
			t.Fatalf("excepted from %s, which is not asked for", rule)
		}
	})
}

// Pure: the same inputs give the same bytes, also at once, and change nothing.
func TestPure(t *testing.T) {
	often(t, func(t *rapid.T) {
		raw := drawSpec(t)
		facts := drawFacts(t, view(t, raw))
		set := policy.Set{Policies: append(profilesOf(t), drawPolicy(t, "a"))}
		spec, err := policy.ParseSpec(raw)
		if err != nil {
			t.Fatal(err)
		}
		want := encoded(t, policy.Evaluate(set, rules.All, spec, facts))
		var got [4][]byte
		var wait sync.WaitGroup
		for i := range got {
			wait.Go(func() {
				d, err := json.Marshal(policy.Evaluate(set, rules.All, spec, facts))
				if err == nil {
					got[i] = d
				}
			})
		}
		wait.Wait()
		for _, d := range got {
			if !bytes.Equal(d, want) {
				t.Fatalf("not the same twice:\n%s\n%s", want, d)
			}
		}
		fresh, err := policy.ParseSpec(raw)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(spec.View(), fresh.View()) || !bytes.Equal(spec.Raw(), raw) {
			t.Fatal("the document was changed")
		}
	})
}

// Parity: what is read is what encoding/json reads, which runc, Docker and
// Podman use: it folds letter case and lets the last of two keys win.
func TestParity(t *testing.T) {
	often(t, func(t *rapid.T) {
		raw := drawText(t, drawSpec(t))
		doc, err := jsondoc.Parse(raw, jsondoc.DefaultLimits())
		if err != nil {
			return // refused: Closed
		}
		ours, theirs := new(specs.Spec), new(specs.Spec)
		if err := jsondoc.Decode(doc.Root(), ours); err != nil {
			return
		}
		if err := json.Unmarshal(raw, theirs); err != nil {
			t.Fatalf("we read what encoding/json does not: %v\n%s", err, raw)
		}
		if !reflect.DeepEqual(ours, theirs) {
			t.Fatalf("read differently\n%s\n%s\nof %s", encoded(t, ours), encoded(t, theirs), raw)
		}
	})
}

// drawText damages a document, or spells it differently.
func drawText(t *rapid.T, raw []byte) []byte {
	raw = slices.Clone(raw)
	for range rapid.IntRange(0, 3).Draw(t, "damages") {
		at := rapid.IntRange(0, len(raw)-1).Draw(t, "at")
		switch rapid.IntRange(0, 4).Draw(t, "damage") {
		case 0:
			raw[at] ^= 0x20 // letter case, among others
		case 1:
			raw = raw[:max(at, 1)]
		case 2:
			raw = slices.Insert(raw, at, rapid.SampledFrom([]byte("\x00 \n\"{}[],:0\xff/")).Draw(t, "byte"))
		case 3: // a whole member twice
			if end := bytes.IndexByte(raw[at:], ','); end > 0 {
				raw = slices.Insert(raw, at+end+1, append(slices.Clone(raw[at:at+end]), ',')...)
			}
		case 4:
			raw = bytes.Replace(raw, []byte("k"), []byte("\u212a"), 1)
		}
	}
	return raw
}

// Closed: what cannot be read is refused, as is everything where no policy speaks.
func TestClosed(t *testing.T) {
	if v := new(policy.Decision).Verdict; v != policy.Deny {
		t.Errorf("the zero verdict is %v", v)
	}
	often(t, func(t *rapid.T) {
		raw := drawSpec(t)
		facts := drawFacts(t, view(t, raw))
		spec, err := policy.ParseSpec(raw)
		if err != nil {
			t.Fatal(err)
		}
		elsewhere := *drawPolicy(t, "elsewhere")
		elsewhere.Select = []policy.Selector{{Handler: []string{"another"}}}
		for _, set := range []policy.Set{{}, {Policies: []*policy.Policy{&elsewhere}}} {
			if d := policy.Evaluate(set, rules.All, spec, facts); d.Verdict != policy.Deny || len(d.Patch) > 0 {
				t.Fatalf("without a policy: %v", d.Verdict)
			}
		}
		cut := raw[:rapid.IntRange(0, len(bytes.TrimSpace(raw))-1).Draw(t, "cut")]
		if _, err := policy.ParseSpec(cut); err == nil {
			t.Fatalf("half a document is read: %s", cut)
		}
	})
}
