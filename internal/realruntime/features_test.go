package realruntime

import (
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/runward/runward/internal/config"
	"github.com/runward/runward/policy"
)

const everything = `echo '{"linux": {"namespaces": ["mount", "user"], "mountExtensions": {"idmap": {"enabled": true}}}}'` + "\n"

func TestFeaturesOfRunc(t *testing.T) {
	runc, err := exec.LookPath("runc")
	if err != nil {
		t.Fatalf("runc is not installed: run test/setup test: %v", err)
	}
	if f := Features(runc); f.Err != "" || !f.UserNamespace {
		t.Errorf("%+v", f)
	}
}

// The runtime is asked once, and again when it is another file, or what was
// kept is not as it was written, or not root's alone.
func TestFeaturesAreKept(t *testing.T) {
	path, calls := standIn(t, everything)
	asked := func() int {
		raw, err := os.ReadFile(calls)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(raw), "features\n")
	}
	want := policy.Features{UserNamespace: true, IDMap: true}
	kept := filepath.Join(config.RunDir, "features", nameOf(path))
	for i, before := range []func() error{
		func() error { return nil },
		func() error { return os.Truncate(kept, 10) },
		func() error { return os.WriteFile(kept, nil, 0o600) },
		func() error { return os.Chmod(kept, 0o666) },
		func() error { return os.Chown(kept, 1000, 0) },
		func() error { return os.Remove(kept) },
		func() error {
			want.IDMap = false
			write(t, path+".new", "#!/bin/sh\necho \"$*\" >> "+calls+"\n"+strings.Replace(everything, "true", "null", 1))
			return os.Rename(path+".new", path)
		},
	} {
		if err := before(); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if f := featuresAt(path, later()); f != want || asked() != i+1 {
				t.Errorf("%d: %+v, asked %d times", i, f, asked())
			}
		}
	}
}

func TestFeaturesThatAreNotKnown(t *testing.T) {
	for script, want := range map[string]string{
		"echo no JSON\n":              "line 1",
		"exit 1\n":                    "it says nothing to the verb features", // crun before 1.9
		"head -c 2000000 /dev/zero\n": "line 1",
		everything + "echo more\n":    "line 2",
	} {
		path, _ := standIn(t, script)
		if f := Features(path); f.UserNamespace || !strings.HasPrefix(f.Err, "the real runtime "+path+" does not tell its features: ") || !strings.Contains(f.Err, want) {
			t.Errorf("%q: %+v", script, f)
		}
	}
	if f := Features(t.TempDir() + "/runc"); !strings.HasSuffix(f.Err, "does not tell its features: it is missing") {
		t.Errorf("missing: %+v", f)
	}
	path, _ := standIn(t, "echo '{}'\n")
	if f := Features(path); f != (policy.Features{}) {
		t.Errorf("none: %+v", f)
	}
}

// Engines may leave SIGCHLD ignored: then the kernel reaps the child.
func TestFeaturesWithoutSIGCHLD(t *testing.T) {
	signal.Ignore(syscall.SIGCHLD)
	defer signal.Reset(syscall.SIGCHLD)
	path, _ := standIn(t, everything)
	if f := Features(path); f != (policy.Features{UserNamespace: true, IDMap: true}) {
		t.Errorf("%+v", f)
	}
}
