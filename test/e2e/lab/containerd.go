package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Handler is the CRI runtime handler whose BinaryName is the runtime under test.
const Handler = "runward"

// Daemon is a containerd of the test's own.
type Daemon struct {
	Socket    string
	Namespace string // for ctr; the CRI's is always k8s.io
	Log       string // the daemon's log file
	Config    string // its main file
	t         testing.TB
	dir       string
	path      string // PATH of the daemon, where it looks for shims; empty: the test's own
	process   *os.Process
	ended     chan error
}

// Containerd starts a containerd with its own root, state and socket, whose CRI handler "runward" runs
// runtime, loads the lab's images, and waits until it answers.
//
// How the runtime comes in: through the CRI by Handler; through ctr only by --runc-binary. ctr
// (1.6) knows no handlers: they are the CRI plugin's configuration, and --runtime-config-path is
// ignored for io.containerd.runc.v2, the only runtime that takes --runc-binary. And `ctr run
// --uidmap` forgets --runc-binary.
func Containerd(t testing.TB, runtime string) *Daemon {
	t.Helper()
	return startContainerd(t, "", Handler, shimOfRunc(Handler, runtime))
}

// SystemdHandler is the handler beside Handler in ContainerdDrivers.
const SystemdHandler = "runward-systemd"

// ContainerdDrivers is Containerd with another handler, SystemdHandler, which lets
// systemd make the cgroups.
func ContainerdDrivers(t testing.TB, runtime string) *Daemon {
	t.Helper()
	return startContainerd(t, "", Handler, shimOfRunc(Handler, runtime)+
		"[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes."+SystemdHandler+"]\n"+shimOfRunc(SystemdHandler, runtime)+"  SystemdCgroup = true\n")
}

// PlainContainerd is Containerd with no handler but its own runc.
func PlainContainerd(t testing.TB) *Daemon {
	t.Helper()
	return startContainerd(t, "", "runc", shimOfRunc("runc", ""))
}

// ContainerdShim is Containerd with the node's own shim on its PATH, for the
// runtime io.containerd.runward.v2, which is also what Handler is, unless handler
// has other lines for it.
func ContainerdShim(t testing.TB, n *Node, handler ...string) *Daemon {
	t.Helper()
	if handler == nil {
		handler = []string{`runtime_type = "io.containerd.runward.v2"`}
	}
	return startContainerd(t, filepath.Dir(n.Shim())+":"+os.Getenv("PATH"), Handler, strings.Join(handler, "\n")+"\n")
}

// shimOfRunc are a handler's lines for containerd's own shim.
func shimOfRunc(handler, runtime string) string {
	return fmt.Sprintf(`runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.%s.options]
  BinaryName = %q
`, handler, runtime)
}

// startContainerd starts one with one handler, whose table has the lines.
func startContainerd(t testing.TB, path, handler, lines string) *Daemon {
	t.Helper()
	dir := Dir(t)
	d := &Daemon{
		Socket: filepath.Join(dir, "c.sock"), Namespace: Name(), Log: filepath.Join(dir, "containerd.log"), t: t, dir: dir, path: path,
		Config: filepath.Join(dir, "config.toml"),
	}
	write(t, d.Config, []byte(d.config(handler)+lines), 0o600)
	t.Cleanup(d.stop)
	d.start()
	archive := ImageArchive(t, filepath.Join(dir, "images"))
	d.Ctr("images", "import", archive)
	Try(t, "", nil, Tool(t, "ctr"), "--address", d.Socket, "--namespace", "k8s.io", "images", "import", archive).
		want(t, "ctr images import")
	return d
}

func (d *Daemon) config(handler string) string {
	return fmt.Sprintf(`version = 2
root = %q
state = %q
[grpc]
  address = %q
[ttrpc]
  address = %q
[plugins."io.containerd.internal.v1.opt"]
  path = %q
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = %q
  restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".containerd]
  default_runtime_name = %q
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = %q
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.%s]
`, filepath.Join(d.dir, "root"), filepath.Join(d.dir, "state"), d.Socket, d.Socket+".ttrpc",
		filepath.Join(d.dir, "opt"), Pause, handler, filepath.Join(d.dir, "cni"), handler)
}

func (d *Daemon) start() {
	d.t.Helper()
	log, err := os.OpenFile(d.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		d.t.Fatal(err)
	}
	command := exec.Command(Tool(d.t, "containerd"), "--config", d.Config)
	command.Stdout, command.Stderr = log, log
	if d.path != "" {
		command.Env = append(os.Environ(), "PATH="+d.path)
	}
	// The daemon must not outlive a test that is killed.
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := command.Start(); err != nil {
		d.t.Fatal(err)
	}
	if err := log.Close(); err != nil { // the daemon has its own
		d.t.Error(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	d.process, d.ended = command.Process, ended
	answers(d.t, "containerd", d.Log, 2*time.Minute, ended, func() bool { return d.try("version").Code == 0 })
}

// Restart ends the daemon, and not what it runs, and starts it again.
func (d *Daemon) Restart() {
	d.t.Helper()
	d.end()
	d.start()
}

// end ends the daemon; what it runs stays.
func (d *Daemon) end() {
	if d.process == nil {
		return
	}
	if err := d.process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		d.t.Errorf("stop containerd: %v", err)
	}
	<-d.ended
	d.process = nil
}

// stop takes away the containers, then the daemon, then any shim that is still there.
func (d *Daemon) stop() {
	for _, namespace := range []string{d.Namespace, "k8s.io"} {
		ctr := func(args ...string) Result {
			return Try(d.t, "", nil, Tool(d.t, "ctr"), append([]string{"--address", d.Socket, "--namespace", namespace}, args...)...)
		}
		for _, id := range strings.Fields(ctr("containers", "list", "--quiet").Stdout) {
			ctr("tasks", "delete", "--force", id)
			ctr("containers", "delete", id)
		}
	}
	d.end()
	d.killShims()
	unmountBelow(d.t, d.dir)
	removeCgroup(d.t, d.Namespace)
	// Fixed in containerd 1.6. What is shared, /run/containerd/{runc,s,fifo}, stays: another test may
	// be about to use it.
	if err := os.RemoveAll(filepath.Join("/run/containerd/runc", d.Namespace)); err != nil {
		d.t.Error(err)
	}
}

// Shims are the arguments of the shims that were started for this daemon, by
// process id.
func (d *Daemon) Shims() map[int][]string {
	d.t.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		d.t.Fatal(err)
	}
	shims := map[int][]string{}
	for _, file := range lines {
		line, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(line), "\x00-address\x00"+d.Socket+"\x00") {
			continue // it ended meanwhile, or is not ours
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil {
			d.t.Fatal(err)
		}
		shims[pid] = strings.Split(strings.TrimSuffix(string(line), "\x00"), "\x00")
	}
	return shims
}

// killShims ends the shims that were started for this daemon's socket, and no others.
func (d *Daemon) killShims() {
	for pid := range d.Shims() {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			d.t.Errorf("kill shim %d: %v", pid, err)
		}
	}
}

// unmountBelow takes away what containers that died badly, and engines that ended,
// left mounted below a test's directory.
func unmountBelow(t testing.TB, dir string) {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if target := strings.Fields(line)[1]; strings.HasPrefix(target, dir+"/") {
			if err := syscall.Unmount(target, syscall.MNT_DETACH); err != nil && !errors.Is(err, syscall.EINVAL) {
				t.Errorf("unmount %s: %v", target, err)
			}
		}
	}
}

// Ctr runs ctr on this daemon and returns what it printed; the test fails if it does not succeed.
func (d *Daemon) Ctr(args ...string) string {
	d.t.Helper()
	return d.try(args...).want(d.t, append([]string{"ctr"}, args...)...)
}

// TryCtr is Ctr for what may be refused.
func (d *Daemon) TryCtr(args ...string) Result {
	d.t.Helper()
	return d.try(args...)
}

func (d *Daemon) try(args ...string) Result {
	d.t.Helper()
	return Try(d.t, "", nil, Tool(d.t, "ctr"), d.Command(args...).Args[1:]...)
}

// Command is any command of ctr on this daemon, to be given input and started.
func (d *Daemon) Command(args ...string) *exec.Cmd {
	d.t.Helper()
	return exec.Command(Tool(d.t, "ctr"), append([]string{"--address", d.Socket, "--namespace", d.Namespace}, args...)...)
}

// Task is the bundle of one of ctr's running containers.
func (d *Daemon) Task(id string) string {
	return filepath.Join(d.dir, "state/io.containerd.runtime.v2.task", d.Namespace, id)
}

// SystemContainerd is the node's own containerd, started by systemd, with the
// lab's images loaded.
func SystemContainerd(t testing.TB) *Daemon {
	t.Helper()
	d := &Daemon{Socket: "/run/containerd/containerd.sock", Namespace: Name(), Config: "/etc/containerd/config.toml", t: t, dir: Dir(t)}
	if strings.HasPrefix(d.try("--version").want(t, "ctr --version"), "ctr github.com/containerd/containerd 1.") {
		replace(t, d.Config, "version = 2\nroot = '"+d.dir+"/root'\n[plugins.'io.containerd.grpc.v1.cri']\n  sandbox_image = '"+Pause+"'\n")
	}
	Try(t, "", nil, Tool(t, "systemctl"), "start", "containerd.service").want(t, "systemctl start containerd")
	t.Cleanup(func() {
		Try(t, "", nil, Tool(t, "systemctl"), "stop", "containerd.service").want(t, "systemctl stop containerd")
	})
	Try(t, "", nil, Tool(t, "ctr"), "--namespace", "k8s.io", "images", "import", ImageArchive(t, filepath.Join(d.dir, "images"))).
		want(t, "ctr images import")
	return d
}

// OlderContainerd is containerd 1.7, which test/vm/build puts beside the newer
// one, in that one's place for the rest of the test.
func OlderContainerd(t testing.TB) {
	t.Helper()
	const older = "/opt/containerd-1.7/usr/bin"
	if _, err := os.Stat(older); err != nil {
		t.Skip("there is no other containerd: ", err)
	}
	for _, name := range []string{"containerd", "ctr", "containerd-shim-runc-v2"} {
		place := Tool(t, name)
		Try(t, "", nil, Tool(t, "mount"), "--bind", filepath.Join(older, name), place).want(t, "mount", place)
		t.Cleanup(func() { Try(t, "", nil, Tool(t, "umount"), "--lazy", place).want(t, "umount", place) })
	}
}

// replace gives a file of the node's another text for the rest of the test; no
// file is there before where there was none.
func replace(t testing.TB, path, text string) {
	t.Helper()
	before, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if before == nil {
			if err := os.Remove(path); err != nil {
				t.Error(err)
			}
			return
		}
		write(t, path, before, 0o644)
	})
	write(t, path, []byte(text), 0o644)
}

// Unit adds to a unit of systemd's for the rest of the test.
func Unit(t testing.TB, unit, text string) {
	t.Helper()
	reload := func() { Try(t, "", nil, Tool(t, "systemctl"), "daemon-reload").want(t, "systemctl daemon-reload") }
	t.Cleanup(reload) // after the file went
	replace(t, "/run/systemd/system/"+unit+".d/lab.conf", text)
	reload()
}

// SystemDocker is the node's own dockerd, started by systemd with a daemon.json,
// with the lab's images loaded.
func SystemDocker(t testing.TB, daemon string) *Engine {
	t.Helper()
	d := &Engine{t: t, dir: Dir(t), socket: "/var/run/docker.sock", Config: "/etc/docker/daemon.json"}
	replace(t, d.Config, daemon)
	Try(t, "", nil, Tool(t, "systemctl"), "start", "docker.service").want(t, "systemctl start docker")
	t.Cleanup(func() {
		Try(t, "", nil, Tool(t, "systemctl"), "stop", "docker.socket", "docker.service").want(t, "systemctl stop docker")
		Try(t, "", nil, Tool(t, "systemctl"), "start", "docker.socket").want(t, "systemctl start docker.socket")
	})
	d.Try("load", "--quiet", "--input", ImageArchive(t, filepath.Join(d.dir, "images"))).want(t, "docker load")
	return d
}
