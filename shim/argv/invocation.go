package argv

import "strings"

// An Invocation is what the engine asked of the runtime. Of a verb that policy
// does not cover, only Verb and the flags before it are read; of delete, ID and
// Force too.
type Invocation struct {
	Verb string // create, run, state, ...; empty: none, as in --version
	ID   string // the container

	Root          string // --root as given; empty: the runtime's default
	Log           string // --log as given; empty: standard error
	LogFormat     string // --log-format as given; empty: the runtime's default, text
	SystemdCgroup bool
	CgroupManager string // crun's --cgroup-manager; empty: not given
	Global        []Flag // every flag of the runtime itself, in order; the last of a name counts

	// Of create, run and restore; a few of them of exec.

	Bundle        string // --bundle as given; empty: the working directory
	Config        string // crun's --config, in place of config.json; empty: not given
	PidFile       string
	ConsoleSocket string
	PidfdSocket   string
	PreserveFDs   int // files kept open besides standard ones and LISTEN_FDS
	NoPivot       bool
	NoNewKeyring  bool
	NoSubreaper   bool
	Detach        bool
	Keep          bool

	Exec   Exec   // of exec
	Update Update // of update
	Criu   []Flag // of restore and checkpoint: what is for CRIU, in order, as given
	Mounts Mounts // of crun's mounts

	Force bool // of delete

	// Argv is every argument after the program's name, exactly as it came. It
	// is what the real runtime gets.
	Argv []string

	grammar Grammar
	verbAt  int // where in Argv the verb is
	idAt    int // where in Argv the container is
	endAt   int // where in Argv exec's command begins, or the end
	flags   []Flag
}

// LogFile returns the file that the runtime would write its log to; empty: none.
// crun's --log may name another place than a file.
func (inv Invocation) LogFile() string {
	if inv.grammar != Crun {
		return inv.Log
	}
	kind, path, hasKind := strings.Cut(inv.Log, ":")
	switch {
	case !hasKind:
		return inv.Log
	case kind == "file":
		return path
	}
	return ""
}

// Exec is what exec's flags and arguments say about the process.
type Exec struct {
	// ProcessFile is --process: the whole process, instead of everything below.
	// Empty: not given.
	ProcessFile string

	Args           []string // the command, after the container
	Cwd            string   // empty: the container's
	Env            []string // added to the container's, in order
	TTY            bool
	User           string // UID[:GID] as given; empty: the container's
	AdditionalGIDs []uint32
	ProcessLabel   string // empty: the container's
	AppArmor       string // empty: the container's
	NoNewPrivs     Switch
	Caps           []string // added, as spelled
	Cgroup         []string // [CONTROLLER:]PATH, as given
	IgnorePaused   bool
	Other          []Flag // what only runsc has, and --process does not replace
}

// Update is what update sets.
type Update struct {
	// Resources is a file, or "-" for standard input. Of Limits, only
	// l3-cache-schema and mem-bw-schema count besides it. Empty: not given.
	Resources string
	Limits    []Flag // every other flag, in order, as given; the last of a name counts
}

// Mounts is what crun's mounts does.
type Mounts struct {
	Action string // add or remove
	File   string // holds the mounts
}

// A Switch is a flag that may also be absent.
type Switch uint8

// The states of a Switch.
const (
	Unset Switch = iota
	On
	Off
)

// Covered tells whether policy decides about the verb.
func (inv Invocation) Covered() bool { return inv.grammar.covers(inv.Verb) }
