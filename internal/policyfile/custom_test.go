package policyfile_test

import (
	"strings"
	"testing"

	"github.com/runward/runward/internal/customrule"
	"github.com/runward/runward/internal/policyfile"
	"github.com/runward/runward/policy"
	"github.com/runward/runward/policy/rules"
)

func parseCustom(text string) (*policy.Policy, error) {
	return policyfile.ParseCompile("p.toml", []byte(text), rules.All, noProfiles, customrule.Compile)
}

func TestCustomRuleRefused(t *testing.T) {
	const id, message = "id = 'a-b'\n", "message = 'm'\n"
	for _, c := range []struct{ text, want string }{
		{id + message + "when = 'true'\nwhenn = 'x'", `p.toml:7:1: unknown key "whenn"; did you mean "when"?`},
		{message + "when = 'true'", `p.toml:3:3: rule: want lower-case letters, digits and at least one "-", such as "site-registry", found "": names without "-" are runward's own, also those to come`},
		{"id = 'seccomp'\n" + message + "when = 'true'", `p.toml:4:1: id: want lower-case letters, digits and at least one "-", such as "site-registry", found "seccomp": names without "-" are runward's own, also those to come`},
		{"id = 'a-'\n" + message + "when = 'true'", `p.toml:4:1: id: want lower-case letters, digits and at least one "-", such as "site-registry", found "a-": names without "-" are runward's own, also those to come`},
		{id + message, `p.toml:3:3: rule: it has no expression: write when = "..."; it refuses what the expression holds for`},
		{id + "when = 'true'", `p.toml:3:3: rule: it has no message: write message = "..."; whoever is refused reads "found " and then this`},
		{id + "message = \"a\\nb\"\nwhen = 'true'", `p.toml:5:1: message: want one line, without control characters`},
		{id + "message = 'Permission denied'\nwhen = 'true'", `p.toml:5:1: message: engines take "permission denied" for an error of the container's own and report another exit code: say it in other words`},
		{id + message + "hint = 'it does not exist'\nwhen = 'true'", `p.toml:6:1: hint: engines take "does not exist" for an error of the container's own and report another exit code: say it in other words`},
		{id + message + "when = 'image == \"no such process\"'", `p.toml:6:1: when: engines take "no such process" for an error of the container's own and report another exit code: say it in other words`},
		{id + message + "when = 'true'\naction = 'rewrite'", `p.toml:7:1: action: want deny or audit, found "rewrite": a custom rule cannot rewrite`},
		{id + message + "when = 'true'\non = ['start']", `p.toml:7:1: on: want create (which is run and restore as well) or exec, found "start"`},
		{id + message + "when = 'true'\non = []", `p.toml:7:1: on: want create, exec or both`},
		{id + message + "when = 'true'\n[[rule]]\n" + id + message + "when = 'true'", `p.toml:8:1: id: "a-b" is also that of a rule above it`},
		{id + message + "when = '''" + strings.Repeat("a", 9000) + "'''", `p.toml:6:1: when: longer than 8192 bytes: split the rule`},
		{id + message + "when = 'true'\n[[exception]]\nrules=['a-b']\nreason='r'\nmatch={engine=['*']}\nallow={max=3}", `p.toml:11:1: exception: "a-b" is a custom rule, which can only be waived: leave allow out`},

		// Places within the expression.
		{id + message + "when = 'spec.hostnam == \"\"'", `p.toml:6:14: when: unknown field "hostnam"; did you mean "hostname"?`},
		{id + message + `when = "spec.hostnam == \"\""`, `p.toml:6:14: when: unknown field "hostnam"; did you mean "hostname"?`},
		{id + message + `when = "image == \"\" or spec.hostnam == \"\""`, `p.toml:6:31: when: unknown field "hostnam"; did you mean "hostname"?`},
		{id + message + `when = "image == \"\u00e4ö\U0000006f\" or spec.hostnam == \"\""`, `p.toml:6:48: when: unknown field "hostnam"; did you mean "hostname"?`},
		{id + message + "when = '''\nimage == \"\" or\n  spec.hostnam == \"\"\n'''", `p.toml:8:8: when: unknown field "hostnam"; did you mean "hostname"?`},
		{id + message + "when = \"\"\"\nimage == '' or \\\n\n   spec.hostnam == ''\"\"\"", `p.toml:9:9: when: unknown field "hostnam"; did you mean "hostname"?`},
		{"when = 'whenn == 1' # when\n" + id + message, `p.toml:4:9: when: unknown name "whenn"; known here: engine, handler, runtime, verb, flags, kind, namespace, pod, pod_uid, container, image, digest, user, annotations, labels, rootless, bundle, arch, kernel, cgroup_v2, apparmor, selinux, spec`},
		{id + message + "\"when\" = ''' imag == '' '''", `p.toml:6:14: when: unknown name "imag"; did you mean "image"?`},
	} {
		_, err := parseCustom(head + "[[rule]]\n" + c.text)
		if err == nil || err.Error() != c.want {
			t.Errorf("%q:\n got %v\nwant %s", c.text, err, c.want)
		}
	}
	_, err := parseCustom(head + "rule = [{ id = 'a-b', message = 'when is it', when = 'imag == \"\"' }]")
	if want := `p.toml:3:55: when: unknown name "imag"; did you mean "image"?`; err == nil || err.Error() != want {
		t.Errorf("inline:\n got %v\nwant %s", err, want)
	}
	_, err = parseCustom(strings.ReplaceAll(head+"[[rule]]\n"+id+message+"when = '''\nimage == \"\" or\n imag == \"\"'''", "\n", "\r\n"))
	if want := `p.toml:8:2: when: unknown name "imag"; did you mean "image"?`; err == nil || err.Error() != want {
		t.Errorf("CRLF:\n got %v\nwant %s", err, want)
	}
}

func TestCustomRulesOfProfiles(t *testing.T) {
	rule := func(when string) string { return "[[rule]]\nid='a-b'\nmessage='m'\nwhen='" + when + "'\n" }
	base, err := parseCustom("version = 1\nname = 'base'\n" + rule("rootless"))
	if err != nil {
		t.Fatal(err)
	}
	extend := func(string) (*policy.Policy, error) { return base, nil }
	p, err := policyfile.ParseCompile("p.toml", []byte(head+"extends = ['base', 'base']\n"+rule("selinux")), rules.All, extend, customrule.Compile)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Custom) != 2 || p.Custom[0].Policy != "p" || p.Custom[1].Policy != "base" || p.Custom[1].Match == nil {
		t.Errorf("%+v", p.Custom)
	}
}
