package forward

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/slim/otlp/collector/logs/v1"
	"google.golang.org/protobuf/proto"

	"github.com/runward/runward/internal/audit"
	"github.com/runward/runward/internal/audit/event"
	"github.com/runward/runward/internal/audit/journal"
	"github.com/runward/runward/policy"
)

// The test binary is its own forwarder, to be killed:
// RUNWARD_TEST_FORWARD is a Config in JSON.
func TestMain(m *testing.M) {
	if job := os.Getenv("RUNWARD_TEST_FORWARD"); job != "" {
		var cfg Config
		if err := json.Unmarshal([]byte(job), &cfg); err != nil {
			panic(err)
		}
		f, err := New(cfg)
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		f.Run(context.Background())
	}
	os.Exit(m.Run())
}

// quick is a Config for tests: it waits for little.
func quick(t testing.TB, dests ...Destination) Config {
	t.Helper()
	for i := range dests {
		if dests[i].Batch == 0 {
			dests[i].Batch = 100
		}
		if dests[i].Timeout == "" {
			dests[i].Timeout = "5s"
		}
		if dests[i].MaxMessage == 0 {
			dests[i].MaxMessage = defaultMessage
		}
		if dests[i].Type == Webhook && dests[i].Format == "" {
			dests[i].Format = formatJSON
		}
		if key, problem := dests[i].problem(); problem != "" {
			t.Fatal(key, problem)
		}
	}
	dir := t.TempDir()
	return Config{
		Receipts: filepath.Join(dir, "log", "receipts.jsonl"), Dir: filepath.Join(dir, "forward"), Node: "node1", Version: "1",
		Destinations: dests, Poll: time.Millisecond, Backoff: [2]time.Duration{time.Millisecond, 4 * time.Millisecond},
	}
}

// write writes records of both kinds.
func write(t testing.TB, path string, n int) {
	t.Helper()
	for i := range n {
		var err error
		if i%3 == 2 {
			err = event.Append(audit.Config{Path: path}, &event.Event{Kind: event.Alert, Name: "oom", Severity: event.Critical, Container: "c" + strconv.Itoa(i), Message: `was killed: "<&>"`})
		} else {
			err = audit.Append(audit.Config{Path: path}, &audit.Receipt{
				Verb: "create", Container: "c" + strconv.Itoa(i), Verdict: policy.Deny, Error: "\u2028 <é>",
				Identity: policy.Identity{Namespace: "prod", Pod: "web-0", Container: "web"},
			})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// A copy is one record as a receiver got it.
type copied struct {
	seq     uint64
	attempt int
	resent  bool
	text    string // of the record
	gap     string
}

// A store is what a receiver has.
type store struct {
	mu     sync.Mutex
	copies []copied
	grown  chan struct{}
}

func newStore() *store { return &store{grown: make(chan struct{}, 1)} }

func (s *store) add(all ...copied) {
	s.mu.Lock()
	s.copies = append(s.copies, all...)
	s.mu.Unlock()
	select {
	case s.grown <- struct{}{}:
	default:
	}
}

func (s *store) all() []copied {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.copies)
}

// until waits for something to be true of what came.
func (s *store) until(t testing.TB, holds func([]copied) bool) []copied {
	t.Helper()
	timeout := time.After(2 * time.Minute)
	for {
		if all := s.all(); holds(all) {
			return all
		}
		select {
		case <-s.grown:
		case <-timeout:
			t.Fatalf("waited in vain, %d copies came", len(s.all()))
		}
	}
}

// distinct is how many records there are of which at least one copy came.
func distinct(all []copied) int {
	seen := map[uint64]bool{}
	for _, c := range all {
		if c.gap == "" {
			seen[c.seq] = true
		}
	}
	return len(seen)
}

// complete checks that everything of the chain came as it stands there, and
// that of each record all copies but one say that they may be another.
func complete(t testing.TB, all []copied, path string) {
	t.Helper()
	f := journal.Follow(path, audit.Link{})
	defer f.Close()
	text := map[uint64]string{}
	for {
		lines, err := f.Next(1000, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if len(lines) == 0 {
			break
		}
		for _, l := range lines {
			text[l.Seq] = string(l.Text)
		}
	}
	unmarked, came := map[uint64]int{}, map[uint64]int{}
	for _, c := range all {
		if c.resent != (c.attempt > 1) {
			t.Fatalf("record %d: attempt %d, resent %t", c.seq, c.attempt, c.resent)
		}
		if text[c.seq] != c.text {
			t.Fatalf("record %d came as %s\nand is      %s", c.seq, c.text, text[c.seq])
		}
		came[c.seq]++
		if !c.resent {
			unmarked[c.seq]++
		}
	}
	copies := 0
	for seq := range text {
		if came[seq] == 0 {
			t.Errorf("record %d did not come", seq)
		}
		if unmarked[seq] > 1 {
			t.Errorf("record %d came %d times without a mark", seq, unmarked[seq])
		}
		copies += came[seq] - 1
	}
	t.Logf("%d records, %d copies more, all marked", len(text), copies)
}

// start runs a forwarder until the test ends, or stop is called.
func start(t testing.TB, cfg Config) (f *Forwarder, stop func()) {
	t.Helper()
	f, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { f.Run(ctx); close(done) }()
	stop = sync.OnceFunc(func() { cancel(); <-done; f.Close() })
	t.Cleanup(stop)
	return f, stop
}

// A fault is what a server does on purpose, before or after it takes a request.
type fault int

const (
	none      fault = iota
	error500        // takes nothing
	lost500         // takes it, and says it did not
	hang            // takes it, and never answers
	cutAnswer       // takes it, and closes in the middle of the answer
	closeNow        // closes without an answer
	faults
)

func webhookServer(s *store, next func() fault) http.Handler {
	return serve(next, func(r *http.Request) ([]byte, error) {
		var all []struct {
			Seq     uint64
			Attempt int
			Resent  bool
			Record  json.RawMessage
			Gap     *gapJSON
		}
		if err := json.NewDecoder(r.Body).Decode(&all); err != nil {
			return nil, err
		}
		for _, e := range all {
			c := copied{seq: e.Seq, attempt: e.Attempt, resent: e.Resent, text: string(e.Record)}
			if e.Gap != nil {
				c.gap = e.Gap.Text
			}
			s.add(c)
		}
		return []byte("{}"), nil
	})
}

func otlpServer(s *store, next func() fault) http.Handler {
	return serve(next, func(r *http.Request) ([]byte, error) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		var req collector.ExportLogsServiceRequest
		if err := proto.Unmarshal(body, &req); err != nil {
			return nil, err
		}
		for _, l := range req.ResourceLogs[0].ScopeLogs[0].LogRecords {
			c := copied{text: l.Body.GetStringValue()}
			for _, a := range l.Attributes {
				switch a.Key {
				case "runward.seq":
					c.seq = uint64(a.Value.GetIntValue())
				case "runward.attempt":
					c.attempt = int(a.Value.GetIntValue())
				case "runward.resent":
					c.resent = a.Value.GetBoolValue()
				}
			}
			s.add(c)
		}
		return proto.Marshal(&collector.ExportLogsServiceResponse{})
	})
}

// serve makes a server with faults of what takes a request.
func serve(next func() fault, take func(*http.Request) ([]byte, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fault := next()
		switch fault {
		case error500:
			w.WriteHeader(500)
			return
		case closeNow:
			panic(http.ErrAbortHandler)
		default: // it takes the request first
		}
		answer, err := take(r)
		if err != nil {
			http.Error(w, err.Error(), 400)
			return
		}
		switch fault {
		case lost500:
			w.WriteHeader(500)
		case hang:
			<-r.Context().Done()
		case cutAnswer:
			w.Header().Set("Content-Length", "1000")
			w.Write([]byte("half"))
			panic(http.ErrAbortHandler)
		default:
			w.Write(answer)
		}
	})
}

// syslogServer reads messages as RFC 6587 frames them, from each connection to
// its end, and answers with its own end; a fault ends it sooner.
func syslogServer(t testing.TB, s *store, next func() fault) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				fault := next()
				if fault == closeNow {
					return
				}
				r := bufio.NewReader(conn)
				for i := 0; ; i++ {
					c, err := readSyslog(r)
					if err != nil {
						break
					}
					s.add(c)
					if fault == cutAnswer && i == 20 {
						conn.(*net.TCPConn).SetLinger(0)
						return
					}
				}
				if fault == hang {
					io.Copy(io.Discard, conn) // does not end before we close
					var b [1]byte
					conn.Read(b[:])
					<-time.After(50 * time.Millisecond)
				}
			}()
		}
	}()
	return l
}

func readSyslog(r *bufio.Reader) (copied, error) {
	n, err := r.ReadString(' ')
	if err != nil {
		return copied{}, err
	}
	size, err := strconv.Atoi(strings.TrimSpace(n))
	if err != nil {
		return copied{}, err
	}
	msg := make([]byte, size)
	if _, err := io.ReadFull(r, msg); err != nil {
		return copied{}, err
	}
	return parseSyslog(string(msg))
}

func parseSyslog(msg string) (copied, error) {
	_, data, ok := strings.Cut(msg, " ["+syslogID+" ")
	params, text, ended := strings.Cut(data, "] ")
	if !ok || !ended {
		return copied{}, fmt.Errorf("no structured data in %q", msg)
	}
	c := copied{text: text}
	for _, p := range strings.Fields(params) {
		name, value, _ := strings.Cut(p, "=")
		switch value = strings.Trim(value, `"`); name {
		case "seq":
			c.seq, _ = strconv.ParseUint(value, 10, 64)
		case "attempt":
			c.attempt, _ = strconv.Atoi(value)
		case "resent":
			c.resent = value == "true"
		}
	}
	return c, nil
}

// inTurn gives every fault in turn, and now and then none.
func inTurn() func() fault {
	var mu sync.Mutex
	n := 0
	return func() fault {
		mu.Lock()
		defer mu.Unlock()
		n++
		if n%2 == 0 {
			return none
		}
		return fault(n / 2 % int(faults))
	}
}

func healthy() fault { return none }

// Through every fault that a server can have, nothing is lost and every second
// copy is marked.
func TestFaults(t *testing.T) {
	for _, typ := range []string{Webhook, OTLP, Syslog} {
		t.Run(typ, func(t *testing.T) {
			s, next := newStore(), inTurn()
			var address string
			switch typ {
			case Syslog:
				address = "tcp://" + syslogServer(t, s, next).Addr().String()
			case OTLP:
				srv := httptest.NewServer(otlpServer(s, next))
				t.Cleanup(srv.Close)
				address = srv.URL
			default:
				srv := httptest.NewServer(webhookServer(s, next))
				t.Cleanup(srv.Close)
				address = srv.URL
			}
			cfg := quick(t, Destination{Name: "x", Type: typ, Address: address, Batch: 50, Timeout: "300ms"})
			write(t, cfg.Receipts, 1000)
			f, stop := start(t, cfg)
			s.until(t, func(all []copied) bool { return distinct(all) == 1000 && f.Status()[0].Seq == 1000 || !wake(s) })
			stop()
			complete(t, s.all(), cfg.Receipts)
			if st := f.Status()[0]; st.Sent != 1000 || st.Resent == 0 || st.Refused != 0 || st.Lag != 0 || st.LastError == "" || st.Error != "" {
				t.Errorf("%+v", st)
			}
		})
	}
}

// wake looks again soon: an answer that is on its way is no copy.
func wake(s *store) bool {
	time.AfterFunc(5*time.Millisecond, func() { s.add() })
	return true
}

// The forwarder is killed at any point, again and again, and so is its server,
// over 10,000 records.
func TestKilled(t *testing.T) {
	for _, typ := range []string{Webhook, OTLP, Syslog} {
		t.Run(typ, func(t *testing.T) {
			const records = 10000
			s := newStore()
			var address string
			switch typ {
			case Syslog:
				address = "tcp://" + syslogServer(t, s, healthy).Addr().String()
			case OTLP:
				srv := httptest.NewServer(otlpServer(s, healthy))
				t.Cleanup(srv.Close)
				address = srv.URL
			default:
				srv := httptest.NewServer(webhookServer(s, healthy))
				t.Cleanup(srv.Close)
				address = srv.URL
			}
			cfg := quick(t, Destination{Name: "x", Type: typ, Address: address, Batch: 100})
			write(t, cfg.Receipts, records)
			job, err := json.Marshal(cfg)
			if err != nil {
				t.Fatal(err)
			}
			kills := 0
			for before := 0; distinct(s.all()) < records; before = len(s.all()) {
				c := exec.Command("/proc/self/exe")
				c.Env = []string{"RUNWARD_TEST_FORWARD=" + string(job)}
				if err := c.Start(); err != nil {
					t.Fatal(err)
				}
				more := 1 + (kills*379)%700 // the moment varies with what came
				s.until(t, func(all []copied) bool { return len(all) >= before+more || distinct(all) == records })
				if err := c.Process.Kill(); err != nil {
					t.Fatal(err)
				}
				if err := c.Wait(); err == nil || err.Error() != "signal: killed" {
					t.Fatal(err)
				}
				kills++
			}
			t.Logf("killed %d times", kills)
			complete(t, s.all(), cfg.Receipts)
		})
	}
}
