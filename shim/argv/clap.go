package argv

import (
	"errors"
	"strconv"
	"strings"
)

// clapFlags does as clap 4: flags and arguments in any order, up to "--" or,
// where trailing is set, up to that many arguments; letters may share an
// argument, and what follows one that takes a value is the value, after "=" or
// not; a value of its own may not look like a flag. A flag that is no list
// comes once. done: help is shown.
func clapFlags(table []flag, args []token, trailing int) (flags []Flag, rest []token, done bool, err error) {
	for len(args) > 0 {
		t := args[0]
		if len(rest) == trailing {
			return flags, append(rest, args...), false, nil
		}
		args = args[1:]
		switch {
		case t.text == "--":
			return flags, append(rest, args...), false, nil
		case len(t.text) < 2 || t.text[0] != '-':
			rest = append(rest, t)
			continue
		case strings.HasPrefix(t.text, "--"):
			name, given, hasValue := strings.Cut(t.text[2:], "=")
			f := find(table, name)
			if f == nil || f.name != name {
				return flags, nil, false, notOne(t.text)
			}
			if f.name == "help" {
				return flags, nil, true, nil
			}
			if flags, args, err = clapValue(flags, f, t, given, hasValue, args); err != nil {
				return flags, nil, false, err
			}
			continue
		}
		for letters := t.text[1:]; letters != ""; {
			f := find(table, letters[:1])
			if f == nil || len(f.name) == 1 {
				return flags, nil, false, notOne(t.text)
			}
			if f.name == "help" {
				return flags, nil, true, nil
			}
			given, hasValue := letters[1:], letters[1:] != ""
			letters = given
			switch {
			case f.takes != nothing:
				given, letters = strings.TrimPrefix(given, "="), ""
			case strings.HasPrefix(letters, "="):
			default:
				given, hasValue = "", false
			}
			if flags, args, err = clapValue(flags, f, t, given, hasValue, args); err != nil {
				return flags, nil, false, err
			}
		}
	}
	return flags, rest, false, nil
}

// clapValue adds a flag with its value, which may be the next argument.
func clapValue(flags []Flag, f *flag, t token, given string, hasValue bool, args []token) ([]Flag, []token, error) {
	read := Flag{Name: f.name, Value: given, at: t.at}
	_, twice := last(flags, f.name)
	switch {
	case twice && f.takes != list && f.name != "log":
		return flags, args, errors.New("flag " + strconv.Quote(t.text) + " comes twice, as one")
	case f.takes == nothing && hasValue:
		return flags, args, errors.New("flag " + strconv.Quote(t.text) + " takes no value, as one")
	case f.takes == nothing:
		read.Value = "true"
	case hasValue:
	case len(args) == 0, strings.HasPrefix(args[0].text, "-") && args[0].text != "-" && f.takes != dashes:
		return flags, args, lacksValue(t.text)
	default:
		read.Value, read.valueAt = args[0].text, args[0].at
		args = args[1:]
	}
	return append(flags, read), args, nil
}

// readYouki reads as youki.
func readYouki(argv []string) (reading, error) {
	r := reading{grammar: Youki}
	global, rest, done, err := clapFlags(youkiGlobals, tokens(argv), 1)
	if err == nil && len(rest) > 0 && rest[0].at > 0 && argv[rest[0].at-1] == "--" { // what follows is no verb
		err = notOne("--")
	}
	if err != nil {
		return beforeVerb(Youki, argv, err)
	}
	r.global = global
	if done || on(global, "version") || len(rest) == 0 {
		return r, nil
	}
	r.verb, r.at = rest[0].text, rest[0].at
	table := youkiFlags(r.verb)
	if table == nil {
		return r, nil
	}
	trailing := none
	if r.verb == "exec" {
		trailing = 2
	}
	r.flags, r.args, done, err = clapFlags(table, rest[1:], trailing)
	switch {
	case done:
		return reading{grammar: r.grammar, global: r.global}, nil
	case err != nil && Covered(r.verb):
		return r, r.ofVerb(err)
	case err != nil:
		return reading{grammar: r.grammar, verb: r.verb, at: r.at, global: r.global}, nil
	}
	return r, nil
}
