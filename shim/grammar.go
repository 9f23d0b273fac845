package shim

import (
	"errors"
	"strconv"
	"strings"
)

// A flag of the runtime's grammar: its names, and whether it takes a value.
type flag struct {
	names []string
	bool  bool
}

// The grammar of runc up to 1.5.1 (urfave/cli v1 over Go's flag package).
// Flags of every version stand here: one that the installed runc does not
// know it refuses itself.
var (
	runcGlobals = []flag{
		{[]string{"debug"}, true},
		{[]string{"log"}, false},
		{[]string{"log-format"}, false},
		{[]string{"root"}, false},
		{[]string{"criu"}, false},
		{[]string{"systemd-cgroup"}, true},
		{[]string{"rootless"}, false},
		{[]string{"help", "h"}, true},
		{[]string{"version", "v"}, true},
	}
	runcCreate = []flag{
		{[]string{"bundle", "b"}, false},
		{[]string{"console-socket"}, false},
		{[]string{"pidfd-socket"}, false},
		{[]string{"pid-file"}, false},
		{[]string{"no-pivot"}, true},
		{[]string{"no-new-keyring"}, true},
		{[]string{"preserve-fds"}, false},
		{[]string{"help", "h"}, true},
	}
	runcRun = append(runcCreate[:len(runcCreate):len(runcCreate)],
		flag{[]string{"detach", "d"}, true}, flag{[]string{"keep"}, true}, flag{[]string{"no-subreaper"}, true})
)

// Parse reads the arguments after the program's name as runc does. It fails
// only where they could start a container and runc's grammar cannot place
// them; everything else that it does not understand has no covered Verb and
// is the real runtime's to answer.
func Parse(argv []string) (Invocation, error) {
	inv := Invocation{Argv: argv}
	values, rest, err := parseFlags(runcGlobals, argv)
	inv.Root, inv.Log, inv.LogFormat = values["root"], values["log"], values["log-format"]
	if err != nil {
		for _, arg := range argv {
			if covered(arg) {
				inv.Verb = arg
				return inv, errors.New(err.Error() + " before the verb; see runc --help")
			}
		}
		return inv, nil
	}
	if on(values["help"]) || on(values["version"]) || len(rest) == 0 {
		return inv, nil
	}
	inv.Verb = rest[0]
	switch inv.Verb {
	case "create":
		return inv, inv.parseCreate(runcCreate, rest[1:])
	case "run":
		return inv, inv.parseCreate(runcRun, rest[1:])
	}
	return inv, nil
}

// parseCreate reads what follows create or run. Versions of runc move flags
// before the arguments in two ways; where these do not agree, nobody can say
// what the installed one would do.
func (inv *Invocation) parseCreate(flags []flag, args []string) error {
	first, errFirst := parseOne(flags, reorderAny(args))
	second, errSecond := parseOne(flags, reorderKnown(flags, args))
	switch {
	case errFirst != nil && errSecond != nil:
		return errors.New(errFirst.Error() + " of " + inv.Verb + "; see runc " + inv.Verb + " --help")
	case errFirst != nil || errSecond != nil || first != second:
		return errors.New("versions of runc read these arguments in different ways: put every flag of " + inv.Verb + " before the container's id")
	case first.help:
		inv.Verb = "" // shows help, and starts nothing
		return nil
	}
	inv.Bundle, inv.ID = first.bundle, first.id
	return nil
}

// parsed is what decides what a create starts.
type parsed struct {
	bundle, id string
	help       bool
}

func parseOne(flags []flag, args []string) (parsed, error) {
	values, rest, err := parseFlags(flags, args)
	if err != nil {
		return parsed{}, err
	}
	p := parsed{bundle: values["bundle"], help: on(values["help"])}
	switch {
	case p.help:
	case len(rest) == 0 || rest[0] == "":
		return parsed{}, errors.New("no container id among the arguments")
	case len(rest) > 1:
		return parsed{}, errors.New("an argument too many, " + strconv.Quote(rest[1]) + ", among those")
	default:
		p.id = rest[0]
	}
	return p, nil
}

func on(value string) bool {
	b, err := strconv.ParseBool(value)
	return err == nil && b
}

// parseFlags does as Go's flag package: -x and --x, "=v" or the next argument,
// booleans only "=v", the last one wins, "--" or the first other argument ends.
// The values are keyed by each flag's first name.
func parseFlags(flags []flag, args []string) (values map[string]string, rest []string, err error) {
	values = map[string]string{}
	for len(args) > 0 {
		arg := args[0]
		if len(arg) < 2 || arg[0] != '-' {
			break
		}
		args = args[1:]
		if arg == "--" {
			break
		}
		name := arg[1:]
		if name[0] == '-' {
			name = name[1:]
		}
		if name == "" || name[0] == '-' || name[0] == '=' {
			return values, nil, errors.New("bad flag " + strconv.Quote(arg))
		}
		name, value, hasValue := strings.Cut(name, "=")
		f := find(flags, name)
		switch {
		case f == nil:
			return values, nil, errors.New("flag " + strconv.Quote(arg) + " is not one")
		case f.bool && !hasValue:
			value = "true"
		case f.bool:
			if _, err := strconv.ParseBool(value); err != nil {
				return values, nil, errors.New("flag " + strconv.Quote(arg) + " wants true or false, as one")
			}
		case !hasValue:
			if len(args) == 0 {
				return values, nil, errors.New("flag " + strconv.Quote(arg) + " lacks its value, as one")
			}
			value, args = args[0], args[1:]
		}
		values[f.names[0]] = value
	}
	return values, args, nil
}

func find(flags []flag, name string) *flag {
	for i := range flags {
		for _, n := range flags[i].names {
			if n == name {
				return &flags[i]
			}
		}
	}
	return nil
}

// reorderAny moves flags before arguments as urfave/cli 1.22.1 does, which runc
// 1.1 has: whatever starts with "-" is a flag, and the next argument that does
// not is its value, unless the flag has "=".
func reorderAny(args []string) []string {
	var flags, rest []string
	wantsValue := false
	for i, arg := range args {
		if arg == "--" {
			rest = append(rest, args[i:]...)
			break
		}
		dash := strings.HasPrefix(arg, "-")
		switch {
		case wantsValue && !dash:
			flags = append(flags, arg)
			wantsValue = false
		case dash && arg != "-":
			flags = append(flags, arg)
			wantsValue = !strings.Contains(arg, "=")
		default:
			rest = append(rest, arg)
			wantsValue = false
		}
	}
	return append(flags, rest...)
}

// reorderKnown moves them as urfave/cli 1.22.14 and later do: only flags that
// the command has, and "--" may be a flag's value.
func reorderKnown(known []flag, args []string) []string {
	var flags, rest []string
	wantsValue := false
	for i, arg := range args {
		switch {
		case isKnown(known, arg):
			flags = append(flags, arg)
			wantsValue = !strings.Contains(arg, "=")
			continue
		case wantsValue:
			flags = append(flags, arg)
			wantsValue = false
			continue
		case arg != "--":
			rest = append(rest, arg)
			continue
		}
		return append(append(append(flags, "--"), rest...), args[i+1:]...)
	}
	return append(flags, rest...)
}

func isKnown(flags []flag, arg string) bool {
	if len(arg) < 2 || arg[0] != '-' || arg == "--" {
		return false
	}
	name, _, _ := strings.Cut(strings.TrimPrefix(arg[1:], "-"), "=")
	return find(flags, strings.TrimPrefix(name, "-")) != nil
}

var runcDelete = []flag{{[]string{"force", "f"}, true}, {[]string{"help", "h"}, true}}

// parseDelete reads the arguments of delete, for what is kept of the container.
// Where in doubt it says no, and nothing is dropped.
func parseDelete(inv Invocation) (id string, force, ok bool) {
	_, rest, err := parseFlags(runcGlobals, inv.Argv)
	if err != nil || len(rest) == 0 {
		return "", false, false
	}
	values, rest, err := parseFlags(runcDelete, reorderKnown(runcDelete, rest[1:]))
	if err != nil || len(rest) != 1 || on(values["help"]) {
		return "", false, false
	}
	return rest[0], on(values["force"]), true
}
