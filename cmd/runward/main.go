// Command runward is an OCI runtime that holds containers to policy and then
// executes the real one. It has runc's command line and none of its own; its
// settings are in runward.toml.
package main

import (
	"os"

	"github.com/runward/runward/shim"
)

func main() {
	os.Exit(shim.Main(os.Args, os.Environ(), ignored))
}
