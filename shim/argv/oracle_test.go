//go:build oracle

package argv

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// What test/oracle's programs answer: what the library made of the arguments.
type oracleAnswer struct {
	Verb          string // empty: no verb was called
	Global, Flags map[string][]string
	Args          []string
}

var runcVerbs = []string{"create", "run", "exec", "update", "restore", "checkpoint", "delete"}

func isList(name string) bool {
	switch name {
	case "env", "cap", "cgroup", "empty-ns", "additional-gids":
		return true
	}
	return false
}

// answerOf is a reading in the oracle's form.
func answerOf(r reading) oracleAnswer {
	a := oracleAnswer{Verb: r.verb, Global: byName(r.global), Flags: byName(r.flags)}
	for _, arg := range r.args {
		a.Args = append(a.Args, arg.text)
	}
	return a
}

func byName(flags []Flag) map[string][]string {
	values := map[string][]string{}
	for _, f := range flags {
		switch {
		case f.Name == "help" || f.Name == "version":
		case isList(f.Name):
			values[f.Name] = append(values[f.Name], f.Value)
		default:
			values[f.Name] = []string{f.Value}
		}
	}
	return values
}

func (a oracleAnswer) String() string {
	return fmt.Sprintf("%s %v %v %q", a.Verb, a.Global, a.Flags, a.Args)
}

func equal(a, b oracleAnswer) bool { return a.String() == b.String() }

// An oracle is a program of test/oracle, running.
type oracle struct {
	in  *json.Encoder
	out *json.Decoder
}

// startOracle starts one that reads with urfave/cli.
func startOracle(t *testing.T, name string) oracle {
	t.Helper()
	dir := os.Getenv("ORACLE_DIR")
	if dir == "" {
		t.Fatal("ORACLE_DIR is not set: run test/oracle/run")
	}
	cmd := exec.Command(filepath.Join(dir, name))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(in.Close(), cmd.Wait()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	})
	type declared struct {
		Name, Alias   string
		Nothing, List bool
	}
	declare := func(table []flag) (d []declared) {
		for _, f := range table {
			d = append(d, declared{f.name, f.alias, f.takes == nothing, isList(f.name)})
		}
		return d
	}
	verbs := map[string][]declared{}
	for _, verb := range runcVerbs {
		verbs[verb] = declare(runcFlags(verb))
	}
	o := oracle{json.NewEncoder(in), json.NewDecoder(bufio.NewReader(out))}
	err = o.in.Encode(map[string]any{"Global": declare(without("criu", runcGlobals)), "Verbs": verbs, "Ordered": []string{"exec"}})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func (o oracle) ask(t *rapid.T, args []string) (a oracleAnswer) {
	if err := o.in.Encode(args); err != nil {
		t.Fatal(err)
	}
	if err := o.out.Decode(&a); err != nil {
		t.Fatal(err)
	}
	return a
}

// TestOracleRuncV1: what is accepted, both generations of urfave/cli v1 read as
// runward does; what both read alike is accepted; what is not for policy, or
// only shows help, calls no covered verb.
func TestOracleRuncV1(t *testing.T) {
	older, newer := startOracle(t, "cliv1-old"), startOracle(t, "cliv1-new")
	accepted := 0
	rapid.Check(t, func(t *rapid.T) {
		args := drawArgs(runcVerbs, without("criu", runcGlobals), runcFlags).Draw(t, "args")
		r, err := readRuncV1(args)
		old, recent, got := older.ask(t, args), newer.ask(t, args), answerOf(r)
		switch {
		case err != nil && old.Verb != "" && equal(old, recent):
			t.Fatalf("%q is refused: %v\nboth read %s", args, err, old)
		case err != nil:
		case !Covered(r.verb):
			if Covered(old.Verb) || Covered(recent.Verb) {
				t.Fatalf("%q is not covered, but\nold %s\nnew %s", args, old, recent)
			}
		case !equal(got, old) || !equal(got, recent):
			t.Fatalf("%q\ngot %s\nold %s\nnew %s", args, got, old, recent)
		default:
			accepted++
		}
	})
	t.Logf("%d accepted", accepted)
}

// TestOracleRuncV3: the same for urfave/cli v3. White space around what is no
// value is refused, whatever this version does.
func TestOracleRuncV3(t *testing.T) {
	v3 := startOracle(t, "cliv3")
	accepted := 0
	rapid.Check(t, func(t *rapid.T) {
		args := drawArgs(runcVerbs, without("criu", runcGlobals), runcFlags).Draw(t, "args")
		r, err := readRuncV3(args)
		want, got := v3.ask(t, args), answerOf(r)
		switch {
		case err != nil && want.Verb != "" && !strings.HasPrefix(err.Error(), "white space"):
			t.Fatalf("%q is refused: %v\nv3 reads %s", args, err, want)
		case err != nil:
		case !Covered(r.verb):
			if Covered(want.Verb) {
				t.Fatalf("%q is not covered, but %s", args, want)
			}
		case !equal(got, want):
			t.Fatalf("%q\n got %s\nwant %s", args, got, want)
		default:
			accepted++
		}
	})
	t.Logf("%d accepted", accepted)
}

// TestOracleRunc: what is accepted of a runc of unknown version, every
// generation reads as runward does.
func TestOracleRunc(t *testing.T) {
	older, newer, v3 := startOracle(t, "cliv1-old"), startOracle(t, "cliv1-new"), startOracle(t, "cliv3")
	accepted := 0
	rapid.Check(t, func(t *rapid.T) {
		args := drawArgs(runcVerbs, without("criu", runcGlobals), runcFlags).Draw(t, "args")
		r, err := readRunc(args)
		if err != nil {
			return
		}
		for _, o := range []oracle{older, newer, v3} {
			want, got := o.ask(t, args), answerOf(r)
			switch {
			case !Covered(r.verb) && Covered(want.Verb), Covered(r.verb) && !equal(got, want):
				t.Fatalf("%q\n got %s\nwant %s", args, got, want)
			case Covered(r.verb):
				accepted++
			}
		}
	})
	t.Logf("%d accepted", accepted)
}

var crunVerbs = []string{"create", "run", "exec", "update", "restore", "checkpoint", "delete", "mounts"}

// TestOracleCrun: the same for crun's options and glibc's argp.
func TestOracleCrun(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "options")
	if err := os.WriteFile(file, crunOptions(), 0o600); err != nil {
		t.Fatal(err)
	}
	accepted := 0
	rapid.Check(t, func(t *rapid.T) {
		args := drawArgs(crunVerbs, without("HANG", crunGlobals), func(verb string) []flag { return without("HANG", crunFlags(verb)) }).Draw(t, "args")
		r, err := readCrun(args)
		want, wantErr := askArgp(file, args)
		got := answerOf(r)
		switch {
		case err != nil && wantErr == nil && !stricter(args, err):
			t.Fatalf("%q is refused: %v\nargp reads %s", args, err, want)
		case err != nil:
		case !Crun.covers(r.verb):
			if wantErr == nil && Crun.covers(want.Verb) {
				t.Fatalf("%q is not covered, but %s", args, want)
			}
		case wantErr != nil || !equal(got, want):
			t.Fatalf("%q\n got %s\nwant %s, %v", args, got, want, wantErr)
		default:
			accepted++
		}
	})
	t.Logf("%d accepted", accepted)
}

// without is a table without one flag: crun's --HANG sleeps for an hour, and
// runc 1.6 has no --criu and refuses it itself.
func without(name string, table []flag) []flag {
	return slices.DeleteFunc(slices.Clone(table), func(f flag) bool { return f.name == name })
}

// stricter tells whether runward refuses what argp would accept, and means to.
func stricter(args []string, err error) bool {
	switch {
	case strings.Contains(err.Error(), "which crun 1.8 takes for --root"):
		return true
	}
	for _, arg := range args { // argp's own, for debugging
		name := strings.TrimPrefix(arg, "--")
		if name != arg && name != "" && (strings.HasPrefix("program-name", name) || strings.HasPrefix(name, "program-name=")) {
			return true
		}
	}
	return false
}

// crunOptions are crun's tables as argp.c reads them.
func crunOptions() []byte {
	var b bytes.Buffer
	write := func(owner string, table []flag) {
		fmt.Fprintf(&b, "%s - - 0\n", owner)
		for _, f := range table {
			if f.takes == refused || f.name == "help" || f.name == "usage" || f.alias == "V" { // argp's own; an alias
				continue
			}
			letter := f.alias
			if letter == "" {
				letter = "-"
			}
			how := 1
			switch f.takes {
			case nothing:
				how = 0
			case perhaps:
				how = 2
			case separate:
				how = 3
			default:
			}
			fmt.Fprintf(&b, "%s %s %s %d\n", owner, f.name, letter, how)
		}
	}
	write("-", crunGlobals)
	for _, verb := range crunVerbs {
		write(verb, crunFlags(verb))
	}
	return b.Bytes()
}

// askArgp runs argp.c. An error: argp refuses the arguments, or shows help.
func askArgp(file string, args []string) (a oracleAnswer, err error) {
	out, err := exec.Command(filepath.Join(os.Getenv("ORACLE_DIR"), "argp"), append([]string{file}, args...)...).Output()
	if err != nil {
		return a, err
	}
	a.Global, a.Flags = map[string][]string{}, map[string][]string{}
	lines := strings.Split(string(out), "\x00")
	if len(lines) < 2 || lines[len(lines)-2] != "end" {
		return a, errors.New("help")
	}
	for _, line := range lines[:len(lines)-2] {
		kind, rest, _ := strings.Cut(line, " ")
		name, value, _ := strings.Cut(rest, " ")
		switch {
		case kind == "verb":
			a.Verb = rest
		case kind == "arg":
			a.Args = append(a.Args, rest)
		case name == "version":
			return oracleAnswer{}, errors.New("version")
		}
		if name == "tty" && kind == "flag" {
			value = fmt.Sprint(value != "false" && value != "no")
		}
		values := map[string]map[string][]string{"global": a.Global, "flag": a.Flags}[kind]
		switch {
		case values == nil:
		case isList(name):
			values[name] = append(values[name], value)
		default:
			values[name] = []string{value}
		}
	}
	return a, nil
}

// The oracle's own form is sound: a reading equals itself, and not another.
func TestOracleCompares(t *testing.T) {
	a, errA := readRuncV1([]string{"create", "--bundle", "A", "ID"})
	b, errB := readRuncV1([]string{"create", "--bundle", "B", "ID"})
	if err := errors.Join(errA, errB); err != nil || !equal(answerOf(a), answerOf(a)) || equal(answerOf(a), answerOf(b)) ||
		!reflect.DeepEqual(answerOf(a).Args, []string{"ID"}) {
		t.Errorf("%v; %s, %s", err, answerOf(a), answerOf(b))
	}
}
