// Package argv reads the arguments of an OCI runtime as that runtime does. The
// engine talks to runc, crun, youki or runsc, and each of them has a grammar
// of its own; what policy decides about must be what the runtime will do.
package argv

import (
	"errors"
	"strings"
)

// A Grammar is one runtime's way of reading its arguments.
type Grammar uint8

// The grammars. The zero one accepts least.
const (
	// Runc is a runc of unknown version: of the verbs that policy covers, only
	// what RuncV1 and RuncV3 read in the same way is accepted.
	Runc Grammar = iota
	// RuncV1 is runc 1.1 to 1.5: urfave/cli v1 over Go's flag package. Versions
	// of that library move flags before the arguments in two ways, and only
	// what comes out the same is accepted.
	RuncV1
	// RuncV3 is runc 1.6: urfave/cli v3, where flags stand anywhere and those of
	// the root after the verb too.
	RuncV3
	// Crun is crun 1.0 and later: glibc's argp, in order.
	Crun
	// Youki is youki: clap.
	Youki
	// Runsc is gVisor's runsc: Go's flag package with subcommands.
	Runsc
)

// For returns the grammar by its name: a kind of runtime, or what
// runtime.grammar may be set to.
func For(name string) (g Grammar, known bool) {
	switch name {
	case "runc":
		return Runc, true
	case "runc-v1":
		return RuncV1, true
	case "runc-v3":
		return RuncV3, true
	case "crun":
		return Crun, true
	case "youki":
		return Youki, true
	case "runsc":
		return Runsc, true
	}
	return Runc, false
}

// program is what the grammar's runtime is called, in messages.
func (g Grammar) program() string {
	switch g {
	case Crun:
		return "crun"
	case Youki:
		return "youki"
	case Runsc:
		return "runsc"
	default:
		return "runc"
	}
}

// Covered tells whether policy decides about the verb: whether it starts
// something in a container, widens one, or lets a copy of one out.
func Covered(verb string) bool {
	switch verb {
	case "create", "run", "exec", "update", "restore", "checkpoint":
		return true
	}
	return false
}

// Parse reads the arguments after the program's name as the runtime of that
// grammar does. It fails only where a verb that policy covers may be meant and
// the grammar cannot place an argument, or where versions of the runtime place
// it in different ways; the error says which argument and what to do.
// Everything else that it does not understand has no covered Verb and is the
// runtime's to answer.
func Parse(g Grammar, argv []string) (Invocation, error) {
	r, err := read(g, argv)
	inv := r.invocation(argv)
	if err != nil {
		return inv, err
	}
	return inv, inv.fill(r)
}

func read(g Grammar, argv []string) (reading, error) {
	switch g {
	case RuncV1:
		return readRuncV1(argv)
	case RuncV3:
		return readRuncV3(argv)
	case Crun:
		return readCrun(argv)
	case Youki:
		return readYouki(argv)
	case Runsc:
		return readRunsc(argv)
	default:
		return readRunc(argv)
	}
}

// A reading is how a grammar divides the arguments.
type reading struct {
	grammar Grammar
	verb    string  // empty: none, or only help is shown
	at      int     // where in Argv the verb is
	global  []Flag  // flags of the runtime itself, wherever they stand
	flags   []Flag  // flags of the verb, in order
	args    []token // what is no flag, after the verb, in order
}

// A token is one argument and where in Argv it is.
type token struct {
	text string
	at   int
}

func tokens(argv []string) []token {
	t := make([]token, len(argv))
	for i, arg := range argv {
		t[i] = token{arg, i}
	}
	return t
}

// A Flag is one flag as it was read.
type Flag struct {
	Name  string // its long name, without dashes
	Value string // of one that takes none: true or false

	at      int // where in Argv it is
	valueAt int // where its value is, if that is an argument of its own; else 0
}

// last returns the value of the last flag of that name: for all but lists, it
// is the one that counts.
func last(flags []Flag, name string) (value string, set bool) {
	for i := len(flags) - 1; i >= 0; i-- {
		if flags[i].Name == name {
			return flags[i].Value, true
		}
	}
	return "", false
}

// text is last for a flag whose absence and whose empty value are the same.
func text(flags []Flag, name string) string {
	value, _ := last(flags, name)
	return value
}

// on tells whether the last flag of that name switches on.
func on(flags []Flag, name string) bool { return text(flags, name) == "true" }

// same tells whether two readings mean the same.
func same(a, b reading) bool {
	if a.verb != b.verb || !sameFlags(a.global, b.global) || !sameFlags(a.flags, b.flags) || len(a.args) != len(b.args) {
		return false
	}
	for i := range a.args {
		if a.args[i].text != b.args[i].text {
			return false
		}
	}
	return true
}

func sameFlags(a, b []Flag) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Name != b[i].Name || a[i].Value != b[i].Value {
			return false
		}
	}
	return true
}

// beforeVerb words what is wrong with a flag before the verb, if a covered
// verb may be meant. No grammar can tell then, since an unknown flag may take
// the next argument.
func beforeVerb(g Grammar, argv []string, wrong error) (reading, error) {
	for i, arg := range argv {
		if g.covers(strings.TrimSpace(arg)) {
			return reading{grammar: g, verb: strings.TrimSpace(arg), at: i}, errors.New(wrong.Error() + " before the verb; see " + g.program() + " --help")
		}
	}
	return reading{grammar: g}, nil
}

// covers is Covered for one runtime: crun has a verb more.
func (g Grammar) covers(verb string) bool { return Covered(verb) || g == Crun && verb == "mounts" }

// ofVerb words what is wrong with what follows the verb.
func (r reading) ofVerb(wrong error) error {
	return errors.New(wrong.Error() + " of " + r.verb + "; see " + r.grammar.program() + " " + r.verb + " --help")
}
