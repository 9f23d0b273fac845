package argv

import (
	"errors"
	"strconv"
	"strings"
)

// A flag of a runtime's table.
type flag struct {
	name  string // long
	alias string // another name; of argp and clap, the letter
	takes takes
}

// takes says what follows a flag.
type takes uint8

const (
	value    takes = iota // a value
	list                  // a value, and may come more than once; where all flags may, lists are not told apart
	nothing               // no value; Go's flags and urfave/cli allow "=true" and "=false"
	perhaps               // argp: a value only in the same argument
	separate              // argp: a value only as the next argument
	dashes                // clap: a value, which may look like a flag
	refused               // argp's own, for debugging
)

func find(flags []flag, name string) *flag {
	for i := range flags {
		if name == flags[i].name || name == flags[i].alias && name != "" {
			return &flags[i]
		}
	}
	return nil
}

// goFlags does as Go's flag package: -x and --x, "=v" or the next argument,
// of switches only "=v", and "--" or the first other argument ends. It returns
// what is left.
func goFlags(table []flag, args []token) (flags []Flag, rest []token, err error) {
	for len(args) > 0 {
		t := args[0]
		if len(t.text) < 2 || t.text[0] != '-' {
			break
		}
		args = args[1:]
		if t.text == "--" {
			break
		}
		name := strings.TrimPrefix(t.text[1:], "-")
		if name == "" || name[0] == '-' || name[0] == '=' {
			return flags, nil, errors.New("bad flag " + strconv.Quote(t.text))
		}
		name, given, hasValue := strings.Cut(name, "=")
		f := find(table, name)
		if f == nil {
			return flags, nil, notOne(t.text)
		}
		read := Flag{Name: f.name, Value: given, at: t.at}
		switch {
		case f.takes == nothing:
			if read.Value, err = toggle(t.text, given, hasValue); err != nil {
				return flags, nil, err
			}
		case !hasValue && len(args) == 0:
			return flags, nil, lacksValue(t.text)
		case !hasValue:
			read.Value, read.valueAt = args[0].text, args[0].at
			args = args[1:]
		}
		flags = append(flags, read)
	}
	return flags, args, nil
}

// toggle returns true or false for what a switch was given.
func toggle(arg, given string, hasValue bool) (string, error) {
	if !hasValue {
		return "true", nil
	}
	b, err := strconv.ParseBool(given)
	if err != nil {
		return "", errors.New("flag " + strconv.Quote(arg) + " wants true or false, as one")
	}
	return strconv.FormatBool(b), nil
}

func notOne(arg string) error { return errors.New("flag " + strconv.Quote(arg) + " is not one") }

func lacksValue(arg string) error {
	return errors.New("flag " + strconv.Quote(arg) + " lacks its value, as one")
}
