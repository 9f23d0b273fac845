//go:build e2e

package lab_test

import (
	"strings"
	"testing"

	"github.com/runward/runward/test/e2e/lab"
)

// The 14 default capabilities, as /proc/self/status prints them.
const defaultCapabilities = "CapEff:\t00000000a80425fb\n"

func TestBundleRuns(t *testing.T) {
	b := lab.Bundle(t, "cat /proc/self/status")
	mustContain(t, b.Run(lab.Runc(t)), defaultCapabilities)
}

func TestBundleRefusedLeavesLog(t *testing.T) {
	b := lab.Bundle(t, "true")
	b.WriteSpec([]byte("not JSON"))
	result := b.Try(lab.Runc(t))
	if result.Code != 1 {
		t.Errorf("exit code %d, want 1", result.Code)
	}
	mustContain(t, result.Stderr, "invalid character 'o' in literal null")
}

func TestContainerdRuncBinary(t *testing.T) {
	c := lab.Containerd(t, lab.Runc(t))
	out := c.Ctr("run", "--rm", "--runc-binary", lab.Runc(t), lab.Image, "one", "cat", "/proc/self/status")
	mustContain(t, out, defaultCapabilities)

	refused := c.TryCtr("run", "--rm", "--runc-binary", "/nonexistent/runtime", lab.Image, "two", "true")
	mustContain(t, refused.Stderr, "/nonexistent/runtime")
}

func TestContainerdHandler(t *testing.T) {
	c := lab.Containerd(t, lab.Runc(t))
	result := c.Pod(c.PodRequest("cat", "/proc/self/status"))
	if result.Code != 0 {
		t.Fatal(result.Stderr)
	}
	mustContain(t, result.Stdout, defaultCapabilities)
}

// The handler's BinaryName is what runs, not a default.
func TestContainerdHandlerNamesBinary(t *testing.T) {
	c := lab.Containerd(t, "/nonexistent/runtime")
	mustContain(t, c.Pod(c.PodRequest("true")).Stderr, "/nonexistent/runtime")
}

func TestPodmanRuntime(t *testing.T) {
	p := lab.Podman(t, lab.Runc(t))
	// Podman gives eleven capabilities.
	mustContain(t, p.Run("--rm", lab.Image, "cat", "/proc/self/status"), "CapEff:\t00000000800405fb\n")
}

func mustContain(t *testing.T, text, part string) {
	t.Helper()
	if !strings.Contains(text, part) {
		t.Errorf("%q is missing in:\n%s", part, text)
	}
}
