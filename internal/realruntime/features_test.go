package realruntime

import (
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/runward/runward/policy"
)

const both = `{"linux": {"namespaces": ["mount", "user"], "mountExtensions": {"idmap": {"enabled": true}}}}`

var everything = policy.Features{UserNamespace: true, IDMap: true}

// standIn writes a runtime that counts how often it is asked.
func standIn(t *testing.T, path, script string) (asked func() int) {
	t.Helper()
	count := path + ".count"
	put(t, path, "#!/bin/sh\necho >> "+count+"\n"+script+"\n")
	return func() int {
		text, _ := os.ReadFile(count)
		return len(text)
	}
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path+".new", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func TestAskFeaturesOfRunc(t *testing.T) {
	runc, err := exec.LookPath("runc")
	if err != nil {
		t.Fatalf("runc is not installed: run test/setup test: %v", err)
	}
	f, err := askFeatures(runc, t.TempDir())
	if err != nil || !f.UserNamespace {
		t.Errorf("%+v, %v", f, err)
	}
}

// The runtime is asked once, and again when it becomes another file, or what
// was kept is not as it was written, or not only root's to write.
func TestAskFeaturesKeeps(t *testing.T) {
	dir, kept := t.TempDir(), t.TempDir()
	path := filepath.Join(dir, "runc")
	asked := standIn(t, path, "echo '"+both+"'")
	ask := func(want policy.Features, times int) {
		t.Helper()
		if f, err := askFeatures(path, kept); err != nil || f != want || asked() != times {
			t.Fatalf("%+v, %v, asked %d times; want %+v, %d", f, err, asked(), want, times)
		}
	}
	ask(everything, 1)
	ask(everything, 1)
	files, err := filepath.Glob(kept + "/*")
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	for _, damage := range []func() error{
		func() error { return os.Truncate(files[0], 10) },
		func() error { return os.WriteFile(files[0], nil, 0o600) },
		func() error { return os.Chmod(files[0], 0o666) },
		func() error { return os.Chown(files[0], 1000, 0) },
		func() error { return os.Remove(files[0]) },
	} {
		before := asked()
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		ask(everything, before+1)
		ask(everything, before+1)
	}
	if err := os.Chmod(kept, 0o777); err != nil {
		t.Fatal(err)
	}
	before := asked()
	ask(everything, before+1)
	ask(everything, before+2)
	if err := os.Chmod(kept, 0o755); err != nil {
		t.Fatal(err)
	}
	asked = standIn(t, path, `echo '{"linux": {"namespaces": ["user"]}}'`) // an upgrade
	before = asked()
	ask(policy.Features{UserNamespace: true}, before+1)
	ask(policy.Features{UserNamespace: true}, before+1)
}

func TestAskFeaturesRefuses(t *testing.T) {
	for script, want := range map[string]string{
		"exit 3":                    "it exits with 3",
		"kill -9 $$":                "signal 9 ended it",
		"echo no JSON":              "line 1",
		"head -c 2000000 /dev/zero": "longer than 1048576 bytes",
		"echo '{}'; cat":            "", // there is no input to wait for
		"echo '" + both + "' >&2":   "line 1",
	} {
		path := filepath.Join(t.TempDir(), "runc")
		standIn(t, path, script)
		f, err := askFeatures(path, t.TempDir())
		if want == "" {
			if err != nil || f != (policy.Features{}) {
				t.Errorf("%s: %+v, %v", script, f, err)
			}
			continue
		}
		if err == nil || !strings.HasPrefix(err.Error(), "the real runtime "+path+" does not tell its features: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", script, err, want)
		}
	}
	if _, err := askFeatures(t.TempDir()+"/runc", t.TempDir()); err == nil || !strings.HasSuffix(err.Error(), "cannot be examined: it is missing") {
		t.Errorf("missing: %v", err)
	}
}

// A runtime that hangs is killed.
func TestAskIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "runc")
	standIn(t, path, "exec sleep 100")
	if _, err := askFeatures(path, t.TempDir()); err == nil || !strings.HasSuffix(err.Error(), "it did not answer within 2s") {
		t.Error(err)
	}
}

// Engines may leave SIGCHLD ignored: then the kernel reaps the child.
func TestAskWithoutSIGCHLD(t *testing.T) {
	signal.Ignore(syscall.SIGCHLD)
	defer signal.Reset(syscall.SIGCHLD)
	path := filepath.Join(t.TempDir(), "runc")
	standIn(t, path, "echo '"+both+"'")
	if f, err := askFeatures(path, t.TempDir()); err != nil || f != everything {
		t.Errorf("%+v, %v", f, err)
	}
}
