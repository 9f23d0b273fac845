//go:build !nocontainerd

package containerdshim

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"github.com/containerd/cgroups/v3"
	"github.com/containerd/cgroups/v3/cgroup1"
	"github.com/containerd/cgroups/v3/cgroup2"
	"github.com/containerd/containerd/v2/pkg/schedcore"
	"github.com/containerd/containerd/v2/pkg/shim"
)

// spawn starts the shim, which serves the socket when this process has ended,
// in the cgroup (empty: this one's) and with the OOM score that it should have.
func (c call) spawn(cgroup string, socket *net.UnixListener) (err error) {
	cmd, err := c.command()
	if err != nil {
		return err
	}
	listener, err := socket.File()
	if err != nil {
		return fmt.Errorf("hand over the shim's socket: %w", err)
	}
	defer func() { err = errors.Join(err, listener.Close()) }()
	cmd.ExtraFiles = []*os.File{listener}
	if err := start(cmd); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, cmd.Process.Kill())
		}
	}()
	if cgroup != "" {
		if err := join(cgroup, cmd.Process.Pid); err != nil {
			return fmt.Errorf("put the shim into the cgroup %s: %w", cgroup, err)
		}
	}
	return shim.AdjustOOMScore(cmd.Process.Pid)
}

// command is this program again, to serve, with the bundle as its working
// directory.
func (c call) command() (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	args := []string{"-namespace", c.namespace, "-id", c.id, "-address", c.address}
	if c.debug {
		args = append(args, "-debug")
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=4") // as containerd's own
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd, nil
}

// start starts it, with core scheduling for it and all that it starts where
// containerd is set to that.
func start(cmd *exec.Cmd) error {
	runtime.LockOSThread() // the cookie is the thread's, and its child's
	defer runtime.UnlockOSThread()
	if os.Getenv("SCHED_CORE") != "" {
		if err := schedcore.Create(schedcore.ProcessGroup); err != nil {
			return fmt.Errorf("core scheduling: %w", err)
		}
	}
	return cmd.Start()
}

func join(group string, pid int) error {
	if cgroups.Mode() == cgroups.Unified {
		cg, err := cgroup2.Load(group)
		if err != nil {
			return err
		}
		return cg.AddProc(uint64(pid))
	}
	cg, err := cgroup1.Load(cgroup1.StaticPath(group))
	if err != nil {
		return err
	}
	return cg.AddProc(uint64(pid))
}
