// Package shim stands where the engine expects its OCI runtime: it reads the
// arguments as that runtime would, holds a create to policy, and executes the
// real runtime in its own place.
package shim

// An Invocation is what the engine asked of the runtime.
type Invocation struct {
	Verb   string // create, run, state, ...; empty: none, as in --version
	ID     string // the container, of a covered verb
	Bundle string // --bundle as given; empty: the working directory
	Root   string // --root as given; empty: the runtime's default
	Log    string // --log as given; empty: standard error

	LogFormat string // --log-format as given; empty: the runtime's default, text

	// Argv is every argument after the program's name, exactly as it came. It
	// is what the real runtime gets.
	Argv []string
}

// Covered tells whether policy decides about the verb.
func (inv Invocation) Covered() bool { return covered(inv.Verb) }

// covered tells whether a verb starts a container from a bundle.
func covered(verb string) bool { return verb == "create" || verb == "run" }

// root returns the directory of the runtime's state: --root, or the default of
// root's runtime of that kind. It only serves to tell containers apart that
// have the same id.
func (inv Invocation) root(kind string) string {
	switch {
	case inv.Root != "":
		return inv.Root
	case kind == "crun":
		return "/run/crun"
	}
	return "/run/runc"
}
