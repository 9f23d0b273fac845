package rules_test

import (
	"encoding/json"
	"runtime"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/moby/profiles/seccomp"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/internal/jsondoc"
	"github.com/runward/runward/internal/patch"
	"github.com/runward/runward/internal/policyfile"
	"github.com/runward/runward/internal/policytest"
	"github.com/runward/runward/policy"
	"github.com/runward/runward/policy/rules"
)

// What the rule writes is what Moby itself makes of its profile for the same
// capabilities, on this processor with a current kernel.
func TestSeccompDefaultIsMobys(t *testing.T) {
	for _, caps := range [][]string{
		nil, {"CAP_CHOWN"}, {"CAP_SYS_ADMIN"}, {"CAP_SYS_CHROOT", "CAP_DAC_READ_SEARCH"}, {"CAP_BPF", "CAP_SYS_PTRACE", "CAP_SYSLOG"},
	} {
		s := &specs.Spec{Process: &specs.Process{Capabilities: &specs.LinuxCapabilities{Bounding: caps}}, Linux: &specs.Linux{}}
		want, err := seccomp.GetDefaultProfile(s)
		if err != nil {
			t.Fatal(err)
		}
		got := seccompAfter(t, s)
		for i := range want.Syscalls {
			sort.Strings(want.Syscalls[i].Names)
		}
		g, w := asJSON(t, got), asJSON(t, want)
		if g != w {
			t.Errorf("%v:\ngot  %s\nwant %s", caps, g, w)
		}
	}
}

// The profiles of Moby for these capabilities pass as they are.
func TestSeccompDefaultPasses(t *testing.T) {
	caps := []string{"CAP_SYS_ADMIN", "CAP_SYS_CHROOT", "CAP_SYS_TIME"}
	s := &specs.Spec{Process: &specs.Process{Capabilities: &specs.LinuxCapabilities{Bounding: caps}}, Linux: &specs.Linux{}}
	p, err := seccomp.GetDefaultProfile(s)
	if err != nil {
		t.Fatal(err)
	}
	s.Linux.Seccomp = p
	for _, text := range []string{"[seccomp]", "[seccomp]\nstrict = true"} {
		if d := decideSeccomp(t, text, s); d.Verdict != policy.Allow {
			t.Errorf("%s: %v %+v", text, d.Verdict, d.Findings)
		}
	}
}

func TestSettingsAreChecked(t *testing.T) {
	for text, want := range map[string]string{
		"[seccomp]\nforbid = [\"io_uring_setpu\"]":             `did you mean "io_uring_setup"?`,
		"[seccomp]\nprofile = \"unconfined\"":                  `known are default`,
		"[capabilities]\nallow = [\"KILL\"]":                   `did you mean "CAP_KILL"?`,
		"[capabilities]\nambient = [\"CAP_NET_BIND_SERVISE\"]": `did you mean "CAP_NET_BIND_SERVICE"?`,
		"[capabilities]\nallow = [\"ALL\"]":                    `"ALL" is not known`,
		"[namespaces]\nhost = [\"net\"]":                       `"net" is not known; `,
		"[namespaces]\nhost = [\"mount\"]":                     `"mount" is not known`,
		"[user]\nuid = 0":                                      `want a user id from 1`,
		"[user]\ngid = 5":                                      `write uid as well`,
		"[user]\nuid = 5\ngid = 4294967295":                    `want a group id from 1`,
	} {
		_, err := policyfile.Parse("site.toml", []byte("version = 1\nname = \"site\"\n"+text+"\n"), rules.All, noProfiles)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

func seccompAfter(t *testing.T, s *specs.Spec) *specs.LinuxSeccomp {
	t.Helper()
	d := decideSeccomp(t, "[seccomp]", s)
	raw, err := patch.Apply([]byte(asJSON(t, s)), jsondoc.DefaultLimits(), d.Patch)
	if err != nil {
		t.Fatal(err)
	}
	var after specs.Spec
	if err := json.Unmarshal(raw, &after); err != nil {
		t.Fatal(err)
	}
	return after.Linux.Seccomp
}

func decideSeccomp(t testing.TB, text string, s *specs.Spec) policy.Decision {
	t.Helper()
	p, err := policyfile.Parse("site.toml", []byte("version = 1\nname = \"site\"\n"+text+"\n"), rules.All, noProfiles)
	if err != nil {
		t.Fatal(err)
	}
	facts, err := policytest.Facts(nil)
	if err != nil {
		t.Fatal(err)
	}
	facts.Arch = runtime.GOARCH
	spec, err := policy.ParseSpec([]byte(asJSON(t, s)))
	if err != nil {
		t.Fatal(err)
	}
	return policy.Evaluate(policy.Set{Policies: []*policy.Policy{p}}, rules.All, spec, facts)
}

func asJSON(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Every create of every container pays for this.
func BenchmarkSeccompPasses(b *testing.B) {
	s := &specs.Spec{Process: &specs.Process{}, Linux: &specs.Linux{}}
	p, err := seccomp.GetDefaultProfile(&specs.Spec{Process: &specs.Process{Capabilities: &specs.LinuxCapabilities{}}})
	if err != nil {
		b.Fatal(err)
	}
	s.Linux.Seccomp = p
	spec, err := policy.ParseSpec([]byte(asJSON(b, s)))
	if err != nil {
		b.Fatal(err)
	}
	facts, err := policytest.Facts(nil)
	if err != nil {
		b.Fatal(err)
	}
	baseline, err := policyfile.BuiltIn("baseline", rules.All)
	if err != nil {
		b.Fatal(err)
	}
	only := func(ids ...string) policy.Set {
		some := *baseline
		some.Rules = map[string]policy.Setting{}
		for id, s := range baseline.Rules {
			if len(ids) == 0 || slices.Contains(ids, id) {
				some.Rules[id] = s
			}
		}
		return policy.Set{Policies: []*policy.Policy{&some}}
	}
	for name, set := range map[string]policy.Set{"seccomp": only("seccomp"), "none": only("-"), "baseline": only()} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				policy.Evaluate(set, rules.All, spec, facts)
			}
		})
	}
}
