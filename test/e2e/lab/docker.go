package lab

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Engine is a dockerd of the test's own, with its own containerd, without a
// network.
type Engine struct {
	t           testing.TB
	dir, socket string
	group       string // the cgroup around its containers
	Config      string // daemon.json
}

// Docker starts a dockerd that knows runtime as "runward", and loads the lab's
// images.
func Docker(t testing.TB, runtime string) *Engine {
	t.Helper()
	return DockerDriver(t, runtime, Cgroupfs)
}

// DockerDriver is Docker with a cgroup driver, and more options; one DOCKER_X=Y
// goes into its environment.
func DockerDriver(t testing.TB, runtime, driver string, options ...string) *Engine {
	t.Helper()
	return startDocker(t, "{}", driver, append([]string{"--add-runtime", "runward=" + runtime}, options...)...)
}

// PlainDocker is Docker with the runtimes of its daemon.json alone, which has
// these members besides where the engine is found. An option DOCKER_X=Y goes into
// its environment.
func PlainDocker(t testing.TB, members string, options ...string) *Engine {
	t.Helper()
	return startDocker(t, "{\n    \"hosts\": [\"unix://DIR/docker.sock\"],\n    \"pidfile\": \"DIR/pid\""+members+"\n}\n", Cgroupfs, options...)
}

func startDocker(t testing.TB, daemon, driver string, options ...string) *Engine {
	t.Helper()
	// Not below /tmp, which a policy refuses: BuildKit mounts its own resolv.conf.
	d := &Engine{t: t, dir: dirBelow(t, "/srv"), group: Name()}
	d.socket = filepath.Join(d.dir, "docker.sock")
	config := filepath.Join(d.dir, "daemon.json")
	d.Config = config
	write(t, config, []byte(strings.ReplaceAll(daemon, "DIR", d.dir)), 0o600)
	log, err := os.Create(filepath.Join(d.dir, "dockerd.log"))
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(Tool(t, "dockerd"), "--config-file", config,
		"--data-root", filepath.Join(d.dir, "data"), "--exec-root", filepath.Join(d.dir, "exec"),
		"--iptables=false", "--bridge=none", "--cgroup-parent", Parent(driver, d.group), "--exec-opt", "native.cgroupdriver="+driver)
	for _, option := range options {
		if strings.HasPrefix(option, "--") || !strings.HasPrefix(option, "DOCKER_") {
			command.Args = append(command.Args, option)
		} else {
			command.Env = append(os.Environ(), option)
		}
	}
	if !strings.Contains(daemon, "hosts") {
		command.Args = append(command.Args, "--host", "unix://"+d.socket, "--pidfile", filepath.Join(d.dir, "pid"))
	}
	if out := Try(t, "", nil, command.Path, "--help"); strings.Contains(out.Stdout, "--oom-score-adjust") {
		command.Args = append(command.Args, "--oom-score-adjust=0") // older ones lower their own, which needs CAP_SYS_RESOURCE
	}
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	t.Cleanup(func() {
		for _, id := range strings.Fields(d.Try("ps", "--all", "--quiet").Stdout) {
			d.Try("rm", "--force", id)
		}
		if err := command.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Error(err)
		}
		<-ended
		_ = log.Close()
		unmountBelow(t, d.dir) // a network namespace of BuildKit's
		removeCgroup(t, d.group)
	})
	answers(t, "dockerd", log.Name(), 3*time.Minute, ended, func() bool { return d.Try("version").Code == 0 })
	d.Try("load", "--quiet", "--input", ImageArchive(t, filepath.Join(d.dir, "images"))).want(t, "docker load")
	return d
}

// TryRun is `docker run` under runward, without a network, with args: options,
// image, command.
func (d *Engine) TryRun(args ...string) Result {
	d.t.Helper()
	return d.Try(append([]string{"run", "--runtime", "runward", "--network", "none"}, args...)...)
}

// Try is any docker command.
func (d *Engine) Try(args ...string) Result {
	d.t.Helper()
	return Try(d.t, "", []string{"DOCKER_CONFIG=" + d.dir}, Tool(d.t, "docker"), append([]string{"--host", "unix://" + d.socket}, args...)...)
}

// Build is `docker build` of one step, by BuildKit or by the builder before it,
// without a network unless options say another one. The client is the
// distribution's, as old as the engine: with newer ones BuildKit is a program of
// its own.
func (d *Engine) Build(buildkit bool, step string, options ...string) Result {
	d.t.Helper()
	dir := Dir(d.t)
	write(d.t, filepath.Join(dir, "Dockerfile"), []byte("FROM "+Image+"\nRUN "+step+"\n"), 0o644)
	client, env := "/usr/bin/docker", "DOCKER_BUILDKIT=0"
	if _, err := os.Stat(client); err != nil {
		client = Tool(d.t, "docker")
	}
	args := []string{"--host", "unix://" + d.socket, "build", "--no-cache", "--network", "none"}
	if buildkit {
		args, env = append(args, "--progress", "plain"), "DOCKER_BUILDKIT=1"
	}
	return Try(d.t, dir, []string{env, "DOCKER_CONFIG=" + d.dir}, client, append(append(args, options...), ".")...)
}
