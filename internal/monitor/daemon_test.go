package monitor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/runward/runward/internal/audit"
	"github.com/runward/runward/internal/audit/event"
	"github.com/runward/runward/internal/engine"
	"github.com/runward/runward/internal/ledger"
	"github.com/runward/runward/internal/monitor/api"
	"github.com/runward/runward/internal/monitor/client"
	"github.com/runward/runward/internal/monitor/forward"
	"github.com/runward/runward/internal/monitor/prove"
	"github.com/runward/runward/internal/monitor/settings"
	"github.com/runward/runward/internal/state"
	"github.com/runward/runward/policy"
)

// A node is a ledger, a runtime's state directory, and a daemon that can be
// started and ended.
type node struct {
	*testing.T
	dir      string
	settings *settings.Monitor
	mu       sync.Mutex
	found    Attestation // what every attestation finds
	acted    []string
	actError error
	force    string // what is in force
	left     []*ledger.Entry
	known    map[string]bool
	terms    *policy.MonitorTerms

	events chan event.Event
	asked  chan string // ids, in turn
	d      *Daemon
	stop   func()
}

func newNode(t *testing.T) *node {
	t.Helper()
	n := &node{T: t, dir: t.TempDir(), settings: quiet(), events: make(chan event.Event, 1000), asked: make(chan string, 1000), found: Attestation{Ready: true}}
	if err := os.Mkdir(n.root(), 0o700); err != nil {
		t.Fatal(err)
	}
	return n
}

// quiet looks at nothing of the machine that the tests run on.
func quiet() *settings.Monitor {
	m := settings.Default()
	m.Census.Every, m.Normal.Enabled = 0, false
	return m
}

func (n *node) root() string   { return filepath.Join(n.dir, "root") }
func (n *node) ledger() string { return filepath.Join(n.dir, "ledger") }
func (n *node) socket() string { return filepath.Join(n.dir, "monitor.sock") }

func (n *node) config() Config {
	log := logrus.New()
	log.SetOutput(io.Discard)
	return Config{
		Ledger: n.ledger(), Socket: n.socket(), Settings: n.settings, Log: log, Version: "test", Digests: filepath.Join(n.dir, "digests"), System: &engine.System{Root: n.dir},
		Chain: audit.Config{Path: filepath.Join(n.dir, "receipts.jsonl")}, Positions: filepath.Join(n.dir, "forward"),
		Record: func(e *event.Event) error {
			n.events <- *e
			return nil
		},
		Attest: func(e *ledger.Entry, _ int, _ uint64) Attestation {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.asked <- e.ID
			return n.found
		},
		Left: func([]ledger.File) []*ledger.Entry {
			n.mu.Lock()
			defer n.mu.Unlock()
			return n.left
		},
		Known: func(e *ledger.Entry) bool {
			n.mu.Lock()
			defer n.mu.Unlock()
			return n.known[e.ID]
		},
		Forget: func(*ledger.Entry) {},
		Answer: func(action string, _ prove.How, e *ledger.Entry, _ int, _ uint64) (string, error) {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.acted = append(n.acted, action+" "+e.ID)
			if action == "freeze" && n.actError == nil {
				n.force = "frozen"
			}
			return n.force, n.actError
		},
		InForce: func(*ledger.Entry, int, uint64) (string, error) {
			n.mu.Lock()
			defer n.mu.Unlock()
			return n.force, nil
		},
	}
}

// run starts the daemon and returns when it can be asked.
func (n *node) run() {
	n.Helper()
	d, err := New(n.config())
	if err != nil {
		n.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- d.Run(ctx, func() { close(ready) }) }()
	select {
	case <-ready:
	case err := <-ended:
		n.Fatalf("the daemon ended: %v", err)
	}
	n.d = d
	n.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			n.Errorf("the daemon ended with %v", err)
		}
	})
	n.Cleanup(n.stop)
}

// decide keeps a decision about a container, as the wrapper does.
func (n *node) decide(id string) {
	n.Helper()
	err := ledger.Put(n.ledger(), &ledger.Entry{ID: id, Root: n.root(), Bundle: filepath.Join(n.dir, id), Runtime: "runc", Receipt: "R-" + id, Created: 1, Enforced: true, Ceiling: policy.Ceiling{Monitor: n.terms}})
	if err != nil {
		n.Fatal(err)
	}
}

// forget drops the decision, as delete does.
func (n *node) forget(id string) {
	n.Helper()
	if err := ledger.Delete(n.ledger(), n.root(), id); err != nil {
		n.Fatal(err)
	}
}

// start has the runtime make the container's process, and write its state.
func (n *node) start(id string) *exec.Cmd {
	n.Helper()
	p := exec.Command("sleep", "1000")
	if err := p.Start(); err != nil {
		n.Fatal(err)
	}
	n.Cleanup(func() {
		_ = p.Process.Kill() // it may have ended
		_ = p.Wait()
	})
	stat, err := state.ReadStat(p.Process.Pid)
	if err != nil {
		n.Fatal(err)
	}
	text := fmt.Sprintf(`{"init_process_pid": %d, "init_process_start": %d, "config": {"labels": ["bundle=%s"]}}`, p.Process.Pid, stat.Start, filepath.Join(n.dir, id))
	if err := os.MkdirAll(filepath.Join(n.root(), id), 0o700); err != nil {
		n.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(n.root(), id, "state.json"), []byte(text), 0o600); err != nil {
		n.Fatal(err)
	}
	return p
}

// next waits for an event with the name, and passes over others.
func (n *node) next(name string) event.Event {
	n.Helper()
	end := time.After(20 * time.Second)
	for {
		select {
		case e := <-n.events:
			if e.Name == name {
				return e
			}
		case <-end:
			n.Fatalf("no event %s within 20 s", name)
		}
	}
}

func (n *node) client() *client.Client { return client.New(n.socket()) }

func (n *node) only() api.Container {
	n.Helper()
	all, err := n.client().Containers(n.Context())
	if err != nil || len(all) != 1 {
		n.Fatalf("%d containers, %v; want one", len(all), err)
	}
	return all[0]
}

func (n *node) finds(a Attestation) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.found = a
}

func TestAContainersLife(t *testing.T) {
	n := newNode(t)
	n.run()
	n.decide("c1")
	p := n.start("c1")
	for _, name := range []string{"created", "started"} {
		e := n.next(name)
		if e.Container != "c1" || e.Receipt != "R-c1" || e.Kind != event.Lifecycle {
			t.Errorf("%s is of %+v", name, e)
		}
	}
	c := n.only()
	if c.Phase != api.Running || c.PID != p.Process.Pid {
		t.Errorf("it is %s with pid %d, want running with %d", c.Phase, c.PID, p.Process.Pid)
	}
	if err := p.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	n.next("stopped")
	if c := n.only(); c.Phase != api.Stopped {
		t.Errorf("it is %s, and its process was killed", c.Phase)
	}
	n.forget("c1")
	n.decide("after") // the ledger's changes come in order
	n.start("after")
	n.next("started")
	if c := n.only(); c.ID != "after" {
		t.Errorf("%s is followed still", c.ID)
	}
}

// What lives when the daemon ends is found again by the next one.
func TestNothingIsLostByARestart(t *testing.T) {
	n := newNode(t)
	n.run()
	for _, id := range []string{"c1", "c2", "c3"} {
		n.decide(id)
		n.start(id)
		n.next("started")
	}
	n.stop()
	n.decide("c4") // while there is none
	n.start("c4")
	n.run()
	for range 4 {
		n.next("started")
	}
	all, err := n.client().Containers(t.Context())
	if err != nil || len(all) != 4 {
		t.Fatalf("%d containers, %v", len(all), err)
	}
	for _, c := range all {
		if c.Phase != api.Running || c.Verdict != api.Proven {
			t.Errorf("%s is %s and %s", c.ID, c.Phase, c.Verdict)
		}
	}
}

// A part that cannot work is said, and the others go on.
func TestPartsFailAlone(t *testing.T) {
	n := newNode(t)
	n.settings.Forward = []forward.Destination{{Name: "x", Type: forward.Syslog, Address: "tls://127.0.0.1:1", TLS: forward.TLS{CA: filepath.Join(n.dir, "missing.pem")}}}
	n.run()
	if e := n.next("monitor.forward"); e.Severity != event.Critical || !strings.HasPrefix(e.Message, "no records are sent: forward to x: ") {
		t.Errorf("recorded %+v", e)
	}
	n.decide("c1")
	n.start("c1")
	n.next("started")
}

// A destination that takes nothing is an alert when that lasts, once, and until it ends.
func TestOutages(t *testing.T) {
	n := newNode(t)
	n.run()
	began := time.Now().UTC().Truncate(time.Second)
	siem := forward.Status{Name: "siem", Failing: began, Error: "connection refused", Lag: 7}
	fine := forward.Status{Name: "archive"}
	for _, after := range []time.Duration{time.Second, outageAfter - time.Second, outageAfter, 2 * outageAfter} {
		siem.Lag++ // more wait each time: that is no other alert
		n.d.outages([]forward.Status{siem, fine}, began.Add(after))
	}
	siem.Failing = time.Time{}
	n.d.outages([]forward.Status{siem, fine}, began.Add(3*outageAfter))
	n.d.outages([]forward.Status{siem, fine}, began.Add(4*outageAfter))
	e := n.next("forward.outage")
	if want := "siem takes no records since " + began.Format(time.RFC3339) + "; they are kept on this node until it does, see runwardctl status"; e.Kind != event.Alert || e.Severity != event.Warning || e.Message != want || e.Details["waiting"] != "10" || e.Details["error"] != "connection refused" {
		t.Errorf("%+v", e)
	}
	if e := <-n.events; e.Name != "cleared" || e.Details["alert"] != "forward.outage" {
		t.Errorf("then %+v", e)
	}
	n.stop()
	if len(n.events) != 0 {
		t.Errorf("and then %+v", <-n.events)
	}
}

func TestEndsWhileAwayAreRecorded(t *testing.T) {
	n := newNode(t)
	n.left = []*ledger.Entry{{ID: "c9", Root: n.root(), Receipt: "R-c9"}}
	n.run()
	if e := n.next("stopped"); e.Container != "c9" || e.Receipt != "R-c9" || e.Message != "container c9 stopped while the monitor was away" {
		t.Errorf("recorded %+v", e)
	}
}

// So are those of containers that the ledger still has when the next daemon
// begins, and whose end is told of before it has looked at them.
func TestEndsBeforeTheFirstLookAreRecorded(t *testing.T) {
	n := newNode(t)
	n.known = map[string]bool{"c1": true, "c2": true}
	n.decide("c1") // nothing is left of it but the ledger's entry
	n.decide("c2") // its runtime still has its state
	p := n.start("c2")
	if err := p.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.Wait() // killed
	n.run()
	if e := n.next("stopped"); e.Container != "c2" || e.Receipt != "R-c2" {
		t.Errorf("recorded %+v", e)
	}
	n.forget("c1")
	if e := n.next("stopped"); e.Container != "c1" || e.Receipt != "R-c1" {
		t.Errorf("recorded %+v", e)
	}
	n.decide("c3") // it was never seen to run
	n.forget("c3")
	n.decide("c4")
	n.start("c4")
	if e := <-n.events; e.Container != "c4" || e.Name != "created" {
		t.Errorf("then recorded %+v", e)
	}
}

// A difference is raised once, as long as it is the same, and cleared when it
// is no more.
func TestDifferencesAreRaisedAndCleared(t *testing.T) {
	n := newNode(t)
	n.run()
	n.finds(Attestation{Ready: true, Differences: []api.Difference{{Field: "devices", Got: "not observed", Severity: event.Info, Unread: true}, {Field: "seccomp", Got: "none", Want: "filter", Severity: event.Critical}}})
	n.decide("c1")
	n.start("c1")
	e := n.next("attest.seccomp")
	if e.Kind != event.Alert || e.Severity != event.Critical || e.Got != "none" || e.Want != "filter" || e.Container != "c1" {
		t.Errorf("raised %+v", e)
	}
	if c, err := n.client().Do(t.Context(), "attest", "c1", "", nil); err != nil || len(c.Differences) != 2 || c.Differences[0].Field != "seccomp" { // the worst first
		t.Fatal(c, err)
	}
	held, err := n.client().Alerts(t.Context())
	if err != nil || len(held) != 1 || held[0].Count != 2 {
		t.Errorf("held %+v, %v; want one, found twice", held, err)
	}
	n.finds(Attestation{Ready: true})
	c, err := n.client().Do(t.Context(), "attest", "c1", "", nil)
	if err != nil || c.Verdict != api.Proven {
		t.Errorf("attested %+v, %v", c, err)
	}
	if e := n.next("cleared"); e.Details["alert"] != "attest.seccomp" {
		t.Errorf("cleared %+v", e)
	}
	if held, err := n.client().Alerts(t.Context()); err != nil || len(held) != 0 {
		t.Errorf("held %+v, %v", held, err)
	}
}

// What could not be read is no proof, and is said.
func TestUnreadIsUnproven(t *testing.T) {
	n := newNode(t)
	n.finds(Attestation{Ready: true, Unproven: errors.New("mountinfo: too long")})
	n.run()
	n.decide("c1")
	n.start("c1")
	if e := n.next("attest.unproven"); !strings.Contains(e.Message, "mountinfo: too long") {
		t.Errorf("said %q", e.Message)
	}
	if c := n.only(); c.Verdict != api.Unproven || c.Unproven != "mountinfo: too long" {
		t.Errorf("it is %s, %s", c.Verdict, c.Unproven)
	}
}

// Where its own program does not run yet, what the kernel shows is the runtime's.
func TestNotReadyIsAskedAgain(t *testing.T) {
	n := newNode(t)
	n.finds(Attestation{})
	n.run()
	n.decide("c1")
	n.start("c1")
	n.next("created")
	for range 3 {
		<-n.asked
	}
	if c := n.only(); c.Phase != api.Created || c.Verdict != api.Unknown {
		t.Errorf("it is %s, %q", c.Phase, c.Verdict)
	}
	n.finds(Attestation{Ready: true})
	n.next("started")
}

// A process that has the number of one that ended is not the container's.
func TestAnothersNumberIsNotFollowed(t *testing.T) {
	n := newNode(t)
	n.run()
	n.decide("c1")
	p := n.start("c1")
	text, err := os.ReadFile(filepath.Join(n.root(), "c1", "state.json"))
	if err != nil {
		t.Fatal(err)
	}
	stat, err := state.ReadStat(p.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	n.next("started")
	n.stop()
	old := strings.Replace(string(text), fmt.Sprint(stat.Start), fmt.Sprint(stat.Start-1), 1)
	if err := os.WriteFile(filepath.Join(n.root(), "c1", "state.json"), []byte(old), 0o600); err != nil {
		t.Fatal(err)
	}
	n.run()
	n.decide("c2")
	n.start("c2")
	if e := n.next("started"); e.Container != "c2" {
		t.Errorf("%s was followed by a number that is another's", e.Container)
	}
}

func (n *node) post(path, body string) (int, string) {
	n.Helper()
	c := &http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return net.Dial("unix", n.socket()) }}}
	r, err := c.Post("http://runwardd"+path, "application/json", strings.NewReader(body))
	if err != nil {
		n.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		n.Fatal(err)
	}
	return r.StatusCode, string(text)
}

func (n *node) hook(stage, id string, pid int) (int, string) {
	n.Helper()
	body, err := json.Marshal(map[string]any{"ociVersion": "1.0.2", "id": id, "status": "creating", "pid": pid, "bundle": filepath.Join(n.dir, id)})
	if err != nil {
		n.Fatal(err)
	}
	return n.post("/v1/hooks/"+stage, string(body))
}

func TestHooks(t *testing.T) {
	n := newNode(t)
	n.run()
	n.decide("c1")
	p := n.start("c1")
	for _, stage := range []string{"createRuntime", "poststart"} {
		if code, text := n.hook(stage, "c1", p.Process.Pid); code != http.StatusNoContent {
			t.Errorf("%s: %d %s", stage, code, text)
		}
	}
	n.next("started")
	if code, text := n.hook("createRuntime", "stranger", 1); code != http.StatusNotFound || !strings.HasPrefix(text, "no decision is kept about container stranger in ") {
		t.Errorf("of a stranger: %d %s", code, text)
	}
	n.next("hook.without_decision")
	n.forget("c1") // as delete does, before the runtime
	if code, text := n.hook("poststop", "c1", 0); code != http.StatusNoContent {
		t.Errorf("poststop: %d %s", code, text)
	}
	n.next("stopped")
	if all, err := n.client().Containers(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("followed after poststop: %+v, %v", all, err)
	}
	if code, text := n.post("/v1/hooks/poststart", "{"); code != http.StatusBadRequest || !strings.HasPrefix(text, "not the state of a container: ") {
		t.Errorf("of no state: %d %s", code, text)
	}
}

func TestAnswersAreRecorded(t *testing.T) {
	n := newNode(t)
	n.run()
	n.decide("c1")
	n.start("c1")
	n.next("started")
	c, err := n.client().Do(t.Context(), "freeze", "c1", "looks wrong", nil)
	if err != nil || c.Answer != "frozen" {
		t.Errorf("%+v, %v", c, err)
	}
	e := n.next("freeze")
	if e.Kind != event.Answer || e.Who != "uid 0 (root)" || e.Why != "looks wrong" || e.Severity != event.Warning {
		t.Errorf("recorded %+v", e)
	}
	n.mu.Lock()
	n.actError = errors.New("the freezer is not there")
	n.mu.Unlock()
	if _, err = n.client().Do(t.Context(), "kill", "c1", "", nil); err == nil || err.Error() != "the freezer is not there" {
		t.Errorf("a kill that failed: %v", err)
	}
	if e := n.next("kill"); e.Severity != event.Critical || e.Message != "kill container c1 did not work: the freezer is not there" {
		t.Errorf("recorded %+v", e)
	}
	if _, err = n.client().Do(t.Context(), "kill", "c2", "", nil); err == nil || err.Error() != "the monitor follows no container whose id begins with \"c2\"; `runwardctl containers` lists them" {
		t.Errorf("of none: %v", err)
	}
}

// Policy may answer so often, and then only raises alerts. What was done and is
// undone by others is an alert too.
func TestPolicyAnswers(t *testing.T) {
	n := newNode(t)
	n.settings.AnswersPerMinute = 1
	n.finds(Attestation{Ready: true, Differences: []api.Difference{{Field: "pids.limit", Got: "no limit", Want: "at most 5", Severity: event.Critical}}})
	n.terms = &policy.MonitorTerms{OnDifference: "freeze"}
	n.run()
	n.decide("c1")
	n.start("c1")
	e := n.next("freeze")
	if e.Who != "policy" || e.Why != "pids.limit: the kernel shows no limit, decided was at most 5" {
		t.Errorf("recorded %+v", e)
	}
	n.decide("c2")
	n.start("c2")
	if e := n.next("answer.limited"); e.Container != "c2" || !strings.HasPrefix(e.Message, "policy asks to freeze it, and nothing is done: policy has given 1 answers on this node within a minute") {
		t.Errorf("recorded %+v", e)
	}
	n.mu.Lock()
	n.force = ""
	n.mu.Unlock()
	if _, err := n.client().Do(t.Context(), "attest", "c1", "", nil); err != nil {
		t.Fatal(err)
	}
	if e := n.next("answer.undone"); e.Got != "nothing" || e.Want != "frozen" {
		t.Errorf("recorded %+v", e)
	}
}

// What an earlier daemon has done is still known.
func TestAnswersOutliveTheDaemon(t *testing.T) {
	n := newNode(t)
	n.run()
	n.decide("c1")
	n.start("c1")
	n.next("started")
	if _, err := n.client().Do(t.Context(), "freeze", "c1", "", nil); err != nil {
		t.Fatal(err)
	}
	n.stop()
	n.run()
	n.next("started")
	c, err := n.client().Do(t.Context(), "attest", "c1", "", nil)
	if err != nil || c.Answer != "frozen" {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestOneDaemonASocket(t *testing.T) {
	n := newNode(t)
	n.run()
	d, err := New(n.config())
	if err != nil {
		t.Fatal(err)
	}
	err = d.Run(t.Context(), func() { t.Error("the second is ready") })
	if want := n.socket() + ": another runwardd listens there; stop that one first"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	if _, err := n.client().Status(t.Context()); err != nil {
		t.Errorf("the first: %v", err)
	}
	st, err := os.Stat(n.socket())
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("the socket: %v, %v", st.Mode(), err)
	}
}

// What a daemon left that was killed does not stand in the way of the next.
func TestStaleSocket(t *testing.T) {
	n := newNode(t)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: n.socket(), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := n.client().Status(t.Context()); !errors.Is(err, client.ErrAbsent) {
		t.Errorf("nobody listens: %v", err)
	}
	n.run()
	if _, err := n.client().Status(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestEventsAreStreamed(t *testing.T) {
	n := newNode(t)
	n.run()
	seen := errors.New("seen")
	err := n.client().Events(t.Context(), func() error {
		n.decide("c1")
		n.start("c1")
		return nil
	}, func(e event.Event) error {
		if e.Name == "started" {
			return seen
		}
		return nil
	})
	if !errors.Is(err, seen) {
		t.Error(err)
	}
}

func TestMetrics(t *testing.T) {
	n := newNode(t)
	n.run()
	n.decide("c1")
	n.start("c1")
	n.next("started")
	c := &http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return net.Dial("unix", n.socket()) }}}
	r, err := c.Get("http://runwardd/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		`runward_containers{phase="running"} 1`, `runward_containers_attested{verdict="proven"} 1`, `runward_containers_followed_total 1`,
		`runward_attestations_total{verdict="proven"} 1`, `runward_dropped_total{queue="records"} 0`,
	} {
		if !strings.Contains(string(text), "\n"+line+"\n") {
			t.Errorf("%s is missing in\n%s", line, text)
		}
	}
	if strings.Contains(string(text), "c1") {
		t.Error("a container's id is in the metrics")
	}
}
