//go:build e2e

package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/test/e2e/lab"
)

// replayed is what the tests read of a replay.
type replayed struct {
	Running []struct {
		ID, Name, Namespace, Engine, Bundle, Config, Verdict, Problem string

		Identity struct{ Namespace, Container string }
		PID      int
		Findings []struct{ Rule, Done string }
		Notes    []string
	}
	Totals struct{ Running, Deny, Foreign int }
}

// Containers of every engine run at once, some with runward and some without.
// Replay finds them all, each with its engine and name, and says which of them a
// policy would refuse; it opens nothing for writing.
func TestReplayWhatRuns(t *testing.T) {
	n := lab.NewNode(t)
	n.Policy("10-test.toml", "version = 1\nname = 'test'\n[no_new_privileges]\n")
	sleep := []string{"sleep", "1000"}

	c := lab.Containerd(t, lab.Runc(t))
	c.Ctr(append([]string{"run", "--detach", lab.Image, "ctr-plain"}, sleep...)...)
	c.Ctr(append([]string{"run", "--detach", "--runc-binary", n.Runward, lab.Image, "ctr-ours"}, sleep...)...)
	p := lab.Podman(t, lab.Runc(t))
	p.Run(append([]string{"--detach", "--name", "podman-plain", "--cap-add", "NET_ADMIN", lab.Image}, sleep...)...)
	ours := lab.Podman(t, n.Runward)
	ours.Run(append([]string{"--detach", "--name", "podman-ours", lab.Image}, sleep...)...)
	d := lab.Docker(t, n.Runward)
	if r := d.TryRun(append([]string{"--detach", "--name", "docker-ours", lab.Image}, sleep...)...); r.Code != 0 {
		t.Fatal(r.Stderr)
	}
	if r := d.Try(append([]string{"run", "--detach", "--network", "none", "--name", "docker-plain", lab.Image}, sleep...)...); r.Code != 0 {
		t.Fatal(r.Stderr)
	}
	b := lab.Bundle(t, "sleep 1000", func(s *specs.Spec) { s.Process.Terminal = false })
	if r := b.Do(lab.Runc(t), "run", "--detach", "--bundle", b.Dir, b.ID); r.Code != 0 {
		t.Fatal(r.Stderr)
	}

	policy := filepath.Join(n.Dir, "new.toml")
	text := `version = 1
name = "new"
mode = "audit"
[capabilities]
allow = ["CAP_AUDIT_WRITE", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_MKNOD", "CAP_NET_BIND_SERVICE",
  "CAP_NET_RAW", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT"]
action = "deny"
`
	if err := os.WriteFile(policy, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	trace := filepath.Join(n.Dir, "trace")
	result := lab.Try(t, n.Dir, nil, lab.Tool(t, "strace"), "-f", "-qq", "-o", trace, "-e",
		"trace=open,openat,openat2,creat,flock,unlink,unlinkat,rename,renameat,renameat2,mkdir,mkdirat,truncate,ftruncate,connect,mount,chmod,fchmodat,chown,fchownat",
		n.Ctl, "replay", "--running", "--policy", policy, "--state", b.Root, "-o", "json")
	if result.Code != 1 {
		t.Errorf("exit code %d: %s", result.Code, result.Stderr)
	}
	var got replayed
	if err := json.Unmarshal([]byte(result.Stdout), &got); err != nil {
		t.Fatalf("%v\n%s", err, result.Stdout)
	}
	found := map[string]string{}
	for _, r := range got.Running {
		name := r.Name
		if name == "" {
			name = r.ID
		}
		var denied []string
		for _, f := range r.Findings {
			if f.Done == "denied" {
				denied = append(denied, f.Rule)
			}
		}
		if r.Notes != nil {
			denied = append(denied, r.Notes...) // nothing has to be assumed: who watches over them proves the engine
		}
		found[name] = strings.TrimSpace(strings.Join([]string{r.Engine, strings.Replace(r.Namespace, c.Namespace, "NS", 1), r.Config, r.Verdict, strings.Join(denied, ","), r.Problem}, " "))
	}
	for name, want := range map[string]string{
		"ctr-plain":    "containerd NS foreign allow",
		"ctr-ours":     "containerd NS original allow", // ctr asks for no_new_privileges itself,
		"podman-plain": "podman  foreign deny capabilities",
		"podman-ours":  "podman  rewritten allow",
		"docker-ours":  "docker moby rewritten allow",
		"docker-plain": "docker moby foreign allow",
		b.ID:           "foreign allow",
	} {
		if found[name] != want {
			t.Errorf("%s: %q, want %q", name, found[name], want)
		}
	}
	if got.Totals.Deny < 1 || got.Totals.Foreign < 4 || got.Totals.Running != len(got.Running) {
		t.Errorf("totals: %+v", got.Totals)
	}
	readOnly(t, trace)

	// By name, as a person asks for it.
	explained := n.Runwardctl("explain", "--policy", policy, "podman-plain")
	if explained.Code != 0 || !strings.Contains(explained.Stdout, "engine     podman") || !strings.Contains(explained.Stdout, "would-deny  capabilities") {
		t.Errorf("explain: %d %s %s", explained.Code, explained.Stdout, explained.Stderr)
	}
}

// readOnly fails for every call in a trace that could change something.
func readOnly(t *testing.T, trace string) {
	t.Helper()
	raw, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	harmless := regexp.MustCompile(`^\d+ +(open|openat|openat2)\(|^\d+ +(\+\+\+|---|<\.\.\. (open|openat|openat2) resumed)`)
	writes := regexp.MustCompile(`O_(WRONLY|RDWR|CREAT|TRUNC|APPEND|TMPFILE)`)
	opened := 0
	for line := range strings.Lines(string(raw)) {
		opened += strings.Count(line, "open")
		if (!harmless.MatchString(line) || writes.MatchString(line)) && !strings.Contains(line, "/dev/null") {
			t.Errorf("replay is not read-only: %s", line)
		}
	}
	if opened < 10 {
		t.Errorf("the trace shows %d files opened", opened)
	}
}
