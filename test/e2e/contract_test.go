//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/runward/runward/test/e2e/lab"
)

// What the real runtime finds when runward has executed it. runc shows little
// of it, so the test binary stands in its place and reports.

type seen struct {
	Pid       int
	Exe       string
	Args, Env []string
	Cwd       string
	Umask     int
	Fds       map[string]string // number: what it leads to
	Stdin     string
	DeathSig  int
}

const standIn = "RUNWARD_TEST_STANDS_IN"

func TestMain(m *testing.M) {
	if os.Getenv(standIn) != "" {
		report()
		return
	}
	os.Exit(m.Run())
}

func report() {
	s := seen{Pid: os.Getpid(), Args: os.Args, Env: os.Environ(), Umask: syscall.Umask(0), Fds: map[string]string{}}
	s.Cwd, _ = os.Getwd()
	s.Exe, _ = os.Executable()
	stdin, _ := io.ReadAll(os.Stdin)
	s.Stdin = string(stdin)
	dir, _ := os.Open("/proc/self/fd")
	names, _ := dir.Readdirnames(-1)
	for _, name := range names {
		target, _ := os.Readlink("/proc/self/fd/" + name)
		if target != "anon_inode:[eventpoll]" && target != "anon_inode:[eventfd]" && !strings.HasSuffix(target, "/fd") { // Go's own, and dir
			s.Fds[name] = target
		}
	}
	sig := int32(0)
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_GET_PDEATHSIG, uintptr(unsafePointer(&sig)), 0)
	s.DeathSig = int(sig)
	_ = json.NewEncoder(os.Stdout).Encode(s)
}

func TestRuntimeInheritsEverything(t *testing.T) {
	n := lab.NewNode(t)
	me, err := os.Executable()
	must(t, err)
	n.Settings("[runtime]\npath = '" + me + "'\n")
	b := lab.Bundle(t, "true")
	for _, verb := range []string{"state", "create"} {
		want, got := inspect(t, b, me, verb), inspect(t, b, n.Runward, verb)
		if want.Cwd != b.Dir || want.Umask != 0o027 || want.Stdin != "resources" || want.DeathSig != int(syscall.SIGTERM) || want.Fds["4"] == "" {
			t.Fatalf("the stand-in itself: %+v", want)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %+v\nwant %+v", verb, got, want)
		}
	}
}

// inspect runs a program as an engine would, and returns what the stand-in
// found, with the pid replaced by whether it is the one that was started.
func inspect(t *testing.T, b *lab.Container, program, verb string) seen {
	t.Helper()
	extra, err := os.Open(filepath.Join(b.Dir, "rootfs/etc/passwd"))
	must(t, err)
	defer extra.Close()
	cmd := exec.Command(program, "--root", b.Root, verb, b.ID)
	cmd.Dir = b.Dir
	cmd.Env = []string{standIn + "=1", "A=b", "LISTEN_FDS=2", "ODD"}
	cmd.Stdin = strings.NewReader("resources")
	cmd.ExtraFiles = []*os.File{extra, extra}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	old := syscall.Umask(0o027)
	err = cmd.Start()
	syscall.Umask(old)
	must(t, err)
	pid := cmd.Process.Pid
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v: %s", err, out.String())
	}
	var s seen
	if err := json.Unmarshal([]byte(out.String()), &s); err != nil {
		t.Fatalf("%v: %s", err, out.String())
	}
	if s.Pid != pid {
		t.Errorf("%s %s: pid %d, started as %d", program, verb, s.Pid, pid)
	}
	s.Pid = 0
	for fd, target := range s.Fds {
		s.Fds[fd], _, _ = strings.Cut(target, ":[") // pipes have numbers of their own
	}
	if len(s.Args) == 0 || s.Args[0] != s.Exe {
		t.Errorf("%s %s: argv[0] of %q is not %s", program, verb, s.Args, s.Exe)
	}
	return s
}

// The environment, entry by entry, as it was given: Go's own view of it forgets
// the second of two variables of one name, and runward's own Go is told two
// things through it that are nobody else's business.
func TestRuntimeInheritsEnvironment(t *testing.T) {
	n := lab.NewNode(t)
	n.Settings("[runtime]\npath = '/usr/bin/env'\n") // with no arguments, it prints its environment
	for _, env := range [][]string{
		{},
		{"A=1", "A=2", "B=", "=x", "ODD", "", "C=a=b\nc"},
		{"TZ=Europe/Berlin", "GOMAXPROCS=7"},
		{"GOMAXPROCS=7", "GOMAXPROCS=8", "TZ="},
	} {
		r, w, err := os.Pipe()
		must(t, err)
		// os/exec would leave out the second of two as well.
		p, err := os.StartProcess(n.Runward, []string{n.Runward, "-0"}, &os.ProcAttr{Env: env, Files: []*os.File{nil, w, w}})
		must(t, err)
		must(t, w.Close())
		out, err := io.ReadAll(r)
		must(t, err)
		must(t, r.Close())
		state, err := p.Wait()
		must(t, err)
		want := ""
		for _, entry := range env {
			want += entry + "\x00"
		}
		if string(out) != want || !state.Success() {
			t.Errorf("%s:\n got %q\nwant %q", state, out, want)
		}
	}
}

// traps are what a shell is told, and the signals that it ignores then.
var traps = []struct {
	trap    string
	ignored uint64
}{
	{"trap '' PIPE USR1", 0x1200}, {"trap '' HUP INT QUIT TERM USR2", 0x4807}, {":", 0},
}

// ignoring is a line of /proc/self/status: these signals are ignored, and those
// that are here anyway, as under nohup.
func ignoring(t *testing.T, signals uint64) string {
	t.Helper()
	out := lab.Try(t, "", nil, "grep", "SigIgn", "/proc/self/status").Stdout
	here, err := strconv.ParseUint(strings.TrimSpace(strings.TrimPrefix(out, "SigIgn:")), 16, 64)
	must(t, err)
	return fmt.Sprintf("SigIgn:\t%016x\n", here|signals)
}

// Ignored signals and limits: a Go program changes its own, so a shell reports.
func TestRuntimeInheritsSignalsAndLimits(t *testing.T) {
	n := lab.NewNode(t)
	runtime := filepath.Join(n.Dir, "report")
	must(t, os.WriteFile(runtime, []byte("#!/bin/sh\nulimit -Sn\ngrep -E 'SigBlk|SigIgn' /proc/self/status\n"), 0o755))
	n.Settings("[runtime]\npath = '" + runtime + "'\n")
	b := lab.Bundle(t, "true")
	for _, args := range []string{"state " + b.ID, "create --bundle " + b.Dir + " " + b.ID} {
		for _, c := range traps {
			under := func(program string) string {
				return lab.Try(t, b.Dir, nil, "/bin/sh", "-c", "ulimit -Sn 77; "+c.trap+"; exec "+program+" --root "+b.Root+" "+args).Stdout
			}
			want, got := under(runtime), under(n.Runward)
			if !strings.HasPrefix(want, "77\n") || !strings.HasSuffix(want, ignoring(t, c.ignored)) {
				t.Fatalf("the shell that reports, by itself: %q", want)
			}
			if got != want {
				t.Errorf("%s under %s:\n%q, want\n%q", args, c.trap, got, want)
			}
		}
	}
}

// What is not for policy goes through byte for byte.
func TestPassThrough(t *testing.T) {
	n := lab.NewNode(t)
	runc := lab.Runc(t)
	for _, args := range [][]string{
		{"--version"},
		{"-v"},
		{"--help"},
		{"help"},
		{},
		{"spec", "--help"},
		{"crate"},
		{"--frob"},
		{"list", "--format", "json"},
		{"state", "nobody"},
		{"kill", "nobody"},
		{"create", "--help"},
		{"features"},
		{"delete", "--force", "nobody"},
	} {
		dir := lab.Dir(t)
		args = append([]string{"--root", dir}, args...)
		want, got := lab.Try(t, dir, nil, runc, args...), lab.Try(t, dir, nil, n.Runward, args...)
		want.Stderr, got.Stderr = withoutTime(want.Stderr), withoutTime(got.Stderr)
		if got != want {
			t.Errorf("%v:\n got %+v\nwant %+v", args, got, want)
		}
	}
	if r := n.Receipts(); len(r) != 0 {
		t.Errorf("receipts: %+v", r)
	}
}

// withoutTime removes the stamp from a line of runc's log.
func withoutTime(s string) string {
	before, after, ok := strings.Cut(s, `time="`)
	if !ok {
		return s
	}
	_, after, _ = strings.Cut(after, `"`)
	return before + after
}
