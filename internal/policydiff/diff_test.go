package policydiff

import (
	"slices"
	"strings"
	"testing"

	"github.com/runward/runward/internal/policyfile"
	"github.com/runward/runward/policy"
	"github.com/runward/runward/policy/rules"
)

func parse(t *testing.T, text string) *policy.Policy {
	t.Helper()
	p, err := policyfile.Parse("p.toml", []byte("version = 1\nname = \"p\"\n"+text), rules.All, func(name string) (*policy.Policy, error) {
		return policyfile.BuiltIn(name, rules.All)
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestCompare(t *testing.T) {
	const exception = "[pids]\n[[exception]]\nrules = [\"pids\"]\nmatch = { pod = [\"a\"] }\nreason = \"r\"\n"
	for _, c := range []struct {
		name, before, after string
		want, back          []string // what is said the other way round
	}{
		{"the same", "[pids]\nmax = 5\n", "[pids]\nmax = 5\naction = \"rewrite\"\n", nil, nil},
		{"a default that is written down", "[user]\n", "[user]\nnon_root = true\n", nil, nil},
		{"mode", "", "mode = \"audit\"\n", []string{"looser: the mode is audit instead of enforce"}, []string{"stricter: the mode is enforce instead of audit"}},
		{
			"selectors", "", "[[select]]\npod = [\"a\"]\n",
			[]string{"looser: it selects (pod a) instead of every container"},
			[]string{"stricter: it selects every container instead of (pod a)"},
		},
		{"other selectors", "[[select]]\npod = [\"a\"]\n", "[[select]]\npod = [\"b\"]\n", []string{"other: it selects (pod b) instead of (pod a)"}, []string{"other: it selects (pod a) instead of (pod b)"}},
		{"a rule", "", "[read_only_rootfs]\n", []string{"stricter: read_only_rootfs: the rule is switched on (rewrite): The root file system is read-only"}, []string{"looser: read_only_rootfs: the rule is switched off: The root file system is read-only"}},
		{"a rule that is always on", "", "[checkpoint_restore]\n", nil, nil},
		{"an action", "[pids]\naction = \"audit\"\n", "[pids]\naction = \"deny\"\n", []string{"stricter: pids: the action is deny instead of audit"}, []string{"looser: pids: the action is audit instead of deny"}},
		{"a maximum", "[pids]\nmax = 9\n", "[pids]\nmax = 5\n", []string{"stricter: pids.max: at most 5 instead of 9"}, []string{"looser: pids.max: at most 9 instead of 5"}},
		{"a maximum where none was", "[memory]\n", "[memory]\nmax = \"1GiB\"\n", []string{"stricter: memory.max: at most 1GiB, where nothing was said"}, []string{"looser: memory.max: no bound any more, where it was at most 1GiB"}},
		{"a minimum", "[oom_score_adj]\nmin = -500\n", "[oom_score_adj]\nmin = 0\n", []string{"stricter: oom_score_adj.min: at least 0 instead of -500"}, []string{"looser: oom_score_adj.min: at least -500 instead of 0"}},
		{"a default", "[memory]\ndefault = 5\n", "[memory]\ndefault = 6\n", []string{"other: memory.default: what is absent becomes 6 instead of 5"}, []string{"other: memory.default: what is absent becomes 5 instead of 6"}},
		{"a requirement", "[user]\nnon_root = true\n", "[user]\nnon_root = false\n", []string{"looser: user.non_root: no longer required"}, []string{"stricter: user.non_root: now required"}},
		{"allow or deny", "[image]\n", "[image]\nunknown = \"allow\"\n", []string{"looser: image.unknown: now allow instead of deny"}, []string{"stricter: image.unknown: now deny instead of allow"}},
		{"an answer", "[monitor]\n", "[monitor]\non_difference = \"kill\"\n", []string{"stricter: monitor.on_difference: now kill instead of alert"}, []string{"looser: monitor.on_difference: now alert instead of kill"}},
		{
			"an allow-list", "[capabilities]\nallow = [\"CAP_KILL\", \"CAP_CHOWN\"]\n", "[capabilities]\nallow = [\"CAP_KILL\", \"CAP_FOWNER\"]\n",
			[]string{"stricter: capabilities.allow: no longer allowed: CAP_CHOWN", "looser: capabilities.allow: also allowed: CAP_FOWNER"},
			[]string{"stricter: capabilities.allow: no longer allowed: CAP_FOWNER", "looser: capabilities.allow: also allowed: CAP_CHOWN"},
		},
		{
			"a deny-list", "[masked_paths]\n", "[masked_paths]\nmasked = [\"/proc/x\"]\n",
			[]string{"stricter: masked_paths.masked: also on the list: /proc/x"},
			[]string{"looser: masked_paths.masked: no longer on the list: /proc/x"},
		},
		{
			"maxima by name", "[rlimits]\nmax = { nofile = 5, core = 1 }\n", "[rlimits]\nmax = { nofile = 6 }\n",
			[]string{"looser: rlimits.max: no bound any more, where it was core at most 1", "looser: rlimits.max: nofile at most 6 instead of 5"},
			nil,
		},
		{"an exception", "[pids]\n", exception, []string{"looser: a new exception: pids for pod a: waived"}, []string{"stricter: an exception is gone: pids for pod a: waived"}},
		{"only its reason", exception, strings.Replace(exception, `"r"`, `"s"`, 1), nil, nil},
		{
			"a list that another policy's implies", "extends = [\"baseline\"]\n", "extends = [\"baseline\"]\n[capabilities]\nallow = [\"CAP_KILL\"]\nambient = []\n",
			[]string{"stricter: capabilities.allow: no longer allowed: CAP_AUDIT_WRITE, CAP_CHOWN,", "stricter: capabilities.ambient: no longer allowed: CAP_NET_BIND_SERVICE"},
			nil,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			check(t, c.before, c.after, c.want)
			if c.back != nil || c.want == nil {
				check(t, c.after, c.before, c.back)
			}
		})
	}
}

// check compares what is said with want, of which each need only begin so.
func check(t *testing.T, before, after string, want []string) {
	t.Helper()
	var got []string
	for _, c := range Compare([]*policy.Policy{parse(t, before)}, []*policy.Policy{parse(t, after)}, rules.All) {
		where := ""
		if c.Rule != "" {
			where = c.Rule + ": "
		}
		if c.Setting != "" {
			where = c.Rule + "." + c.Setting + ": "
		}
		got = append(got, string(c.Direction)+": "+where+c.What)
	}
	if !slices.EqualFunc(got, want, strings.HasPrefix) {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// No setting that one profile has more than the other is left out: each holds to
// all of the one that it extends, so nothing is looser.
func TestProfilesAreNowhereLooser(t *testing.T) {
	for _, pair := range [][2]string{{"baseline", "restricted"}, {"baseline", "cis-docker"}, {"restricted", "nist-800-190"}, {"restricted", "hardened"}} {
		before, after := parse(t, "extends = [\""+pair[0]+"\"]\n"), parse(t, "extends = [\""+pair[1]+"\"]\n")
		stricter := 0
		for _, c := range Compare([]*policy.Policy{before}, []*policy.Policy{after}, rules.All) {
			if c.Direction == Looser {
				t.Errorf("%s: %+v", pair[1], c)
			}
			stricter++
		}
		if stricter < 4 {
			t.Errorf("%s: %d changes", pair[1], stricter)
		}
	}
}
