package argv

import (
	"errors"
	"strconv"
	"strings"
)

// argpFlags does as glibc's argp in order: it ends at "--" or at the first
// other argument; long options may be shortened while that is clear; letters
// may share an argument, and what follows one that takes a value is the value.
// An option that only shows help, or the version, ends everything: done.
func argpFlags(table []flag, args []token) (flags []Flag, rest []token, done bool, err error) {
	for len(args) > 0 {
		t := args[0]
		if len(t.text) < 2 || t.text[0] != '-' {
			break
		}
		args = args[1:]
		if t.text == "--" {
			break
		}
		letters := t.text[1:]
		if letters[0] == '-' {
			name, given, hasValue := strings.Cut(t.text[2:], "=")
			f, err := argpLong(table, t.text, name)
			if err != nil {
				return flags, nil, false, err
			}
			switch {
			case f.takes == nothing && hasValue, f.takes == separate && hasValue:
				return flags, nil, false, errors.New("flag " + strconv.Quote(t.text) + " takes no value after \"=\", as one")
			case ends(f):
				return flags, nil, true, nil
			}
			if flags, args, err = argpValue(flags, f, t, given, hasValue, args); err != nil {
				return flags, nil, false, err
			}
			continue
		}
		for letters != "" {
			letter := letters[:1]
			letters = letters[1:]
			f := find(table, letter)
			if f == nil || f.name == letter || letter == "-" {
				return flags, nil, false, notOne(t.text)
			}
			if ends(f) {
				return flags, nil, true, nil
			}
			given, hasValue := "", false
			if f.takes == value || f.takes == list || f.takes == perhaps {
				given, hasValue, letters = letters, letters != "", ""
			}
			if flags, args, err = argpValue(flags, f, t, given, hasValue, args); err != nil {
				return flags, nil, false, err
			}
		}
	}
	return flags, args, false, nil
}

// ends tells whether argp answers an option itself and exits.
func ends(f *flag) bool {
	switch f.name {
	case "help", "usage", "version":
		return true
	}
	return false
}

// argpLong finds a long option by its name or by the beginning of it.
func argpLong(table []flag, arg, name string) (*flag, error) {
	var found *flag
	for i := range table {
		f := &table[i]
		switch {
		case f.name == name:
			return f, nil
		case !strings.HasPrefix(f.name, name):
		case found != nil && found.name != f.name:
			return nil, errors.New("flag " + strconv.Quote(arg) + " may be --" + found.name + " or --" + f.name + ": write it out, as one")
		default:
			found = f
		}
	}
	if found == nil || found.takes == refused {
		return nil, notOne(arg)
	}
	return found, nil
}

// argpValue adds an option with its value, which may be the next argument.
func argpValue(flags []Flag, f *flag, t token, given string, hasValue bool, args []token) ([]Flag, []token, error) {
	read := Flag{Name: f.name, Value: given, at: t.at}
	switch {
	case f.takes == refused:
		return flags, args, notOne(t.text)
	case f.takes == nothing:
		read.Value = "true"
	case f.takes == perhaps: // exec's tty, and the only one
		read.Value = strconv.FormatBool(!hasValue || given != "false" && given != "no")
	case !hasValue && len(args) == 0:
		return flags, args, lacksValue(t.text)
	case !hasValue:
		read.Value, read.valueAt = args[0].text, args[0].at
		args = args[1:]
	}
	return append(flags, read), args, nil
}

// readCrun reads as crun 1.0 and later.
func readCrun(argv []string) (reading, error) {
	r := reading{grammar: Crun}
	global, rest, done, err := argpFlags(crunGlobals, tokens(argv))
	if err != nil {
		return beforeVerb(Crun, argv, err)
	}
	r.global = global
	if done || len(rest) == 0 {
		return r, nil
	}
	r.verb, r.at = rest[0].text, rest[0].at
	table := crunFlags(r.verb)
	if table == nil {
		return r, nil
	}
	if at, hidden := rootless(global); hidden && r.grammar.covers(r.verb) {
		return r, errors.New("flag " + strconv.Quote(argv[at]) + ", which crun 1.8 takes for --root and later ones ignore: leave it out, or put it before --root")
	}
	r.flags, r.args, done, err = argpFlags(table, rest[1:])
	switch {
	case done:
		return reading{grammar: r.grammar, global: r.global}, nil
	case err != nil && r.grammar.covers(r.verb):
		return r, r.ofVerb(err)
	case err != nil, on(r.flags, "regex"): // not one container
		return reading{grammar: r.grammar, verb: r.verb, at: r.at, global: r.global}, nil
	}
	return r, nil
}

// rootless tells whether and where --rootless comes last of it and --root.
func rootless(global []Flag) (at int, last bool) {
	for _, f := range global {
		switch f.Name {
		case "root":
			last = false
		case "rootless":
			at, last = f.at, true
		}
	}
	return at, last
}
