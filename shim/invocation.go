// Package shim stands where the engine expects its OCI runtime: it reads the
// arguments as that runtime would, holds a create to policy, and executes the
// real runtime in its own place.
package shim

import "github.com/runward/runward/shim/argv"

// An Invocation is what the engine asked of the runtime.
type Invocation = argv.Invocation

// stateRoot returns the directory of the runtime's state: --root, or the
// default of root's runtime of that kind. It only serves to tell containers
// apart that have the same id.
func stateRoot(inv Invocation, kind string) string {
	switch {
	case inv.Root != "":
		return inv.Root
	case kind == "runsc":
		return "/var/run/runsc"
	}
	return "/run/" + kind
}
