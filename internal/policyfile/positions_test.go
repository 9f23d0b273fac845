package policyfile_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/runward/runward/internal/policyfile"
	"github.com/runward/runward/internal/tomlfile"
	"github.com/runward/runward/policy/rules"
)

// Every class of mistake has file, line, column and the text of the line. In the
// text the place is marked by "»".
func TestEveryMistakeHasItsPlace(t *testing.T) {
	const head = "# a policy\nversion = 1\nname = \"p\"\n\n"
	for _, c := range []struct{ class, text, want string }{
		// Unknown keys, at each nesting.
		{"unknown key at the top", head + "»modes = \"audit\"\n", `unknown key "modes"; did you mean "mode"?`},
		{"unknown rule", head + "[»capabilites]\nallow = []\n", `unknown key "capabilites"; did you mean "capabilities"?`},
		{"unknown rule, inline", head + "»pid = { max = 3 }\n", `unknown key "pid"; did you mean "pids"?`},
		{"unknown rule, dotted", head + "»pidz.max = 3\n", `unknown key "pidz"; did you mean "pids"?`},
		{"unknown setting", head + "[memory]\nmax = 3\n»defualt = 3\n", `unknown key "defualt"; did you mean "default"?`},
		{"unknown setting, nothing near", head + "[memory]\n»zzzzzzzz = 3\n", `unknown key "zzzzzzzz"; known here: action, default, max`},
		{"unknown setting in an inline table", head + "memory = { max = 3, »defualt = 3 }\n", `unknown key "defualt"; did you mean "default"?`},
		{"unknown setting, twice in the file", head + "[pids]\nmax = 3\n[memory]\n# maxx\nmax = 1\n»maxx = 3\n", `unknown key "maxx"; did you mean "max"?`},
		{"unknown key of a selector", head + "[[select]]\nengine = [\"docker\"]\n\n[[select]]\n»namespase = [\"a\"]\n", `unknown key "namespase"; did you mean "namespace"?`},
		{"unknown key of a selector, in one line", head + "select = [{ engine = [\"docker\"] }, { »enginee = [\"a\"] }]\n", `unknown key "enginee"; did you mean "engine"?`},
		{"unknown key of an exception", head + "[[exception]]\nrules = [\"pids\"]\n»reson = \"r\"\n", `unknown key "reson"; did you mean "reason"?`},
		{"unknown key of a match", head + "[[exception]]\nrules = [\"pids\"]\nreason = \"r\"\nmatch = { »nmespace = [\"a\"] }\n", `unknown key "nmespace"; did you mean "namespace"?`},
		{"unknown key of an allow", head + "[[exception]]\nrules = [\"pids\"]\nreason = \"r\"\nmatch = { pod = [\"a\"] }\nallow = { »mxa = 3 }\n", `exception: allow: unknown key "mxa"; did you mean "max"?`},
		{"unknown key of an allow table", head + "[[exception]]\nrules = [\"pids\"]\nreason = \"r\"\nmatch.pod = [\"a\"]\n[exception.allow]\n»mxa = 3\n", `exception: allow: unknown key "mxa"; did you mean "max"?`},

		// Letter case.
		{"case of a key", head + "»Mode = \"audit\"\n", `unknown key "Mode"; did you mean "mode"?`},
		{"case of a rule", head + "[»Pids]\n", `unknown key "Pids"; did you mean "pids"?`},
		{"case of a setting", head + "[pids]\n»MAX = 3\n", `unknown key "MAX"; did you mean "max"?`},
		{"case of a value", head + "»mode = \"Enforce\"\n", `mode: want enforce, audit or off, found "Enforce"`},

		// Types.
		{"type at the top", head + "»mode = 3\n", `mode: want a string, found a number`},
		{"type of a rule", head + "»pids = 3\n", `pids: want a table [pids]`},
		{"type of a number", head + "[pids]\n»max = \"many\"\n", `max: want a whole number`},
		{"type of a list", head + "[capabilities]\n»allow = \"CAP_CHOWN\"\n", `allow: want an array of strings`},
		{"type in a list", head + "[capabilities]\n»allow = [\n  \"CAP_CHOWN\",\n  3,\n]\n", `allow: want an array of strings`},
		{"type of a flag", head + "[user]\n»non_root = \"yes\"\n", `non_root: want true or false`},
		{"type of a selector", head + "»select = 3\n", `select: want an array, found a number`},
		{"type in a selector", head + "[[select]]\n»engine = \"docker\"\n", `engine: want an array, found a string`},
		{"type of an exception's end", head + "[[exception]]\n»expires = \"2027-01-01\"\n", `expires: want a date such as 2027-06-30, found a string`},

		// Values.
		{"version", "»version = 2\nname = \"p\"\n", `version 2 is not known to this runward; it reads version 1`},
		{"no version", "»name = \"p\"\n", `no version: write version = 1 at the top`},
		{"no name", "»version = 1\n", `no name: write name = "..." at the top; receipts and refusals name the policy by it`},
		{"an empty file", "»", `no version: write version = 1 at the top`},
		{"name", "version = 1\n»name = \"a b\"\n", `name: no spaces, "+" or "|"`},
		{"action", head + "[pids]\n»action = \"refuse\"\n", `action: want rewrite, deny or audit`},
		{"unit", head + "[memory]\n»max = \"2 Gigs\"\n", `max: want a size such as 536870912 or "512MiB", found "2 Gigs"`},
		{"capability", head + "[capabilities]\nallow = [\n  \"CAP_CHOWN\",\n  »\"CAP_CHWON\",\n]\n", `allow: "CAP_CHWON" is not known; did you mean "CAP_CHOWN"?`},
		{"capability, in one line", head + "[capabilities]\nambient = []\nallow = [\"CAP_CHOWN\", »'CHOWN'] # 'CHOWN'\n", `allow: "CHOWN" is not known; did you mean "CAP_CHOWN"?`},
		{"device", head + "[devices]\nallow = [»\"c\"]\n", `devices.allow: want "c 10:229 rwm" (type a, b or c; numbers or *; some of r, w, m), found "c"`},
		{"path", head + "[host_paths]\nforbid = [»\"srv\"]\n", `host_paths: want an absolute path without . and .., found "srv"`},
		{"a setting by itself", head + "[memory]\nmax = 5\n»default = 0\n", `memory.default: want more than 0, found 0`},
		{"extends", head + "extends = [\"baseline\", »\"restrictd\"]\n", `extends: no profile is called "restrictd"; did you mean "restricted"?`},
		{"glob", head + "[[select]]\nnamespace = [\"a\", »\"!\"]\n", `namespace: an empty glob matches nothing; want a name, or "*" for any`},
		{"missing", head + "[[select]]\n»missing = \"yes\"\n", `missing: want "match", or leave it out, found "yes"`},

		// Exceptions.
		{"exception without rules", head + "[[»exception]]\nreason = \"r\"\nmatch = { pod = [\"a\"] }\n", `exception: it names no rules: write rules = [...]`},
		{"exception without a reason", head + "[[exception]]\nrules = [\"pids\"]\nreason = \"r\"\nmatch = { pod = [\"a\"] }\n\n[[»exception]]\nrules = [\"pids\"]\nmatch = { pod = [\"a\"] }\n", `exception: it gives no reason: write reason = "..."; it stands in every receipt that uses it`},
		{"exception from no rule", head + "[[exception]]\nrules = [\"memory\", »\"pid\"]\nreason = \"r\"\nmatch = { pod = [\"a\"] }\n", `exception: unknown rule "pid"; did you mean "pids"?`},
		{"exception that allows what is none", head + "[[exception]]\nrules = [\"capabilities\"]\nreason = \"r\"\nmatch = { pod = [\"a\"] }\nallow = { allow = [»\"CAP_NO\"] }\n", `allow: "CAP_NO" is not known`},

		// What TOML itself does not allow.
		{"key twice", head + "[pids]\nmax = 3\n»max = 4\n", `Key 'pids.max' has already been defined.`},
		{"table twice", head + "[pids]\nmax = 3\n[»pids]\n", `Key 'pids' has already been defined.`},
		{"no value", head + "mode =»\n", `expected value but found '\n' instead`},
		{"no quotes", head + "mode = »audit\n", `expected value but found "audit" instead`},
		{"string without an end", head + "mode = \"audit»\n", `strings cannot contain newlines`},
		{"array without an end", head + "[pids]\nmax = [1,»\n", `unexpected EOF; expected value`},
		{"date", head + "[[exception]]\nexpires = »2027-13-01\n", `invalid datetime: "2027-13-01"`},
		{"escape", head + "name2 = \"»a\\q\"\n", `invalid escape in string '\q'`},
		{"not UTF-8", head + "x = »\"\xff\"\n", `invalid UTF-8 byte: 0xff`},
	} {
		t.Run(c.class, func(t *testing.T) {
			before, after, marked := strings.Cut(c.text, "»")
			if !marked {
				t.Fatal("the case marks no place")
			}
			line := strings.Count(before, "\n") + 1
			start := before[strings.LastIndexByte(before, '\n')+1:]
			rest, _, _ := strings.Cut(after, "\n")
			_, err := policyfile.Parse("p.toml", []byte(before+after), rules.All, noProfiles)
			var at *tomlfile.Error
			if !errors.As(err, &at) {
				t.Fatalf("error %v has no place", err)
			}
			if at.File != "p.toml" || at.Line != line || at.Column != len([]rune(start))+1 || at.Text != start+rest {
				t.Errorf("%s:%d:%d %q\nwant %d:%d %q", at.File, at.Line, at.Column, at.Text, line, len([]rune(start))+1, start+rest)
			}
			if at.Msg != c.want {
				t.Errorf("got  %s\nwant %s", at.Msg, c.want)
			}
			if prefix := "p.toml:" + strconv.Itoa(at.Line) + ":"; !strings.HasPrefix(err.Error(), prefix) || strings.Contains(err.Error(), "\n") {
				t.Errorf("not one line with its place: %q", err)
			}
		})
	}
}
