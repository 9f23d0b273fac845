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
	result := c.Pod(c.PodRequest("sh", "-c", "grep -E 'NoNewPrivs|Seccomp:' /proc/1/status"))
	if result.Code != 0 || result.Stdout != "NoNewPrivs:\t1\nSeccomp:\t2\n" {
		t.Fatalf("inside: %q %s", result.Stdout, result.Stderr)
	}
	var kinds []string
	for _, r := range n.Receipts() {
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
	out := p.Run("--rm", "--name", "one", lab.Image, "sh", "-c", status+"; cat /sys/fs/cgroup/pids/pids.max")
	if want := "CapEff:\t00000000800405fb\nNoNewPrivs:\t1\nSeccomp:\t2\n77\n"; out != want {
		t.Errorf("inside: %q, want %q", out, want)
	}
	all := n.Receipts()
	if r := all[len(all)-1]; r.Verdict != "rewrite" || r.Engine != "podman" {
		t.Errorf("receipt: %+v", r)
	}

	refused := p.TryRun("--rm", "-v", "/etc:/data", lab.Image, "sh", "-c", "echo ran")
	all = n.Receipts()
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
