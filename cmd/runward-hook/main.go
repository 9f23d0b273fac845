// Command runward-hook is the OCI hook that tells the node's monitor of a
// container. Runtimes run it; runward writes it into config.json, and its
// arguments are nobody else's.
package main

import (
	"os"
	"runtime"
	"slices"
	"syscall"

	"github.com/runward/runward/hooks"
	"github.com/runward/runward/hooks/notify"
	"github.com/runward/runward/internal/stamp"
)

func main() {
	runtime.KeepAlive(stamp.Mark) // in the file, for runwardctl version
	call, err := hooks.Parse(os.Args)
	if err == nil {
		err = notify.Tell(call, 0)
	}
	// Nothing is said where nothing depends on it: runtimes drop it, or log it
	// for every container of a node on which the monitor does not run.
	if err != nil && slices.Contains(os.Args, "--required") {
		// Not os.Stderr, which dies of SIGPIPE. The exit code says it, too.
		_, _ = syscall.Write(2, []byte("runward-hook: policy wants no container without the node's monitor, and "+err.Error()+
			"; start it (systemctl start runwardd), or ask the administrator to take required out of the policy's [monitor]\n"))
		os.Exit(1)
	}
}
