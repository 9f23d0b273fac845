//go:build !nocontainerd

// Command containerd-shim-runward-v2 is containerd's shim for runc with runward
// in runc's place: the runtime io.containerd.runward.v2, for which nothing needs
// to be configured. containerd finds it by its name on the PATH, or beside itself.
package main

import (
	"fmt"
	"os"
	"runtime"

	"github.com/runward/runward/internal/containerdshim"
	"github.com/runward/runward/internal/stamp"
)

func main() {
	runtime.KeepAlive(stamp.Mark) // in the file, for runwardctl version
	if err := containerdshim.Main(os.Args, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %s\n", containerdshim.Name, err)
		os.Exit(1)
	}
}
