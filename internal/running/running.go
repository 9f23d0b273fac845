// Package running finds the containers that run on this node, whatever engine
// started them, with runward or without. It reads what runtimes and engines
// leave in files and what procfs says of their processes: it opens nothing for
// writing, asks no engine and takes no lock.
package running

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/runward/runward/internal/state"
)

// A Container is one that runs.
type Container struct {
	ID        string
	Name      string // as its engine calls it; empty: it has none, or none was found
	Namespace string // containerd's
	Root      string // the runtime's state directory; empty: not known
	Kind      string // of the runtime: runc, crun, youki, ...; empty: not known
	Bundle    string // absolute
	PID       int    // of its init process; 0: not known
	User      uint32 // whose engine it is: 0 is root's
	Problem   string // why it cannot be looked at; then Bundle may be empty
}

// Found is what there is on a node.
type Found struct {
	Containers []Container // by id
	Ended      int         // of which a record is left, but whose process has ended
	Problems   []string    // places that could not be read
}

// finder is one search.
type finder struct {
	Found
	byBundle map[string]int // index of a container; -1: it has ended
}

// Find looks in all places.
func Find(places Places) *Found {
	f := &finder{byBundle: map[string]int{}}
	if places.Proc != "" && !hostProcesses(places.Proc) {
		f.Problems = append(f.Problems, "the processes of containers cannot be seen from this PID namespace: run it on the node itself")
	}
	monitors := f.monitors(places.Proc)
	for _, root := range f.expand(places.States) {
		f.stateRoot(root)
	}
	tasks := f.expand(places.Tasks)
	for _, m := range monitors {
		if m.shim() {
			tasks = append(tasks, filepath.Dir(m.bundle))
		}
	}
	slices.Sort(tasks)
	for _, dir := range slices.Compact(tasks) {
		f.taskRoot(dir)
	}
	for _, m := range monitors {
		f.monitored(m)
	}
	for i := range f.Containers {
		f.Containers[i].describe()
	}
	slices.SortFunc(f.Containers, func(a, b Container) int {
		return cmp.Or(strings.Compare(a.ID, b.ID), strings.Compare(a.Bundle, b.Bundle), strings.Compare(a.Root, b.Root))
	})
	return &f.Found
}

// add adds a container that was not found before by its bundle.
func (f *finder) add(c Container, runs bool) {
	key := canonical(c.Bundle)
	i, before := f.byBundle[key]
	switch {
	case before && (i < 0 || c.Root == "" || f.Containers[i].Root != ""):
		return
	case before:
		f.Containers[i] = c
	case !runs:
		f.Ended++
		f.byBundle[key] = -1
	default:
		f.byBundle[key] = len(f.Containers)
		f.Containers = append(f.Containers, c)
	}
}

// stateRoot finds what a runtime keeps in its state directory.
func (f *finder) stateRoot(root string) {
	for _, id := range f.directories(root) {
		seen, err := state.Look(root, id)
		switch {
		case err == nil:
			f.add(Container{ID: id, Root: root, Kind: seen.Kind, Bundle: seen.Bundle, PID: seen.PID, User: ownerOf(root)}, seen.Running())
		case !isNone(err):
			f.Containers = append(f.Containers, Container{ID: id, Root: root, User: ownerOf(root), Problem: err.Error()})
		}
	}
}

// canonical is a path without symbolic links, where they can be followed.
func canonical(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return filepath.Clean(path)
}

// hostProcesses tells whether procfs shows the node's own PID namespace: its
// number never changes (PROC_PID_INIT_INO in the kernel's proc_ns.h).
func hostProcesses(proc string) bool {
	info, err := os.Stat(proc + "/self/ns/pid")
	if err != nil {
		return true // a pretended one
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return !ok || st.Ino == 0xEFFFFFFC
}

// ownerOf is the user that a directory belongs to.
func ownerOf(dir string) uint32 {
	info, err := os.Stat(dir)
	if err != nil {
		return 0
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Uid
	}
	return 0
}
