//go:build e2e

package e2e

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/test/e2e/lab"
)

// The hooks that tell the node's monitor of every container, run by real
// runtimes under real engines. The monitor is pretended.

var allStages = []string{"createRuntime", "poststart", "poststop"}

func stagesOf(all []lab.Told) []string {
	var stages []string
	for _, told := range all {
		stages = append(stages, told.Stage)
	}
	return stages
}

// The monitor knows of the container before anything of it runs, when it is
// started and when it is deleted. A bundle used twice has the hooks once.
func TestHooksTellTheMonitor(t *testing.T) {
	n := lab.NewNode(t)
	program := n.Hook()
	m := n.Monitor("")
	b := lab.Bundle(t, "echo ran", func(s *specs.Spec) { s.Annotations = map[string]string{"a": "b"} })
	var written []byte
	for round, verdict := range []string{"rewrite", "allow"} {
		do := func(args ...string) {
			t.Helper()
			if out := b.Do(n.Runward, args...); out.Code != 0 {
				t.Fatalf("%v: %s", args, out.Stderr)
			}
		}
		do("create", "--bundle", b.Dir, b.ID)
		if told := m.Told(b.Dir, 3*round+1); told[3*round].Comm != "runc:[2:INIT]" {
			t.Errorf("createRuntime: the process is %+v", told[3*round])
		}
		do("start", b.ID)
		lab.Await(t, "its end", func() bool { return strings.Contains(b.Do(n.Runward, "state", b.ID).Stdout, `"stopped"`) })
		do("delete", b.ID)
		all := m.Told(b.Dir, 3*round+3)[3*round:]
		if got := stagesOf(all); !slices.Equal(got, allStages) {
			t.Errorf("told %v", got)
		}
		for _, told := range all {
			if told.State.ID != b.ID || told.State.Bundle != b.Dir || told.State.Version == "" || told.State.Annotations != nil {
				t.Errorf("told %+v", told)
			}
		}
		if all[0].State.Pid == 0 || all[1].State.Pid != all[0].State.Pid || all[2].State.Status != specs.StateStopped {
			t.Errorf("told %+v", all)
		}
		if r := n.Receipt(b.ID); r.Verdict != verdict {
			t.Errorf("round %d: receipt %+v", round, r)
		}
		raw, err := os.ReadFile(filepath.Join(b.Dir, "config.json"))
		must(t, err)
		if round == 1 && string(raw) != string(written) {
			t.Errorf("the second time: %s", raw)
		}
		if written = raw; strings.Count(string(raw), `"path":"`+program+`"`) != 3 {
			t.Errorf("%s", raw)
		}
	}
}

// Without a monitor containers start as ever, and soon, whatever is the matter
// with it; where policy requires it they do not, and the engine's user reads why.
func TestHooksWithoutAMonitor(t *testing.T) {
	n := lab.NewNode(t)
	n.Hook()
	var hanging net.Listener
	for _, c := range []struct {
		name    string
		monitor func()
		why     string // in the error where it is required
	}{
		{"absent", func() {}, "nothing listens on " + n.Socket()},
		{"hanging", func() { hanging = n.Listen() }, "the monitor did not answer in time"},
		{"refusing", func() { must(t, hanging.Close()); n.Monitor("its process is gone already") }, "the monitor refused it: its process is gone already"},
	} {
		c.monitor()
		n.Policy("10-test.toml", "version = 1\nname = 'test'\nextends = ['baseline']\n")
		b := lab.Bundle(t, "echo ran")
		began := time.Now()
		if out := b.Try(n.Runward); out.Code != 0 || out.Stdout != "ran\n" {
			t.Errorf("%s: %+v", c.name, out)
		}
		if took := time.Since(began); took > 8*time.Second { // each hook a quarter of a second, on a busy machine
			t.Errorf("%s: took %v", c.name, took)
		}
		n.Policy("10-test.toml", "version = 1\nname = 'test'\nextends = ['baseline']\n[monitor]\nrequired = true\ntimeout = 1\n")
		b = lab.Bundle(t, "echo ran")
		out := b.Try(n.Runward)
		want := "runward-hook: policy wants no container without the node's monitor, and " + c.why + "; start it (systemctl start runwardd)"
		if out.Code == 0 || out.Stdout != "" || !strings.Contains(out.Stderr, want) {
			t.Errorf("%s, required: %+v, want %q", c.name, out, want)
		}
		for _, lure := range []string{"permission denied", "no such file", "not found", "not permitted"} {
			if strings.Contains(out.Stderr, lure) {
				t.Errorf("%s: %q makes engines exit with another code: %s", c.name, lure, out.Stderr)
			}
		}
		if state := b.Do(n.Runward, "state", b.ID); state.Code == 0 {
			t.Errorf("%s: it is there: %s", c.name, state.Stdout)
		}
	}
}

// A monitor that dies between create and the rest takes no container with it.
func TestHooksMonitorDies(t *testing.T) {
	n := lab.NewNode(t)
	n.Hook()
	n.Policy("10-test.toml", "version = 1\nname = 'test'\nextends = ['baseline']\n[monitor]\nrequired = true\ntimeout = 30\n")
	m := n.Monitor("")
	b := lab.Bundle(t, "echo ran > ran; exec sleep 1000", func(s *specs.Spec) { s.Root.Readonly = false })
	if out := b.Do(n.Runward, "create", "--bundle", b.Dir, b.ID); out.Code != 0 {
		t.Fatal(out.Stderr)
	}
	m.End()
	if out := b.Do(n.Runward, "start", b.ID); out.Code != 0 {
		t.Errorf("start: %s", out.Stderr)
	}
	lab.Await(t, "its first instruction", func() bool {
		raw, _ := os.ReadFile(filepath.Join(b.Dir, "rootfs/ran"))
		return string(raw) == "ran\n"
	})
	if out := b.Do(n.Runward, "delete", "--force", b.ID); out.Code != 0 || out.Stderr != "" {
		t.Errorf("delete: %+v", out)
	}
}

// scribe writes a hook that appends its name to a file.
func scribe(t *testing.T, dir, name, more string) specs.Hook {
	t.Helper()
	path := filepath.Join(dir, name)
	must(t, os.WriteFile(path, []byte("#!/bin/sh\ncat > /dev/null\necho "+name+" >> "+filepath.Join(dir, "written")+"\n"+more+"\n"), 0o755))
	return specs.Hook{Path: path}
}

// Hooks of others run in their order, those of createRuntime and poststart
// before ours. One of poststop that fails keeps nothing from the monitor.
func TestHooksOfOthers(t *testing.T) {
	n := lab.NewNode(t)
	n.Hook()
	dir, err := os.MkdirTemp("/root", "hooks") // others cannot write /tmp's, but could in /tmp
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	n.Policy("10-test.toml", "version = 1\nname = 'test'\n[hooks]\nallow = ['"+dir+"/*']\n")
	n.Policy("20-test.toml", "version = 1\nname = 'other'\n[monitor]\nrequired = true\ntimeout = 30\n")
	m := n.Monitor("")
	b := lab.Bundle(t, "echo ran", func(s *specs.Spec) {
		s.Hooks = &specs.Hooks{
			//lint:ignore SA1019 engines still use prestart
			Prestart:      []specs.Hook{scribe(t, dir, "prestart", "")},
			CreateRuntime: []specs.Hook{scribe(t, dir, "first", ""), scribe(t, dir, "second", "")},
			Poststart:     []specs.Hook{scribe(t, dir, "started", "")},
			Poststop:      []specs.Hook{scribe(t, dir, "fails", "exit 1"), scribe(t, dir, "never", "")},
		}
	})
	if out := b.Try(n.Runward); out.Stdout != "ran\n" {
		t.Errorf("%+v", out)
	}
	if got := stagesOf(m.Told(b.Dir, 3)); !slices.Equal(got, allStages) {
		t.Errorf("told %v", got)
	}
	written, err := os.ReadFile(filepath.Join(dir, "written"))
	must(t, err)
	// runc runs no hook after one that fails: why ours is the first of poststop.
	if want := "prestart\nfirst\nsecond\nstarted\nfails\n"; strings.TrimSuffix(string(written), "never\n") != want {
		t.Errorf("written %q, want %q", written, want)
	}
	raw, err := os.ReadFile(filepath.Join(b.Dir, "config.json"))
	must(t, err)
	var spec specs.Spec
	must(t, json.Unmarshal(raw, &spec))
	for name, list := range map[string][]specs.Hook{
		"first second runward-hook": spec.Hooks.CreateRuntime, "started runward-hook": spec.Hooks.Poststart, "runward-hook fails never": spec.Hooks.Poststop,
	} {
		var names []string
		for _, h := range list {
			names = append(names, filepath.Base(h.Path))
		}
		if got := strings.Join(names, " "); got != name {
			t.Errorf("%q, want %q", got, name)
		}
	}
}

func TestHooksUnderContainerd(t *testing.T) {
	n := lab.NewNode(t)
	c := lab.Containerd(t, lab.Runc(t))
	n.Hook()
	n.Policy("10-test.toml", "version = 1\nname = 'test'\nextends = ['baseline']\n[monitor]\nrequired = true\ntimeout = 1\n")
	refused := c.TryCtr("run", "--rm", "--runc-binary", n.Runward, lab.Image, "refused", "echo", "ran")
	if want := "policy wants no container without the node's monitor, and nothing listens on"; refused.Code == 0 || !strings.Contains(refused.Stderr, want) {
		t.Errorf("%+v, want %q", refused, want)
	}
	n.Policy("10-test.toml", "version = 1\nname = 'test'\nextends = ['baseline']\n[monitor]\nrequired = true\ntimeout = 30\n")
	m := n.Monitor("")
	if out := c.Ctr("run", "--rm", "--runc-binary", n.Runward, lab.Image, "one", "echo", "ran"); out != "ran\n" {
		t.Errorf("%q", out)
	}
	if got := stagesOf(m.Told("", 3)); !slices.Equal(got, allStages) {
		t.Errorf("told %v", got)
	}
}

func TestHooksUnderPodman(t *testing.T) {
	n := lab.NewNode(t)
	p := lab.Podman(t, n.Runward)
	n.Hook()
	dir, err := os.MkdirTemp("/root", "hooks")
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	n.Policy("10-test.toml", "version = 1\nname = 'test'\n[hooks]\nallow = ['"+dir+"/*']\n")
	n.Policy("20-test.toml", "version = 1\nname = 'other'\n[monitor]\nrequired = true\ntimeout = 1\n")
	hook := scribe(t, dir, "podmans", "")
	must(t, os.Mkdir(filepath.Join(dir, "d"), 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "d", "a.json"), []byte(`{"version":"1.0.0","hook":{"path":"`+hook.Path+`"},"when":{"always":true},"stages":["createRuntime","poststop"]}`), 0o644))
	run := func(name string) lab.Result {
		args := append([]string{"--hooks-dir", filepath.Join(dir, "d"), "run"}, p.RunOptions()...)
		return p.Try(append(args, "--name", name, lab.Image, "echo", "ran")...)
	}
	if out, want := run("refused"), "policy wants no container without the node's monitor, and nothing listens on"; out.Code == 0 || !strings.Contains(out.Stderr, want) {
		t.Errorf("%+v, want %q", out, want)
	}
	must(t, os.Remove(filepath.Join(dir, "written")))
	n.Policy("20-test.toml", "version = 1\nname = 'other'\n[monitor]\nrequired = true\ntimeout = 30\n")
	m := n.Monitor("")
	if out := run("one"); out.Stdout != "ran\n" {
		t.Errorf("%+v", out)
	}
	m.Told("", 2)
	if out := p.Try("--hooks-dir", filepath.Join(dir, "d"), "rm", "--force", "one"); out.Code != 0 {
		t.Errorf("%+v", out)
	}
	if got := stagesOf(m.Told("", 3)); !slices.Equal(got, allStages) {
		t.Errorf("told %v", got)
	}
	if written, err := os.ReadFile(filepath.Join(dir, "written")); err != nil || string(written) != "podmans\npodmans\n" {
		t.Errorf("podman's own: %q, %v", written, err)
	}
}

func TestHooksUnderDocker(t *testing.T) {
	n := lab.NewNode(t)
	d := lab.Docker(t, n.Runward)
	n.Hook()
	n.Policy("10-test.toml", "version = 1\nname = 'test'\nextends = ['baseline']\n[monitor]\nrequired = true\ntimeout = 1\n")
	refused := d.TryRun("--name", "refused", lab.Image, "echo", "ran")
	if want := "policy wants no container without the node's monitor, and nothing listens on"; refused.Code != 125 && refused.Code != 128 || !strings.Contains(refused.Stderr, want) {
		t.Errorf("%+v, want %q", refused, want)
	}
	n.Policy("10-test.toml", "version = 1\nname = 'test'\nextends = ['baseline']\n[monitor]\nrequired = true\ntimeout = 30\n")
	m := n.Monitor("")
	// docker start writes config.json anew, and its prestart hook (libnetwork-setkey) is there again.
	for _, args := range [][]string{{"run", "--runtime", "runward", "--network", "none", "--name", "one", lab.Image, "echo", "ran"}, {"start", "--attach", "one"}} {
		if out := d.Try(args...); out.Code != 0 || out.Stdout != "ran\n" {
			t.Errorf("%v: %+v", args, out)
		}
	}
	if got := stagesOf(m.Told("", 6)); !slices.Equal(got, append(slices.Clone(allStages), allStages...)) {
		t.Errorf("told %v", got)
	}
	for _, r := range n.Receipts() {
		if r.Verdict == "deny" {
			t.Errorf("receipt %+v", r)
		}
	}
}

// crun writes the state pretty, and goes on where poststart fails.
func TestHooksUnderCrun(t *testing.T) {
	crun := needCrun(t)
	n := lab.NewNode(t)
	n.Settings("[runtime]\npath = '" + crun + "'\n")
	n.Hook()
	m := n.Monitor("")
	b := lab.Bundle(t, "echo ran")
	t.Cleanup(func() { lab.Try(t, "", nil, crun, "--root", b.Root, "delete", "--force", b.ID) })
	if out := lab.Try(t, b.Dir, nil, n.Runward, "--root", b.Root, "run", "--bundle", b.Dir, b.ID); out.Stdout != "ran\n" {
		t.Errorf("%+v", out)
	}
	if got := stagesOf(m.Told(b.Dir, 3)); !slices.Equal(got, allStages) {
		t.Errorf("told %v", got)
	}
	m.End()
	n.Policy("10-test.toml", "version = 1\nname = 'test'\nextends = ['baseline']\n[monitor]\nrequired = true\ntimeout = 1\n")
	b = lab.Bundle(t, "echo ran")
	out := lab.Try(t, b.Dir, nil, n.Runward, "--root", b.Root, "run", "--bundle", b.Dir, b.ID)
	if out.Code == 0 || out.Stdout != "" {
		t.Errorf("required: %+v", out)
	}
	lab.Try(t, "", nil, crun, "--root", b.Root, "delete", "--force", b.ID)
}
