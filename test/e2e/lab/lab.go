// Package lab gives end-to-end tests real parts: bundles with a busybox root, a private
// containerd, a private podman. Everything a test starts ends with it, by process id, and
// everything it writes is below a directory that is removed.
//
//	b := lab.Bundle(t, "cat /proc/self/status")
//	out := b.Run(runtime)
//
//	c := lab.Containerd(t, runtime)
//	out := c.Ctr("run", "--rm", "--runc-binary", runtime, lab.Image, "id", "true")
//
// The tests need root and what `test/setup test` installs; without them they fail, they do not skip.
package lab

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Result is what a command left behind.
type Result struct {
	Stdout, Stderr string
	Code           int // the exit code; -1 if a signal or the time limit ended it
}

// commandLimit is how long any one command may take; the slowest here, a pod, takes 2 s,
// and fifty times that in an emulated machine that shares its processors.
const commandLimit = 5 * time.Minute

// Try runs a command in dir (empty is the test's own) with extra environment and returns how it went.
// Only a command that cannot be started fails the test.
func Try(t testing.TB, dir string, environment []string, name string, args ...string) Result {
	t.Helper()
	return TryStdin(t, "", dir, environment, name, args...)
}

// TryStdin is Try for a command that reads stdin.
func TryStdin(t testing.TB, stdin, dir string, environment []string, name string, args ...string) Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), commandLimit)
	defer cancel()
	command := exec.CommandContext(ctx, name, args...)
	command.Dir = dir
	command.Env = append(os.Environ(), environment...)
	// A container that outlives its runtime keeps the pipes open: do not wait for it.
	command.WaitDelay = time.Second
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if stdin != "" {
		command.Stdin = strings.NewReader(stdin)
	}
	err := command.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) && !errors.Is(err, exec.ErrWaitDelay) {
		t.Fatalf("run %s: %v", name, err)
	}
	return Result{stdout.String(), stderr.String(), command.ProcessState.ExitCode()}
}

// want returns what a command printed, or fails the test with the command's own words.
func (r Result) want(t testing.TB, command ...string) string {
	t.Helper()
	if r.Code != 0 {
		t.Fatalf("%s: exit code %d\n%s%s", strings.Join(command, " "), r.Code, r.Stderr, r.Stdout)
	}
	return r.Stdout
}

// Within asks again and again, and tells whether it became so in time.
func Within(limit, every time.Duration, is func() bool) bool {
	poll := time.NewTicker(every)
	defer poll.Stop()
	for end := time.After(limit); !is(); {
		select {
		case <-poll.C:
		case <-end:
			return false
		}
	}
	return true
}

// Await waits, for at most two minutes, until it is so.
func Await(t testing.TB, what string, is func() bool) {
	t.Helper()
	if !Within(2*time.Minute, 20*time.Millisecond, is) {
		t.Fatalf("after two minutes not yet: %s", what)
	}
}

// answers waits until a daemon answers, and fails with its log where it does not
// in time, or ends instead.
func answers(t testing.TB, name, log string, limit time.Duration, ended chan error, is func() bool) {
	t.Helper()
	gone := false
	became := Within(limit, 20*time.Millisecond, func() bool {
		select {
		case err := <-ended:
			ended <- err // for who stops it
			gone = true
		default:
		}
		return gone || is()
	})
	if became && !gone {
		return
	}
	said, err := os.ReadFile(log)
	if err != nil {
		said = []byte(err.Error())
	}
	if gone {
		t.Fatalf("%s ended at once:\n%s", name, said)
	}
	t.Fatalf("%s does not answer:\n%s", name, said)
}

// Tool returns the absolute path of a program that the tests need.
func Tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is not installed: run test/setup test", name)
	}
	return path
}

// Runc is the distribution's runc, the runtime to compare with.
func Runc(t testing.TB) string { return Tool(t, "runc") }

var serial atomic.Int64

// Name returns an id that no other test on this machine uses at the same time.
func Name() string {
	return "lab-" + strconv.Itoa(os.Getpid()) + "-" + strconv.FormatInt(serial.Add(1), 10)
}

// Dir returns a directory that is removed after the test. Its path is short, unlike that of
// t.TempDir: a socket's path has to fit into 107 bytes.
func Dir(t testing.TB) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Fatal("run as root: containers are started for real")
	}
	return dirBelow(t, "")
}

// dirBelow is Dir in another place than the one for temporary files.
func dirBelow(t testing.TB, above string) string {
	t.Helper()
	dir, err := os.MkdirTemp(above, "lab")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("remove what the test wrote: %v", err)
		}
	})
	return dir
}

// write creates a file below a test's directory.
func write(t testing.TB, path string, content []byte, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, mode); err != nil {
		t.Fatal(err)
	}
}

// The drivers of cgroups: an engine or its runtime makes them, or systemd is asked to.
const (
	Cgroupfs = "cgroupfs"
	Systemd  = "systemd"
)

// Parent is a group as engines want it for what is around their containers.
func Parent(driver, group string) string {
	if driver == Systemd {
		return strings.ReplaceAll(group, "-", "") + ".slice"
	}
	return "/" + group
}

// removeCgroup removes the empty cgroups that engines leave around their containers' own, from name
// downwards, in every hierarchy of cgroup v1, or in the one of v2.
func removeCgroup(t testing.TB, name string) {
	t.Helper()
	tops, err := filepath.Glob("/sys/fs/cgroup/*/" + name)
	if err != nil {
		t.Fatal(err)
	}
	for _, top := range append(tops, "/sys/fs/cgroup/"+name) {
		// Podman makes plain directories for controllers that are not mounted.
		var on unix.Statfs_t
		if err := unix.Statfs(top, &on); err == nil && on.Type == unix.TMPFS_MAGIC {
			if err := os.RemoveAll(top); err != nil {
				t.Error(err)
			}
			continue
		}
		var groups []string
		err := filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.IsDir() {
				groups = append(groups, path)
			}
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		})
		if err != nil {
			t.Errorf("list cgroups: %v", err)
		}
		for _, group := range slices.Backward(groups) {
			if err := rmdir(group); err != nil {
				t.Errorf("remove cgroup %s: %v", group, err)
			}
		}
	}
}

// rmdir waits, for at most 5 s, until the last process of a cgroup has left it: an engine reports a
// container's end before its monitor has ended.
func rmdir(group string) (err error) {
	Within(5*time.Second, 10*time.Millisecond, func() bool {
		err = syscall.Rmdir(group)
		return !errors.Is(err, syscall.EBUSY)
	})
	if errors.Is(err, syscall.ENOENT) {
		return nil
	}
	return err
}
