// Package hot is in the wrapper.
package hot

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

func Calls() error {
	_ = os.Getenv("RUNWARD")                  // want "os.Getenv: no environment variable"
	_, _ = os.LookupEnv("RUNWARD")            // want "os.LookupEnv: no environment variable"
	_ = os.Chdir("/")                         // want "os.Chdir: the real runtime inherits"
	_ = syscall.Umask(0)                      // want "syscall.Umask: the real runtime inherits"
	_ = exec.Command("runc")                  // want "os/exec.Command: the engine takes"
	fmt.Fprintln(os.Stderr, "x")              // want "fmt.Fprintln: a line to the engine"
	_, _ = os.Stdout.WriteString("")          // want "os.Stdout: they are the real runtime's"
	return errors.New("x: Permission denied") // want "makes engines exit with another code"
}
