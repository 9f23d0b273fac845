//go:build e2e

package e2e

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/test/e2e/lab"
)

// CRI-O is not in Debian: its calls are made as it makes them, through the real
// conmon, on a bundle where it would have one.
type crioLike struct {
	*lab.Container
	t    *testing.T
	node *lab.Node
	own  string // CRI-O's directories
}

func newCRIO(t *testing.T, n *lab.Node, script string, edits ...func(*specs.Spec)) *crioLike {
	t.Helper()
	edits = append(edits, func(s *specs.Spec) {
		s.Annotations = map[string]string{
			"io.container.manager": "cri-o", "io.kubernetes.cri-o.ContainerType": "container", "io.kubernetes.cri-o.SandboxID": "1192078995f7",
			"io.kubernetes.cri-o.ImageName": lab.Image, "io.kubernetes.container.name": "app",
			"io.kubernetes.pod.name": "web", "io.kubernetes.pod.namespace": "dev", "io.kubernetes.pod.uid": "8a3dc23b-e749-4848-abb2-866278ddafd2",
		}
	})
	c := &crioLike{Container: lab.Bundle(t, script, edits...), t: t, node: n, own: lab.Dir(t)}
	bundle := filepath.Join(c.own, "storage/overlay-containers", c.ID, "userdata")
	must(t, os.MkdirAll(filepath.Dir(bundle), 0o700))
	must(t, os.Rename(c.Dir, bundle))
	c.Dir = bundle
	for _, dir := range []string{"exits", "sockets", "log"} {
		must(t, os.Mkdir(filepath.Join(c.own, dir), 0o700))
	}
	return c
}

// conmon starts one as CRI-O does, and returns what it reports over the pipe.
func (c *crioLike) conmon(args ...string) (report struct {
	Pid     int
	Data    int
	Message string
},
) {
	c.t.Helper()
	syncR, syncW, err := os.Pipe()
	must(c.t, err)
	startR, startW, err := os.Pipe()
	must(c.t, err)
	command := exec.Command(lab.Tool(c.t, "conmon"), append([]string{
		"-c", c.ID, "-n", "k8s_app_web_dev", "-r", c.node.Runward, "-p", filepath.Join(c.Dir, "pidfile"), "-l", filepath.Join(c.own, "log/app.log"),
		"--log-level", "info", "--runtime-arg", "--root=" + c.Root, "--socket-dir-path", filepath.Join(c.own, "sockets"),
	}, args...)...)
	command.Dir = c.Dir
	command.Env = []string{"_OCI_SYNCPIPE=3", "_OCI_STARTPIPE=4", "PATH=/usr/bin:/bin"}
	command.ExtraFiles = []*os.File{syncW, startR}
	must(c.t, command.Start())
	must(c.t, syncW.Close())
	must(c.t, startR.Close())
	_, err = startW.Write([]byte{0}) // it is in its cgroup
	must(c.t, err)
	must(c.t, startW.Close())
	must(c.t, syncR.SetReadDeadline(time.Now().Add(time.Minute)))
	said, err := bufio.NewReader(syncR).ReadBytes('\n') // the pipe stays open
	if err != nil && !errors.Is(err, io.EOF) {
		c.t.Fatalf("conmon reports %q: %v", said, err)
	}
	must(c.t, syncR.Close())
	_ = command.Wait() // it has forked the one that stays
	if err := json.Unmarshal(said, &report); err != nil {
		c.t.Fatalf("conmon reports %q: %v", said, err)
	}
	if report.Pid == 0 {
		report.Pid = report.Data // newer ones name it so
	}
	return report
}

func (c *crioLike) create() (pid int, message string) {
	c.t.Helper()
	report := c.conmon("-b", c.Dir, "--exit-dir", filepath.Join(c.own, "exits"), "-P", filepath.Join(c.own, "conmon-pidfile"),
		"--persist-dir", c.own, "-u", c.ID)
	return report.Pid, report.Message
}

// call is a call of CRI-O's own, which passes no environment.
func (c *crioLike) call(stdin string, args ...string) lab.Result {
	c.t.Helper()
	args = append([]string{"-i", "XDG_RUNTIME_DIR=/run", c.node.Runward, "--root", c.Root}, args...)
	return lab.TryStdin(c.t, stdin, "/", nil, lab.Tool(c.t, "env"), args...)
}

func TestCRIO(t *testing.T) {
	n := lab.NewNode(t)
	n.Policy("10-test.toml", "version = 1\nname = 'test'\nextends = ['baseline']\n[no_new_privileges]\n[capabilities]\nallow = ['CAP_CHOWN']\n[memory]\nmax = '64MiB'\n")
	const bounded = "CapEff:\t0000000000000001\nNoNewPrivs:\t1\nSeccomp:\t2\n"
	c := newCRIO(t, n, status+"; sleep 1000")
	if pid, message := c.create(); pid <= 0 || message != "" {
		t.Fatalf("create: process %d, %q", pid, message)
	}
	r := n.Receipt(c.ID)
	if i := r.Identity; r.Verdict != "rewrite" || r.Engine != "cri-o" || i.Kind != "container" || i.Namespace != "dev" || i.Pod != "web" || i.Container != "app" {
		t.Errorf("receipt: %+v", r)
	}
	if out := c.call("", "start", c.ID); out.Code != 0 {
		t.Fatalf("start: %s", out.Stderr)
	}
	log := filepath.Join(c.own, "log/app.log")
	lab.Await(t, "the container's lines", func() bool { return strings.Count(readFileOr(log, ""), "\n") == 3 })
	inside := ""
	for line := range strings.Lines(readFile(t, log)) {
		inside += strings.SplitN(line, " ", 4)[3] // time, stream, F
	}
	if inside != bounded {
		t.Errorf("inside: %q, want %q", inside, bounded)
	}

	// A streaming exec, and one through conmon: the process is from CRI-O's own record.
	all := []string{"CAP_SYS_ADMIN", "CAP_CHOWN"}
	process, err := json.Marshal(specs.Process{
		Args: []string{"sh", "-c", status}, Env: []string{"PATH=/bin"}, Cwd: "/",
		Capabilities: &specs.LinuxCapabilities{Bounding: all, Effective: all, Permitted: all},
	})
	must(t, err)
	file := filepath.Join(c.own, "exec-process")
	must(t, os.WriteFile(file, process, 0o600))
	if out := c.call("", "exec", "--process", file, c.ID); out.Stdout != bounded {
		t.Errorf("inside an exec: %q, want %q %s", out.Stdout, bounded, out.Stderr)
	}
	must(t, os.Truncate(log, 0))
	report := c.conmon("-e", "-T", "30", "--exec-process-spec", file)
	if report.Pid < 0 || report.Message != "" {
		t.Errorf("exec through conmon: %+v", report)
	}
	lab.Await(t, "the exec's lines", func() bool { return strings.Contains(readFileOr(log, ""), "CapEff:\t0000000000000001\n") })

	if out := c.call(`{"memory":{"limit":33554432}}`, "update", "--resources", "-", c.ID); out.Code != 0 {
		t.Errorf("update: %s", out.Stderr)
	}
	if out := c.call(`{"memory":{"limit":134217728}}`, "update", "--resources", "-", c.ID); out.Code != 1 || !strings.HasPrefix(out.Stderr, "runward: ceiling /memory/limit") {
		t.Errorf("update beyond: %d %q", out.Code, out.Stderr)
	}
	for _, args := range [][]string{{"state", c.ID}, {"pause", c.ID}, {"resume", c.ID}, {"kill", c.ID, "9"}} {
		if out := c.call("", args...); out.Code != 0 {
			t.Errorf("%v: %s", args, out.Stderr)
		}
	}
	lab.Await(t, "conmon's exit file", func() bool { return readFileOr(filepath.Join(c.own, "exits", c.ID), "") == "137" })
	if out := c.call("", "delete", "--force", c.ID); out.Code != 0 {
		t.Errorf("delete: %s", out.Stderr)
	}
	if kept := n.Kept(); len(kept) != 0 {
		t.Errorf("kept %v", kept)
	}

	refused := newCRIO(t, n, "touch /ran", without(specs.PIDNamespace))
	pid, message := refused.create()
	if want := "runward: namespaces /linux/namespaces: found the host's pid namespace"; pid != -1 || !strings.Contains(message, want) || !strings.Contains(message, n.Receipt(refused.ID).ID) {
		t.Errorf("denied: process %d, conmon reports %q, want %q", pid, message, want)
	}
	if _, err := os.Stat(filepath.Join(refused.Dir, "pidfile")); !os.IsNotExist(err) {
		t.Errorf("denied, with a pid file: %v", err)
	}

	// As it starts, CRI-O asks every handler what it can do.
	for _, probe := range []string{"--version", "features"} {
		plain, through := lab.Try(t, "/", nil, lab.Runc(t), probe), lab.Try(t, "/", nil, n.Runward, probe)
		if through.Stdout != plain.Stdout || through.Code != plain.Code {
			t.Errorf("%s: %q, plain runc %q", probe, through.Stdout, plain.Stdout)
		}
	}
}
