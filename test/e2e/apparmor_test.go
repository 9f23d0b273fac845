//go:build e2e

package e2e

import (
	"os"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/test/e2e/lab"
)

// needAppArmor skips where the kernel has no AppArmor, by the kernel's own word.
func needAppArmor(t *testing.T) {
	t.Helper()
	raw, err := os.ReadFile("/sys/module/apparmor/parameters/enabled")
	if os.IsNotExist(err) {
		t.Skip("the kernel has no AppArmor: there is no /sys/module/apparmor")
	}
	must(t, err)
	if strings.TrimSpace(string(raw)) != "Y" {
		t.Skip("AppArmor is off: /sys/module/apparmor/parameters/enabled is N")
	}
}

const confinement = "cat /proc/self/attr/apparmor/current"

// A container that asks to be unconfined gets its engine's profile, and so does
// every process that joins it: read from inside.
func TestAppArmorWithDocker(t *testing.T) {
	needAppArmor(t)
	n := lab.NewNode(t)
	d := lab.Docker(t, n.Runward)
	const confined = "docker-default (enforce)\n"
	for _, options := range [][]string{{}, {"--security-opt", "apparmor=unconfined"}} {
		if out := d.TryRun(append(append([]string{"--rm"}, options...), lab.Image, "sh", "-c", confinement)...); out.Stdout != confined {
			t.Errorf("%v: inside: %q, want %q %s", options, out.Stdout, confined, out.Stderr)
		}
	}
	if out := d.TryRun("--detach", "--name", "lasting", "--security-opt", "apparmor=unconfined", lab.Image, "sleep", "1000"); out.Code != 0 {
		t.Fatal(out.Stderr)
	}
	for _, options := range [][]string{{}, {"--privileged"}} {
		if out := d.Try(append(append([]string{"exec"}, options...), "lasting", "sh", "-c", confinement)...); out.Stdout != confined {
			t.Errorf("exec %v: inside: %q, want %q %s", options, out.Stdout, confined, out.Stderr)
		}
	}
}

func TestAppArmorWithPodman(t *testing.T) {
	needAppArmor(t)
	n := lab.NewNode(t)
	p := lab.Podman(t, n.Runward)
	confined := p.Run("--rm", lab.Image, "sh", "-c", confinement) // its name has a version in it
	if !strings.HasPrefix(confined, "containers-default-") || !strings.HasSuffix(confined, " (enforce)\n") {
		t.Fatalf("podman's own profile: %q", confined)
	}
	if out := p.TryRun("--rm", "--security-opt", "apparmor=unconfined", lab.Image, "sh", "-c", confinement); out.Stdout != confined {
		t.Errorf("inside: %q, want %q %s", out.Stdout, confined, out.Stderr)
	}
	p.Run("--detach", "--name", "lasting", lab.Image, "sleep", "1000")
	for _, options := range [][]string{{}, {"--privileged"}} {
		if out := p.Try(append(append([]string{"exec"}, options...), "lasting", "sh", "-c", confinement)...); out.Stdout != confined {
			t.Errorf("exec %v: inside: %q, want %q %s", options, out.Stdout, confined, out.Stderr)
		}
	}
	if out := p.Try("rm", "--force", "--time", "0", "lasting"); out.Code != 0 {
		t.Error(out.Stderr)
	}
}

func TestAppArmorWithContainerd(t *testing.T) {
	needAppArmor(t)
	n := lab.NewNode(t)
	c := lab.Containerd(t, n.Runward)
	n.Policy("10-test.toml", `version = 1
name = "test"
extends = ["baseline"]
[[exception]]
rules = ["namespaces"]
match = { engine = ["containerd"], namespace = ["default"] }
allow = { host = ["network", "uts"] }
reason = "no CNI in the lab"
`)
	const confined = "cri-containerd.apparmor.d (enforce)\n"
	request := c.PodRequest("sh", "-c", "cat /proc/1/attr/apparmor/current; "+confinement)
	security, _ := request["container"].(map[string]any)["linux"].(map[string]any)["security_context"].(map[string]any)
	for _, profile := range []string{"RuntimeDefault", "Unconfined"} {
		security["apparmor"] = map[string]any{"profile_type": profile}
		if out := c.Pod(request); out.Stdout != confined+confined {
			t.Errorf("%s: inside, and of an ExecSync: %q, want %q %s", profile, out.Stdout, confined+confined, out.Stderr)
		}
	}
}

// The flag of exec, and a process file that names no profile, which joins
// unconfined with runc.
func TestAppArmorOfExec(t *testing.T) {
	needAppArmor(t)
	n := lab.NewNode(t)
	d := lab.Docker(t, n.Runward) // loads its profile
	if out := d.TryRun("--rm", lab.Image, "true"); out.Code != 0 {
		t.Fatal(out.Stderr)
	}
	b := sleeping(t, n, func(s *specs.Spec) { s.Process.ApparmorProfile = "docker-default" })
	for _, args := range [][]string{{}, {"--apparmor", "unconfined"}, {"--apparmor", "runc"}} {
		out := b.Do(n.Runward, append(append([]string{"exec"}, args...), b.ID, "sh", "-c", confinement)...)
		if want := "docker-default (enforce)\n"; out.Stdout != want {
			t.Errorf("exec %v: inside: %q, want %q %s", args, out.Stdout, want, out.Stderr)
		}
	}
}
