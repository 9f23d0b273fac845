// Command runward is an OCI runtime that holds containers to policy and then
// executes the real one. It has runc's command line and none of its own; its
// settings are in runward.toml.

// Go would read the cgroup's limit on CPUs, to run no more threads than it has:
// four files, for a program that lives a millisecond.
//
//go:debug containermaxprocs=0
package main

import (
	"os"
	"runtime"

	"github.com/runward/runward/internal/inherit"
	"github.com/runward/runward/shim"
)

// The kernel keeps by thread the signal that comes when the parent dies: it
// holds for the real runtime only if the process's first thread executes it.
// Go gives main that thread for good if init asks for it.
func init() { runtime.LockOSThread() }

func main() {
	os.Exit(shim.Main(os.Args, inherit.Environment(), inherit.Ignored, nil))
}
