package running

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/runward/runward/internal/state"
)

// node is a pretended one in a directory.
type node struct {
	t   *testing.T
	dir string
	own string // how this process's start is written
}

func newNode(t *testing.T) *node {
	st, err := state.ReadStat(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return &node{t, dir, fmt.Sprint(st.Start)}
}

// put writes a file; in its text DIR, PID and START are this node's.
func (n *node) put(path, text string) {
	n.t.Helper()
	path = filepath.Join(n.dir, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		n.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(n.fill(text)), 0o600); err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) fill(text string) string {
	return strings.NewReplacer("DIR", n.dir, "PID", fmt.Sprint(os.Getpid()), "START", n.own).Replace(text)
}

// process pretends one that says so of itself.
func (n *node) process(pid, cwd string, args ...string) {
	n.t.Helper()
	n.put("proc/"+pid+"/cmdline", strings.Join(args, "\x00")+"\x00")
	if err := os.Symlink(filepath.Join(n.dir, cwd), filepath.Join(n.dir, "proc", pid, "cwd")); err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) find() (*Found, string) {
	found := Find(Places{
		States: []string{n.dir + "/run/runc", n.dir + "/run/crun", n.dir + "/run/youki", n.dir + "/run/other/*"},
		Tasks:  []string{n.dir + "/run/tasks/*"}, Proc: n.dir + "/proc",
	})
	var lines []string
	for _, c := range found.Containers {
		line := strings.Join([]string{c.ID, c.Name, c.Namespace, c.Kind, c.Root, c.Bundle}, "|")
		if c.PID != 0 && c.PID != os.Getpid() {
			line += fmt.Sprint("|", c.PID)
		}
		if c.Problem != "" {
			line += "|" + c.Problem
		}
		lines = append(lines, strings.ReplaceAll(line, n.dir, ""))
	}
	return found, strings.Join(lines, "\n")
}

const runcState = `{"id":"x","init_process_pid":PID,"init_process_start":START,"config":{"labels":["a=b","bundle=DIR/%s"]}}`

func TestFind(t *testing.T) {
	n := newNode(t)
	n.put("run/runc/plain/state.json", fmt.Sprintf(runcState, "b/plain"))
	n.put("run/runc/ended/state.json", strings.Replace(fmt.Sprintf(runcState, "b/ended"), "START", "1", 1))
	n.put("run/runc/never/state.json", strings.Replace(fmt.Sprintf(runcState, "b/never"), "PID", "0", 1))
	n.put("run/runc/beginning/exec.fifo", "")
	n.put("run/runc/torn/state.json", `{"id":`)
	n.put("run/runc/forged/state.json", strings.Replace(fmt.Sprintf(runcState, "b/forged"), `"a=b"`, `"bundle=/etc"`, 1))
	n.put("run/crun/crunned/status", `{"pid":PID,"process-start-time":START,"bundle":"DIR/b/crunned"}`)
	n.put("run/crun/relative/status", `{"pid":PID,"process-start-time":START,"bundle":"b"}`)
	n.put("run/youki/youkied/state.json", `{"id":"youkied","pid":PID,"bundle":"DIR/b/youkied"}`)
	n.put("run/other/one/elsewhere/state.json", fmt.Sprintf(runcState, "b/elsewhere"))

	// containerd's: one that runc keeps too, one of a runtime with a state of its own, one that is being made, one that ended.
	n.put("run/runc/task/state.json", fmt.Sprintf(runcState, "run/tasks/k8s.io/task"))
	n.put("run/tasks/k8s.io/task/config.json", `{"annotations":{"io.kubernetes.cri.container-name":"web"}}`)
	n.put("run/tasks/k8s.io/kata/config.json", `{}`)
	n.put("run/tasks/k8s.io/new/work", "")
	n.put("run/tasks/k8s.io/gone/config.json", `{}`)
	n.put("run/tasks/k8s.io/gone/init.pid", "4194305") // above the kernel's limit

	// Docker's, in a place that only its shim knows.
	n.put("far/moby/docked/config.json", `{"mounts":[{"destination":"/etc/hostname","source":"DIR/data/docked/hostname"}]}`)
	n.put("far/moby/docked/options.json", `{"binary_name":"runc","root":"DIR/exec/runtime-runc"}`)
	n.put("far/moby/docked/init.pid", "PID")
	n.put("data/docked/config.v2.json", `{"Name":"/happy"}`)
	n.process("4194311", "far/moby/docked", "/usr/bin/containerd-shim-runc-v2", "-namespace", "moby", "-id", "docked", "-address", "x")
	n.process("4194312", "nowhere/default/hidden", "/usr/bin/containerd-shim-runc-v2", "-namespace", "default", "-id", "hidden")
	n.process("4194313", "", "/usr/bin/containerd-shim-runc-v2", "delete")

	// Podman's: one whose state is known, one whose runtime keeps it elsewhere, and an exec.
	n.put("run/runc/poddy/state.json", fmt.Sprintf(runcState, "storage/poddy/userdata"))
	n.put("storage/poddy/userdata/config.json", `{}`)
	n.put("storage/cricket/userdata/config.json", `{"annotations":{"io.kubernetes.container.name":"bat"}}`)
	n.process("4194321", "", "/usr/bin/conmon", "-c", "poddy", "-b", n.dir+"/storage/poddy/userdata", "-n", "proud")
	n.process("4194322", "", "conmon", "-c", "cricket", "-b", n.dir+"/storage/cricket/userdata")
	n.process("4194323", "", "conmon", "-c", "poddy", "-b", n.dir+"/storage/other", "-e", "--exec-process-spec", "x")

	found, got := n.find()
	want := `cricket|bat||||/storage/cricket/userdata
crunned|||crun|/run/crun|/b/crunned
docked|happy|moby||/exec/runtime-runc/moby|/far/moby/docked
elsewhere|||runc|/run/other/one|/b/elsewhere
forged||||/run/runc||/run/runc/forged/state.json: it names more than one bundle: an annotation named bundle forges the container's own
kata||k8s.io|||/run/tasks/k8s.io/kata
plain|||runc|/run/runc|/b/plain
poddy|proud||runc|/run/runc|/storage/poddy/userdata
relative||||/run/crun||/run/crun/relative/status: its bundle is not an absolute path
task|web|k8s.io|runc|/run/runc|/run/tasks/k8s.io/task
torn||||/run/runc||/run/runc/torn/state.json: line 1, column 7: document ends early, want a value (at /id)
youkied|||youki|/run/youki|/b/youkied`
	if got != want {
		t.Errorf("found\n%s\nwant\n%s", got, want)
	}
	if found.Ended != 3 {
		t.Errorf("%d have ended, want 3: ended, never, gone", found.Ended)
	}
	if len(found.Problems) != 0 {
		t.Errorf("problems: %q", found.Problems)
	}
}

// A shim of another mount namespace is there, and its bundle is not: that is said.
func TestWatchedOutOfSight(t *testing.T) {
	n := newNode(t)
	n.process(fmt.Sprint(os.Getpid()), "nowhere/default/hidden", "containerd-shim-runc-v2", "-namespace", "default", "-id", "hidden")
	_, got := n.find()
	want := n.fill("hidden||default|||/nowhere/default/hidden|process PID (containerd-shim-runc-v2) watches over it, but its bundle /nowhere/default/hidden cannot be read from here: it is missing")
	if got != want {
		t.Errorf("found %q\nwant %q", got, want)
	}
}

// What cannot be listed is a problem of its own.
func TestUnreadablePlace(t *testing.T) {
	n := newNode(t)
	n.put("run/runc", "a file")
	found, _ := n.find()
	if want := n.dir + "/run/runc cannot be read: not a directory"; len(found.Problems) != 1 || found.Problems[0] != want {
		t.Errorf("problems %q, want %q", found.Problems, want)
	}
}
