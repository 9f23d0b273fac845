package argv

import (
	"errors"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// readRuncV3 reads as runc 1.6 (urfave/cli v3.14).
func readRuncV3(argv []string) (reading, error) {
	r := reading{grammar: RuncV3}
	root := v3{stopAt: none, command: isRuncVerb}
	flags, args, err := root.flags(runcGlobals, nil, tokens(argv))
	switch {
	case err != nil && on(flags, "help") && !doubted(err):
		return r, nil
	case err != nil:
		return beforeVerb(RuncV3, argv, err)
	}
	r.global = flags
	_, version := last(flags, "version") // even where it is false
	if on(flags, "help") || version || len(args) == 0 {
		return r, nil
	}
	r.verb, r.at = args[0].text, args[0].at
	table := runcFlags(r.verb)
	if table == nil {
		return r, nil
	}
	verb := v3{stopAt: none, command: isHelp}
	if r.verb == "exec" {
		verb.stopAt = 1
	}
	flags, r.args, err = verb.flags(table, runcPersistent, args[1:])
	for _, f := range flags {
		if find(table, f.Name) != nil {
			r.flags = append(r.flags, f)
		} else {
			r.global = append(r.global, f)
		}
	}
	switch {
	case on(r.flags, "help") && !doubted(err), err == nil && len(r.args) > 0 && isHelp(r.args[0].text):
		return reading{grammar: r.grammar, global: r.global}, nil // shows help, and does nothing
	case err != nil && Covered(r.verb):
		return r, r.ofVerb(err)
	case err != nil:
		return reading{grammar: r.grammar, verb: r.verb, at: r.at, global: r.global}, nil
	}
	return r, nil
}

// v3 is one command of urfave/cli v3.
type v3 struct {
	stopAt  int               // how many arguments end the flags; none: they never do
	command func(string) bool // a word that ends the flags, being a command
}

const none = -1

// A doubt is an error that is runward's alone: runc may read the arguments.
type doubt string

func (d doubt) Error() string { return string(d) }

func doubted(err error) bool {
	_, is := errors.AsType[doubt](err)
	return is
}

func isHelp(word string) bool { return word == "help" || word == "h" }

// isRuncVerb tells whether runc's root command gives way to word.
func isRuncVerb(word string) bool {
	switch word {
	case "checkpoint", "create", "delete", "events", "exec", "kill", "list", "pause", "ps", "restore", "resume", "run",
		"spec", "start", "state", "update", "features", "help", "h":
		return true
	}
	return false
}

// flags divides args into flags, those of the command and the persistent ones
// of the root, and the rest. The last flag before an error is among flags.
func (c v3) flags(own, persistent []flag, args []token) (flags []Flag, rest []token, err error) {
	for ; len(args) > 0; args = args[1:] {
		t := args[0]
		trimmed := strings.TrimSpace(t.text)
		first, _ := utf8.DecodeRuneInString(strings.TrimPrefix(trimmed, "-"))
		switch {
		case trimmed == "":
			rest = append(rest, t)
			continue
		case trimmed == "--":
			return flags, append(rest, args[1:]...), nil
		case len(rest) == c.stopAt:
			return flags, append(rest, args...), nil
		case trimmed != t.text:
			return flags, nil, doubt("white space around " + strconv.Quote(t.text) + ", which versions of runc read in different ways, among the arguments")
		case trimmed[0] != '-' && c.command(trimmed):
			return flags, append(rest, args...), nil
		case trimmed[0] != '-' || trimmed == "-":
			rest = append(rest, t)
			continue
		case first != '-' && !unicode.IsLetter(first): // not a flag
			return flags, append(rest, args...), nil
		}
		name := strings.TrimPrefix(trimmed[1:], "-")
		name, given, hasValue := strings.Cut(name, "=")
		f := find(own, name)
		if f == nil {
			f = find(persistent, name)
		}
		if f == nil {
			return flags, nil, notOne(t.text)
		}
		read := Flag{Name: f.name, Value: given, at: t.at}
		switch {
		case f.takes == nothing:
			if read.Value, err = toggle(t.text, given, given != ""); err != nil {
				return flags, nil, err
			}
		case !hasValue && len(args) == 1:
			return flags, nil, lacksValue(t.text)
		case !hasValue:
			read.Value, read.valueAt = args[1].text, args[1].at
			args = args[1:]
		}
		flags = append(flags, read)
	}
	return flags, rest, nil
}

// readRunc reads as a runc of unknown version.
func readRunc(argv []string) (reading, error) {
	old, errOld := readRuncV1(argv)
	main, errMain := readRuncV3(argv)
	old.grammar = Runc
	switch {
	case errOld == nil && errMain == nil && same(old, main), errOld != nil && errMain != nil:
		return old, errOld
	case !Covered(old.verb) && !Covered(main.verb):
		return reading{grammar: Runc, verb: old.verb, at: old.at, global: old.global}, nil
	case !Covered(old.verb):
		old.verb, old.at = main.verb, main.at
	}
	return old, errors.New("runc 1.1 to 1.5 and runc 1.6 read these arguments of " + old.verb + ` in different ways: set runtime.grammar in runward.toml to "runc-v1" or to "runc-v3", as is installed`)
}
