package argv

import (
	"errors"
	"slices"
	"strconv"
	"strings"
)

// readRuncV1 reads as runc 1.1 to 1.5.
func readRuncV1(argv []string) (reading, error) {
	r := reading{grammar: RuncV1}
	global, rest, err := goFlags(runcGlobals, tokens(argv))
	if err == nil {
		err = twoNames(runcGlobals, argv, global)
	}
	if err != nil {
		return beforeVerb(RuncV1, argv, err)
	}
	r.global = global
	if on(global, "help") || on(global, "version") || len(rest) == 0 {
		return r, nil
	}
	r.verb, r.at = rest[0].text, rest[0].at
	table := runcFlags(r.verb)
	switch {
	case r.verb == "exec":
		return r.inOrder(table, argv, rest[1:])
	case table != nil:
		return r.reordered(table, argv, rest[1:])
	}
	return r, nil
}

// inOrder reads the flags of a verb up to the first other argument.
func (r reading) inOrder(table []flag, argv []string, args []token) (reading, error) {
	var err error
	r.flags, r.args, err = goFlags(table, args)
	if err == nil {
		err = twoNames(table, argv, r.flags)
	}
	if err == nil && r.grammar == RuncV1 {
		err = emptyBeside(table, argv, r.flags)
	}
	switch {
	case err != nil && Covered(r.verb):
		return r, r.ofVerb(err)
	case err != nil:
		return reading{grammar: r.grammar, verb: r.verb, at: r.at, global: r.global}, nil
	case on(r.flags, "help"):
		return reading{grammar: r.grammar, global: r.global}, nil // shows help, and does nothing
	}
	return r, nil
}

// reordered reads a verb whose flags versions of urfave/cli v1 move before its
// arguments in two ways. Where these do not agree, nobody can say what the
// installed one would do.
func (r reading) reordered(table []flag, argv []string, args []token) (reading, error) {
	first, errFirst := r.inOrder(table, argv, reorderAny(args))
	second, errSecond := r.inOrder(table, argv, reorderKnown(table, args))
	if errFirst != nil && errSecond != nil {
		return first, errFirst
	}
	if errFirst != nil || errSecond != nil || !same(first, second) {
		if !Covered(r.verb) {
			return reading{grammar: r.grammar, verb: r.verb, at: r.at, global: r.global}, nil
		}
		return r, errors.New("versions of runc read these arguments in different ways: put every flag of " + r.verb + " before the container's id")
	}
	return first, nil
}

// twoNames is wrong where a flag is given by both of its names: runc refuses that.
func twoNames(table []flag, argv []string, flags []Flag) error {
	for i, f := range flags {
		for _, g := range flags[:i] {
			if f.Name == g.Name && spelled(argv[f.at]) != spelled(argv[g.at]) && find(table, f.Name).alias != "" {
				return errors.New("flags " + strconv.Quote(argv[g.at]) + " and " + strconv.Quote(argv[f.at]) + " are the same, and only one may be there, as one")
			}
		}
	}
	return nil
}

// emptyBeside is wrong where a list has an empty value beside others: from
// urfave/cli 1.22.14 on, one such value is lost.
func emptyBeside(table []flag, argv []string, flags []Flag) error {
	for i, f := range flags {
		if f.Value != "" || find(table, f.Name).takes != list {
			continue
		}
		for j, g := range flags {
			if i != j && f.Name == g.Name {
				return errors.New("flag " + strconv.Quote(argv[f.at]) + ", empty beside others, which versions of runc read in different ways, is not one")
			}
		}
	}
	return nil
}

// spelled returns the name that a flag was given by.
func spelled(arg string) string {
	name, _, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
	return name
}

// reorderAny moves flags before arguments as urfave/cli 1.22.1 does, which runc
// 1.1 has: whatever starts with "-" is a flag, and the next argument that does
// not is its value, unless the flag has "=".
func reorderAny(args []token) []token {
	var flags, rest []token
	wantsValue := false
	for i, t := range args {
		if t.text == "--" {
			rest = append(rest, args[i:]...)
			break
		}
		dash := strings.HasPrefix(t.text, "-")
		switch {
		case wantsValue && !dash:
			flags = append(flags, t)
			wantsValue = false
		case dash && t.text != "-":
			flags = append(flags, t)
			wantsValue = !strings.Contains(t.text, "=")
		default:
			rest = append(rest, t)
			wantsValue = false
		}
	}
	return append(flags, rest...)
}

// reorderKnown moves them as urfave/cli 1.22.14 and later do: only flags that
// the command has, and "--" may be a flag's value.
func reorderKnown(known []flag, args []token) []token {
	var flags, rest []token
	wantsValue := false
	for i, t := range args {
		isFlag := isKnown(known, t.text)
		switch {
		case wantsValue && !isFlag:
			flags = append(flags, t)
			wantsValue = false
		case t.text == "--":
			return slices.Concat(flags, []token{t}, rest, args[i+1:])
		case isFlag:
			flags = append(flags, t)
			wantsValue = !strings.Contains(t.text, "=")
		default:
			rest = append(rest, t)
		}
	}
	return append(flags, rest...)
}

func isKnown(flags []flag, arg string) bool {
	if len(arg) < 2 || arg[0] != '-' || arg == "--" {
		return false
	}
	name, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(arg, "--"), "-"), "=")
	return find(flags, name) != nil
}
