package lab

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// Node is a runward of the test's own: built from this tree, with
// configuration, state and log below a directory that is removed.
type Node struct {
	Runward, Ctl string // the binaries
	Dir          string
	tree         string // the source; empty where Built has the programs
	t            testing.TB
}

// NewNode builds runward and runwardctl for a directory of the test's own.
// Without anything more it works as freshly installed: no settings, no
// policies, the embedded baseline, the distribution's runc.
func NewNode(t testing.TB) *Node {
	t.Helper()
	if built := Built(); built != "" {
		return builtNode(t, built)
	}
	n := &Node{Dir: Dir(t), t: t}
	// The tests' directories are below /tmp; a sticky one above is fine for runward too.
	_, here, _, _ := runtime.Caller(0)
	n.tree = filepath.Join(filepath.Dir(here), "../../..")
	n.Runward, n.Ctl = filepath.Join(n.Dir, "bin/runward"), filepath.Join(n.Dir, "bin/runwardctl")
	n.make("runward", "runward-rules", "runwardctl")
	must(t, os.MkdirAll(filepath.Dir(n.RulesProgram()), 0o755))
	must(t, os.Rename(filepath.Join(n.Dir, "bin/runward-rules"), n.RulesProgram()))
	must(t, os.MkdirAll(n.path("etc/runward/policy.d"), 0o755))
	return n
}

// Built has the programs under test, bin and libexec, where there is no Go to
// build them: the directory NODE.built, where they were built for the one node
// in NODE. Empty: they are built here.
func Built() string { return os.Getenv("RUNWARD_E2E_BUILT") }

// builtNode is the node that the programs were built for, as freshly installed.
func builtNode(t testing.TB, built string) *Node {
	t.Helper()
	dir, found := strings.CutSuffix(built, ".built")
	if !found {
		t.Fatalf("RUNWARD_E2E_BUILT is %s, and does not end with .built", built)
	}
	remove := func() { must(t, os.RemoveAll(dir)) }
	remove()
	t.Cleanup(remove)
	n := &Node{Dir: dir, t: t, Runward: filepath.Join(dir, "bin/runward"), Ctl: filepath.Join(dir, "bin/runwardctl")}
	must(t, os.CopyFS(dir, os.DirFS(built)))
	must(t, os.MkdirAll(n.path("etc/runward/policy.d"), 0o755))
	return n
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// make builds programs for this node.
func (n *Node) make(targets ...string) {
	n.t.Helper()
	args := append([]string{
		"--no-print-directory", "BINDIR=" + n.path("bin"), "PREFIX=" + n.Dir, "SYSCONFDIR=" + n.path("etc"),
		"RUNDIR=" + n.path("run"), "LOGDIR=" + n.path("log"), "STATEDIR=" + n.path("state"), "LIBDIR=" + n.path("lib"), "LIBEXECDIR=" + n.path("libexec"),
	}, targets...)
	Try(n.t, n.tree, nil, Tool(n.t, "make"), args...).want(n.t, append([]string{"make"}, targets...)...)
}

// Shim is containerd-shim-runward-v2, built where it is not: it is large, and
// few tests need it.
func (n *Node) Shim() string {
	n.t.Helper()
	shim := n.path("bin/containerd-shim-runward-v2")
	if _, err := os.Stat(shim); err != nil {
		n.make("containerd-shim-runward-v2")
	}
	return shim
}

// RulesProgram is where the program for custom rules is installed.
func (n *Node) RulesProgram() string { return n.path("libexec/runward/runward-rules") }

func (n *Node) path(name string) string { return filepath.Join(n.Dir, name) }

// Settings writes runward.toml; empty removes it.
func (n *Node) Settings(text string) {
	n.t.Helper()
	n.put("etc/runward/runward.toml", text)
}

// Policy writes a policy file for the rest of the test; empty removes it.
func (n *Node) Policy(name, text string) {
	n.t.Helper()
	n.put("etc/runward/policy.d/"+name, text)
}

func (n *Node) put(name, text string) {
	n.t.Helper()
	if text == "" {
		if err := os.Remove(n.path(name)); err != nil && !os.IsNotExist(err) {
			n.t.Fatal(err)
		}
		return
	}
	write(n.t, n.path(name), []byte(text), 0o644)
}

// Receipt is what the tests read of a receipt.
type Receipt struct {
	ID        string `json:"id"`
	Verb      string `json:"verb"`
	Container string `json:"container"`
	Engine    string `json:"engine"`
	Identity  struct {
		Kind      string `json:"kind"`
		Namespace string `json:"namespace"`
		Pod       string `json:"pod"`
		Container string `json:"container"`
	} `json:"identity"`
	Verdict  string   `json:"verdict"`
	Error    string   `json:"error"`
	Policies []string `json:"policies"`
	Original string   `json:"original"`
	Final    string   `json:"final"`
	Findings []struct {
		Rule    string `json:"rule"`
		Pointer string `json:"pointer"`
		Found   string `json:"found"`
		Done    string `json:"done"`
		Because string `json:"because"`
	} `json:"findings"`
	Micros int64 `json:"micros"`
}

// Receipts returns every receipt so far.
func (n *Node) Receipts() []Receipt {
	n.t.Helper()
	raw, err := os.ReadFile(n.path("log/receipts.jsonl"))
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		n.t.Fatal(err)
	}
	var all []Receipt
	for _, line := range bytes.Split(bytes.TrimSuffix(raw, []byte("\n")), []byte("\n")) {
		var r Receipt
		if err := json.Unmarshal(line, &r); err != nil {
			n.t.Fatalf("receipt %q: %v", line, err)
		}
		all = append(all, r)
	}
	return all
}

// Receipt returns the last receipt of a container.
func (n *Node) Receipt(container string) Receipt {
	n.t.Helper()
	var last *Receipt
	for _, r := range n.Receipts() {
		if r.Container == container {
			last = &r
		}
	}
	if last == nil {
		n.t.Fatalf("no receipt of %s", container)
	}
	return *last
}

// Kept lists the files that runward keeps of living containers, but for what
// it keeps of policies.
func (n *Node) Kept() []string {
	n.t.Helper()
	var files []string
	err := filepath.WalkDir(n.path("run"), func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !strings.HasPrefix(filepath.Base(path), "policy.") {
			files = append(files, path)
		}
		if os.IsNotExist(err) {
			return nil
		}
		return err
	})
	if err != nil {
		n.t.Fatal(err)
	}
	return files
}

// Runwardctl runs the administrator's tool.
func (n *Node) Runwardctl(args ...string) Result {
	n.t.Helper()
	return Try(n.t, n.Dir, nil, n.Ctl, args...)
}

// Probe builds test/e2e/probe, for any container, and returns its path.
func Probe(t testing.TB) string {
	t.Helper()
	if built := Built(); built != "" {
		return filepath.Join(built, "bin/probe")
	}
	program := filepath.Join(Dir(t), "probe")
	_, here, _, _ := runtime.Caller(0)
	Try(t, filepath.Join(filepath.Dir(here), ".."), []string{"CGO_ENABLED=0"}, Tool(t, "go"), "build", "-o", program, "./probe").want(t, "go build probe")
	return program
}
