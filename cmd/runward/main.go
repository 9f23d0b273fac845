// Command runward is an OCI runtime that holds containers to policy and then
// executes the real one. It has runc's command line and none of its own; its
// settings are in runward.toml.
package main

import (
	"os"
	"runtime"

	"github.com/runward/runward/internal/inherit"
	"github.com/runward/runward/internal/stamp"
	"github.com/runward/runward/shim"
)

func main() {
	runtime.KeepAlive(stamp.Mark) // in the file, for runwardctl version
	os.Exit(shim.Main(shim.Start{Args: os.Args, Env: inherit.Environment(), Ignored: inherit.Ignored, DeathSignal: inherit.DeathSignal}, nil))
}
