package host

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// needRoot skips where root's files are needed, after proving that this process
// cannot make them.
func needRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if err := os.Chown(t.TempDir(), 0, 0); err == nil {
		t.Fatal("not root, and yet able to give files to root")
	}
	t.Skip("only root can make root's files")
}

// process starts a program and returns its id. It ends with the test.
func process(t *testing.T, path string, args ...string) int {
	t.Helper()
	cmd := exec.Command(path, args...)
	in, err := cmd.StdinPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	return cmd.Process.Pid
}

func copyOf(t *testing.T, from, to string) string {
	t.Helper()
	raw, err := os.ReadFile(from)
	must(t, err)
	must(t, os.WriteFile(to, raw, 0o755))
	return to
}

// rootsDirectory is a directory whose way from "/" is root's alone.
func rootsDirectory(t *testing.T) string {
	t.Helper()
	needRoot(t)
	dir, err := os.MkdirTemp("/root", "runward-test-")
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	return dir
}

func TestReadParent(t *testing.T) {
	dir := rootsDirectory(t)
	cat, err := exec.LookPath("cat")
	must(t, err)
	shim := copyOf(t, cat, filepath.Join(dir, "containerd-shim-runc-v2"))
	pid := process(t, shim)
	if p := readParent("", pid, false); p.exe != shim || p.err != "" || p.name() != "containerd-shim-runc-v2" {
		t.Errorf("%+v", p)
	}

	must(t, os.Remove(shim)) // As a package upgrade does.
	if p := readParent("", pid, false); p.exe != shim || p.err != "" {
		t.Errorf("after its file was replaced: %+v", p)
	}

	conmon := copyOf(t, cat, filepath.Join(dir, "conmon"))
	pid = process(t, conmon, "-", "")
	if p := readParent("", pid, false); p.exe != conmon || strings.Join(p.args, "|") != conmon+"|-|" {
		t.Errorf("%+v", p)
	}

	must(t, os.Chmod(conmon, 0o775))
	if p := readParent("", pid, false); p.err != conmon+" is not root's alone" {
		t.Errorf("writable by its group: %+v", p)
	}
	if p := readParent("", pid, true); p.err != "" {
		t.Errorf("rootless: %+v", p)
	}
	must(t, os.Chmod(conmon, 0o755))
	must(t, os.Chown(conmon, 12345, 0))
	if p := readParent("", pid, false); p.err != conmon+" is not root's alone" {
		t.Errorf("another's file: %+v", p)
	}
	must(t, os.Chown(conmon, 0, 0))
	must(t, os.Chmod(dir, 0o777))
	if p := readParent("", pid, false); p.err != dir+" is not root's alone" {
		t.Errorf("in a directory for all: %+v", p)
	}
	must(t, os.Chmod(dir, 0o777|os.ModeSticky))
	if p := readParent("", pid, false); p.err != "" {
		t.Errorf("in a sticky directory: %+v", p)
	}

	if p := readParent("", 0, false); p.err != "it is outside of this PID namespace" {
		t.Errorf("%+v", p)
	}
	if p := readParent(dir, 7, false); p.err != "its executable cannot be read" {
		t.Errorf("%+v", p)
	}
}

// A process may rename itself; the executable stays.
func TestParentCannotRenameItself(t *testing.T) {
	shell, err := exec.LookPath("sh")
	must(t, err)
	cmd := exec.Command(shell, "-c", "read _")
	cmd.Args[0] = "/usr/bin/containerd-shim-runc-v2"
	in, err := cmd.StdinPipe()
	must(t, err)
	must(t, cmd.Start())
	defer func() {
		_ = in.Close()
		_ = cmd.Wait()
	}()
	want, err := filepath.EvalSymlinks(shell)
	must(t, err)
	if p := readParent("", cmd.Process.Pid, true); p.exe != want {
		t.Errorf("%+v, want %s", p, want)
	}
}

func TestReadArguments(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cmdline")
	for _, n := range []int{0, 1, 4095, 4096, 4097, 100_000} {
		want := []string{"conmon", strings.Repeat("x", n), "end"}
		must(t, os.WriteFile(path, []byte(strings.Join(want, "\x00")+"\x00"), 0o600))
		if got := readArguments(path); strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("%d: %d arguments", n, len(got))
		}
	}
	must(t, os.WriteFile(path, make([]byte, 200_000), 0o600))
	if got := readArguments(path); got != nil {
		t.Errorf("beyond the limit: %d arguments", len(got))
	}
	if got := readArguments("/proc/self/cmdline"); len(got) == 0 || got[0] != os.Args[0] {
		t.Errorf("own arguments: %q", got)
	}
}
