// Command runward-rules is runward with custom rules. Nobody calls it but
// runward, where a policy has some: it begins the call anew in it. Linking
// what evaluates them into runward itself would cost every verb of every
// container, on nodes that have none.

// As in runward.
//
//go:debug containermaxprocs=0
package main

import (
	"os"
	"runtime"

	"github.com/runward/runward/internal/customrule"
	"github.com/runward/runward/internal/inherit"
	"github.com/runward/runward/shim"
)

// As in runward.
func init() { runtime.LockOSThread() }

func main() {
	os.Exit(shim.Main(os.Args, inherit.Environment(), inherit.Ignored, customrule.Compile))
}
