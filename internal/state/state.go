// Package state reads what the real runtime itself keeps of a container, for
// the verbs that come after create, where the ledger has no entry: a container
// made before runward was installed, before a reboot, or by another runtime.
//
// The record is root's own. What is odd about it is an error, never a guess.
package state

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/runward/runward/policy"
)

// ErrNotFound is what Load returns if the runtime keeps no such container.
var ErrNotFound = errors.New("the runtime keeps no container of this id")

// A Container is what its runtime keeps of it.
type Container struct {
	ID     string
	Root   string // the runtime's state directory, absolute
	Bundle string // absolute; where the runtime itself looks for config.json

	// Annotations are config.json's. runc keeps them as text, key=value: what
	// is in Unclear may have had another key, with a '=' in it.
	Annotations map[string]string
	Unclear     []string // keys, sorted; believe config.json instead

	// Ceiling is what the container was given. Capabilities are those of all
	// sets; none recorded is none, though runc since 1.3 leaves such a
	// container all. NonRoot stays false. Memory, CPU and Pids are in force
	// now, from the container's cgroup; nil: no limit. AppArmor is under runc
	// what the container's process runs under now, for runc does not keep it.
	Ceiling policy.Ceiling

	// UserKnown tells that Ceiling has the user of the container's process.
	// runc does not keep it.
	UserKnown bool

	// CPUQuota and CPUPeriod, in microseconds, are what stays of them after an
	// update that gives only the other. They may differ from what is in force:
	// runc writes both from its own record. A quota of -1 is no limit.
	CPUQuota, CPUPeriod int64
}

// Load reads what a runtime of this kind (runc, crun, youki, runsc) keeps in
// root of a container. Errors are one line; ErrNotFound is wrapped.
func Load(kind, root, id string) (*Container, error) {
	c, err := load(kind, root, id)
	if err != nil {
		return nil, &Error{Kind: kind, Root: root, ID: id, Err: err}
	}
	return c, nil
}

func load(kind, root, id string) (*Container, error) {
	var read func(dir int, c *Container) error
	switch kind {
	case "runc":
		read = readRunc
	case "crun":
		read = readCrun
	case "youki":
		read = readYouki
	case "runsc":
		return nil, errors.New("runsc keeps it in a form of its own, which is not read here; create the container again under runward")
	default:
		return nil, errors.New("this kind of runtime is not known here: runc, crun and youki are")
	}
	if !filepath.IsAbs(root) {
		return nil, errors.New("the state directory is not an absolute path")
	}
	if !validID(id) {
		return nil, errors.New("not a container id: letters, digits, and _ + - . are")
	}
	dir, err := openDir(root, id)
	if err != nil {
		return nil, err
	}
	defer unix.Close(dir)
	c := &Container{ID: id, Root: filepath.Clean(root)}
	if err := read(dir, c); err != nil {
		return nil, err
	}
	if !filepath.IsAbs(c.Bundle) || strings.IndexByte(c.Bundle, 0) >= 0 {
		return nil, errors.New("its bundle is not an absolute path")
	}
	return c, nil
}

// validID takes the ids that every version of runc and crun takes.
func validID(id string) bool {
	if id == "" || id == "." || id == ".." || len(id) > 1024 {
		return false
	}
	for _, c := range []byte(id) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case c == '_', c == '+', c == ',', c == '-', c == '.': // runc 1.1 had [\w+-\.], which has the comma
		default:
			return false
		}
	}
	return true
}

// An Error says which record cannot be used, and why.
type Error struct {
	Kind, Root, ID string
	Err            error
}

func (e *Error) Error() string {
	return "what " + e.Kind + " keeps of container " + e.ID + " in " + e.Root + ": " + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// union lists the capabilities of all sets, sorted.
func union(sets ...[]string) *[]string {
	all := slices.Concat(sets...)
	slices.Sort(all)
	all = slices.Compact(all)
	if all == nil {
		all = []string{}
	}
	return &all
}
