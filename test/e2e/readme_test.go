//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/test/e2e/lab"
)

// A step is one of README's: a command and what it prints, or text to append
// to the policy.
type step struct {
	command string
	prints  []string // lines; "..." stands for others
	toml    string
}

// readme reads the steps of a section: commands are indented and begin with
// "$ ", and what is between ```toml and ``` is appended to the policy.
func readme(t *testing.T, section string) []step {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "\n## "+section+"\n")
	if !found {
		t.Fatalf("README has no section %q", section)
	}
	rest, _, _ = strings.Cut(rest, "\n## ")
	var steps []step
	toml, open := false, false
	for line := range strings.Lines(rest) {
		line = strings.TrimSuffix(line, "\n")
		last := len(steps) - 1
		code, indented := strings.CutPrefix(line, "    ")
		switch {
		case line == "```toml":
			toml = true
			steps = append(steps, step{})
		case line == "```":
			toml = false
		case toml:
			steps[last].toml += line + "\n"
		case strings.HasPrefix(code, "$ ") && indented:
			steps, open = append(steps, step{command: code[2:]}), true
		case !indented && line != "":
			open = false // what is indented after a paragraph is no output
		case indented && open:
			steps[last].prints = append(steps[last].prints, code)
		}
	}
	return steps
}

// printed holds what a command printed against what README has of it.
func (s *step) printed(t *testing.T, got []string) {
	t.Helper()
	at := 0
	for _, want := range s.prints {
		if want == "..." || want == "" {
			continue
		}
		want = plainer(want)
		from := at
		for at < len(got) && plainer(got[at]) != want {
			at++
		}
		if at == len(got) {
			t.Errorf("%s: README has %q, which is not printed after line %d", s.command, want, from)
			return
		}
		at++
	}
}

// plainer takes out of a line what differs from run to run.
func plainer(line string) string {
	for _, r := range []struct{ what, with string }{
		{`\b[0-9A-HJKMNP-TV-Z]{26}\b`, "ID"},
		{`\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?Z?`, "TIME"},
		{`\b[0-9a-f]{12}\b`, "CONTAINER"},
		{`(CONTAINER .*) \d+ +ID$`, "$1 ID"}, // microseconds
		{`^\d+ running: \d+ would be refused, \d+ rewritten, \d+ would`, "N running: N would be refused, N rewritten, N would"},
		{`\d+ cannot be judged\.$`, "N cannot be judged."},
		{`^note: \d+ `, "note: N "},
		{`(docker build: BuildKit runs runc), .*`, "$1"}, // depends on the dockerd
		{`docker +\d+(\.\d+)+\S*`, "docker VERSION"},
		{`\b\d\d:\d\d:\d\d\.\d\d\d\b`, "CLOCK"},
		{`\b\d+s\b`, "SECONDS"},
		{`\s+`, " "},
	} {
		line = regexp.MustCompile(r.what).ReplaceAllString(line, r.with)
	}
	return strings.TrimSpace(line)
}

// README's way from `policy new` to an enforced policy, command by command, on
// a node where containers ran before runward came.
func TestReadmeRollOut(t *testing.T) {
	n := lab.NewNode(t)
	runtime := filepath.Join(n.Dir, "runtime")
	use := func(target string) {
		t.Helper()
		if err := os.RemoveAll(runtime); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, runtime); err != nil {
			t.Fatal(err)
		}
	}
	use(lab.Runc(t))
	c := lab.Containerd(t, runtime)
	agent := func() lab.Result {
		pod := c.PodRequest("true")
		pod["sandbox"].(map[string]any)["metadata"] = map[string]any{"name": "agent", "namespace": "monitoring", "uid": lab.Name()}
		return c.KeepPod(pod)
	}
	if r := agent(); r.Code != 0 {
		t.Fatal(r.Stderr)
	}
	c.Ctr("run", "--detach", lab.Image, "web", "sleep", "1000")

	work := lab.Dir(t)
	env := []string{"PATH=" + filepath.Dir(n.Ctl) + ":" + os.Getenv("PATH")}
	enforced := false
	for _, s := range readme(t, "Rolling a policy out") {
		if s.toml != "" {
			f, err := os.OpenFile(filepath.Join(work, "production.toml"), os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			_, err = f.WriteString("\n" + s.toml)
			if closed := f.Close(); err != nil || closed != nil {
				t.Fatal(err, closed)
			}
			continue
		}
		t.Log("$ " + s.command)
		command := strings.ReplaceAll(s.command, "/etc/runward", filepath.Join(n.Dir, "etc/runward"))
		r := lab.Try(t, work, env, "bash", "-c", command)
		got := strings.Split(strings.TrimSuffix(r.Stdout+r.Stderr, "\n"), "\n")
		t.Log("\n" + strings.Join(got, "\n"))
		for i, line := range got {
			got[i] = strings.ReplaceAll(strings.ReplaceAll(line, n.Dir, ""), c.Namespace, "default")
		}
		s.printed(t, got)
		switch {
		case strings.HasPrefix(s.command, "install"): // the engine gets runward, and workloads roll over
			use(n.Runward)
			if r := agent(); r.Code != 0 {
				t.Fatal(r.Stderr)
			}
		case strings.HasPrefix(s.command, "sed"):
			enforced = true
			if r := agent(); r.Code != 0 {
				t.Errorf("the agent under its exception: %s", r.Stderr)
			}
			other := c.PodRequest("true")
			other["sandbox"].(map[string]any)["metadata"] = map[string]any{"name": "web", "namespace": "default", "uid": lab.Name()}
			refused := c.Pod(other)
			if want := "namespaces /linux/namespaces: found the host's network namespace"; refused.Code == 0 || !strings.Contains(refused.Stderr, want) {
				t.Errorf("another pod on the host's network: %d %s", refused.Code, refused.Stderr)
			}
		}
	}
	if !enforced {
		t.Error("README does not say how to enforce")
	}
}

// README's tour of the monitor, command by command.
func TestReadmeMonitor(t *testing.T) {
	n := lab.NewNode(t)
	most := int64(4096)
	b := lab.Bundle(t, "sleep 1000", func(s *specs.Spec) { s.Linux.Resources.Pids = &specs.LinuxPids{Limit: &most} })
	b.ID = "web"
	do(t, b, n.Runward, "create", "--bundle", b.Dir, b.ID)
	do(t, b, n.Runward, "start", b.ID)
	env := []string{"PATH=" + filepath.Dir(n.Ctl) + ":" + os.Getenv("PATH")}
	var m *lab.Runwardd
	for _, s := range readme(t, "The monitor") {
		t.Log("$ " + s.command)
		if strings.HasPrefix(s.command, "systemctl") {
			m = n.Runwardd()
			m.Until(b.ID, "proven", proven)
			continue
		}
		pids := filepath.Join(groupDir(t, m.Containers()[b.ID].PID, "pids"), "pids.max")
		r := lab.Try(t, b.Dir, env, "bash", "-c", strings.ReplaceAll(s.command, "/sys/fs/cgroup/pids/web/pids.max", pids))
		got := strings.Split(strings.TrimSuffix(r.Stdout+r.Stderr, "\n"), "\n")
		t.Log("\n" + strings.Join(got, "\n"))
		s.printed(t, got)
	}
}
