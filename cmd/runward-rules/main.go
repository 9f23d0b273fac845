// Command runward-rules is runward with custom rules. Nobody calls it but
// runward, where a policy has some: it begins the call anew in it. Linking
// what evaluates them into runward itself would cost every verb of every
// container, on nodes that have none.
package main

import (
	"os"
	"runtime"

	"github.com/runward/runward/internal/customrule"
	"github.com/runward/runward/internal/inherit"
	"github.com/runward/runward/internal/stamp"
	"github.com/runward/runward/shim"
)

func main() {
	runtime.KeepAlive(stamp.Mark) // in the file, for runwardctl version
	os.Exit(shim.Main(shim.Start{Args: os.Args, Env: inherit.Environment(), Ignored: inherit.Ignored, DeathSignal: inherit.DeathSignal}, customrule.Compile))
}
