package nodeinstall

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/runward/runward/internal/kubeapi"
	"github.com/runward/runward/internal/kubeapi/kubeapitest"
)

// root is the node's root directory, anew for every test. It is in one place,
// since runwardctl is built to look for the node's settings there.
var (
	root       string
	runwardctl string
)

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "nodeinstall")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer func() { _ = os.RemoveAll(dir) }()
		root, runwardctl = filepath.Join(dir, "node"), filepath.Join(dir, "runwardctl")
		const conf = "github.com/runward/runward/internal/config."
		flags := "-X " + conf + "SysConfDir=" + root + "/etc -X " + conf + "RunDir=" + root + "/run/runward -X " + conf + "LibDir=" + root + "/usr/lib"
		build := exec.Command("go", "build", "-ldflags", flags, "-o", runwardctl, "github.com/runward/runward/cmd/runwardctl")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build runwardctl: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// lab is one node and its cluster.
type lab struct {
	*Node
	api    *kubeapitest.Server
	config string // where the ConfigMap is mounted
	log    bytes.Buffer
	// engine answers for `runwardctl engine VERB`; the rest of runwardctl is real.
	engine func(verb string) Result
}

func newLab(t *testing.T) *lab {
	t.Helper()
	if err := os.RemoveAll(root); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(root+"/etc", 0o755); err != nil {
		t.Fatal(err)
	}
	dir, err := os.OpenRoot(root)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dir.Close() })
	l := &lab{api: kubeapitest.New(t, "n1"), config: t.TempDir(), engine: func(string) Result { return Result{} }}
	l.Node = &Node{
		Name: "n1", API: l.api.Client(), Host: Host{Root: dir, Run: l.run},
		Payload: payload("one"), Version: "0.1.0", ConfigMap: l.config, Restart: true,
		RuntimeClasses: []string{"runward", "strict"}, Every: time.Hour, VerifyEvery: time.Hour,
		ReadyFile: filepath.Join(t.TempDir(), "ready"), Log: &l.log,
	}
	write(t, l.config+"/runward.toml", "mode = \"audit\"\n")
	return l
}

func payload(text string) fstest.MapFS {
	files := fstest.MapFS{}
	for _, name := range programs {
		files[name] = &fstest.MapFile{Data: []byte(text + " " + name), Mode: 0o755}
	}
	return files
}

// run is the node: it has runwardctl where the installer put it.
func (l *lab) run(_ context.Context, argv ...string) (Result, error) {
	if _, err := os.Stat(root + argv[0]); err != nil {
		return Result{}, err
	}
	if argv[1] == "engine" {
		l.api.Add("%s", strings.Join(append([]string{"runwardctl"}, argv[1:]...), " "))
		result := l.engine(argv[2])
		if argv[2] == "verify" && result.Code == 0 {
			result = proofOf(argv[len(argv)-1], `{"handler": "", "receipt": ""}, {"handler": "runward", "receipt": "01M8"}`)
		}
		return result, nil
	}
	args := []string{}
	for _, arg := range argv[1:] {
		if strings.HasPrefix(arg, "/") {
			arg = root + arg
		}
		args = append(args, arg)
	}
	result, err := command(context.Background(), append([]string{runwardctl}, args...))
	result.Out, result.ErrOut = bytes.ReplaceAll(result.Out, []byte(root), nil), bytes.ReplaceAll(result.ErrOut, []byte(root), nil)
	return result, err
}

// behind is the version that current leads to: the word in its runward.
func behind(t *testing.T) string {
	t.Helper()
	word, _, _ := strings.Cut(read(t, root+"/opt/runward/current/bin/runward"), " ")
	return word
}

func (l *lab) isReady() bool {
	_, err := os.Stat(l.ReadyFile)
	return err == nil
}

const (
	configured = "runwardctl engine configure --mode register --restart --engine containerd"
	proven     = "runwardctl engine verify -o json --engine containerd"
)

func lines(all ...string) string { return strings.Join(all, "\n") }

func TestInstall(t *testing.T) {
	l := newLab(t)
	write(t, l.config+"/50-site.toml", "version = 1\nname = \"site\"\n[pids]\nmax = 100\n")
	l.engine = func(verb string) Result {
		// What the engine is told of is all there.
		if behind(t) != "one" || !strings.Contains(read(t, root+"/etc/runward/policy.d/50-site.toml"), "max = 100") ||
			!strings.HasSuffix(read(t, root+"/etc/runward/runward.toml"), "\nmode = \"audit\"\n") {
			t.Errorf("%s before programs, policies and settings are there", verb)
		}
		if l.api.Label("n1", LabelReady) != "" && !l.isReady() {
			t.Errorf("the node is labelled before %s", verb)
		}
		return Result{}
	}
	if l.Once(t.Context()) {
		t.Error("runward was taken away")
	}
	want := lines(configured, proven,
		"mark n1: runward.io/ready=true, runward.io/state=ready, runward.io/version=0.1.0", "event Normal RunwardReady")
	if got := l.api.Take(); got != want {
		t.Errorf("got\n%s\nwant\n%s\nlog %s", got, want, &l.log)
	}
	if !l.isReady() || l.api.Annotation("n1", "other") != "stays" {
		t.Error("the pod is not ready, or another's annotation was touched")
	}
	for _, name := range programs {
		info, err := os.Stat(root + "/opt/runward/current/" + name)
		if err != nil || info.Mode() != 0o755 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	// The second look finds nothing to do; after VerifyEvery, a container proves it anew.
	l.Once(t.Context())
	if got := l.api.Take(); got != "" {
		t.Errorf("the second look did:\n%s", got)
	}
	l.VerifyEvery = 0
	l.Once(t.Context())
	if got, want := l.api.Take(), lines(configured, proven); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// A node where no container goes through runward gets no pods, and loses those to come.
func TestVerifyFails(t *testing.T) {
	l := newLab(t)
	l.engine = func(verb string) Result {
		if verb == "verify" {
			return Result{Code: 2, ErrOut: []byte("error: containerd: the probe did not go\nhint: restart it\n")}
		}
		return Result{}
	}
	l.Once(t.Context())
	const why = "runwardctl engine verify: exit code 2: error: containerd: the probe did not go; hint: restart it"
	want := lines(configured, proven, "mark n1: runward.io/message="+why+", runward.io/state=failed, runward.io/version=0.1.0", "event Warning RunwardFailed")
	if got := l.api.Take(); got != want || l.isReady() {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	l.engine = func(string) Result { return Result{} }
	l.Once(t.Context())
	if l.api.Label("n1", LabelReady) != "true" || l.api.Annotation("n1", NoteMessage) != "" || !l.isReady() {
		t.Errorf("not ready after it works: %s", l.api.Take())
	}
	l.api.Take()
	l.engine = func(string) Result { return Result{Code: 1, ErrOut: []byte("error: gone")} }
	l.VerifyEvery = 0
	l.Once(t.Context())
	if got := l.api.Take(); !strings.Contains(got, "mark n1: runward.io/ready-, runward.io/message=runwardctl engine configure: exit code 1: error: gone") || l.isReady() {
		t.Errorf("got\n%s", got)
	}
}

// proofOf is what `runwardctl engine verify -o json` prints of a node where pods
// without the RuntimeClass go around runward.
func proofOf(engine, probes string) Result {
	return Result{Code: 1, Out: []byte(`{"proven": false, "engines": [{"engine": "` + engine + `", "mode": "register", "registered": true,
		"handlers": [{"name": "runc", "through": false}, {"name": "runward", "through": true}], "files": [], "probes": [` + probes + `]}]}`)}
}

func TestProof(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{string(proofOf("containerd", `{"handler": "runward", "receipt": "01M8"}`).Out), ""},
		{string(proofOf("containerd", "").Out), ""}, // CRI-O: nothing can be probed
		{string(proofOf("containerd", `{"handler": "runc", "receipt": ""}`).Out), ""},
		{string(proofOf("containerd", `{"handler": "runward", "receipt": "01M8", "problem": "refused (policy p, receipt 01M8)"}`).Out), ""},
		{string(proofOf("containerd", `{"handler": "runward", "receipt": "01M8", "problem": "no runc"}`).Out), "a container did not start: no runc"},
		{string(proofOf("containerd", `{"handler": "runward", "receipt": "", "problem": "no shim"}`).Out), "a container left no receipt: no shim"},
		{string(proofOf("docker", "").Out), "it says nothing about containerd"},
		{`{"engines": [{"engine": "containerd", "handlers": [{"name": "runward", "through": false}]}]}`, "containerd has no handler runward that is runward"},
		{`{"engines": [{"engine": "containerd", "problems": ["config.toml was edited"], "handlers": [{"name": "runward", "through": true}]}]}`, "config.toml was edited"},
	} {
		var p proof
		if err := json.Unmarshal([]byte(c.text), &p); err != nil {
			t.Fatal(err)
		}
		got := ""
		if err := p.of("containerd"); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s:\n got %q\nwant %q", c.text, got, c.want)
		}
	}
}

// A new version that does not work is not left in place, nor tried again and
// again, and pods still come: the one before works.
func TestUpgrade(t *testing.T) {
	l := newLab(t)
	l.Once(t.Context())
	l.api.Take()
	if err := os.WriteFile(root+"/opt/runward/versions/.new", nil, 0o644); err != nil { // an interruption left it
		t.Fatal(err)
	}

	next := *l.Node
	next.Payload, next.Version, next.id, next.verified = payload("two"), "0.2.0", "", time.Time{}
	l.engine = func(verb string) Result {
		if behind(t) == "two" && verb == "verify" {
			return Result{Code: 2, ErrOut: []byte("error: two is bad")}
		}
		return Result{}
	}
	next.Once(t.Context())
	got := l.api.Take()
	if behind(t) != "one" || l.api.Label("n1", LabelReady) != "true" || l.isReady() ||
		!strings.HasPrefix(got, lines(configured, proven, configured, proven, "mark n1: runward.io/message=0.2.0-")) ||
		!strings.Contains(l.api.Annotation("n1", NoteMessage), "does not work, and 0.1.0-") ||
		!strings.HasSuffix(l.api.Annotation("n1", NoteMessage), "is in its place again: runwardctl engine verify: exit code 2: error: two is bad") {
		t.Errorf("%s is in place; got\n%s", behind(t), got)
	}
	next.Once(t.Context())
	if got := l.api.Take(); got != "" || behind(t) != "one" {
		t.Errorf("the second look did:\n%s", got)
	}

	l.engine = func(string) Result { return Result{} }
	last := *l.Node
	last.Payload, last.Version, last.id, last.verified = payload("three"), "0.3.0", "", time.Time{}
	last.Once(t.Context())
	last.Once(t.Context())
	kept, err := os.ReadDir(root + "/opt/runward/versions")
	if err != nil || len(kept) != 1 || behind(t) != "three" || !l.isReady() {
		t.Errorf("%s is in place, and there are %v, %v: %s", behind(t), kept, err, l.api.Take())
	}
}

// current is never missing and never half there, whatever is put behind it.
func TestCurrentNeverVanishes(t *testing.T) {
	l := newLab(t)
	ids := []string{}
	for _, text := range []string{"one", "two"} {
		id, err := identify(payload(text), "1")
		if err == nil {
			err = l.Host.place(payload(text), id)
		}
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	if _, err := l.Host.use(ids[0]); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		for i := range 400 {
			if _, err := l.Host.use(ids[i%2]); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for {
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
			return
		default:
			if text, err := os.ReadFile(root + "/opt/runward/current/bin/runward"); err != nil || !strings.HasSuffix(string(text), " bin/runward") {
				t.Fatalf("%q, %v", text, err)
			}
		}
	}
}

// A link of the node's that is absolute would lead into the pod.
func TestAbsoluteLinkIsRefused(t *testing.T) {
	l := newLab(t)
	if err := os.Symlink("/var/opt", root+"/opt"); err != nil {
		t.Fatal(err)
	}
	l.Once(t.Context())
	if got, want := l.api.Annotation("n1", NoteMessage), "/opt/runward/versions/.new on the node: path escapes from parent"; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if err := os.Remove(root + "/opt"); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.MkdirAll(root+"/var/opt", 0o755), os.Symlink("var/opt", root+"/opt")); err != nil {
		t.Fatal(err)
	}
	l.Once(t.Context())
	if _, err := os.Stat(root + "/var/opt/runward/current/bin/runward"); err != nil || !l.isReady() {
		t.Errorf("a relative one: %v", err)
	}
}

// A node whose kubelet has another engine is told so, and nothing comes there.
func TestEngineOfKubelet(t *testing.T) {
	l := newLab(t)
	set := func(version string) {
		l.api.Node("n1", func(n *kubeapi.Node) { n.Status.NodeInfo.ContainerRuntimeVersion = version })
	}
	set("docker://28.0.1")
	l.Once(t.Context())
	if got, want := l.api.Annotation("n1", NoteMessage), `the kubelet's engine is "docker://28.0.1", and a RuntimeClass needs containerd or CRI-O`; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if _, err := os.Lstat(root + "/opt"); !os.IsNotExist(err) {
		t.Errorf("something was installed: %v", err)
	}
	l.api.Take()
	set("cri-o://1.34.0")
	l.Once(t.Context())
	if got := l.api.Take(); !strings.HasPrefix(got, "runwardctl engine configure --mode register --restart --engine cri-o\nrunwardctl engine verify -o json --engine cri-o\n") {
		t.Errorf("got\n%s", got)
	}
	l.Engine, l.VerifyEvery = "containerd", 0
	l.Once(t.Context())
	if got := l.api.Take(); !strings.HasPrefix(got, configured) {
		t.Errorf("got\n%s", got)
	}
}

// Where the kubelet lists what the engine has loaded, files alone are no proof,
// and a handler that is gone takes the label with it.
func TestLoadedHandlers(t *testing.T) {
	l := newLab(t)
	set := func(handlers ...kubeapi.RuntimeHandler) {
		l.api.Node("n1", func(n *kubeapi.Node) { n.Status.RuntimeHandlers = handlers })
	}
	set(kubeapi.RuntimeHandler{}, kubeapi.RuntimeHandler{Name: "runc"})
	l.Once(t.Context())
	const waits = "runward.io/message=the kubelet does not list the handler runward yet: containerd has to be restarted, and the kubelet to ask it again"
	if got, want := l.api.Take(), lines(configured, proven, "mark n1: "+waits+", runward.io/state=installing, runward.io/version=0.1.0", "event Normal RunwardInstalling"); got != want || l.isReady() {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	set(kubeapi.RuntimeHandler{}, kubeapi.RuntimeHandler{Name: "runward"})
	l.Once(t.Context())
	if l.api.Label("n1", LabelReady) != "true" || !l.isReady() {
		t.Errorf("not ready: %s", l.api.Take())
	}
	l.api.Take()
	set(kubeapi.RuntimeHandler{})
	l.Once(t.Context())
	if got, want := l.api.Take(), "mark n1: runward.io/ready-, "+waits+", runward.io/state=installing\nevent Normal RunwardInstalling"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// What the API server refuses is said in the log, and tried again.
func TestAPIServerRefuses(t *testing.T) {
	l := newLab(t)
	l.api.Deny("PATCH")
	l.Once(t.Context())
	if got := l.log.String(); got != "the node cannot be marked, tried again: PATCH /api/v1/nodes/n1: 403: may not PATCH\n" || l.isReady() {
		t.Errorf("got %q", got)
	}
	l.api.Deny("GET")
	l.Once(t.Context())
	if got := l.log.String(); !strings.HasSuffix(got, "\nthe node cannot be read, tried again: GET /api/v1/nodes/n1: 403: may not GET\n") {
		t.Errorf("got %q", got)
	}
	l.api.Deny("")
	l.Once(t.Context())
	if l.api.Label("n1", LabelReady) != "true" || !l.isReady() {
		t.Error("not ready once it may")
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
