package customrule

import (
	"errors"
	"testing"

	"github.com/runward/runward/policy"
)

func TestCompileSaysWhatIsWrongAndWhere(t *testing.T) {
	for _, c := range []struct {
		when, on string
		offset   int
		want     string
	}{
		{`spec.process.usr.uid == 0`, "create", 13, `unknown field "usr"; did you mean "user"?`},
		{`any(spec.mounts, .destnation == "/x")`, "create", 18, `unknown field "destnation"; did you mean "destination"?`},
		{`spec.linux["Seccomp"].syscalls == 0`, "create", 11, `unknown field "Seccomp"; did you mean "seccomp"?`},
		{`egnine == "docker"`, "create", 0, `unknown name "egnine"; did you mean "engine"?`},
		{`kernel.patch > 3`, "create", 7, `unknown field "patch"; known here: major, minor`},
		{`let é = "ä"; é == imag`, "create", 21, `unknown name "imag"; did you mean "image"?`},
		{`let u = spec.process.usr; u.uid == 0`, "create", 21, `unknown field "usr"; did you mean "user"?`},
		{`spec.process.user.uid`, "create", 0, `the expression must be true or false, and this one is of the type int: compare it`},
		{`spec.process.user.uid == "0"`, "create", 22, `invalid operation: == (wrong types int and string)`},
		{`spec.process.user == 0`, "create", 18, `invalid operation: == (wrong types object and int)`},
		{`spec.process.user.uid = 0`, "create", 22, `unexpected token Operator("=")`},
		{`spec.process.args == ["sh"]`, "create", 18, `== compares text, numbers and true or false; of lists and objects ask len, has, in, any or all`},
		{`spec.linux.seccomp == nil`, "create", 22, nothingIsNil},
		{`(spec.hostname ?? "x") == "x"`, "create", 15, nothingIsNil},
		{`spec.process.user.uid in 1..5`, "create", 26, `ranges are not known here`},
		{`"uid" in spec.process.user`, "create", 6, `in wants a list, or an object of keys that config.json chooses; ask has(...) for a field`},
		{`now() > date("2027-01-01")`, "create", 0, `unknown function "now"; known here: abs, all, any, count, filter, glob, has, hasPrefix, hasSuffix, int, join, keys, len, lower, map, max, min, none, one, split, sum, trim, trimPrefix, trimSuffix, upper`},
		{`glb(image, "x")`, "create", 0, `unknown function "glb"; did you mean "glob"?`},
		{`repeat("a", 1000000) == image`, "create", 0, `unknown function "repeat"; known here: abs, all, any, count, filter, glob, has, hasPrefix, hasSuffix, int, join, keys, len, lower, map, max, min, none, one, split, sum, trim, trimPrefix, trimSuffix, upper`},
		{`reduce(spec.mounts, 1, 0) > 3`, "create", 0, `unknown function "reduce"; known here: abs, all, any, count, filter, glob, has, hasPrefix, hasSuffix, int, join, keys, len, lower, map, max, min, none, one, split, sum, trim, trimPrefix, trimSuffix, upper`},
		{`$env.spec.hostname == "x"`, "create", 0, "$env: write the names themselves, such as spec or engine"},
		{`"x" matches spec.hostname`, "create", 4, `matches wants a pattern in quotes, written here`},
		{`image matches "("`, "create", 6, "error parsing regexp: missing closing ): `(`"},
		{`glob(image)`, "create", 0, `glob takes 2 arguments, found 1`},
		{`glob(image, 5)`, "create", 0, `glob takes text, found number`},
		{`keys(spec.mounts)[0] == ""`, "create", 0, `keys takes an object such as spec.annotations, found list of objects`},
		{`join(spec.mounts, "") == ""`, "create", 0, `join takes a list of texts, found list of objects`},
		{`trim(image, "x") == ""`, "create", 0, `trim takes a text alone, and takes white space from both of its ends`},
		{`(rootless ? 1 : "x") == 1`, "create", 19, `this can be of more than one type: let both sides of ? : or the elements of a list be of one`},
		{`{"a": 1}.a == 1`, "create", 0, `only text, numbers, true, false and lists of them can be written here`},
		{`image.foo()`, "create", 6, `type string has no method foo`},
		{`#budget == 1`, "create", 0, `unexpected token Operator("#")`},
		{`spec.mounts[0].type == ""`, "exec", 5, `unknown field "mounts"; known here: process`},
	} {
		err := Compile(&policy.Custom{When: c.when, On: []string{c.on}})
		var at *policy.WhenError
		if !errors.As(err, &at) {
			t.Errorf("%s: %v", c.when, err)
			continue
		}
		if at.Msg != c.want || at.Offset != c.offset {
			t.Errorf("%s:\n got %d %s\nwant %d %s", c.when, at.Offset, at.Msg, c.offset, c.want)
		}
	}
}

// Every environment has every name that it documents, and runs.
func TestNamesAreThoseOfTheEnvironment(t *testing.T) {
	want := append(names(configFor(ofContainer{}).Env.Type), "")
	for i, n := range Names() {
		if n.Name != "spec" && n.Name != want[i-1] && n.Name != want[i] {
			t.Errorf("%q is not %q", n.Name, want[i])
		}
	}
	if len(Names()) != len(want)-1 {
		t.Errorf("%d names, %d documented", len(want)-1, len(Names()))
	}
}

func BenchmarkCompile(b *testing.B) {
	for b.Loop() {
		if err := Compile(&policy.Custom{When: `any(spec.mounts, .destination startsWith "/x")`}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMatch(b *testing.B) {
	c := &policy.Custom{When: `any(spec.mounts, .destination startsWith "/x")`}
	if err := Compile(c); err != nil {
		b.Fatal(err)
	}
	spec := huge()
	spec.Mounts, spec.Process.Env, spec.Linux.Sysctl = spec.Mounts[:20], spec.Process.Env[:50], nil
	b.ResetTimer()
	for b.Loop() {
		if _, err := c.Match(spec, &policy.Facts{}); err != nil {
			b.Fatal(err)
		}
	}
}
