package forward

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/slim/otlp/collector/logs/v1"
	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"

	"github.com/runward/runward/internal/audit"
	"github.com/runward/runward/internal/audit/event"
	"github.com/runward/runward/internal/audit/journal"
	"github.com/runward/runward/internal/audit/rotation"
)

// alerts collects what a person would be told.
type alerts struct {
	mu  sync.Mutex
	all []*event.Event
}

func (a *alerts) add(e *event.Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all = append(a.all, e)
}

func (a *alerts) names() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var names []string
	for _, e := range a.all {
		names = append(names, e.Name)
	}
	return names
}

// reached waits until a destination has answered for everything up to seq.
func reached(t testing.TB, f *Forwarder, seq uint64) Status {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(time.Minute); ; <-tick.C {
		s := f.Status()[0]
		if s.Seq >= seq {
			return s
		}
		if time.Now().After(end) {
			t.Fatalf("waited in vain: %+v", s)
		}
	}
}

// A record that is refused is kept beside, somebody is told once, and the
// others arrive, whichever way a destination refuses.
func TestRefused(t *testing.T) {
	const bad = 37
	for _, typ := range []string{Webhook, OTLP} {
		t.Run(typ, func(t *testing.T) {
			s := newStore()
			take := webhookServer(s, healthy)
			if typ == OTLP {
				take = otlpServer(s, healthy)
			}
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				before := len(s.all())
				rec := httptest.NewRecorder()
				take.ServeHTTP(rec, r)
				s.mu.Lock()
				has := slices.ContainsFunc(s.copies[before:], func(c copied) bool { return c.seq == bad })
				if has { // it keeps nothing of such a batch
					s.copies = s.copies[:before]
				}
				s.mu.Unlock()
				switch {
				case !has:
					w.Write(rec.Body.Bytes())
				case typ == OTLP:
					answer, err := proto.Marshal(&collector.ExportLogsServiceResponse{PartialSuccess: &collector.ExportLogsPartialSuccess{RejectedLogRecords: 1, ErrorMessage: "no"}})
					if err != nil {
						t.Error(err)
					}
					w.Write(answer)
				default:
					http.Error(w, "no", http.StatusUnprocessableEntity)
				}
			}))
			t.Cleanup(srv.Close)
			cfg := quick(t, Destination{Name: "x", Type: typ, Address: srv.URL, Batch: 64})
			var told alerts
			cfg.Alert = told.add
			write(t, cfg.Receipts, 200)
			f, stop := start(t, cfg)
			st := reached(t, f, 200)
			stop()
			if st.Refused != 1 || st.Sent != 199 {
				t.Errorf("%+v", st)
			}
			if n := distinct(s.all()); n != 199 {
				t.Errorf("%d records came", n)
			}
			dead, err := os.ReadFile(st.DeadFile)
			if err != nil {
				t.Fatal(err)
			}
			var letter struct {
				Seq    uint64
				Reason string
				Record json.RawMessage
			}
			if err := json.Unmarshal(dead, &letter); err != nil {
				t.Fatal(err)
			}
			if l, err := audit.ParseLink(letter.Record); err != nil || l.Seq != bad || letter.Seq != bad {
				t.Errorf("kept %s: %v", dead, err)
			}
			want := "answered 422 Unprocessable Entity"
			if typ == OTLP {
				want = `rejected 1 of 1 records: "no"`
			}
			if letter.Reason != want {
				t.Errorf("reason %q, want %q", letter.Reason, want)
			}
			if names := told.names(); !slices.Equal(names, []string{"forward.refused"}) {
				t.Errorf("told %q", names)
			}
			if err := event.Append(audit.Config{Path: cfg.Receipts}, told.all[0]); err != nil {
				t.Error(err)
			}
		})
	}
}

// The alert about a refusal is a record too: refused, it makes no other one,
// however long ago the last was.
func TestAlertsAreNotAnswered(t *testing.T) {
	for name, want := range map[string]int{"forward.refused": 0, "oom": 1} {
		var told alerts
		cfg := quick(t, Destination{Name: "x", Type: Webhook, Address: "http://127.0.0.1:1"})
		cfg.Alert = told.add
		f, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		it := item{record: journal.Record{Event: &event.Event{Name: name}}}
		if !f.workers[0].bury(&it, "answered 400") || len(told.all) != want {
			t.Errorf("a refused %s made %d alerts, want %d", name, len(told.all), want)
		}
		f.Close()
	}
}

// What is wrong with the address or the credentials costs no evidence.
func TestWaitsForTheAdministrator(t *testing.T) {
	for _, code := range []int{301, 401, 403, 404, 408, 425, 429, 500, 503} {
		s, answers := newStore(), []int{code, code, 200}
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			code := answers[0]
			if answers = answers[1:]; code == 200 {
				webhookServer(s, healthy).ServeHTTP(w, r)
				return
			}
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(code)
		}))
		cfg := quick(t, Destination{Name: "x", Type: Webhook, Address: srv.URL})
		write(t, cfg.Receipts, 3)
		f, stop := start(t, cfg)
		st := reached(t, f, 3)
		stop()
		srv.Close()
		if all := s.all(); len(all) != 3 || all[0].attempt != 3 || st.Refused != 0 || !strings.Contains(st.LastError, "answered ") {
			t.Errorf("%d: %+v, %+v", code, all, st)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for in, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-1": 0, "soon": 0, "Fri, 02 Jan 2026 03:05:05 GMT": time.Minute, "Fri, 02 Jan 2026 03:03:05 GMT": 0,
	} {
		if got := retryAfter(in, now); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
	w := &worker{cfg: &Config{Backoff: [2]time.Duration{time.Second, time.Minute}}}
	for failures, want := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 6: 32 * time.Second, 7: time.Minute, 100: time.Minute} {
		w.failures = failures
		if got := w.backoff(0); got < want/2 || got > want {
			t.Errorf("after %d failures %s, want %s at most", failures, got, want)
		}
		if got := w.backoff(3 * time.Minute); got != 3*time.Minute {
			t.Errorf("told to wait 3m, waits %s", got)
		}
		if got := w.backoff(24 * time.Hour); got != maxAfter {
			t.Errorf("told to wait a day, waits %s", got)
		}
	}
}

// What rotation removed before it was sent is named by its numbers.
func TestGap(t *testing.T) {
	s := newStore()
	srv := httptest.NewServer(webhookServer(s, healthy))
	t.Cleanup(srv.Close)
	cfg := quick(t, Destination{Name: "x", Type: Webhook, Address: srv.URL})
	var told alerts
	cfg.Alert = told.add
	log := audit.Config{Path: cfg.Receipts}
	write(t, cfg.Receipts, 5)
	f, stop := start(t, cfg)
	reached(t, f, 5)
	stop()
	for i := range 2 {
		write(t, cfg.Receipts, 3)
		if _, err := rotation.Rotate(log, time.Unix(int64(i), 0), rotation.Limits{MaxBytes: 1}); err != nil {
			t.Fatal(err)
		}
	}
	if removed, err := rotation.Prune(log, time.Now(), rotation.Limits{MaxFiles: 1}, f.Sent()); err != nil || len(removed) != 1 {
		t.Fatal(removed, err) // 1 to 8
	}
	f, stop = start(t, cfg)
	st := reached(t, f, 14)
	stop()
	all := s.all()[5:]
	if want := "records 6 to 8 are missing: their file was removed before they were sent"; all[0].gap != want || all[0].seq != 9 {
		t.Errorf("%+v\nwant %s", all[0], want)
	}
	if distinct(all) != 6 || st.Gaps != 1 || !slices.Equal(told.names(), []string{"forward.gap"}) {
		t.Errorf("%d came, %+v, told %q", distinct(all), st, told.names())
	}
}

func TestKinds(t *testing.T) {
	s := newStore()
	srv := httptest.NewServer(webhookServer(s, healthy))
	t.Cleanup(srv.Close)
	cfg := quick(t, Destination{Name: "x", Type: Webhook, Address: srv.URL, Kinds: []string{"alert"}})
	write(t, cfg.Receipts, 9)
	f, stop := start(t, cfg)
	st := reached(t, f, 9)
	stop()
	if all := s.all(); len(all) != 3 || all[0].seq != 3 || st.Sent != 3 || f.Sent() != 9 {
		t.Errorf("%+v, %+v", all, st)
	}
}

// Of a damaged position nothing is known: everything goes again, with a mark.
func TestDamagedPosition(t *testing.T) {
	s := newStore()
	srv := httptest.NewServer(webhookServer(s, healthy))
	t.Cleanup(srv.Close)
	cfg := quick(t, Destination{Name: "x", Type: Webhook, Address: srv.URL})
	write(t, cfg.Receipts, 5)
	f, stop := start(t, cfg)
	reached(t, f, 5)
	if _, err := New(cfg); err == nil || err.Error() != "positions of destinations: another process forwards from "+cfg.Dir+"; find it with fuser(1)" {
		t.Error(err)
	}
	stop()
	if err := os.WriteFile(filepath.Join(cfg.Dir, "x.json"), []byte("{\"version\":1,\"se"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, stop = start(t, cfg)
	reached(t, f, 5)
	stop()
	complete(t, s.all(), cfg.Receipts)
	if all := s.all(); len(all) != 10 {
		t.Errorf("%d copies", len(all))
	}
}

// A chain that was begun anew is sent with a word about it, and marked, since
// its numbers were there before.
func TestChainBegunAnew(t *testing.T) {
	s := newStore()
	srv := httptest.NewServer(webhookServer(s, healthy))
	t.Cleanup(srv.Close)
	cfg := quick(t, Destination{Name: "x", Type: Webhook, Address: srv.URL})
	write(t, cfg.Receipts, 5)
	f, _ := start(t, cfg)
	reached(t, f, 5)
	if err := os.RemoveAll(filepath.Dir(cfg.Receipts)); err != nil {
		t.Fatal(err)
	}
	write(t, cfg.Receipts, 2)
	all := s.until(t, func(all []copied) bool { return len(all) == 8 })[5:]
	if !strings.HasPrefix(all[0].gap, "the chain ends at record ") || !all[1].resent || !all[2].resent {
		t.Errorf("%+v", all)
	}
}

// Secrets are in no status and no error, and a file that others can read is
// refused.
func TestHeadersFile(t *testing.T) {
	s := newStore()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer s3cr3t" || r.Header.Get("X-Other") != "b: c" {
			w.WriteHeader(401)
			return
		}
		webhookServer(s, healthy).ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	secret := filepath.Join(t.TempDir(), "headers")
	put := func(text string, mode os.FileMode) {
		if err := os.WriteFile(secret, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(secret, mode); err != nil {
			t.Fatal(err)
		}
	}
	cfg := quick(t, Destination{Name: "x", Type: Webhook, Address: srv.URL + "/?key=s3cr3t", HeadersFile: secret})
	for _, tt := range []struct {
		text string
		mode os.FileMode
		want string
	}{
		{"A: s3cr3t", 0o640, "forward to x: headers_file " + secret + ": others can read it; chmod go="},
		{"# x\ns3cr3t", 0o600, "forward to x: headers_file " + secret + ":2: want Name: value"},
		{"A: s3\x01", 0o600, "forward to x: headers_file " + secret + ":1: want Name: value"},
	} {
		put(tt.text, tt.mode)
		if _, err := New(cfg); err == nil || err.Error() != tt.want {
			t.Errorf("got  %v\nwant %s", err, tt.want)
		}
	}
	put("# for x\n\nAuthorization: Bearer wr0ng\nX-Other: b: c\n", 0o600)
	write(t, cfg.Receipts, 1)
	f, stop := start(t, cfg)
	s2 := func() bool { return strings.HasPrefix(f.Status()[0].Error, "answered 401") }
	for !s2() {
		<-time.After(time.Millisecond)
	}
	put("Authorization: Bearer s3cr3t\nX-Other: b: c\n", 0o600) // read again for every request
	st := reached(t, f, 1)
	srv.Close()
	write(t, cfg.Receipts, 1)
	for f.Status()[0].Error == "" {
		<-time.After(time.Millisecond)
	}
	stop()
	data, err := json.Marshal([]Status{st, f.Status()[0]})
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"s3cr3t", "wr0ng"} {
		if strings.Contains(string(data), word) {
			t.Errorf("%s is in %s", word, data)
		}
	}
}

// A server that ends its part of the connection too soon, or not at all, has
// not answered for the batch.
func TestSyslogWithoutEnd(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	d := Destination{Name: "x", Type: Syslog, Address: "tcp://" + l.Addr().String(), Timeout: "50ms"}
	cfg := quick(t, d) // the kernel takes the connection, and nobody reads
	write(t, cfg.Receipts, 1)
	f, stop := start(t, cfg)
	for f.Status()[0].Requests < 2 {
		<-time.After(time.Millisecond)
	}
	stop()
	if st := f.Status()[0]; st.Seq != 0 || !strings.HasPrefix(st.LastError, "the other side did not end the connection after it was sent everything: ") {
		t.Errorf("%+v", st)
	}
	if _, err := journal.List(cfg.Receipts); err != nil {
		t.Error(err)
	}
}

// A receiver that is told to stop ends TLS as it should, with records that it
// has not read: they are sent again.
func TestSyslogEndedFirst(t *testing.T) {
	https := httptest.NewTLSServer(nil)
	t.Cleanup(https.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: https.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	s, ended := newStore(), make(chan error, 1)
	go func() {
		for first := true; ; first = false {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			over := tls.Server(conn, &tls.Config{Certificates: https.TLS.Certificates})
			if first {
				err := errors.Join(over.Handshake(), over.CloseWrite())
				raw, e := conn.(*net.TCPConn).SyscallConn()
				err = errors.Join(err, e, raw.Control(func(fd uintptr) { // everything has come
					_, e = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}, 20_000)
				}))
				ended <- errors.Join(err, e, conn.Close())
				continue
			}
			r := bufio.NewReader(over)
			for {
				c, err := readSyslog(r)
				if err != nil {
					break
				}
				s.add(c)
			}
			over.Close()
		}
	}()
	cfg := quick(t, Destination{Name: "x", Type: Syslog, Address: "tls://" + l.Addr().String(), TLS: TLS{CA: ca}, Batch: 100})
	write(t, cfg.Receipts, 100)
	f, stop := start(t, cfg)
	st := reached(t, f, 100)
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	complete(t, s.all(), cfg.Receipts)
	if st.Resent == 0 || st.LastError == "" {
		t.Errorf("%+v", st)
	}
}
