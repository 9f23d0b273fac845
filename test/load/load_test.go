//go:build load

// Package load has runwardd follow 500 containers while 50 others start every
// second for a minute. They are processes in namespaces of their own, with a
// decision in the ledger and a state as runc keeps it: fifty containers of a real
// runtime a second are more than two processors can start.
package load

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/runward/runward/internal/audit"
	"github.com/runward/runward/internal/ledger"
	"github.com/runward/runward/internal/state"
	"github.com/runward/runward/test/e2e/lab"
)

var (
	standing = flag.Int("standing", 500, "how many `containers` live all the time")
	rate     = flag.Int("rate", 50, "how many start `a second`")
	lasts    = flag.Duration("lasts", time.Minute, "for how long")
)

const lives = 5 * time.Second

const config = `{"ociVersion": "1.0.2", "process": {"cwd": "/", "args": ["sleep"], "user": {"uid": 0, "gid": 0}},
	"root": {"path": "/"}, "linux": {"namespaces": [{"type": "mount"}, {"type": "pid"}, {"type": "uts"}, {"type": "ipc"}]}}`

type node struct {
	*testing.T
	*lab.Node
	bundle  string
	hooks   *http.Client
	missed  sync.Map // hooks that nobody took
	started sync.Map // ids by the chain
	stopped sync.Map
}

func (n *node) root() string   { return filepath.Join(n.Dir, "root") }
func (n *node) ledger() string { return filepath.Join(n.Dir, "run/ledger") }

// start makes a container, as the wrapper, the runtime and its hooks would.
func (n *node) start(id string) *exec.Cmd {
	raw := []byte(config)
	e := &ledger.Entry{ID: id, Root: n.root(), Bundle: n.bundle, Runtime: "runc", Receipt: audit.NewID(time.Now()), Created: time.Now().Unix(), Config: audit.Digest(raw)}
	if err := ledger.Put(n.ledger(), e); err != nil {
		n.Error(err)
	}
	p := exec.Command("busybox", "sleep", "1000")
	p.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC, Pdeathsig: syscall.SIGKILL}
	if err := p.Start(); err != nil {
		n.Error(err)
		return p
	}
	stat, err := state.ReadStat(p.Process.Pid)
	if err != nil {
		n.Error(err)
	}
	dir := filepath.Join(n.root(), id)
	text := fmt.Sprintf(`{"init_process_pid": %d, "init_process_start": %d, "config": {"labels": ["bundle=%s"]}}`, p.Process.Pid, stat.Start, n.bundle)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		n.Error(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "state.json"), []byte(text), 0o600); err != nil {
		n.Error(err)
	}
	n.hook("createRuntime", id, p.Process.Pid)
	n.hook("poststart", id, p.Process.Pid)
	return p
}

func (n *node) end(id string, p *exec.Cmd) {
	if err := p.Process.Kill(); err != nil {
		n.Error(err)
	}
	_ = p.Wait() // killed
	if err := ledger.Delete(n.ledger(), n.root(), id); err != nil {
		n.Error(err)
	}
	n.hook("poststop", id, 0)
	if err := os.RemoveAll(filepath.Join(n.root(), id)); err != nil {
		n.Error(err)
	}
}

func (n *node) hook(stage, id string, pid int) {
	body := fmt.Sprintf(`{"ociVersion": "1.0.2", "id": %q, "status": "running", "pid": %d, "bundle": %q}`, id, pid, n.bundle)
	r, err := n.hooks.Post("http://runwardd/v1/hooks/"+stage, "application/json", strings.NewReader(body))
	if err != nil { // the monitor is away
		n.missed.Store(stage+id, true)
		return
	}
	if r.StatusCode != http.StatusNoContent {
		n.Errorf("%s %s: %s", stage, id, r.Status)
	}
	_ = r.Body.Close()
}

// follow reads the chain: what was recorded, is there.
func (n *node) follow() {
	f, err := os.Open(filepath.Join(n.Dir, "log/receipts.jsonl"))
	if err != nil {
		n.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		var e struct{ Kind, Name, Container, Message string }
		if !bytes.Contains(lines.Bytes(), []byte(`"kind":`)) {
			continue
		}
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			n.Fatal(err)
		}
		switch e.Name {
		case "started":
			n.started.Store(e.Container, true)
		case "stopped":
			n.stopped.Store(e.Container, true)
		}
	}
	if err := lines.Err(); err != nil {
		n.Fatal(err)
	}
}

func count(m *sync.Map) (n int) {
	m.Range(func(any, any) bool { n++; return true })
	return n
}

func TestLoad(t *testing.T) {
	l := lab.NewNode(t)
	l.Settings("[monitor]\nanswers_per_minute = 0\n[monitor.census]\nevery = '0s'\n[monitor.rotation]\nenabled = false\n[monitor.normal]\nenabled = false\n")
	m := l.Runwardd()
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{Timeout: 250 * time.Millisecond}).DialContext(ctx, "unix", m.Socket())
	}
	n := &node{T: t, Node: l, bundle: filepath.Join(l.Dir, "bundle"), hooks: &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}}
	for _, dir := range []string{n.root(), n.bundle} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(n.bundle, "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	for i := range *standing {
		id := "standing-" + strconv.Itoa(i)
		p := n.start(id)
		defer n.end(id, p)
	}
	before := usage(t, m.PID())
	var all sync.WaitGroup
	total, tick, killed := int(lasts.Seconds())**rate, time.NewTicker(time.Second/time.Duration(*rate)), false
	defer tick.Stop()
	began := time.Now()
	var used, peak float64
	var restart sync.WaitGroup
	for i := range total {
		<-tick.C
		id := "c" + strconv.Itoa(i)
		all.Go(func() {
			p := n.start(id)
			<-time.After(lives)
			n.end(id, p)
		})
		if i == total/2 { // what it knows is in the kernel and the ledger
			now := usage(t, m.PID())
			used, peak, killed = now.cpu-before.cpu, now.peak, true
			restart.Go(func() {
				m.Kill()
				<-time.After(time.Second)
				m.Start()
			})
		}
	}
	restart.Wait()
	all.Wait()
	took := time.Since(began)
	want := total + *standing
	if !lab.Within(time.Minute, 200*time.Millisecond, func() bool {
		n.follow()
		return count(&n.started) >= want && count(&n.stopped) >= total
	}) {
		t.Errorf("%d of %d were attested, %d of %d seen to end", count(&n.started), want, count(&n.stopped), total)
		for i := range total {
			if _, ok := n.stopped.Load("c" + strconv.Itoa(i)); !ok {
				t.Errorf("c%d, of %d; killed at %d", i, total, total/2)
			}
		}
	}
	n.stopped.Range(func(id, _ any) bool {
		if strings.HasPrefix(id.(string), "standing-") {
			t.Errorf("%s is said to have stopped, and lives", id)
		}
		return true
	})
	last := usage(t, m.PID())
	used, peak = used+last.cpu, max(peak, last.peak)
	t.Logf("%d containers, and %d more at %d a second; killed half way: %v", *standing, total, *rate, killed)
	t.Logf("attested %d of %d, seen to end %d of %d, hooks that found nobody %d", count(&n.started), want, count(&n.stopped), total, count(&n.missed))
	t.Logf("runwardd: %.1f s of processor in %.0f s (%.0f %% of one), at most %.0f MiB", used, took.Seconds(), 100*used/took.Seconds(), peak)
	for _, line := range metrics(t, n) {
		t.Log(line)
	}
}

type used struct{ cpu, peak float64 } // seconds, MiB

func usage(t *testing.T, pid int) used {
	t.Helper()
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
	user, _ := strconv.ParseFloat(fields[11], 64)
	system, _ := strconv.ParseFloat(fields[12], 64)
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	peak, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	return used{(user + system) / 100, peak / 1024}
}

// metrics are those that tell what was dropped and how long things took.
func metrics(t *testing.T, n *node) (lines []string) {
	t.Helper()
	r, err := n.hooks.Get("http://runwardd/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	s := bufio.NewScanner(r.Body)
	for s.Scan() {
		for _, name := range []string{"runward_dropped_total", "runward_attestation_seconds_sum", "runward_attestation_seconds_count", "runward_attestations_total", "runward_sampling_seconds_sum", "runward_sampling_seconds_count"} {
			if strings.HasPrefix(s.Text(), name) {
				lines = append(lines, s.Text())
			}
		}
		if strings.HasPrefix(s.Text(), `runward_dropped_total{queue="records"}`) && !strings.HasSuffix(s.Text(), " 0") {
			t.Errorf("records were dropped: %s", s.Text())
		}
	}
	return lines
}
