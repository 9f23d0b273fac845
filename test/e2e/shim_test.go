//go:build e2e

package e2e

import (
	"bufio"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/runward/runward/test/e2e/lab"
)

// containerd's shim by runward: the runtime that needs no configuration.

const (
	shimRuntime = "io.containerd.runward.v2"
	shimPolicy  = "version = 1\nname = 'test'\nextends = ['baseline']\n[no_new_privileges]\n[capabilities]\nallow = ['CAP_CHOWN']\n"
	bounded     = "CapEff:\t0000000000000001\nNoNewPrivs:\t1\nSeccomp:\t2\n"
)

func TestShimCtr(t *testing.T) {
	n := lab.NewNode(t)
	c := lab.ContainerdShim(t, n)
	n.Policy("10-test.toml", shimPolicy)
	run := func(args ...string) lab.Result {
		return c.TryCtr(append([]string{"run", "--runtime", shimRuntime}, args...)...)
	}

	if out := n.Runwardctl("version").Stdout; !strings.Contains(out, "\nshim       "+n.Shim()+" (of containerd 2.2.") {
		t.Errorf("runwardctl version: %s", out)
	}
	out := run("--rm", lab.Image, "one", "sh", "-c", status+"; exit 3")
	if out.Stdout != bounded || out.Code != 3 {
		t.Errorf("inside: %q, want %q, exit code %d, %s", out.Stdout, bounded, out.Code, out.Stderr)
	}
	r := n.Receipt("one")
	if r.Verdict != "rewrite" || r.Engine != "containerd" {
		t.Errorf("receipt: %+v", r)
	}

	if out := run("--detach", lab.Image, "lasting", "sleep", "1000"); out.Code != 0 {
		t.Fatal(out.Stderr)
	}
	shims := c.Shims()
	for pid := range shims {
		if exe, err := os.Readlink(filepath.Join("/proc", strconv.Itoa(pid), "exe")); err != nil || exe != n.Shim() {
			t.Errorf("the shim is %s, %v", exe, err)
		}
		if cwd, err := os.Readlink(filepath.Join("/proc", strconv.Itoa(pid), "cwd")); err != nil || cwd != c.Task("lasting") {
			t.Errorf("the shim's working directory is %s, %v", cwd, err)
		}
	}
	if len(shims) != 1 {
		t.Errorf("shims %v", shims)
	}
	if exec := c.TryCtr("task", "exec", "--exec-id", "e", "lasting", "sh", "-c", status); exec.Stdout != bounded {
		t.Errorf("inside an exec: %q, want %q %s", exec.Stdout, bounded, exec.Stderr)
	}
	n.Policy("20-exec.toml", "version = 1\nname = 'exec'\n[exec]\nforbid = ['touch']\n")
	refused := c.TryCtr("task", "exec", "--exec-id", "f", "lasting", "touch", "/made")
	if want := `runward: exec /process/args: found the program "touch"`; refused.Code == 0 || !strings.Contains(refused.Stderr, want) {
		t.Errorf("a refused exec: exit code %d, %q, want %q", refused.Code, refused.Stderr, want)
	}
	n.Policy("20-exec.toml", "")
	c.Ctr("task", "pause", "lasting")
	if list := c.Ctr("task", "list"); !strings.Contains(list, "PAUSED") {
		t.Errorf("paused: %s", list)
	}
	c.Ctr("task", "resume", "lasting")
	if metrics := c.Ctr("task", "metrics", "lasting"); !strings.Contains(metrics, "memory.usage") || !strings.Contains(metrics, "pids.current") {
		t.Errorf("metrics: %s", metrics)
	}
	if ps := c.Ctr("task", "ps", "lasting"); len(strings.Fields(ps)) < 3 {
		t.Errorf("ps: %s", ps)
	}
	if checkpoint := c.TryCtr("task", "checkpoint", "lasting"); checkpoint.Code == 0 || !strings.Contains(checkpoint.Stderr, "runward: checkpoint_restore: found checkpoint, wanted neither checkpoint nor restore") {
		t.Errorf("checkpoint: %q", checkpoint.Stderr)
	}
	c.Ctr("task", "kill", "--signal", "KILL", "lasting")
	c.Ctr("task", "delete", "--force", "lasting")

	refused = run("--rm", "--net-host", lab.Image, "two", "sh", "-c", "echo ran")
	r = n.Receipt("two")
	if refused.Code == 0 || strings.Contains(refused.Stdout, "ran") || r.Verdict != "deny" {
		t.Errorf("exit code %d, output %q, receipt %+v", refused.Code, refused.Stdout, r)
	}
	want := "runward: namespaces /linux/namespaces: found the host's network namespace (none is given), wanted a new or another container's network namespace; hint: take out hostNetwork: true (docker, podman: --network=host)"
	if !strings.Contains(refused.Stderr, want) || !strings.Contains(refused.Stderr, "receipt "+r.ID) {
		t.Errorf("ctr says %q, want %q", refused.Stderr, want)
	}

	// With a user namespace ctr asks in a form of its own, and the container's root is not the
	// node's: it has to reach the bundle.
	if err := os.Chmod(filepath.Dir(c.Socket), 0o711); err != nil {
		t.Fatal(err)
	}
	out = run("--rm", "--uidmap", "0:100000:65536", "--gidmap", "0:100000:65536", lab.Image, "mapped", "sh", "-c", "cat /proc/self/uid_map; "+status)
	if fields := strings.Fields(out.Stdout); len(fields) < 3 || fields[1] != "100000" || !strings.HasSuffix(out.Stdout, bounded) || n.Receipt("mapped").Verdict != "rewrite" {
		t.Errorf("with a user namespace: %q %s", out.Stdout, out.Stderr)
	}
	if kept := n.Kept(); len(kept) != 0 {
		t.Errorf("kept %v", kept)
	}
	if shims := c.Shims(); len(shims) != 0 {
		t.Errorf("shims are left: %v", shims)
	}
}

func TestShimPod(t *testing.T) {
	n := lab.NewNode(t)
	c := lab.ContainerdShim(t, n)
	n.Policy("10-test.toml", `version = 1
name = "test"
extends = ["baseline"]
[no_new_privileges]
[memory]
max = "64MiB"
[[exception]]
rules = ["namespaces"]
match = { engine = ["containerd"], namespace = ["default"] }
allow = { host = ["network", "uts"] }
reason = "no CNI in the lab"
`)
	request := c.PodRequest("sh", "-c", "grep -hE 'NoNewPrivs|Seccomp:' /proc/1/status /proc/self/status; cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null; true")
	request["update"] = map[string]any{"memory_limit_in_bytes": 32 << 20}
	result := c.KeepPod(request)
	if want := strings.Repeat("NoNewPrivs:\t1\nSeccomp:\t2\n", 2) + "33554432\n"; result.Code != 0 || result.Stdout != want {
		t.Fatalf("inside: %q, want %q %s", result.Stdout, want, result.Stderr)
	}
	var kinds []string
	for _, r := range n.Receipts() {
		if r.Engine != "containerd" || r.Identity.Namespace != "default" || r.Identity.Pod == "" {
			t.Errorf("receipt: %+v", r)
		}
		kinds = append(kinds, r.Verb+" "+r.Identity.Kind)
	}
	if want := []string{"create sandbox", "create container", "update container", "exec container"}; !slices.Equal(kinds, want) {
		t.Errorf("kinds %q, want %q", kinds, want)
	}
	if shims := c.Shims(); len(shims) != 1 {
		t.Errorf("a pod has one shim: %v", shims)
	}

	request = c.PodRequest()
	request["update"] = map[string]any{"memory_limit_in_bytes": 128 << 20}
	if out := c.Pod(request); out.Code == 0 || !strings.Contains(out.Stderr, "runward: ceiling /memory/limit: found a memory limit of 128MiB, wanted at most 64MiB") {
		t.Errorf("an update beyond the bound: exit code %d, %q", out.Code, out.Stderr)
	}
	n.Policy("10-test.toml", "version = 1\nname = 'test'\nextends = ['baseline']\n")
	refused := c.Pod(c.PodRequest("true"))
	if want := "runward: namespaces /linux/namespaces: found the host's network namespace"; refused.Code == 0 || !strings.Contains(refused.Stderr, want) {
		t.Errorf("exit code %d, %q, want %q", refused.Code, refused.Stderr, want)
	}
	if shims := c.Shims(); len(shims) != 1 {
		t.Errorf("beside the pod that runs, shims are left: %v", shims)
	}
}

// A shim outlives its containerd; and what is left of one that died is deleted
// by runward, which forgets the container.
func TestShimRestart(t *testing.T) {
	n := lab.NewNode(t)
	c := lab.ContainerdShim(t, n)
	n.Policy("10-test.toml", shimPolicy)
	for _, id := range []string{"one", "two"} {
		c.Ctr("run", "--detach", "--runtime", shimRuntime, lab.Image, id, "sleep", "1000")
	}
	before := c.Shims()
	c.Restart()
	if list := c.Ctr("task", "list"); strings.Count(list, "RUNNING") != 2 {
		t.Fatalf("after a restart: %s", list)
	}
	if after := c.Shims(); len(after) != 2 || len(before) != 2 {
		t.Errorf("shims %v, before the restart %v", after, before)
	}
	if exec := c.TryCtr("task", "exec", "--exec-id", "e", "one", "sh", "-c", status); exec.Stdout != bounded {
		t.Errorf("inside an exec: %q, want %q %s", exec.Stdout, bounded, exec.Stderr)
	}
	c.Ctr("task", "kill", "--signal", "KILL", "one")
	c.Ctr("task", "delete", "--force", "one")
	if kept := n.Kept(); len(kept) != 1 {
		t.Fatalf("kept %v", kept)
	}

	for pid := range c.Shims() {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	lab.Await(t, "the dead shim's container is deleted", func() bool {
		_, err := os.Stat(filepath.Join("/run/containerd/runc", c.Namespace, "two"))
		return os.IsNotExist(err) && len(n.Kept()) == 0 && !strings.Contains(c.Ctr("task", "list"), "two")
	})
	// The address of the dead one is taken again, once containerd has forgotten it.
	var out lab.Result
	lab.Await(t, "containerd takes the name again", func() bool {
		c.TryCtr("containers", "delete", "two")
		out = c.TryCtr("run", "--rm", "--runtime", shimRuntime, lab.Image, "two", "sh", "-c", status)
		return !strings.Contains(out.Stderr, "already exists")
	})
	if out.Stdout != bounded {
		t.Errorf("again: %+v", out)
	}
}

func TestShimOutOfMemory(t *testing.T) {
	n := lab.NewNode(t)
	c := lab.ContainerdShim(t, n)
	command := c.Command("events")
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	events := make(chan string, 1000)
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			events <- lines.Text()
		}
		close(events)
	}()
	seen := ""
	await := func(topic string) {
		t.Helper()
		for limit := time.After(30 * time.Second); !strings.Contains(seen, topic); {
			select {
			case line := <-events:
				seen += line + "\n"
			case <-limit:
				t.Fatalf("no event %s in 30 s:\n%s", topic, seen)
			}
		}
	}
	// ctr does not say when it listens.
	lab.Await(t, "ctr events", func() bool {
		c.Ctr("namespaces", "label", c.Namespace, "a="+lab.Name())
		return len(events) > 0
	})
	killed := c.TryCtr("run", "--rm", "--runtime", shimRuntime, "--memory-limit", "16777216", lab.Image, "eater", "tail", "/dev/zero")
	if killed.Code != 137 {
		t.Errorf("exit code %d, %q", killed.Code, killed.Stderr)
	}
	// Not /tasks/delete: containerd's shim may end before it has published that.
	for _, topic := range []string{"/tasks/create", "/tasks/start", "/tasks/oom", "/tasks/exit"} {
		await(" " + topic + " ")
	}
}

// What engines say in options holds, but for another program.
func TestShimOptions(t *testing.T) {
	n := lab.NewNode(t)
	c := lab.ContainerdShim(t, n)
	n.Policy("10-test.toml", shimPolicy)
	options := filepath.Join(n.Dir, "options.toml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(options, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	run := func(id string) lab.Result {
		return c.TryCtr("run", "--rm", "--runtime", shimRuntime, "--runtime-config-path", options, lab.Image, id, "sh", "-c", status)
	}
	root := filepath.Join(n.Dir, "states")
	write("Root = '" + root + "'\nBinaryName = '" + n.Runward + "'\n")
	if out := run("one"); out.Stdout != bounded {
		t.Errorf("inside: %q %s", out.Stdout, out.Stderr)
	}
	if _, err := os.Stat(filepath.Join(root, c.Namespace)); err != nil {
		t.Errorf("the runtime's state is elsewhere: %v", err)
	}
	write("BinaryName = '" + lab.Runc(t) + "'\n")
	want := `runward: BinaryName is "` + lab.Runc(t) + `", but io.containerd.runward.v2 executes ` + n.Runward + " and no other program; take BinaryName out of the runtime's options, or set its runtime_type to io.containerd.runc.v2"
	if out := run("two"); out.Code == 0 || !strings.Contains(out.Stderr, want) {
		t.Errorf("exit code %d, %q, want %q", out.Code, out.Stderr, want)
	}
	write("SystemdCgroups = true\n")
	if out := run("three"); out.Code == 0 || !strings.Contains(out.Stderr, "runward: "+options+`:1:1: unknown key "SystemdCgroups"; did you mean "SystemdCgroup"?`) {
		t.Errorf("exit code %d, %q", out.Code, out.Stderr)
	}
	if shims := c.Shims(); len(shims) != 0 {
		t.Errorf("shims are left: %v", shims)
	}
}

// A group is shared only with containers of the same runtime: an annotation,
// which anybody may write, leads past no policy.
func TestShimGroup(t *testing.T) {
	n := lab.NewNode(t)
	c := lab.ContainerdShim(t, n)
	n.Policy("10-test.toml", shimPolicy)
	const group = "io.containerd.runc.v2.group=together"
	c.Ctr("run", "--detach", "--runc-binary", lab.Runc(t), "--annotation", group, lab.Image, "plain", "sleep", "1000")
	for _, id := range []string{"one", "two"} {
		c.Ctr("run", "--detach", "--runtime", shimRuntime, "--annotation", group, lab.Image, id, "sleep", "1000")
		if exec := c.TryCtr("task", "exec", "--exec-id", "e", id, "sh", "-c", status); exec.Stdout != bounded {
			t.Errorf("inside %s: %q %s", id, exec.Stdout, exec.Stderr)
		}
	}
	if shims := c.Shims(); len(shims) != 2 {
		t.Errorf("want a shim for runc's, and one for both of runward's: %v", shims)
	}
}

// Docker knows runtimes of containerd by their names, from 23 on.
func TestShimDocker(t *testing.T) {
	n := lab.NewNode(t)
	t.Setenv("PATH", filepath.Dir(n.Shim())+":"+os.Getenv("PATH")) // the daemon's
	d := lab.Docker(t, n.Runward)
	n.Policy("10-test.toml", shimPolicy)
	run := func(args ...string) lab.Result {
		return d.Try(append([]string{"run", "--runtime", shimRuntime, "--network", "none"}, args...)...)
	}
	version := strings.TrimSpace(d.Try("version", "--format", "{{.Server.Version}}").Stdout)
	major, err := strconv.Atoi(strings.Split(version, ".")[0])
	if err != nil {
		t.Fatalf("the version of docker is %q", version)
	}
	out := run("--rm", lab.Image, "sh", "-c", status)
	if major < 23 {
		if !strings.Contains(out.Stderr, "Unknown runtime specified "+shimRuntime) {
			t.Errorf("docker %s: exit code %d, %q %q", version, out.Code, out.Stdout, out.Stderr)
		}
		t.Skipf("docker %s takes no runtimes by their names", version)
	}
	if out.Stdout != bounded {
		t.Fatalf("inside: %q, want %q %s", out.Stdout, bounded, out.Stderr)
	}
	if r := n.Receipts()[0]; r.Verdict != "rewrite" || r.Engine != "docker" {
		t.Errorf("receipt: %+v", r)
	}
	if out := run("--detach", "--name", "lasting", lab.Image, "sleep", "1000"); out.Code != 0 {
		t.Fatal(out.Stderr)
	}
	if out := d.Try("exec", "--privileged", "lasting", "sh", "-c", status); out.Stdout != bounded {
		t.Errorf("inside exec --privileged: %q, want %q %s", out.Stdout, bounded, out.Stderr)
	}
	if out := d.Try("update", "--memory", "64m", "--memory-swap", "64m", "lasting"); out.Code != 0 {
		t.Errorf("update: %s", out.Stderr)
	}
	if out := run("--rm", "--privileged", lab.Image, "sh", "-c", "echo ran"); out.Code != 125 && out.Code != 1 || out.Stdout != "" || !strings.Contains(out.Stderr, "runward: privileged /") {
		t.Errorf("--privileged: exit code %d, %q %q", out.Code, out.Stdout, out.Stderr)
	}
	if out := d.Try("rm", "--force", "lasting"); out.Code != 0 {
		t.Error(out.Stderr)
	}
	if kept := n.Kept(); len(kept) != 0 {
		t.Errorf("kept %v", kept)
	}
}

// The runtime can be named as runc's, with the shim by its path: so containerd 2
// asks what it can do.
func TestShimPath(t *testing.T) {
	n := lab.NewNode(t)
	c := lab.ContainerdShim(t, n, `runtime_type = "io.containerd.runc.v2"`, `runtime_path = "`+n.Shim()+`"`)
	n.Settings("mode = 'audit'\n")
	if out := c.KeepPod(c.PodRequest("true")); out.Code != 0 {
		t.Fatal(out.Stderr)
	}
	for pid, line := range c.Shims() {
		exe, err := os.Readlink(filepath.Join("/proc", strconv.Itoa(pid), "exe"))
		if err == nil && filepath.Base(exe) == "containerd-shim-runc-v2" && strings.Contains(c.Ctr("version"), " 1.6.") {
			t.Skip("containerd 1.6 has no runtime_path")
		}
		if err != nil || exe != n.Shim() {
			t.Errorf("the shim is %s, %v: %v", exe, err, line)
		}
	}
	if all := n.Receipts(); len(all) < 2 || all[0].Engine != "containerd" || all[0].Identity.Kind != "sandbox" {
		t.Errorf("receipts: %+v", all)
	}
	if out := lab.Try(t, "", nil, n.Shim(), "-info"); out.Code != 0 || !strings.Contains(out.Stdout, shimRuntime) || !strings.Contains(out.Stdout, `"ociVersionMin"`) {
		t.Errorf("-info: exit code %d, %q %s", out.Code, out.Stdout, out.Stderr)
	}
}

// Where systemd manages the pods' slices, the engine says so in the form of the
// path alone.
func TestShimSystemdCgroup(t *testing.T) {
	n := lab.NewNode(t)
	c := lab.ContainerdShim(t, n)
	n.Settings("mode = 'audit'\n")
	slice := strings.ReplaceAll(lab.Name(), "-", "") + ".slice"
	request := c.PodRequest()
	request["sandbox"].(map[string]any)["linux"].(map[string]any)["cgroup_parent"] = slice
	if out := c.KeepPod(request); out.Code != 0 {
		t.Fatal(out.Stderr)
	}
	files, err := filepath.Glob(filepath.Join(filepath.Dir(filepath.Dir(c.Task("x"))), "k8s.io/*/init.pid"))
	if err != nil || len(files) != 2 {
		t.Fatalf("sandbox and container: %v, %v", files, err)
	}
	_, err = os.Stat("/run/systemd/system")
	for _, file := range files {
		pid, readErr := os.ReadFile(file)
		if readErr != nil {
			t.Fatal(readErr)
		}
		groups, readErr := os.ReadFile(filepath.Join("/proc", string(pid), "cgroup"))
		if readErr != nil {
			t.Fatal(readErr)
		}
		id := filepath.Base(filepath.Dir(file))
		want := slice + "/cri-containerd-" + id + ".scope\n"
		if err != nil { // no systemd, nobody to ask: the path as it is
			want = slice + ":cri-containerd:" + id + "\n"
		}
		if !strings.Contains(string(groups), want) {
			t.Errorf("cgroups %s, want %s", groups, want)
		}
	}
}
