package realruntime

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/runward/runward/internal/config"
	"github.com/runward/runward/policy"
)

// standIn writes a runtime that notes each call below its directory.
func standIn(t *testing.T, script string) (path, calls string) {
	t.Helper()
	dir := t.TempDir()
	old := config.RunDir
	config.RunDir = filepath.Join(dir, "run")
	t.Cleanup(func() { config.RunDir = old })
	path, calls = filepath.Join(dir, "runc"), filepath.Join(dir, "calls")
	write(t, path, "#!/bin/sh\necho \"$*\" >> "+calls+"\n"+script)
	return path, calls
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

func count(t *testing.T, calls string) int {
	t.Helper()
	raw, err := os.ReadFile(calls)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return strings.Count(string(raw), "--version\n")
}

const debian = "echo 'runc version 1.1.5+ds1'; echo 'commit: 1.1.5+ds1-1+deb12u1'; echo 'spec: 1.0.2-dev'\n"

// A later moment, by when a file made just now has been left alone.
func later() time.Time { return time.Now().Add(time.Minute) }

func TestVersionIsKeptForAsLongAsTheFileIsTheSame(t *testing.T) {
	path, calls := standIn(t, debian)
	want := policy.RuntimeVersion{Name: "runc", Version: "1.1.5+ds1", Build: "1.1.5+ds1-1+deb12u1"}
	for i, times := range []int{1, 1, 2, 2, 3} {
		switch i {
		case 2: // another build, of which nobody can tell by its age or size
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			write(t, path+".new", strings.Replace("#!/bin/sh\necho \"$*\" >> "+calls+"\n"+debian, "u1'", "u2'", 1))
			for _, err := range []error{os.Chtimes(path+".new", info.ModTime(), info.ModTime()), os.Rename(path+".new", path)} {
				if err != nil {
					t.Fatal(err)
				}
			}
			want.Build = "1.1.5+ds1-1+deb12u2"
		case 4: // what is kept is not root's alone any more
			if err := os.Chmod(filepath.Join(config.RunDir, "versions"), 0o777); err != nil {
				t.Fatal(err)
			}
		}
		if got := versionAt(path, later()); got != want {
			t.Errorf("%d: %+v", i, got)
		}
		if n := count(t, calls); n != times {
			t.Errorf("%d: asked %d times, want %d", i, n, times)
		}
	}
}

// One that was changed a moment ago could change again and look the same.
func TestVersionOfAFreshFileIsNotKept(t *testing.T) {
	path, calls := standIn(t, debian)
	for range 2 {
		if v := Version(path); v.Err != "" {
			t.Error(v.Err)
		}
	}
	if n := count(t, calls); n != 2 {
		t.Errorf("asked %d times", n)
	}
}

func TestVersionWords(t *testing.T) {
	for text, want := range map[string]policy.RuntimeVersion{
		"crun version 1.27\ncommit: abc\nrundir: /run/crun\nspec: 1.0.0\n":                           {Name: "crun", Version: "1.27", Build: "abc"},
		"youki version 0.5.7\ncommit: 0.5.7-0-abc":                                                   {Name: "youki", Version: "0.5.7", Build: "0.5.7-0-abc"},
		"NVIDIA Container Runtime version 1.13.5\ncommit: x\nspec: 1.1\n\nrunc version 1.1.4\n":      {Name: "runc", Version: "1.1.4"},
		"runsc version release-20240101.0\nspec: 1.1.0\n":                                            {Name: "runsc", Version: "release-20240101.0"},
		"runc version 1.3.3\ncommit: v1.3.3-0-gd842d771\nspec: 1.2.1\ngo: go1.24\nlibseccomp: 2.5.6": {Name: "runc", Version: "1.3.3", Build: "v1.3.3-0-gd842d771"},
		"runc version 1.2\x1b[31m\n":                                                                 {},
		"version 1.2.8\n":                                                                            {},
		"":                                                                                           {},
		"runc version is not known here":                                                             {},
	} {
		if got, ok := parseVersion(text); got != want || ok != (want.Name != "") {
			t.Errorf("%q: %+v", text, got)
		}
	}
}

// The child gets nothing of ours, and nothing of it is left.
func TestAskIsAlone(t *testing.T) {
	dir := t.TempDir()
	path, _ := standIn(t, "ls -l /proc/$$/fd | sed 's/.* -> //' > "+dir+"/fds; cat > "+dir+"/stdin; env > "+dir+"/env; pwd > "+dir+"/cwd\n"+debian)
	engines, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer engines.Close()
	fd, err := unix.Dup(int(engines.Fd())) // inherited by whatever is executed
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(fd) }()
	if v := Version(path); v.Version != "1.1.5+ds1" {
		t.Fatalf("%+v", v)
	}
	read := func(name string) string {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	for _, line := range strings.Split(strings.TrimSpace(read("fds")), "\n")[1:] {
		if line != "/dev/null" && !strings.HasPrefix(line, "pipe:") && line != path { // sh reads itself
			t.Errorf("the child has %s", line)
		}
	}
	if n := strings.Count(read("fds"), path); n != 1 {
		t.Errorf("the engine's file is open %d times:\n%s", n, read("fds"))
	}
	if read("stdin") != "" || strings.TrimSpace(read("cwd")) != "/" || strings.Contains(read("env"), "HOME=") {
		t.Errorf("stdin %q, in %q, with %q", read("stdin"), read("cwd"), read("env"))
	}
	if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags != 0 {
		t.Errorf("the engine's file is no longer inherited: %d, %v", flags, err)
	}
	if pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); !errors.Is(err, unix.ECHILD) {
		t.Errorf("a child is left: %d, %v", pid, err)
	}
}

func TestAskIsBounded(t *testing.T) {
	for script, want := range map[string]string{
		"sleep 1000\n":                           "it did not answer in time",
		"sleep 1000 & " + debian:                 "it did not answer in time", // its child keeps the pipe
		"exec >&-; sleep 1000\n":                 "",
		"while :; do echo xxxxxxxxxxxxxxx; done": "",
		"exit 3\n":                               "",
	} {
		path, _ := standIn(t, script)
		began := time.Now()
		_, err := ask(path, "--version", maxVersion, 300*time.Millisecond)
		if (err == nil) != (want == "") || err != nil && err.Error() != want {
			t.Errorf("%q: %v", script, err)
		}
		if d := time.Since(began); d > 3*time.Second {
			t.Errorf("%q: took %v", script, d)
		}
		if pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); !errors.Is(err, unix.ECHILD) {
			t.Errorf("%q: a child is left: %d, %v", script, pid, err)
		}
	}
	path, _ := standIn(t, "")
	write(t, path, "no program")
	if v := Version(path); v.Err != "it cannot be executed: exec format error" {
		t.Errorf("%+v", v)
	}
	if v := Version(path + "x"); v.Err != "it is missing" {
		t.Errorf("%+v", v)
	}
}

func TestVersionOfTheRealRuntimes(t *testing.T) {
	found := 0
	for _, path := range config.RuntimePaths {
		out, err := exec.Command(path, "--version").Output()
		if err != nil {
			continue
		}
		found++
		v := Version(path)
		if want := v.Name + " version " + v.Version + "\n"; v.Err != "" || !strings.HasPrefix(string(out), want) || v.Build == "" {
			t.Errorf("%s: %+v of %q", path, v, out)
		}
	}
	if found == 0 {
		t.Skip("no runtime is installed at " + strings.Join(config.RuntimePaths, ", "))
	}
}
