//go:build !nocontainerd

package containerdshim

import (
	"context"
	"flag"
	"io"

	"github.com/containerd/containerd/v2/pkg/shim"
	"github.com/containerd/containerd/v2/version"

	"github.com/runward/runward/internal/config"
)

// Name is the runtime's, by which containerd finds containerd-shim-runward-v2.
const Name = "io.containerd.runward.v2"

// Main is the whole program, as containerd calls it: start, delete, -info, or
// serving one container or group until the last one in it is deleted. For all
// but start, containerd's package does the rest, and exits itself where it fails.
func Main(args []string, stdin io.Reader, stdout io.Writer) error {
	if c, ok := parseStart(args[1:]); ok {
		address, err := c.start(stdin)
		if err != nil {
			return err
		}
		_, err = io.WriteString(stdout, address)
		return err
	}
	version.Version = config.Version + ", of containerd " + version.Version
	register()
	shim.Run(context.Background(), manager{})
	return nil
}

// call is how containerd calls a shim to start another one.
type call struct {
	namespace, id, address string
	debug                  bool
}

// parseStart reads the arguments of start; of every other call it says false.
func parseStart(args []string) (call, bool) {
	var c call
	var ignored string
	flags := flag.NewFlagSet(Name, flag.ContinueOnError)
	flags.SetOutput(io.Discard) // shim.Run has the words
	flags.StringVar(&c.namespace, "namespace", "", "")
	flags.StringVar(&c.id, "id", "", "")
	flags.StringVar(&c.address, "address", "", "")
	flags.BoolVar(&c.debug, "debug", false, "")
	for _, name := range []string{"publish-binary", "socket", "debug-socket", "bundle"} {
		flags.StringVar(&ignored, name, "", "")
	}
	err := flags.Parse(args)
	return c, err == nil && flags.Arg(0) == "start"
}
