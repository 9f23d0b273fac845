package nodeinstall

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/runward/runward/internal/kubeapi"
	"github.com/runward/runward/internal/kubeapi/kubeapitest"
)

// First no new pod comes, then the last one goes, then the engine forgets
// runward, and only then it is gone.
func TestUninstall(t *testing.T) {
	l := newLab(t)
	write(t, policyPath("10-node.toml"), "version = 1\nname = \"node\"\n[no_new_privileges]\n")
	write(t, l.config+"/50-site.toml", site)
	l.Once(t.Context())
	l.api.Take()
	l.api.Annotate("n1", AskUninstall, "true")
	all := []kubeapi.Pod{
		kubeapitest.Pod("web", "runward", "Running"), kubeapitest.Pod("job", "runward", "Succeeded"), kubeapitest.Pod("api", "strict", "Pending"),
		kubeapitest.Pod("other", "kata", "Running"), kubeapitest.Pod("plain", "", "Running"),
	}
	l.api.Pods(all...)

	step := func(gone bool, want ...string) {
		t.Helper()
		if got := l.Once(t.Context()); got != gone {
			t.Errorf("gone: %v, want %v", got, gone)
		}
		if got := l.api.Take(); got != strings.Join(want, "\n") {
			t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
		}
		if l.isReady() {
			t.Error("the pod is still ready")
		}
		if _, err := os.Stat(root + "/opt/runward/current/bin/runward"); (err != nil) != gone {
			t.Errorf("the engine's program for running containers: %v", err)
		}
	}
	const unconfigured = "runwardctl engine unconfigure --restart --engine containerd"
	waits := func(n, names string) string {
		return "mark n1: runward.io/message=waits for " + n + " pods that run through runward (kubectl drain moves them): " + names
	}
	step(false, "mark n1: runward.io/ready-, runward.io/state=removing", "event Normal RunwardRemoving")
	step(false, "pods spec.nodeName=n1", waits("2", "shop/web, shop/api"), "event Normal RunwardRemoving")
	step(false, "pods spec.nodeName=n1")
	l.api.Pods(all[1:]...)
	step(false, "pods spec.nodeName=n1", waits("1", "shop/api"), "event Normal RunwardRemoving")
	l.api.Pods()
	l.engine = func(string) Result {
		return Result{Code: 1, ErrOut: []byte("error: 1 container runs through it: 3f2a\n")}
	}
	step(false, "pods spec.nodeName=n1", unconfigured,
		"mark n1: runward.io/message=runwardctl engine unconfigure: exit code 1: error: 1 container runs through it: 3f2a", "event Normal RunwardRemoving")
	l.engine = func(string) Result { return Result{} }
	step(true, "pods spec.nodeName=n1", unconfigured, "mark n1: runward.io/message-, runward.io/state=removed", "event Normal RunwardRemoved")

	if got := names(t); got != "10-node.toml" {
		t.Errorf("policy.d has %s", got)
	}
	for _, path := range []string{"/opt/runward", "/etc/runward/runward.toml", "/etc/runward/policy.d.next", "/etc/runward/policy.d.previous", "/etc/runward/policy.d/" + listName} {
		if _, err := os.Lstat(root + path); !os.IsNotExist(err) {
			t.Errorf("%s is left: %v", path, err)
		}
	}

	// A pod that begins anew finds nothing to do, and installs nothing.
	again := *l.Node
	again.id = ""
	again.Once(t.Context())
	again.Once(t.Context())
	if _, err := os.Lstat(root + "/opt/runward"); !os.IsNotExist(err) || l.api.Annotation("n1", NoteState) != removed {
		t.Errorf("a second pod: %v, %s", err, l.api.Take())
	}
}

// Settings that somebody else wrote are theirs.
func TestUninstallLeavesSettings(t *testing.T) {
	l := newLab(t)
	if err := os.Remove(l.config + "/runward.toml"); err != nil {
		t.Fatal(err)
	}
	write(t, root+"/etc/runward/runward.toml", "mode = \"enforce\"\n")
	l.Once(t.Context())
	if !l.isReady() {
		t.Fatal(l.log.String())
	}
	l.api.Annotate("n1", AskUninstall, "true")
	l.Once(t.Context())
	if !l.Once(t.Context()) || read(t, root+"/etc/runward/runward.toml") != "mode = \"enforce\"\n" {
		t.Errorf("%s", l.log.String())
	}
}

// Asked to end, it ends at once, and what it had begun with the engine is done.
func TestEnds(t *testing.T) {
	l := newLab(t)
	ctx, cancel := context.WithCancel(t.Context())
	l.engine = func(string) Result {
		cancel()
		return Result{}
	}
	l.Run(ctx)
	if got, want := l.api.Take(), lines(configured, proven); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestRetire(t *testing.T) {
	s := kubeapitest.New(t, "n1", "n2", "n3")
	client := s.Client()
	state := func(node, state, message string) {
		s.Annotate(node, NoteState, state)
		s.Annotate(node, NoteMessage, message)
	}
	state("n1", ready, "")
	state("n2", failed, "no policy")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	var out bytes.Buffer
	err := Retire(ctx, client, time.Hour, &out)
	const waits = "waits for n1 (ready); n2 (failed: no policy)"
	if err == nil || err.Error() != "not every node has given runward up, and nothing else is removed; "+waits || out.String() != waits+"\n" {
		t.Errorf("%v, %q", err, &out)
	}
	if got, want := s.Take(), lines("mark n1: runward.io/uninstall=true", "mark n2: runward.io/uninstall=true"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}

	// Each node answers in its own time.
	state("n2", removed, "")
	out.Reset()
	done := make(chan error, 1)
	told := &notifying{&out, make(chan bool, 9)}
	go func() { done <- Retire(t.Context(), client, time.Millisecond, told) }()
	<-told.wrote
	state("n1", removed, "")
	if err := <-done; err != nil || out.String() != "waits for n1 (ready)\n" {
		t.Errorf("%v, %q", err, &out)
	}
	want := lines("mark n1: runward.io/message-, runward.io/state-, runward.io/uninstall-", "mark n2: runward.io/message-, runward.io/state-, runward.io/uninstall-")
	if got := s.Take(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// notifying tells of each write.
type notifying struct {
	out   *bytes.Buffer
	wrote chan bool
}

func (n *notifying) Write(p []byte) (int, error) {
	defer func() { n.wrote <- true }()
	return n.out.Write(p)
}

func TestBound(t *testing.T) {
	n := &Node{RuntimeClasses: []string{"runward"}}
	if got := n.bound([]kubeapi.Pod{kubeapitest.Pod("a", "runward", "Failed"), kubeapitest.Pod("b", "runward", ""), kubeapitest.Pod("c", "runwardx", "Running")}); len(got) != 1 || got[0] != "shop/b" {
		t.Errorf("got %v", got)
	}
}
