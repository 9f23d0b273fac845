package lab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Store is a podman with storage, state, locks and configuration of the test's own.
type Store struct {
	t       testing.TB
	dir     string
	runtime string
	driver  string
	group   string // the cgroup around its containers
}

// Podman prepares a podman that runs its containers with runtime, and loads the lab's images.
func Podman(t testing.TB, runtime string) *Store {
	t.Helper()
	return store(t, runtime, Cgroupfs, Dir(t), "")
}

// PodmanPods is Podman with a cgroup driver, and such that it has pods: they leave
// no conmon in their cgroups, and their containers, which mount a file system of
// the first one's, are not below /tmp, which policies refuse.
func PodmanPods(t testing.TB, runtime, driver string) *Store {
	t.Helper()
	return store(t, runtime, driver, dirBelow(t, "/srv"), `cgroups = "no-conmon"
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
`)
}

// store prepares one in a directory, with more lines about containers.
func store(t testing.TB, runtime, driver, dir, lines string) *Store {
	t.Helper()
	p := &Store{t: t, dir: dir, runtime: runtime, driver: driver, group: Name()}
	// The lock file in shared memory would be the machine's own podman's.
	// It stands for all of the distribution's file, so it repeats podman's capabilities from there.
	write(t, filepath.Join(p.dir, "containers.conf"), []byte(`[engine]
lock_type = "file"
events_logger = "none"
cgroup_manager = "`+driver+`"
[containers]
`+lines+`default_capabilities = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "NET_BIND_SERVICE", "SETFCAP", "SETGID",
	"SETPCAP", "SETUID", "SYS_CHROOT"]
`), 0o600)
	write(t, filepath.Join(p.dir, "storage.conf"), fmt.Appendf(nil, `[storage]
driver = "overlay"
graphroot = %q
runroot = %q
`, filepath.Join(p.dir, "graph"), filepath.Join(p.dir, "run")), 0o600)
	p.try("load", "--quiet", "--input", ImageArchive(t, filepath.Join(p.dir, "images"))).want(t, "podman load")
	t.Cleanup(func() {
		p.try("rm", "--all", "--force", "--time", "0").want(t, "podman rm")
		gone(t, p.dir)
		removeCgroup(t, p.group)
		Try(t, "", nil, Tool(t, "umount"), "--lazy", filepath.Join(p.dir, "graph/overlay")) // mounted if it was used
	})
	return p
}

// Run is `podman run` without a network (the lab sets none up), with limits that a root without
// CAP_SYS_RESOURCE can set, then args: options, image, command. It returns what the container printed.
func (p *Store) Run(args ...string) string {
	p.t.Helper()
	return p.TryRun(args...).want(p.t, append([]string{"podman run"}, args...)...)
}

// TryRun is Run for a container that may be refused.
func (p *Store) TryRun(args ...string) Result {
	p.t.Helper()
	return p.try(append(append([]string{"run"}, p.RunOptions()...), args...)...)
}

// Try is any other command of podman's.
func (p *Store) Try(args ...string) Result {
	p.t.Helper()
	return p.try(args...)
}

func (p *Store) try(args ...string) Result {
	p.t.Helper()
	command := p.Command(args...)
	return Try(p.t, "", command.Env, command.Path, command.Args[1:]...)
}

// Command is any command of this podman, to be given input and started; its environment is what it
// needs beyond the caller's.
func (p *Store) Command(args ...string) *exec.Cmd {
	p.t.Helper()
	global := []string{"--runtime", p.runtime, "--tmpdir", filepath.Join(p.dir, "tmp")}
	command := exec.Command(Tool(p.t, "podman"), append(global, args...)...)
	command.Env = []string{
		"CONTAINERS_CONF=" + filepath.Join(p.dir, "containers.conf"),
		"CONTAINERS_STORAGE_CONF=" + filepath.Join(p.dir, "storage.conf"),
	}
	return command
}

// RunOptions is what `podman run` and create need here, before their own options.
func (p *Store) RunOptions() []string {
	return []string{"--network", "none", "--cgroup-parent", Parent(p.driver, p.group), "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096"}
}

// PodOptions is what `podman pod create` needs here.
func (p *Store) PodOptions() []string {
	return []string{"--network", "none", "--cgroup-parent", Parent(p.driver, p.group)}
}

// A NodePodman is a podman that reads its configuration where every podman does,
// in a mount namespace in which that is the test's own.
type NodePodman struct {
	t   testing.TB
	Dir string // /etc/containers
}

// PlainPodman prepares one, with no runtime named, and loads the lab's images.
func PlainPodman(t testing.TB) *NodePodman {
	t.Helper()
	dir := Dir(t)
	p := &NodePodman{t: t, Dir: filepath.Join(dir, "containers")}
	write(t, filepath.Join(p.Dir, "containers.conf"), fmt.Appendf(nil, `[containers]
cgroups = "no-conmon"
netns = "none"
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
default_capabilities = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "NET_BIND_SERVICE", "SETFCAP", "SETGID",
	"SETPCAP", "SETUID", "SYS_CHROOT"]
[engine]
lock_type = "file"
events_logger = "none"
cgroup_manager = "cgroupfs"
runtime = "runc"
tmp_dir = %q
`, filepath.Join(dir, "tmp")), 0o644)
	write(t, filepath.Join(p.Dir, "storage.conf"), fmt.Appendf(nil, "[storage]\ndriver = \"overlay\"\ngraphroot = %q\nrunroot = %q\n",
		filepath.Join(dir, "graph"), filepath.Join(dir, "run")), 0o644)
	write(t, filepath.Join(p.Dir, "policy.json"), []byte(`{"default": [{"type": "insecureAcceptAnything"}]}`), 0o644)
	p.Try("podman", "load", "--quiet", "--input", ImageArchive(t, filepath.Join(dir, "images"))).want(t, "podman load")
	t.Cleanup(func() {
		p.Try("podman", "rm", "--all", "--force", "--time", "0").want(t, "podman rm")
		gone(t, dir)
		removeCgroup(t, "libpod_parent")
		Try(t, "", nil, Tool(t, "umount"), "--lazy", filepath.Join(dir, "graph/overlay")) // mounted if it was used
	})
	return p
}

// Try runs a command where the configuration is.
func (p *NodePodman) Try(command ...string) Result {
	p.t.Helper()
	return Try(p.t, "", nil, Tool(p.t, "unshare"), append([]string{"--mount", "sh", "-c", `mount --bind "$0" /etc/containers && exec "$@"`, p.Dir}, command...)...)
}

// gone waits until no process has a path below dir among its arguments: conmon
// starts a podman that cleans up after a container, also after one that was
// removed meanwhile.
func gone(t testing.TB, dir string) {
	t.Helper()
	left := ""
	if !Within(time.Minute, 20*time.Millisecond, func() bool {
		files, err := filepath.Glob("/proc/[0-9]*/cmdline")
		if err != nil {
			t.Fatal(err)
		}
		left = ""
		for _, file := range files {
			if line, err := os.ReadFile(file); err == nil && strings.Contains(string(line), dir+"/") { // else it ended meanwhile
				left = strings.ReplaceAll(string(line), "\x00", " ")
			}
		}
		return left == ""
	}) {
		t.Errorf("still there after a minute: %s", left)
	}
}
