// Package hooks says which OCI hooks join a container to the node's monitor,
// and what each of them is told by its arguments. The rule monitor writes them
// into config.json, cmd/runward-hook reads them there.
package hooks

import (
	"errors"
	"strconv"
)

// The stages of a container's life at which the monitor is told of it; see
// the runtime specification, "POSIX-platform Hooks".
const (
	CreateRuntime = "createRuntime" // it is made, and nothing of it has run yet: the monitor takes note of it
	Poststart     = "poststart"     // it is started: the monitor proves that it is as policy left it
	Poststop      = "poststop"      // it is deleted: the monitor forgets it
)

// Stages are all of them, in the order in which they come.
var Stages = [...]string{CreateRuntime, Poststart, Poststop}

// Name is what the program is called by, its first argument.
const Name = "runward-hook"

// Seconds that a create waits for the monitor where policy requires it.
const (
	DefaultTimeout = 2
	MostTimeout    = 60
)

// patience is how many milliseconds a hook may take where nothing depends on it.
const patience = 250

// slack is how many seconds the runtime gives a hook beyond what it takes by
// itself. It is for a node that hardly gets to run it at all: a hook that the
// runtime kills fails the create, and poststart's the container.
const slack = 10

// A Call is what one hook is told.
type Call struct {
	Stage string

	// Required fails the create unless the monitor has taken note of the
	// container. Only createRuntime has it. Where poststart fails runc kills
	// the container, which the monitor knows of by then, and where poststop
	// fails runc leaves out the hooks after it: neither is worth it.
	Required bool
	Timeout  int // seconds, of a Required one
}

// Args are the call as the program's arguments, the first being Name.
func (c Call) Args() []string {
	if c.Required {
		return []string{Name, c.Stage, "--required", timeoutFlag + strconv.Itoa(c.Timeout)}
	}
	return []string{Name, c.Stage}
}

const timeoutFlag = "--timeout="

// Parse reads what Args wrote, and nothing else.
func Parse(args []string) (Call, error) {
	if len(args) < 2 {
		return Call{}, errors.New("want a stage: " + CreateRuntime + ", " + Poststart + " or " + Poststop)
	}
	c := Call{Stage: args[1]}
	switch {
	case c.Stage != CreateRuntime && c.Stage != Poststart && c.Stage != Poststop:
		return Call{}, errors.New("the stage " + strconv.Quote(c.Stage) + " is not known; known are " + CreateRuntime + ", " + Poststart + " and " + Poststop)
	case len(args) == 2:
		return c, nil
	case c.Stage == CreateRuntime && len(args) == 4 && args[2] == "--required" && len(args[3]) > len(timeoutFlag) && args[3][:len(timeoutFlag)] == timeoutFlag:
		n, err := strconv.Atoi(args[3][len(timeoutFlag):])
		if err == nil && n >= 1 && n <= MostTimeout {
			c.Required, c.Timeout = true, n
			return c, nil
		}
	}
	return Call{}, errors.New("arguments of another version of runward")
}

// Wait is how many milliseconds the hook takes at most, by itself.
func (c Call) Wait() int {
	if c.Required {
		return c.Timeout * 1000
	}
	return patience
}

// Limit is how many seconds the runtime gives the hook: more than Wait.
func (c Call) Limit() int { return (c.Wait()+999)/1000 + slack }

// Env is the hook's whole environment. Without one it would inherit the
// runtime's, and below runtimes that have it so the container's
// (CVE-2025-23266). The program reads none of it; Go's runtime does: one thread
// less, and no garbage collector, for a program that lives a millisecond.
func Env() []string { return []string{"GOMAXPROCS=1", "GOGC=off"} }
