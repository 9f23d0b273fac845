package monitorview

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/runward/runward/internal/audit/event"
	"github.com/runward/runward/internal/display"
	"github.com/runward/runward/internal/monitor/api"
	"github.com/runward/runward/policy"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func shown(t *testing.T, show func(*display.Printer) error) string {
	t.Helper()
	var b bytes.Buffer
	if err := show(display.New(&b)); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func web() api.Container {
	at := now.Add(-90 * time.Second)
	return api.Container{
		ID: strings.Repeat("3f", 32), Engine: "containerd", Namespace: "shop", Pod: "web-1", Name: "nginx", Receipt: "01R", Enforced: true,
		Phase: api.Running, PID: 7, Since: now.Add(-25 * time.Hour), Verdict: api.Differs, Attested: &at, Answer: "frozen",
		Differences: []api.Difference{{Field: "pids.limit", Got: "no limit", Want: "at most 50", Severity: event.Critical}},
		Usage:       &api.Usage{CPU: 0.5, CPULimit: 1, Memory: 95 << 20, MemoryLimit: 100 << 20, Pids: 3, Received: 2048, Sent: 10, Written: 5 << 20},
	}
}

func TestContainers(t *testing.T) {
	got := shown(t, func(p *display.Printer) error { return Containers(p, []api.Container{web()}, now) })
	want := "ID            ENGINE      NAMESPACE  NAME         PHASE             FOR  POLICY    ATTESTED\n" +
		"3f3f3f3f3f3f  containerd  shop       web-1/nginx  running, frozen  1d1h  enforced  differs, 1m30s ago\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestContainer(t *testing.T) {
	c := web()
	c.Differences = append(c.Differences, api.Difference{Field: "devices", Got: "not observed: the kernel does not say", Want: "that it can be observed", Severity: event.Info, Unread: true})
	got := shown(t, func(p *display.Printer) error { return Container(p, &c, now) })
	for _, line := range []string{"shop web-1/nginx", "running, for 1d1h, pid 7", "frozen; `runwardctl release 3f3f3f3f3f3f` undoes it", "shows something else than was decided, 1m30s ago", "  pids.limit: got no limit, wanted at most 50\n", "  devices: not observed: the kernel does not say\n"} {
		if !strings.Contains(got, line) {
			t.Errorf("%q is missing in\n%s", line, got)
		}
	}
}

func TestTop(t *testing.T) {
	got := shown(t, func(p *display.Printer) error { return Top(p, []api.Container{web(), {ID: "c2"}}) })
	want := "CONTAINER         CPUS  OF LIMIT  MEMORY  OF LIMIT  PIDS  NET IN/OUT  DISK R/W\n" +
		"shop web-1/nginx  0.50  ████░░░░     95M  ████████     3    2.0K/10B   0B/5.0M\n" +
		"c2                   -  -              -  -            -           -         -\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestStatusAndAlerts(t *testing.T) {
	s := &api.Status{
		Version: "1.0", PID: 5, Since: now.Add(-time.Minute), Containers: map[api.Phase]int{api.Running: 2}, Verdicts: map[api.Verdict]int{api.Proven: 2},
		Recorded: 9, Forward: []api.Destination{{Name: "siem", Sent: 8, Lag: 1, Error: "refused", Failing: now.Add(-time.Hour)}},
	}
	got := shown(t, func(p *display.Printer) error { return Status(p, s, now) })
	for _, part := range []string{"runwardd 1.0, pid 5, for 1m0s", "2 running", "2 proven", "none", "failing for 1h0m, 1 wait: refused", "9 written, 0 lost"} {
		if !strings.Contains(got, part) {
			t.Errorf("%q is missing in\n%s", part, got)
		}
	}
	a := []api.Alert{{Name: "oom", Severity: event.Critical, Container: "c1", Message: "killed\x1b[31m", First: now.Add(-time.Second), Count: 2}, {Name: "file.changed", Severity: event.Warning, Message: "m", First: now}}
	got = shown(t, func(p *display.Printer) error { return Alerts(p, a, now) })
	if !strings.Contains(got, "critical  oom           c1         1s      2  killed\\u001b[31m\n") || !strings.Contains(got, "the node") {
		t.Errorf("alerts:\n%s", got)
	}
}

func TestEvent(t *testing.T) {
	e := &event.Event{Time: now, Kind: event.Alert, Name: "oom", Severity: event.Critical, Container: "c1", Identity: policy.Identity{Namespace: "shop", Pod: "web-1"}, Message: "killed", Who: "policy", Details: map[string]string{"b": "2", "a": "1"}}
	got := shown(t, func(p *display.Printer) error { return Event(p, e) })
	if _, rest, _ := strings.Cut(got, " "); rest != "alert oom                shop/web-1 killed (by policy) a=1 b=2\n" {
		t.Errorf("%q", got)
	}
}

func TestBytes(t *testing.T) {
	for n, want := range map[float64]string{0: "0B", 999: "999B", 1000: "1.0K", 1536: "1.5K", 10 << 20: "10M", 1 << 60: "1024P"} {
		if got := Bytes(n); got != want {
			t.Errorf("%v is %s, want %s", n, got, want)
		}
	}
}
