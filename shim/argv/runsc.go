package argv

import (
	"errors"
	"strconv"
	"strings"
)

// readRunsc reads as gVisor's runsc: Go's flag package, before the verb and
// after it, and nothing is moved.
func readRunsc(argv []string) (reading, error) {
	r := reading{grammar: Runsc}
	var rest []token
	var err error
	r.global, rest, err = runscGlobal(argv)
	if err != nil {
		return beforeVerb(Runsc, argv, err)
	}
	if on(r.global, "help") || on(r.global, "version") || len(rest) == 0 {
		return r, nil
	}
	r.verb, r.at = rest[0].text, rest[0].at
	table := runscFlags(r.verb)
	switch {
	case table == nil && Covered(r.verb):
		return r, errors.New("runsc's " + r.verb + " is not known to this runward: it is refused, whatever it says")
	case table == nil:
		return r, nil
	}
	if r, err = r.inOrder(table, argv, rest[1:]); err != nil {
		return r, err
	}
	if r.verb == "exec" && on(r.flags, "detach") {
		return r, r.undetached(argv)
	}
	return r, nil
}

// runscGlobal reads the flags before the verb. runsc has a hundred more than
// stand in the table: one with "=" is a flag whatever it is called.
func runscGlobal(argv []string) (flags []Flag, rest []token, err error) {
	args := tokens(argv)
	for {
		read, left, err := goFlags(runscGlobals, args)
		flags = append(flags, read...)
		if err == nil {
			return flags, left, nil
		}
		at := firstUnread(args, read)
		name, given, hasValue := strings.Cut(strings.TrimLeft(args[at].text, "-"), "=")
		if !hasValue || name == "" || strings.HasPrefix(args[at].text, "---") || find(runscGlobals, name) != nil {
			return flags, nil, err
		}
		flags = append(flags, Flag{Name: name, Value: given, at: args[at].at})
		args = args[at+1:]
	}
}

// firstUnread is the index of the argument that goFlags fell over, after what
// it has read.
func firstUnread(args []token, read []Flag) int {
	if len(read) == 0 {
		return 0
	}
	f := read[len(read)-1]
	return max(f.at, f.valueAt) - args[0].at + 1
}

// undetached is wrong where a detached exec holds "detach" anywhere else:
// runsc starts itself again with every such argument left out.
func (r reading) undetached(argv []string) error {
	for i, arg := range argv {
		if strings.Contains(arg, "detach") && !r.isFlag(i) {
			return errors.New("argument " + strconv.Quote(arg) + " of exec would be left out by runsc, which drops what holds \"detach\" when it detaches: do without one of them")
		}
	}
	return nil
}

// isFlag tells whether the argument at i is --detach itself.
func (r reading) isFlag(i int) bool {
	for _, f := range r.flags {
		if f.at == i && f.Name == "detach" {
			return true
		}
	}
	return false
}

// runsc's flags. It ignores what it knows only from runc.
var (
	runscGlobals = []flag{
		{"root", "", value},
		{"log", "", value},
		{"log-format", "", value},
		{"debug", "", nothing},
		{"systemd-cgroup", "", nothing},
		{"debug-log", "", value},
		{"debug-log-format", "", value},
		{"panic-log", "", value},
		{"alsologtostderr", "", nothing},
		{"strace", "", nothing},
		{"log-packets", "", nothing},
		{"platform", "", value},
		{"network", "", value},
		{"file-access", "", value},
		{"overlay2", "", value},
		{"host-uds", "", value},
		{"rootless", "", nothing},
		{"ignore-cgroups", "", nothing},
		{"net-raw", "", nothing},
		{"oci-seccomp", "", nothing},
		{"allow-flag-override", "", nothing},
		{"version", "", nothing},
		{"help", "h", nothing},
	}
	runscCreate = []flag{
		{"bundle", "", value},
		{"console-socket", "", value},
		{"pid-file", "", value},
		{"user-log", "", value},
		{"help", "h", nothing},
	}
	runscRun = []flag{
		{"bundle", "", value},
		{"console-socket", "", value},
		{"pid-file", "", value},
		{"user-log", "", value},
		{"detach", "", nothing},
		{"help", "h", nothing},
	}
	runscExec = []flag{
		{"cwd", "", value},
		{"env", "", list},
		{"user", "", value},
		{"additional-gids", "", list},
		{"cap", "", list},
		{"detach", "", nothing},
		{"process", "", value},
		{"pid-file", "", value},
		{"internal-pid-file", "", value},
		{"console-socket", "", value},
		{"pass-fd", "", list},
		{"exec-fd", "", value},
		{"help", "h", nothing},
	}
	runscRestore = []flag{
		{"bundle", "", value},
		{"console-socket", "", value},
		{"pid-file", "", value},
		{"user-log", "", value},
		{"image-path", "", value},
		{"detach", "", nothing},
		{"no-subreaper", "", nothing},
		{"work-path", "", value},
		{"help", "h", nothing},
	}
	runscCheckpoint = []flag{
		{"image-path", "", value},
		{"leave-running", "", nothing},
		{"work-path", "", value},
		{"help", "h", nothing},
	}
	runscDelete = []flag{
		{"force", "", nothing},
		{"help", "h", nothing},
	}
)

// runscFlags returns the flags of a verb of which more is read than its name.
func runscFlags(verb string) []flag {
	switch verb {
	case "create":
		return runscCreate
	case "run":
		return runscRun
	case "exec":
		return runscExec
	case "restore":
		return runscRestore
	case "checkpoint":
		return runscCheckpoint
	case "delete":
		return runscDelete
	}
	return nil
}
