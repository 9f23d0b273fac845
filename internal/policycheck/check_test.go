package policycheck

import (
	"errors"
	"slices"
	"testing"

	"github.com/runward/runward/internal/policyfile"
	"github.com/runward/runward/policy"
	"github.com/runward/runward/policy/profiles"
	"github.com/runward/runward/policy/rules"
)

const now = 1_800_000_000 // 2027-01-15

func examined(t *testing.T, files ...string) []policyfile.Examined {
	t.Helper()
	var all []policyfile.Examined
	for i, text := range files {
		file := "/p/" + string(rune('a'+i)) + ".toml"
		p, err := policyfile.Parse(file, []byte("version = 1\n"+text), rules.All, func(name string) (*policy.Policy, error) {
			if name != "baseline" {
				return nil, errors.New("no profile is called " + name)
			}
			return policyfile.BuiltIn(name, rules.All)
		})
		all = append(all, policyfile.Examined{File: file, Text: []byte("version = 1\n" + text), Policy: p, Err: err})
	}
	return all
}

func TestCheck(t *testing.T) {
	complete := Node{Now: now, Unselected: "baseline", Complete: true, TrustedLabels: []string{"tier"}}
	const base = "name = \"base\"\nextends = [\"baseline\"]\n"
	for _, c := range []struct {
		name  string
		node  Node
		files []string
		want  []string // severity and place and message
	}{
		{"nothing wrong", complete, []string{base}, nil},
		{"no policy", complete, nil, []string{`note no policy is installed: all containers are held to the profile "baseline" (policy.unselected in runward.toml)`}},
		{
			"the monitor, denied", complete,
			[]string{base + "[monitor]\naction = \"deny\"\n"},
			[]string{`warning /p/a.toml:5:1: this rule can never pass: no engine writes runward's hooks, which "deny" keeps it from adding; to start nothing without the monitor say required = true`},
		},
		{
			"the monitor, required, and no hook",
			Node{Now: now, Unselected: "baseline", Complete: true, Hook: "runward's hook /h cannot be used: it is missing"},
			[]string{base + "[monitor]\nrequired = true\n", "name = \"b\"\nextends = [\"baseline\"]\n[monitor]\nattach = true\n", "name = \"c\"\nextends = [\"baseline\"]\n[monitor]\n"},
			[]string{
				"warning /p/a.toml:5:1: runward's hook /h cannot be used: it is missing: every container that the policy selects is refused",
				"warning /p/b.toml:5:1: runward's hook /h cannot be used: it is missing: no container is joined to the monitor",
			},
		},
		{
			"some are not selected", complete,
			[]string{base + "[[select]]\nkind = [\"build\"]\n"},
			[]string{`note containers that no policy selects are held to the profile "baseline" (policy.unselected in runward.toml)`},
		},
		{
			"and are refused",
			Node{Complete: true, Unselected: "deny"},
			[]string{base + "[[select]]\nkind = [\"build\"]\n"},
			[]string{`note containers that no policy selects are refused (policy.unselected in runward.toml)`},
		},
		{
			"and start as they are",
			Node{Complete: true, Unselected: "allow"},
			[]string{base + "[[select]]\nkind = [\"build\"]\n"},
			[]string{`warning containers that no policy selects start as they are (policy.unselected in runward.toml); set it to "baseline" or "deny", or add a policy without [[select]]`},
		},
		{
			"a kind that is none", complete,
			[]string{base, "name = \"x\"\nextends = [\"baseline\"]\n[[select]]\nkind = [\"pod\"]\n"},
			[]string{`warning /p/b.toml:5:1: kind "pod" is none that runward knows, so this matches nothing; known are container, sandbox, build`},
		},
		{
			"an exclusion that is none", complete,
			[]string{base, "name = \"x\"\nextends = [\"baseline\"]\n[[select]]\nengine = [\"!podmann\"]\n"},
			[]string{`warning /p/b.toml:5:1: engine "podmann" is none that runward knows, so this matches nothing; did you mean "podman"?`},
		},
		{"a glob that matches one", complete, []string{base, "name = \"x\"\nextends = [\"baseline\"]\n[[select]]\nengine = [\"build*\"]\n"}, nil},
		{
			"a label that is trusted, one that is not", complete,
			[]string{base, "name = \"x\"\nextends = [\"baseline\"]\n[[select]]\nlabel = { tier = [\"a\"], team = [\"b\"] }\n"},
			[]string{`warning /p/b.toml:5:25: this matches nothing: the label "team" is not among those that runward.toml trusts; list it in [trust.labels] for the engine`},
		},
		{"one name twice", complete, []string{base, base}, []string{`error /p/b.toml:2:1: the name "base" is also that of /p/a.toml; rename one of them`}},
		{"no profile, but one that everything is held to", complete, []string{base, "name = \"x\"\n[pids]\nmax = 5\n"}, nil},
		{
			"no profile, and the floor only records", complete,
			[]string{base + "mode = \"audit\"\n", "name = \"x\"\n[pids]\nmax = 5\n"},
			[]string{`warning /p/b.toml:2:1: this policy extends no profile: a container that it alone selects is held to its 1 rule(s) and to nothing else; write extends = ["baseline"] if that is not meant`},
		},
		{
			"nothing is enforced", complete,
			[]string{base + "mode = \"audit\"\n"},
			[]string{"note no installed policy enforces: containers that they select start as they are; what is enforced where no policy is installed (policy.unselected in runward.toml) does not hold for them"},
		},
		{"nor was it before", Node{Complete: true, Unselected: "allow"}, []string{base + "mode = \"audit\"\n"}, nil},
		{
			"an exception that ended", complete,
			[]string{base + "[[exception]]\nrules = [\"seccomp\"]\nmatch = { pod = [\"a\"] }\nreason = \"r\"\nexpires = 2027-01-15\n"},
			[]string{`warning /p/a.toml:8:1: this exception ended on 2027-01-15 and no longer lets anything pass; renew it or take it out`},
		},
		{"one that ends tomorrow", complete, []string{base + "[[exception]]\nrules = [\"seccomp\"]\nmatch = { pod = [\"a\"] }\nreason = \"r\"\nexpires = 2027-01-16\n"}, nil},
		{"one from a rule that another file has", complete, []string{"name = \"x\"\n[[exception]]\nrules = [\"seccomp\"]\nmatch = { pod = [\"a\"] }\nreason = \"r\"\n", base}, nil},
		{
			"one that speaks to a policy without the rule", complete,
			[]string{base, "name = \"x\"\n[[exception]]\nrules = [\"seccomp\"]\nmatch = { pod = [\"a\"] }\nreason = \"r\"\npolicies = [\"x\"]\n"},
			[]string{`warning /p/b.toml:4:1: this exception is from the rule "seccomp", which no policy among x switches on: it has no effect`},
		},
		{
			"a name that no namespace has", complete,
			[]string{base, "name = \"x\"\nextends = [\"baseline\"]\n[[select]]\nnamespace = [\"dev\", \"Prod\"]\n"},
			[]string{`warning /p/b.toml:5:21: the name of a namespace has only a-z, 0-9, - (and a glob *, ** and ?), so "Prod" matches nothing`},
		},
		{
			"a glob of another kind", complete,
			[]string{base, "name = \"x\"\nextends = [\"baseline\"]\n[[select]]\npod = [\"web-[0-9]\"]\n"},
			[]string{`warning /p/b.toml:5:8: the name of a pod has only a-z, 0-9, - and . (and a glob *, ** and ?), so "web-[0-9]" matches nothing`},
		},
		{
			"a digest that is none, one cut off, and two that may be", complete,
			[]string{base, "name = \"x\"\nextends = [\"baseline\"]\n[[select]]\ndigest = [\"sha512:*\", \"sha256:ab\", \"sha256:ab*\", \"*\"]\n"},
			[]string{
				`warning /p/b.toml:5:11: a digest is sha256: and 64 digits of 0-9 and a-f, so "sha512:*" matches nothing`,
				`warning /p/b.toml:5:23: a digest is sha256: and 64 digits of 0-9 and a-f, so "sha256:ab" matches nothing`,
			},
		},
		{
			"a user by name", complete,
			[]string{base, "name = \"x\"\nextends = [\"baseline\"]\n[[select]]\nuser = [\"alice\", \"1000\"]\n"},
			[]string{`warning /p/b.toml:5:9: a user is told by number, so "alice" matches nothing`},
		},
		{
			"a list that excludes what it names", complete,
			[]string{base, "name = \"x\"\nextends = [\"baseline\"]\n[[select]]\nnamespace = [\"a\", \"b-*\", \"!b-*\", \"!a*\"]\n"},
			[]string{`warning /p/b.toml:5:1: this list excludes all that it names, so it matches nothing`},
		},
		{"one that excludes some", complete, []string{base, "name = \"x\"\nextends = [\"baseline\"]\n[[select]]\nnamespace = [\"prod-*\", \"!prod-legacy\"]\n"}, nil},
		{
			"a namespace of Docker's", complete,
			[]string{base, "name = \"x\"\nextends = [\"baseline\"]\n[[select]]\nengine = [\"docker\", \"podman\"]\nnamespace = [\"a\"]\n"},
			[]string{`warning /p/b.toml:6:1: what this selector is for has no namespace that its engine says (containerd's CRI and CRI-O do), so it matches nothing; missing = "match" would take what is not said`},
		},
		{"one that may be missing", complete, []string{base, "name = \"x\"\nextends = [\"baseline\"]\n[[select]]\nengine = [\"docker\"]\nnamespace = [\"a\"]\nmissing = \"match\"\n"}, nil},
		{"a namespace of containerd's", complete, []string{base, "name = \"x\"\nextends = [\"baseline\"]\n[[select]]\nengine = [\"docker\", \"containerd\"]\nnamespace = [\"a\"]\n"}, nil},
		{
			"a container of sandboxes", complete,
			[]string{base, "name = \"x\"\nextends = [\"baseline\"]\n[[select]]\nkind = [\"sandbox\"]\ncontainer = [\"a\"]\n"},
			[]string{`warning /p/b.toml:6:1: what this selector is for has no container that its engine says (containerd's CRI and CRI-O do), so it matches nothing; missing = "match" would take what is not said`},
		},
		{
			"builds of Docker's", complete,
			[]string{base, "name = \"x\"\nextends = [\"baseline\"]\n[[select]]\nengine = [\"docker\"]\nkind = [\"build\"]\n"},
			[]string{`warning /p/b.toml:6:1: no engine of this selector has containers of this kind, so it matches nothing`},
		},
		{
			"an exception that can match nothing", complete,
			[]string{base + "[[exception]]\nrules = [\"seccomp\"]\nmatch = { engine = [\"podman\"], container = [\"a\"] }\nreason = \"r\"\n"},
			[]string{`warning /p/a.toml:6:32: what this selector is for has no container that its engine says (containerd's CRI and CRI-O do), so it matches nothing`},
		},

		{
			"a rule that can never pass", complete,
			[]string{base + "[image]\nallow = [\"registry.example.com/**\"]\nforbid = [\"**\"]\n"},
			[]string{`warning /p/a.toml:4:2: this rule can never pass: it refuses every container that the policy selects, also one that is made for it (an image that the engine did not name; wanted an image with registry and name that the engine says)`},
		},
		{"one that passes what it allows", complete, []string{base + "[image]\nallow = [\"registry.example.com/**\"]\nforbid = [\"**:latest\"]\nrequire_digest = true\n"}, nil},
		{
			"one that asks engines for what they do not say", complete,
			[]string{base, "name = \"x\"\nextends = [\"baseline\"]\n[require_identity]\nfields = [\"pod\"]\n[[select]]\nengine = [\"docker\"]\n"},
			[]string{`warning /p/b.toml:4:2: this rule can never pass: it refuses every container that the policy selects, also one that is made for it (not said by the engine: pod; wanted all that require_identity.fields names)`},
		},
		{
			"an empty list of programs", complete,
			[]string{base + "[command]\nallow = []\n"},
			[]string{`warning /p/a.toml:4:2: this rule can never pass: it refuses every container that the policy selects, also one that is made for it (the program "sample"; wanted none of this kind)`},
		},
		{"a list of programs", complete, []string{base + "[command]\nallow = [\"/usr/bin/*\"]\nforbid = [\"/usr/bin/ns*\"]\n[hostname]\nallow = [\"*.example.com\"]\n"}, nil},
		{"one that only records", complete, []string{base + "[command]\nallow = []\naction = \"audit\"\n"}, nil},
		{"exceptions alone, among files that are named", Node{Now: now}, []string{"name = \"x\"\n[[exception]]\nrules = [\"seccomp\"]\nmatch = { pod = [\"a\"] }\nreason = \"r\"\n"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := Check(examined(t, c.files...), rules.All, c.node)
			var got []string
			for _, p := range r.Problems {
				got = append(got, string(p.Severity)+" "+p.Place()+p.Message)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got:\n%q\nwant:\n%q", got, c.want)
			}
			if want := c.node.Complete && r.Count(Error) > 0; r.Refuses != want {
				t.Errorf("refuses: %t", r.Refuses)
			}
		})
	}
}

// What is shipped has none of this.
func TestProfilesAreClean(t *testing.T) {
	for _, name := range profiles.Names() {
		text, _ := profiles.Text(name)
		p, err := policyfile.Parse("built-in:"+name, text, rules.All, policyfile.BuiltInExtend(rules.All))
		r := Check([]policyfile.Examined{{File: "built-in:" + name, Text: text, Policy: p, Err: err}}, rules.All, Node{Now: now})
		for _, x := range r.Problems {
			t.Errorf("%s: %s %s", name, x.Severity, x.Place()+x.Message)
		}
	}
}
