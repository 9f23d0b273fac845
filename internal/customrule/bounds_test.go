package customrule

import (
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/expr-lang/expr/vm"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"github.com/runward/runward/policy"
)

// longest is what an evaluation may take of a processor; what a budget does not
// bound takes minutes.
const longest = 100 * time.Millisecond

// huge is a config.json of about 8 MiB, the most that is read, with all that an
// author of one can make long.
func huge() *specs.Spec {
	s := &specs.Spec{
		Process: &specs.Process{Args: []string{strings.Repeat("a", 1<<20), strings.Repeat("ab", 1<<19), strings.Repeat("a", 1<<20-1) + "b"}},
		Linux:   &specs.Linux{Sysctl: map[string]string{}},
		Annotations: map[string]string{
			"long": strings.Repeat("a", 1<<20), "commas": strings.Repeat(",", 1<<20), "short": "x", "upper": strings.Repeat("\u0130", 1<<18),
		},
	}
	for i := range 60_000 {
		s.Process.Env = append(s.Process.Env, "A="+strconv.Itoa(i))
		s.Mounts = append(s.Mounts, specs.Mount{Destination: "/" + strconv.Itoa(i), Options: []string{"ro"}})
	}
	for i := range 20_000 {
		s.Linux.Sysctl[strconv.Itoa(i)] = "1"
	}
	return s
}

// took evaluates an expression and returns how long that took.
func took(t testing.TB, when string, spec *specs.Spec) (time.Duration, error) {
	t.Helper()
	program, err := compile(when, ofContainer{})
	if err != nil {
		t.Fatalf("%s: %v", when, err)
	}
	env := containerEnv(spec, &policy.Facts{Identity: policy.Identity{Image: strings.Repeat("b/", 1000)}})
	return timed(t, program, env)
}

// timed evaluates, and tells how long this thread worked for it, whatever else
// the machine does.
func timed(t testing.TB, program *vm.Program, env any) (time.Duration, error) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	worked := func() time.Duration {
		var u unix.Rusage
		if err := unix.Getrusage(unix.RUSAGE_THREAD, &u); err != nil {
			t.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	env = refilled(env)
	began := worked()
	_, err := run(program, env)
	return worked() - began, err
}

func refilled(env any) any {
	e := env.(ofContainer)
	e.Budget = &budget{fullBudget}
	return e
}

func TestExpressionsAreBounded(t *testing.T) {
	spec := huge()
	doubled := `let a = spec.annotations.long; `
	for i := range 30 {
		name, next := string(rune('a'+i)), string(rune('a'+i+1))
		if i > 24 {
			break
		}
		doubled += "let " + next + " = " + name + " + " + name + "; "
	}
	for _, when := range []string{
		`any(spec.mounts, any(spec.mounts, .destination == "x"))`,
		`any(spec.mounts, let m = #; any(spec.mounts, .destination == m.destination + "x"))`,
		`count(spec.mounts, count(spec.mounts, count(spec.mounts, true) > 1) > 1) > 1`,
		`any(spec.process.env, # in spec.process.env and false)`,
		`any(spec.process.env, spec.process.args[0] == spec.process.args[2])`,
		`any(spec.process.env, spec.annotations.long contains "b")`,
		`any(spec.process.env, lower(spec.annotations.upper) == "x")`,
		`any(spec.process.env, len(split(spec.annotations.commas, ",")) == 1)`,
		`len(map(spec.process.env, join(spec.process.env, ","))) == 1`,
		`len(map(spec.process.env, # + spec.annotations.long)) == 1`,
		`spec.process.args[0] matches "(a*)*(a*)*(a*)*b"`,
		`spec.process.args[0] matches "(x{0,30}a?){30}b"`,
		`any(spec.process.env, # matches "(a|b|c|A|=|1|2|3)*(a|b|c|A|=|1|2|3)*x")`,
		`glob(spec.process.args[0], "*a*a*a*a*a*b")`,
		`any(spec.process.env, glob(spec.process.args[0], "**b"))`,
		`any(spec.process.env, len(keys(spec.linux.sysctl)) == 0)`,
		`any(spec.process.env, spec.linux.sysctl[spec.process.args[0]] == "x")`,
		`len(filter(spec.mounts, len(filter(spec.mounts, true)) > 0)) == 0`,
		`len(map(spec.mounts, map(spec.mounts, #))) == 0`,
		`len(map(spec.process.env, split(spec.annotations.long, ""))) == 0`,
		`any(spec.process.env, trim(spec.annotations.long) == "x")`,
		`join(spec.process.env, spec.annotations.long) == ""`,
		`join(map(spec.process.env, spec.annotations.long), "") == ""`,
		`any(spec.process.env, max(map(spec.mounts, len(.options))) == 7)`,
		doubled + `len(` + string(rune('a'+25)) + `) == 1`,
	} {
		d, err := took(t, when, spec)
		if err == nil || err.Error() != errBudget.msg {
			t.Errorf("%s: %v, want it to go beyond the budget", when, err)
		}
		if d > longest {
			t.Errorf("%s: took %v", when, d)
		}
		t.Logf("%v: %.60s", d, when)
	}
}

// What a reasonable rule asks of a large config.json is well within.
func TestOrdinaryExpressionsAreFarFromTheBound(t *testing.T) {
	s := huge()
	s.Process.Env, s.Mounts = s.Process.Env[:2000], s.Mounts[:200]
	for _, when := range []string{
		`any(spec.mounts, .type == "nfs" or .source matches "^//[a-z]+/(a|b)")`,
		`any(spec.process.env, # startsWith "LD_" or glob(#, "*_proxy=*"))`,
		`any(spec.mounts, let m = .destination; count(spec.mounts, .destination == m) > 1)`,
		`any(keys(spec.linux.sysctl), # startsWith "kernel.")`,
	} {
		if _, err := took(t, when, s); err != nil {
			t.Errorf("%s: %v", when, err)
		}
	}
}

// expressions draws boolean expressions that compile.
func expressions(depth int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string { return drawBool(t, depth) })
}

func pick(t *rapid.T, all ...string) string { return rapid.SampledFrom(all).Draw(t, "x") }

func drawBool(t *rapid.T, depth int) string {
	if depth == 0 {
		return pick(t, "true", "rootless", "spec.root.readonly", `has(spec.mounts)`)
	}
	text := func() string { return drawText(t, depth-1) }
	switch rapid.IntRange(0, 8).Draw(t, "kind") {
	case 0:
		return "(" + drawBool(t, depth-1) + pick(t, " and ", " or ") + drawBool(t, depth-1) + ")"
	case 1:
		return pick(t, "any", "all", "none", "one") + "(" + drawList(t, depth-1) + ", " + drawBool(t, depth-1) + ")"
	case 2:
		return pick(t, "any", "all") + "(" + drawList(t, depth-1) + ", # " + pick(t, "==", "contains", "startsWith", "<") + " " + text() + ")"
	case 3:
		return "(" + text() + pick(t, " == ", " contains ", " endsWith ", " <= ") + text() + ")"
	case 4:
		return "(" + text() + " matches " + pick(t, `"(a*)*b"`, `"^a.*b$"`, `"(a|ab)(c|bcd)*"`, `"a{0,200}b"`) + ")"
	case 5:
		return "glob(" + text() + ", " + pick(t, `"*a*b"`, `"**/x"`, `"a?*c*d**"`) + ")"
	case 6:
		return "(" + text() + " in " + drawList(t, depth-1) + ")"
	case 7:
		return "not " + drawBool(t, depth-1)
	}
	return "(count(" + drawList(t, depth-1) + ", " + drawBool(t, depth-1) + ") > 3)"
}

func drawList(t *rapid.T, depth int) string {
	if depth <= 0 {
		return pick(t, "spec.process.env", "spec.process.args", "map(spec.mounts, .destination)")
	}
	switch rapid.IntRange(0, 4).Draw(t, "kind") {
	case 0:
		return "filter(" + drawList(t, depth-1) + ", " + drawBool(t, depth-1) + ")"
	case 1:
		return "map(" + drawList(t, depth-1) + ", " + drawText(t, depth-1) + ")"
	case 2:
		return "split(" + drawText(t, depth-1) + ", " + pick(t, `","`, `"a"`, `""`) + ")"
	case 3:
		return "keys(spec." + pick(t, "annotations", "linux.sysctl") + ")"
	}
	return drawList(t, 0)
}

func drawText(t *rapid.T, depth int) string {
	if depth <= 0 {
		return pick(t, `"x"`, "image", "spec.annotations.long", "spec.process.args[1]", `spec.annotations["commas"]`)
	}
	switch rapid.IntRange(0, 4).Draw(t, "kind") {
	case 0:
		return "(" + drawText(t, depth-1) + " + " + drawText(t, depth-1) + ")"
	case 1:
		return pick(t, "lower", "upper", "trim") + "(" + drawText(t, depth-1) + ")"
	case 2:
		return "join(" + drawList(t, depth-1) + ", \"a\")"
	case 3:
		return "(" + drawBool(t, depth-1) + " ? " + drawText(t, depth-1) + " : " + drawText(t, depth-1) + ")"
	}
	return drawText(t, 0)
}

func TestDrawnExpressionsAreBounded(t *testing.T) {
	spec := huge()
	rapid.Check(t, func(r *rapid.T) {
		when := expressions(5).Draw(r, "when")
		if _, err := compile(when, ofContainer{}); err != nil {
			r.Fatalf("%s: %v", when, err)
		}
		if d, _ := took(t, when, spec); d > longest {
			r.Fatalf("%s: took %v", when, d)
		}
	})
}

// Nothing that can be written as an expression panics, or runs long.
func FuzzExpression(f *testing.F) {
	for _, when := range []string{
		`any(spec.mounts, .type == "nfs")`, `let a = image; a + a == "x"`, `spec.process?.user?.uid == 0`, `spec["process"].user.uid == 0`,
		`[1, 2, 3] | any(# > 2)`, `1 / 0 > 1`, `spec.mounts[-1].type == ""`, `"a" in {"a": 1}`, `nil ?? true`, `engine[0:5] == "a"`, `true ? 1 : "x"`,
		`if true { true } else { false }`, `1..100000000 | len() > 3`, `reduce(spec.mounts, #acc + 1) > 1`, `sortBy(spec.mounts, .type)[0].type == ""`,
		`$env["spec"].process.args[0] == ""`, `keys(annotations)[0] == "x"`, `"` + "`" + `"`, `((((((((`, `b"abc" == ""`, `get(spec, "mounts")`, `2 ** 1000 > 1`,
	} {
		f.Add(when)
	}
	spec := huge()
	env := containerEnv(spec, &policy.Facts{})
	f.Fuzz(func(t *testing.T, when string) {
		if len(when) > 8<<10 {
			return
		}
		program, err := compile(when, ofContainer{})
		if err != nil {
			return
		}
		if d, _ := timed(t, program, env); d > longest { // whether it holds does not matter
			t.Errorf("%q took %v", when, d)
		}
	})
}
