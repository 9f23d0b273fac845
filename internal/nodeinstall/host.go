// Package nodeinstall brings runward onto a node of a Kubernetes cluster, keeps
// its policies as a ConfigMap has them, and takes it away again once no pod
// needs it.
package nodeinstall

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// Host is the node, seen from inside a pod.
type Host struct {
	// Root is the node's root directory. A link on the node that is absolute
	// is refused, since it would lead into the pod.
	Root *os.Root
	// Run runs a program of the node, by its absolute path there, with the
	// node's files around it.
	Run func(ctx context.Context, argv ...string) (Result, error)
}

// Result is what a program left when it ended.
type Result struct {
	Code   int // its exit code
	Out    []byte
	ErrOut []byte
}

// Said is what the program said, for a person: its first lines, in one.
func (r Result) Said() string {
	text := strings.TrimSpace(string(r.ErrOut))
	if text == "" {
		text = strings.TrimSpace(string(r.Out))
	}
	return short(strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' }), "; "))
}

// short keeps a message within what an annotation is good for.
func short(text string) string {
	const most = 1000
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "..."
}

// OfInit returns the node by its first process, which the pod sees with
// hostPID. It takes CAP_SYS_PTRACE to look at that process, and CAP_SYS_ADMIN and
// CAP_SYS_CHROOT to join its mount namespace (setns(2)).
func OfInit() (Host, error) {
	const root, mounts = "/proc/1/root", "/proc/1/ns/mnt"
	pod, err := os.Readlink("/proc/self/ns/mnt")
	if err != nil {
		return Host{}, err
	}
	node, err := os.Readlink(mounts)
	if err != nil {
		return Host{}, fmt.Errorf("the node's first process: %w; the pod wants hostPID, CAP_SYS_PTRACE and no AppArmor profile", err)
	}
	if pod == node {
		return Host{}, errors.New("process 1 is the pod's own and not the node's: the pod wants hostPID: true")
	}
	dir, err := os.OpenRoot(root)
	if err != nil {
		return Host{}, fmt.Errorf("the node's root directory: %w", err)
	}
	run := func(ctx context.Context, argv ...string) (Result, error) { return within(ctx, mounts, argv) }
	return Host{Root: dir, Run: run}, nil
}

// within runs a program in another mount namespace. The thread that joins it
// ends with the goroutine: it is never unlocked.
func within(ctx context.Context, mounts string, argv []string) (Result, error) {
	type ended struct {
		Result
		error
	}
	done := make(chan ended, 1)
	go func() {
		runtime.LockOSThread()
		result, err := joined(ctx, mounts, argv)
		done <- ended{result, err}
	}()
	end := <-done
	return end.Result, end.error
}

func joined(ctx context.Context, mounts string, argv []string) (Result, error) {
	fd, err := unix.Open(mounts, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return Result{}, fmt.Errorf("the node's mounts: %w", err)
	}
	defer func() { _ = unix.Close(fd) }() // nothing was written
	// A thread that shares its root and working directory cannot go elsewhere.
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return Result{}, fmt.Errorf("a thread of its own: %w", err)
	}
	if err := unix.Setns(fd, unix.CLONE_NEWNS); err != nil {
		return Result{}, fmt.Errorf("join the node's mounts: %w; the pod wants CAP_SYS_ADMIN and CAP_SYS_CHROOT", err)
	}
	return command(ctx, argv)
}

// command runs a program with an environment of the node's, not of the pod's.
func command(ctx context.Context, argv []string) (Result, error) {
	var out, errOut bytes.Buffer
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = "/", &out, &errOut
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C"}
	err := cmd.Run()
	result := Result{Out: out.Bytes(), ErrOut: errOut.Bytes()}
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		result.Code = exit.ExitCode()
		return result, nil
	}
	if ctx.Err() != nil {
		err = errors.New("it did not end in time")
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", argv[0], err)
	}
	return result, err
}
