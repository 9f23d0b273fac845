package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// A lab is everything that the measurements need, in folders of its own: the
// programs, a runward whose every path leads into them, bundles, nodes.
type lab struct {
	ctx     context.Context
	disk    string // on the disk: settings, policies, receipts
	tmp     string // on tmpfs, as /run is: state, ledger, bundles
	node    string // the one in place; empty: none
	configs map[string][]byte
	runc    string // absolute path
	next    int    // the next container's number
	monitor *http.Server
}

func newLab(ctx context.Context) (_ *lab, err error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("containers need root: run it as root")
	}
	l := &lab{ctx: ctx}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.close())
		}
	}()
	if l.runc, err = exec.LookPath("runc"); err != nil {
		return nil, err
	}
	if l.disk, err = os.MkdirTemp("/var/tmp", "runward-bench."); err != nil {
		return nil, err
	}
	tmpfs, err := tmpfsDir()
	if err != nil {
		return nil, err
	}
	if l.tmp, err = os.MkdirTemp(tmpfs, "runward-bench."); err != nil {
		return nil, err
	}
	// Containers' processes become ours when runc exits, as they become the engine's shim's.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("become subreaper: %w", err)
	}
	if err := l.build(); err != nil {
		return nil, err
	}
	if err := l.rootfs(); err != nil {
		return nil, err
	}
	if l.configs, err = configs(l.path("rootfs"), l.cgroup()); err != nil {
		return nil, err
	}
	for name, n := range nodes() {
		if err := n.write(l.nodeDir(name), l); err != nil {
			return nil, err
		}
		if err := n.fill(l.path("ledger-"+name), l.path("others-"+name)); err != nil {
			return nil, err
		}
	}
	return l, l.watch()
}

// tmpfsDir is where a tmpfs is: /run on most machines.
func tmpfsDir() (string, error) {
	for _, dir := range []string{"/run", "/dev/shm"} {
		var st unix.Statfs_t
		if err := unix.Statfs(dir, &st); err == nil && st.Type == unix.TMPFS_MAGIC {
			return dir, nil
		}
	}
	return "", errors.New("neither /run nor /dev/shm is a tmpfs, where engines keep bundles and state: mount one")
}

func (l *lab) path(name string) string    { return filepath.Join(l.tmp, name) }
func (l *lab) etc() string                { return filepath.Join(l.disk, "etc") }
func (l *lab) receipts() string           { return filepath.Join(l.disk, "log", "receipts.jsonl") }
func (l *lab) nodeDir(name string) string { return filepath.Join(l.disk, "nodes", name) }
func (l *lab) cache() string              { return l.path("run/policy.cache") }
func (l *lab) ledger() string             { return l.path("run/ledger") }
func (l *lab) cgroup() string             { return "/" + filepath.Base(l.tmp) }
func (l *lab) stateRoot() string          { return l.path("state") }
func (l *lab) argv(p program) (before []string) {
	switch p {
	case floor:
		return []string{l.path("floor"), l.runc}
	case runward:
		return []string{l.path("bin/runward")}
	case bare:
		return []string{l.path("floor"), l.path("quit")}
	case quit:
		return []string{l.path("quit")}
	case hook:
		return []string{l.path("bin/runward-hook")}
	default:
		return []string{l.runc}
	}
}

func (l *lab) build() error {
	for _, cc := range [][]string{
		{"-nostdlib", "-o", l.path("floor"), "test/bench/stub/floor.c"},
		{"-nostdlib", "-DQUIT", "-o", l.path("quit"), "test/bench/stub/floor.c"},
		{"-o", l.path("peak"), "test/bench/stub/peak.c"},
	} {
		args := append([]string{"-static", "-Os", "-Wall", "-fno-stack-protector", "-fno-pie", "-no-pie"}, cc...)
		if err := l.command("cc", args...); err != nil {
			return err
		}
	}
	// A program that the kernel refuses to execute.
	if err := os.WriteFile(l.path("broken"), []byte("not a program\n"), 0o755); err != nil {
		return err
	}
	if err := l.runward("bin", "-s -w"); err != nil {
		return err
	}
	return l.runward("named", "-w")
}

// runward builds it to have all that it reads and writes in the lab.
func (l *lab) runward(bin, strip string) error {
	libexec := filepath.Join(l.disk, "libexec")
	places := []string{
		"--silent", "--no-print-directory", "STRIP=" + strip, "SYSCONFDIR=" + l.etc(), "LOGDIR=" + filepath.Join(l.disk, "log"),
		"RUNDIR=" + l.path("run"), "LIBDIR=" + filepath.Join(l.disk, "lib"), "LIBEXECDIR=" + libexec,
	}
	if err := l.command("make", append(places, "runward", "runward-hook", "BINDIR="+l.path(bin))...); err != nil {
		return err
	}
	return l.command("make", append(places, "runward-rules", "BINDIR="+filepath.Join(libexec, "runward"))...)
}

// command runs a program to its end; what it prints is in the error.
func (l *lab) command(name string, args ...string) error {
	out, err := exec.CommandContext(l.ctx, name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	return nil
}

// rootfs is busybox and empty folders.
func (l *lab) rootfs() error {
	root := l.path("rootfs")
	for _, dir := range []string{"bin", "proc", "dev", "sys", "etc", "tmp"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			return err
		}
	}
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		return err
	}
	if err := l.command("cp", busybox, filepath.Join(root, "bin", "true")); err != nil {
		return err
	}
	return os.Mkdir(l.stateRoot(), 0o700)
}

// use puts a node's settings and policies in the place of /etc, and what it
// keeps, of them decoded and of containers, in its place: on a real node they
// stay together.
func (l *lab) use(name string) error {
	if name == "" || name == l.node {
		return nil
	}
	if l.node != "" {
		if err := os.Rename(l.etc(), l.nodeDir(l.node)); err != nil {
			return err
		}
		if err := move(l.cache(), l.path("cache-"+l.node)); err != nil {
			return err
		}
		if err := move(l.ledger(), l.path("ledger-"+l.node)); err != nil {
			return err
		}
		l.node = ""
	}
	if err := os.Rename(l.nodeDir(name), l.etc()); err != nil {
		return err
	}
	l.node = name
	if err := l.attach(nodes()[name].monitor); err != nil {
		return err
	}
	if err := move(l.path("ledger-"+name), l.ledger()); err != nil {
		return err
	}
	return move(l.path("cache-"+name), l.cache())
}

// move renames a file if it is there.
func move(from, to string) error {
	if err := os.Rename(from, to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// close deletes every container, and everything else. It goes on where
// something cannot be deleted, and says so.
func (l *lab) close() error {
	var errs []error
	if l.monitor != nil {
		errs = append(errs, l.monitor.Close())
	}
	if l.tmp != "" {
		entries, _ := os.ReadDir(l.stateRoot()) // absent: no container was made
		for _, e := range entries {
			out, err := exec.Command(l.runc, "--root", l.stateRoot(), "delete", "--force", e.Name()).CombinedOutput()
			if err != nil {
				errs = append(errs, fmt.Errorf("delete container %s: %w: %s", e.Name(), err, out))
			}
		}
		l.reapAll()
		groups, _ := filepath.Glob("/sys/fs/cgroup/*" + l.cgroup()) // the pattern is well formed
		for _, dir := range append(groups, "/sys/fs/cgroup"+l.cgroup()) {
			if err := os.Remove(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
				errs = append(errs, err)
			}
		}
		errs = append(errs, os.RemoveAll(l.tmp))
	}
	if l.disk != "" {
		errs = append(errs, os.RemoveAll(l.disk))
	}
	return errors.Join(errs...)
}

// reapAll waits for what is left of the containers, all of it killed.
func (l *lab) reapAll() {
	for {
		if _, err := syscall.Wait4(-1, nil, 0, nil); err != nil && !errors.Is(err, syscall.EINTR) {
			return // no child is left
		}
	}
}
