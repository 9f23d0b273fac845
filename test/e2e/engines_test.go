//go:build e2e

package e2e

import (
	"strings"
	"testing"

	"github.com/runward/runward/test/e2e/lab"
)

// Engines start containers under policy, and show the denial's own words.

const status = "grep -E 'CapEff|NoNewPrivs|Seccomp:' /proc/self/status"

func TestContainerdCtr(t *testing.T) {
	n := lab.NewNode(t)
	c := lab.Containerd(t, lab.Runc(t))
	n.Policy("10-test.toml", "version = 1\nname = 'test'\nextends = ['baseline']\n[no_new_privileges]\n[capabilities]\nallow = ['CAP_CHOWN']\n")

	out := c.Ctr("run", "--rm", "--runc-binary", n.Runward, lab.Image, "one", "sh", "-c", status)
	if want := "CapEff:\t0000000000000001\nNoNewPrivs:\t1\nSeccomp:\t2\n"; out != want {
		t.Errorf("inside: %q, want %q", out, want)
	}
	if r := n.Receipt("one"); r.Verdict != "rewrite" || r.Engine != "containerd" {
		t.Errorf("receipt: %+v", r)
	}

	c.Ctr("run", "--detach", "--runc-binary", n.Runward, lab.Image, "lasting", "sleep", "1000")
	exec := c.TryCtr("task", "exec", "--exec-id", "e", "lasting", "sh", "-c", status)
	if want := "CapEff:\t0000000000000001\nNoNewPrivs:\t1\nSeccomp:\t2\n"; exec.Stdout != want {
		t.Errorf("inside an exec: %q, want %q %s", exec.Stdout, want, exec.Stderr)
	}
	n.Policy("20-exec.toml", "version = 1\nname = 'exec'\n[exec]\nforbid = ['touch']\n")
	exec = c.TryCtr("task", "exec", "--exec-id", "f", "lasting", "touch", "/made")
	if want := `runward: exec /process/args: found the program "touch"`; exec.Code == 0 || !strings.Contains(exec.Stderr, want) {
		t.Errorf("a refused exec: exit code %d, %q, want %q", exec.Code, exec.Stderr, want)
	}
	n.Policy("20-exec.toml", "")
	c.Ctr("task", "kill", "--signal", "KILL", "lasting")
	c.Ctr("task", "delete", "--force", "lasting")

	refused := c.TryCtr("run", "--rm", "--runc-binary", n.Runward, "--net-host", lab.Image, "two", "sh", "-c", "echo ran")
	r := n.Receipt("two")
	if refused.Code == 0 || strings.Contains(refused.Stdout, "ran") || r.Verdict != "deny" {
		t.Errorf("exit code %d, output %q, receipt %+v", refused.Code, refused.Stdout, r)
	}
	want := "runward: namespaces /linux/namespaces: found the host's network namespace (none is given), wanted a new or another container's network namespace; hint: take out hostNetwork: true (docker, podman: --network=host)"
	if !strings.Contains(refused.Stderr, want) || !strings.Contains(refused.Stderr, "receipt "+r.ID) {
		t.Errorf("ctr says %q, want %q", refused.Stderr, want)
	}
	if kept := n.Kept(); len(kept) != 0 {
		t.Errorf("kept %v", kept)
	}
}

func TestContainerdHandler(t *testing.T) {
	n := lab.NewNode(t)
	c := lab.Containerd(t, n.Runward)
	// The lab's pods are on the host's network: an exception for exactly that.
	n.Policy("10-test.toml", `version = 1
name = "test"
extends = ["baseline"]
[no_new_privileges]
[[exception]]
rules = ["namespaces"]
match = { engine = ["containerd"], namespace = ["default"] }
allow = { host = ["network", "uts"] }
reason = "no CNI in the lab"
`)
	// ExecSync, as a probe of the kubelet: what it finds of the container, and of itself.
	result := c.Pod(c.PodRequest("sh", "-c", "grep -hE 'NoNewPrivs|Seccomp:' /proc/1/status /proc/self/status"))
	if result.Code != 0 || result.Stdout != strings.Repeat("NoNewPrivs:\t1\nSeccomp:\t2\n", 2) {
		t.Fatalf("inside: %q %s", result.Stdout, result.Stderr)
	}
	var kinds []string
	for _, r := range n.Receipts() {
		if r.Verb == "exec" {
			continue
		}
		if r.Engine != "containerd" || r.Identity.Namespace != "default" || r.Identity.Pod == "" {
			t.Errorf("receipt: %+v", r)
		}
		kinds = append(kinds, r.Identity.Kind)
		excepted := false
		for _, f := range r.Findings {
			excepted = excepted || f.Done == "excepted" && f.Rule == "namespaces" && f.Because == "no CNI in the lab"
		}
		if !excepted {
			t.Errorf("no use of the exception in %+v", r)
		}
	}
	if strings.Join(kinds, " ") != "sandbox container" {
		t.Errorf("kinds %q", kinds)
	}

	n.Policy("10-test.toml", "version = 1\nname = 'test'\nextends = ['baseline']\n")
	refused := c.Pod(c.PodRequest("true"))
	if want := "runward: namespaces /linux/namespaces: found the host's network namespace"; refused.Code == 0 || !strings.Contains(refused.Stderr, want) {
		t.Errorf("exit code %d, %q, want %q", refused.Code, refused.Stderr, want)
	}
	if kept := n.Kept(); len(kept) != 0 {
		t.Errorf("kept %v", kept)
	}
}

func TestPodman(t *testing.T) {
	n := lab.NewNode(t)
	p := lab.Podman(t, n.Runward)
	n.Policy("10-test.toml", "version = 1\nname = 'test'\nextends = ['baseline']\n[no_new_privileges]\n[pids]\nmax = 77\n")
	out := p.Run("--rm", "--name", "one", lab.Image, "sh", "-c", status+"; cat /sys/fs/cgroup/pids.max /sys/fs/cgroup/pids/pids.max 2>/dev/null; true")
	if want := "CapEff:\t00000000800405fb\nNoNewPrivs:\t1\nSeccomp:\t2\n77\n"; out != want {
		t.Errorf("inside: %q, want %q", out, want)
	}
	if all := n.Receipts(); all[0].Verdict != "rewrite" || all[0].Engine != "podman" {
		t.Errorf("receipt: %+v", all[0])
	}

	p.Run("--detach", "--name", "lasting", lab.Image, "sleep", "1000")
	exec := p.Try("exec", "--privileged", "lasting", "sh", "-c", status)
	if want := "CapEff:\t00000000800405fb\nNoNewPrivs:\t1\nSeccomp:\t2\n"; exec.Stdout != want {
		t.Errorf("inside exec --privileged: %q, want %q %s", exec.Stdout, want, exec.Stderr)
	}
	n.Policy("20-exec.toml", "version = 1\nname = 'exec'\n[exec]\ndeny = true\n")
	exec = p.Try("exec", "lasting", "touch", "/made")
	if want := "runward: exec /process: found a process that joins the container"; exec.Code == 0 || !strings.Contains(exec.Stderr, want) {
		t.Errorf("a refused exec: exit code %d, %q, want %q", exec.Code, exec.Stderr, want)
	}
	n.Policy("20-exec.toml", "")
	if out := p.Try("rm", "--force", "--time", "0", "lasting"); out.Code != 0 {
		t.Error(out.Stderr)
	}

	refused := p.TryRun("--rm", "-v", "/etc:/data", lab.Image, "sh", "-c", "echo ran")
	all := n.Receipts()
	r := all[len(all)-1]
	if refused.Code == 0 || strings.Contains(refused.Stdout, "ran") || r.Verdict != "deny" {
		t.Errorf("exit code %d, output %q, receipt %+v", refused.Code, refused.Stdout, r)
	}
	if !strings.Contains(refused.Stderr, "runward: host_paths /mounts/") || !strings.Contains(refused.Stderr, r.ID) {
		t.Errorf("podman says %q", refused.Stderr)
	}
	if kept := n.Kept(); len(kept) != 0 {
		t.Errorf("kept %v", kept)
	}
}

func TestDocker(t *testing.T) {
	n := lab.NewNode(t)
	d := lab.Docker(t, n.Runward)
	n.Policy("10-test.toml", "version = 1\nname = 'test'\nextends = ['baseline']\n[no_new_privileges]\n[capabilities]\nallow = ['CAP_CHOWN']\n")
	const bounded = "CapEff:\t0000000000000001\nNoNewPrivs:\t1\nSeccomp:\t2\n"
	if out := d.TryRun("--rm", lab.Image, "sh", "-c", status); out.Stdout != bounded {
		t.Errorf("inside: %q, want %q %s", out.Stdout, bounded, out.Stderr)
	}
	if r := n.Receipts()[0]; r.Verdict != "rewrite" || r.Engine != "docker" {
		t.Errorf("receipt: %+v", r)
	}
	if out := d.TryRun("--detach", "--name", "lasting", lab.Image, "sleep", "1000"); out.Code != 0 {
		t.Fatal(out.Stderr)
	}
	// Docker asks for every capability there is.
	if out := d.Try("exec", "--privileged", "lasting", "sh", "-c", status); out.Stdout != bounded {
		t.Errorf("inside exec --privileged: %q, want %q %s", out.Stdout, bounded, out.Stderr)
	}
	if out := d.Try("update", "--memory", "64m", "--memory-swap", "64m", "lasting"); out.Code != 0 {
		t.Errorf("update: %s", out.Stderr)
	}
	refused := d.TryRun("--rm", "--privileged", lab.Image, "sh", "-c", "echo ran")
	if refused.Code != 125 && refused.Code != 1 || strings.Contains(refused.Stdout, "ran") || !strings.Contains(refused.Stderr, "runward: privileged /") {
		t.Errorf("--privileged: exit code %d, %q %q", refused.Code, refused.Stdout, refused.Stderr)
	}
	if out := d.Try("rm", "--force", "lasting"); out.Code != 0 {
		t.Error(out.Stderr)
	}
	if kept := n.Kept(); len(kept) != 0 {
		t.Errorf("kept %v", kept)
	}
}
