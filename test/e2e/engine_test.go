//go:build e2e

package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/runward/runward/test/e2e/lab"
)

// Runward is put in front of engines as an administrator does it, proven, and
// taken back without a trace.

// verified is what the tests read of `engine verify`.
type verified struct {
	Engines []struct {
		Version                           string
		Registered, IsDefault, Interposed bool
		Open, Ways                        []string
		Probes                            []struct{ Handler, Container, Receipt, Problem string }
	}
	Proven bool
}

// ctl runs runwardctl, which has to succeed, and returns what it printed.
func ctl(t *testing.T, n *lab.Node, args ...string) string {
	t.Helper()
	r := n.Runwardctl(args...)
	if r.Code != 0 {
		t.Fatalf("runwardctl %s: exit code %d\n%s%s", strings.Join(args, " "), r.Code, r.Stdout, r.Stderr)
	}
	return r.Stdout
}

func verify(t *testing.T, n *lab.Node, code int, args ...string) verified {
	t.Helper()
	r := n.Runwardctl(append([]string{"engine", "verify", "-o", "json"}, args...)...)
	var v verified
	if err := json.Unmarshal([]byte(r.Stdout), &v); err != nil || r.Code != code || len(v.Engines) != 1 {
		t.Fatalf("verify: exit code %d, want %d: %v\n%s%s", r.Code, code, err, r.Stdout, r.Stderr)
	}
	return v
}

func read(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// untouched holds that nothing is left of runward on the node.
func untouched(t *testing.T, n *lab.Node) {
	t.Helper()
	for _, path := range []string{"etc/runward/runward.toml", "state", "libexec/runward/links"} {
		if _, err := os.Lstat(filepath.Join(n.Dir, path)); !os.IsNotExist(err) {
			t.Errorf("%s is left: %v", path, err)
		}
	}
}

func TestEngineDocker(t *testing.T) {
	n := lab.NewNode(t)
	d := lab.PlainDocker(t, ",\n    \"runtimes\": {\n        \"lab\": { \"path\": \""+lab.Runc(t)+"\" }\n    }", "DOCKER_BUILDKIT_RUNC_COMMAND="+n.Runward)
	at := []string{"--engine", "docker", "--config", d.Config}
	with := func(args ...string) []string { return append(append([]string{"engine"}, args...), at...) }
	before := read(t, d.Config)

	if v := verify(t, n, 1, at...); v.Engines[0].Registered || v.Proven || v.Engines[0].Version == "" {
		t.Errorf("before: %+v", v)
	}
	out := ctl(t, n, with("configure", "--restart")...)
	if !strings.Contains(out, "dockerd was reloaded") || !strings.Contains(out, `with mode = "audit"`) {
		t.Errorf("configure says %q", out)
	}
	if r := d.Try("run", "--rm", "--network", "none", "--runtime", "runward", "--volume", "/etc:/data", lab.Image, "true"); r.Code != 0 {
		t.Errorf("in audit mode: %s", r.Stderr)
	}
	if r := n.Receipts()[0]; r.Engine != "docker" || r.Verdict != "allow" {
		t.Errorf("receipt: %+v", r)
	}
	if v := verify(t, n, 1, at...); !v.Engines[0].Registered || v.Engines[0].IsDefault || len(v.Engines[0].Open) != 2 {
		t.Errorf("registered: %+v", v)
	}

	ctl(t, n, with("configure", "--restart", "--mode", "interpose")...)
	v := verify(t, n, 0, at...)
	if !v.Engines[0].Interposed || !v.Proven {
		t.Errorf("interposed: %+v", v)
	}
	ways := v.Engines[0].Ways
	if replaced := buildkitReplaced(t); replaced && len(ways) != 1 || !strings.HasPrefix(ways[0], "docker run --runtime runc") ||
		!replaced && (len(ways) != 2 || !strings.HasPrefix(ways[1], "docker build: BuildKit runs runc, and this dockerd lets nothing stand in its place")) {
		t.Errorf("ways with BuildKit's runc replaced (%v): %q", replaced, ways)
	}
	for _, p := range v.Engines[0].Probes {
		if (p.Receipt == "") != (p.Handler == "runc") || p.Problem != "" {
			t.Errorf("probe: %+v", p)
		}
	}
	if r := d.Try("images", "--quiet", "runward-probe"); r.Stdout != "" {
		t.Errorf("images are left: %s", r.Stdout)
	}

	enforced := n.Runwardctl("enforce", "--yes")
	if want := "1 container would have been refused"; enforced.Code != 0 || !strings.Contains(enforced.Stdout, want) {
		t.Errorf("enforce: %d %s%s, want %q", enforced.Code, enforced.Stdout, enforced.Stderr, want)
	}
	refused := d.Try("run", "--rm", "--network", "none", "--runtime", "lab", "--volume", "/etc:/data", lab.Image, "true")
	if want := "runward: host_paths"; refused.Code == 0 || !strings.Contains(refused.Stderr, want) {
		t.Errorf("enforced, behind the runtime lab: %d %s, want %q", refused.Code, refused.Stderr, want)
	}

	if r := d.Try("run", "--detach", "--network", "none", "--runtime", "lab", "--name", "lasting", lab.Image, "sleep", "1000"); r.Code != 0 {
		t.Fatal(r.Stderr)
	}
	bound := n.Runwardctl(with("unconfigure", "--restart")...)
	if want := "error: docker: 1 container that runward created still run, and their engine goes on calling it for them: lasting\n"; bound.Code != 2 || !strings.Contains(bound.Stderr, want) {
		t.Errorf("with a container: %d %q, want %q", bound.Code, bound.Stderr, want)
	}
	ctl(t, n, with("unconfigure", "--restart", "--force")...)
	if after := read(t, d.Config); after != before {
		t.Errorf("daemon.json is\n%s\nwas\n%s", after, before)
	}
	if r := d.Try("exec", "lasting", "true"); r.Code != 0 {
		t.Errorf("exec in a container that runs: %s", r.Stderr)
	}
	if r := d.Try("rm", "--force", "lasting"); r.Code != 0 {
		t.Error(r.Stderr)
	}
	ctl(t, n, with("unconfigure", "--restart")...)
	untouched(t, n)
	if r := d.Try("run", "--rm", "--network", "none", "--volume", "/etc:/data", lab.Image, "true"); r.Code != 0 {
		t.Errorf("afterwards: %s", r.Stderr)
	}
	if after := read(t, d.Config); after != before {
		t.Errorf("daemon.json is\n%s\nwas\n%s", after, before)
	}
}

// buildkitReplaced tells whether the installed dockerd reads from its environment
// what BuildKit runs: it has the variable's name in it.
func buildkitReplaced(t *testing.T) bool {
	t.Helper()
	return lab.Try(t, "", nil, "grep", "-q", "DOCKER_BUILDKIT_RUNC_COMMAND", lab.Tool(t, "dockerd")).Code == 0
}

// A dockerd that does not take the file, here since its command line has a
// default runtime too, gets the old one back.
func TestEngineDockerRefuses(t *testing.T) {
	n := lab.NewNode(t)
	d := lab.PlainDocker(t, "", "--default-runtime", "runc")
	before := read(t, d.Config)
	r := n.Runwardctl("engine", "configure", "--engine", "docker", "--config", d.Config, "--mode", "default", "--restart")
	if want := "error: docker does not come up with the new files: dockerd does not take runward for its default runtime; its log says why; they were taken back\n"; r.Code != 2 || r.Stderr != want {
		t.Errorf("%d %q, want %q", r.Code, r.Stderr, want)
	}
	if after := read(t, d.Config); after != before {
		t.Errorf("daemon.json is %s", after)
	}
	untouched(t, n)
}

func TestEngineContainerd(t *testing.T) { engineContainerd(t) }

// The same with containerd 1.7, where there is one.
func TestEngineContainerd17(t *testing.T) {
	lab.OlderContainerd(t)
	engineContainerd(t)
}

func engineContainerd(t *testing.T) {
	n := lab.NewNode(t)
	c := lab.PlainContainerd(t)
	at := []string{"--engine", "containerd", "--config", c.Config}
	with := func(args ...string) []string { return append(append([]string{"engine"}, args...), at...) }
	before := read(t, c.Config)
	pod := func(handler string) lab.Result { return c.PodWith(handler, c.PodRequest("true")) }

	if r := pod("runward"); r.Code == 0 || len(n.Receipts()) > 0 {
		t.Errorf("before: %d, %d receipts", r.Code, len(n.Receipts()))
	}
	ctl(t, n, with("configure")...)
	c.Restart()
	if r := pod("runward"); r.Code != 0 {
		t.Errorf("registered: %s", r.Stderr)
	}
	if r := pod(""); r.Code != 0 {
		t.Errorf("without a handler: %s", r.Stderr)
	}
	if all := creates(n); len(all) != 2 || all[1].Engine != "containerd" || all[1].Identity.Kind != "container" {
		t.Errorf("of one pod: %+v", all)
	}

	for i, mode := range []string{"default", "interpose"} {
		ctl(t, n, with("configure", "--mode", mode)...)
		c.Restart()
		if r := pod(""); r.Code != 0 {
			t.Errorf("%s: %s", mode, r.Stderr)
		}
		if all := creates(n); len(all) != 4+2*i {
			t.Errorf("%s: %d receipts", mode, len(all))
		}
	}
	if r := pod("runc"); r.Code != 0 || len(creates(n)) != 8 {
		t.Errorf("interposed, handler runc: %d receipts %s", len(creates(n)), r.Stderr)
	}
	v := verify(t, n, 0, at...)
	if !v.Engines[0].Interposed || len(v.Engines[0].Probes) != 2 || v.Engines[0].Probes[0].Receipt == "" || v.Engines[0].Probes[0].Problem != "" {
		t.Errorf("interposed: %+v", v)
	}
	ctl(t, n, with("unconfigure")...)
	c.Restart()
	if r := pod(""); r.Code != 0 {
		t.Errorf("afterwards: %s", r.Stderr)
	}
	if after := read(t, c.Config); after != before {
		t.Errorf("config.toml is\n%s\nwas\n%s", after, before)
	}
	if _, err := os.Lstat(filepath.Join(filepath.Dir(c.Config), "conf.d")); !os.IsNotExist(err) {
		t.Error("conf.d is left", err)
	}
	untouched(t, n)
}

// creates are the receipts but for those of execs.
func creates(n *lab.Node) []lab.Receipt {
	var all []lab.Receipt
	for _, r := range n.Receipts() {
		if r.Verb == "create" {
			all = append(all, r)
		}
	}
	return all
}

func TestEnginePodman(t *testing.T) {
	n := lab.NewNode(t)
	p := lab.PlainPodman(t)
	own := filepath.Join(p.Dir, "containers.conf.d")
	run := func(args ...string) lab.Result {
		return p.Try(append(append([]string{"podman"}, args...), "run", "--rm", lab.Image, "true")...)
	}
	ctl := func(args ...string) string {
		t.Helper()
		r := p.Try(append([]string{n.Ctl, "engine"}, args...)...)
		if r.Code != 0 {
			t.Fatalf("%s: exit code %d\n%s%s", args, r.Code, r.Stdout, r.Stderr)
		}
		return r.Stdout
	}
	if r := run(); r.Code != 0 || len(n.Receipts()) != 0 {
		t.Fatalf("before: %d receipts, %s", len(n.Receipts()), r.Stderr)
	}
	ctl("configure", "--engine", "podman", "--restart")
	if r := run("--runtime", "runward"); r.Code != 0 || len(n.Receipts()) != 1 || n.Receipts()[0].Engine != "podman" {
		t.Errorf("registered: %+v %s", n.Receipts(), r.Stderr)
	}
	if r := run(); r.Code != 0 || len(n.Receipts()) != 1 {
		t.Errorf("registered, without a runtime: %d receipts %s", len(n.Receipts()), r.Stderr)
	}
	for i, mode := range []string{"default", "interpose"} {
		ctl("configure", "--engine", "podman", "--mode", mode, "--restart")
		if r := run(); r.Code != 0 || len(n.Receipts()) != 2+i {
			t.Errorf("%s: %d receipts %s", mode, len(n.Receipts()), r.Stderr)
		}
	}
	if r := run("--runtime", "runc"); r.Code != 0 || len(n.Receipts()) != 4 {
		t.Errorf("interposed, with runc named: %d receipts %s", len(n.Receipts()), r.Stderr)
	}
	var v verified
	out := ctl("verify", "--engine", "podman", "-o", "json")
	if err := json.Unmarshal([]byte(out), &v); err != nil || !v.Proven || !v.Engines[0].Interposed {
		t.Errorf("interposed: %v %s", err, out)
	}
	for _, probe := range v.Engines[0].Probes {
		if probe.Receipt == "" || probe.Problem != "" && probe.Handler != "crun" { // crun runs on no hybrid of cgroups
			t.Errorf("probe: %+v", probe)
		}
	}
	ctl("unconfigure", "--engine", "podman")
	if r := run(); r.Code != 0 || len(n.Receipts()) != 4+len(v.Engines[0].Probes) {
		t.Errorf("afterwards: %d receipts %s", len(n.Receipts()), r.Stderr)
	}
	if _, err := os.Lstat(own); !os.IsNotExist(err) {
		t.Errorf("%s is left: %v", own, err)
	}
	untouched(t, n)
}

// README's way from the first configure to unconfigure, command by command, on
// Docker alone.
func TestReadmeEngines(t *testing.T) {
	n := lab.NewNode(t)
	d := lab.PlainDocker(t, "")
	before := read(t, d.Config)
	env := []string{"PATH=" + filepath.Dir(n.Ctl) + ":" + os.Getenv("PATH")}
	for _, s := range readme(t, "In front of the engines") {
		command := s.command
		if strings.Contains(command, "engine ") {
			command += " --engine docker --config " + d.Config
		}
		r := lab.Try(t, n.Dir, env, "bash", "-c", command)
		t.Log("$ " + command + "\n" + r.Stdout + r.Stderr)
		got := strings.NewReplacer(filepath.Dir(d.Config), "/etc/docker", n.Runward, "/usr/bin/runward", n.Dir, "").Replace(r.Stdout + r.Stderr)
		s.printed(t, strings.Split(strings.TrimSuffix(got, "\n"), "\n"))
		if strings.Contains(s.command, "enforce") {
			if r := d.Try("run", "--rm", "--network", "none", "--volume", "/etc:/data", lab.Image, "true"); r.Code == 0 || !strings.Contains(r.Stderr, "runward: host_paths") {
				t.Errorf("enforced: %d %s", r.Code, r.Stderr)
			}
		}
	}
	if after := read(t, d.Config); after != before {
		t.Errorf("daemon.json is\n%s\nwas\n%s", after, before)
	}
	untouched(t, n)
}

func needSystemd(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("/run/systemd/system"); err != nil {
		t.Skip("systemd does not run here: ", err)
	}
}

// The node's own containerd, which systemd restarts.
func TestEngineSystemd(t *testing.T) {
	needSystemd(t)
	engineSystemd(t)
}

func TestEngineSystemd17(t *testing.T) {
	needSystemd(t)
	lab.OlderContainerd(t)
	engineSystemd(t)
}

// A containerd that does not start with the new files gets the old ones back, and
// starts with them.
func TestEngineSystemdRollsBack(t *testing.T) {
	needSystemd(t)
	n := lab.NewNode(t)
	c := lab.SystemContainerd(t)
	before := read(t, c.Config)
	lab.Unit(t, "containerd.service", "[Service]\nRestart=no\nExecStartPre=/bin/sh -c '! grep -rq runward /etc/containerd'\n")
	r := n.Runwardctl("engine", "configure", "--engine", "containerd", "--mode", "default", "--restart")
	if r.Code != 2 || !strings.Contains(r.Stderr, "error: containerd does not come up with the new files: ") || !strings.HasSuffix(r.Stderr, "; they were taken back\n") {
		t.Errorf("%d %q", r.Code, r.Stderr)
	}
	if out := c.TryCtr("version"); out.Code != 0 {
		t.Errorf("afterwards containerd does not answer: %s", out.Stderr)
	}
	if after := read(t, c.Config); after != before {
		t.Errorf("config.toml is\n%s\nwas\n%s", after, before)
	}
	untouched(t, n)
}

// The node's own dockerd, which systemd runs, and which is told to read its file.
func TestEngineSystemdDocker(t *testing.T) {
	needSystemd(t)
	n := lab.NewNode(t)
	d := lab.SystemDocker(t, "{ \"runtimes\": { \"crun\": { \"path\": \""+lab.Tool(t, "crun")+"\" } } }\n")
	before := read(t, d.Config)
	out := ctl(t, n, "engine", "configure", "--engine", "docker", "--mode", "interpose", "--restart")
	if !strings.Contains(out, "dockerd was reloaded") {
		t.Errorf("configure says %q", out)
	}
	for _, runtime := range []string{"runward", "crun"} {
		if r := d.Try("run", "--rm", "--network", "none", "--runtime", runtime, lab.Image, "true"); r.Code != 0 {
			t.Errorf("%s: %s", runtime, r.Stderr)
		}
	}
	if r := d.Try("run", "--rm", "--network", "none", lab.Image, "true"); r.Code != 0 || len(creates(n)) != 3 {
		t.Errorf("of three containers %d receipts %s", len(creates(n)), r.Stderr)
	}
	if v := verify(t, n, 0, "--engine", "docker"); !v.Engines[0].Interposed || !v.Proven {
		t.Errorf("interposed: %+v", v)
	}
	ctl(t, n, "engine", "unconfigure", "--engine", "docker", "--restart")
	seen := len(creates(n))
	if r := d.Try("run", "--rm", "--network", "none", lab.Image, "true"); r.Code != 0 || len(creates(n)) != seen {
		t.Errorf("afterwards: %d receipts %s", len(creates(n)), r.Stderr)
	}
	if after := read(t, d.Config); after != before {
		t.Errorf("daemon.json is\n%s\nwas\n%s", after, before)
	}
	untouched(t, n)
}

func engineSystemd(t *testing.T) {
	n := lab.NewNode(t)
	c := lab.SystemContainerd(t)
	before := read(t, c.Config)
	pod := func() lab.Result {
		request := c.PodRequest("true")
		request["sandbox"].(map[string]any)["linux"].(map[string]any)["cgroup_parent"] = "/system.slice"
		return c.PodWith("", request)
	}
	out := ctl(t, n, "engine", "configure", "--engine", "containerd", "--mode", "interpose", "--restart")
	if !strings.Contains(out, "containerd was restarted") {
		t.Errorf("configure says %q", out)
	}
	if r := pod(); r.Code != 0 || len(creates(n)) != 2 {
		t.Errorf("interposed: %d receipts %s", len(creates(n)), r.Stderr)
	}
	if v := verify(t, n, 0, "--engine", "containerd"); !v.Engines[0].Interposed {
		t.Errorf("interposed: %+v", v)
	}
	ctl(t, n, "engine", "unconfigure", "--engine", "containerd", "--restart")
	if r := pod(); r.Code != 0 || len(creates(n)) > 5 {
		t.Errorf("afterwards: %d receipts %s", len(creates(n)), r.Stderr)
	}
	if after := read(t, c.Config); after != before {
		t.Errorf("config.toml is\n%s\nwas\n%s", after, before)
	}
	untouched(t, n)
}
