package forward

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/runward/runward/internal/audit/event"
	"github.com/runward/runward/internal/audit/journal"
)

// maxRequest bounds the records of one request, in bytes, except where one
// alone is longer.
const maxRequest = 1 << 20

// A failure is why a request did not go well. It never has what is in
// headers_file.
type failure struct {
	text    string
	refused bool          // it is about these records, and the same request would not go well later either
	after   time.Duration // the destination wants to be left alone so long
}

func (f *failure) Error() string { return f.text }

// sender sends a batch and returns when the destination has answered for all
// of it. An error that is no *failure counts as passing.
type sender func(ctx context.Context, batch []item) error

// worker serves one destination.
type worker struct {
	cfg      *Config
	dest     Destination
	send     sender
	follower *journal.Follower
	path     string // of the position
	pos      position
	failures int // in a row

	mu     sync.Mutex // of what follows
	status Status

	alerted time.Time
	unsaid  int // refusals since the last alert
}

func newWorker(cfg *Config, d Destination) (*worker, error) {
	w := &worker{cfg: cfg, dest: d, path: filepath.Join(cfg.Dir, d.Name+".json")}
	var damaged bool
	var err error
	if w.pos, damaged, err = readPosition(w.path); err != nil {
		return nil, err
	}
	if damaged {
		w.pos.Tried, w.pos.Attempt = math.MaxUint64, 1
	}
	if w.send, err = newSender(cfg, d); err != nil {
		return nil, err
	}
	w.follower = journal.Follow(cfg.Receipts, w.pos.link())
	address, _, _ := strings.Cut(d.Address, "?") // what follows may be a key
	w.status = Status{Name: d.Name, Type: d.Type, Address: address, Seq: w.pos.Seq, DeadFile: w.dead()}
	return w, nil
}

func newSender(cfg *Config, d Destination) (sender, error) {
	switch d.Type {
	case Syslog:
		return newSyslog(cfg, d)
	case OTLP:
		return newOTLP(cfg, d)
	case Webhook:
		return newWebhook(cfg, d)
	default:
		return nil, errors.New("type: want syslog, otlp or webhook, found " + strconv.Quote(d.Type))
	}
}

func (w *worker) dead() string { return filepath.Join(w.cfg.Dir, w.dest.Name+".refused.jsonl") }

func (w *worker) run(ctx context.Context) {
	for ctx.Err() == nil {
		lines, err := w.follower.Next(int(w.dest.Batch), maxRequest)
		if err != nil {
			w.failed(err)
			w.wait(ctx, w.backoff(0))
			continue
		}
		if len(lines) > 0 && !w.deliver(ctx, lines) {
			return
		}
		if len(lines) < int(w.dest.Batch) {
			w.wait(ctx, w.cfg.Poll)
		}
	}
}

func (w *worker) wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// backoff is how long to wait after so many failures in a row.
func (w *worker) backoff(after time.Duration) time.Duration {
	d := w.cfg.Backoff[1]
	if shift := w.failures - 1; shift < 16 {
		d = min(d, w.cfg.Backoff[0]<<max(shift, 0))
	}
	d = d/2 + rand.N(d/2+1)
	return max(d, min(after, maxAfter))
}

// maxAfter bounds how long a destination can ask to be left alone.
const maxAfter = 10 * time.Minute

// deliver sends what is wanted of the lines, and returns true when all of it
// was answered for, or refused; false when the context ended first.
func (w *worker) deliver(ctx context.Context, lines []journal.Line) bool {
	if lines[0].Broken != "" && lines[0].Seq <= w.pos.Seq { // numbers come a second time
		w.pos.Tried, w.pos.Attempt = max(w.pos.Tried, w.pos.Seq), max(w.pos.Attempt, 1)
	}
	rest := items(lines, w.dest.Kinds, time.Now())
	w.mark(rest)
	for n := len(rest); len(rest) > 0; {
		err := w.try(ctx, rest[:n])
		var f *failure
		refused := errors.As(err, &f) && f.refused
		switch {
		case err == nil:
			w.answered(rest[:n])
			rest, n = rest[n:], min(2*n, len(rest)-n)
		case ctx.Err() != nil:
			return false
		case refused && n > 1: // which of them?
			w.failed(err)
			again(rest[:n])
			n /= 2
		case refused && w.bury(&rest[0], f.text):
			rest, n = rest[1:], len(rest)-1
		default:
			w.failed(err)
			w.failures++
			after := time.Duration(0)
			if f != nil {
				after = f.after
			}
			w.wait(ctx, w.backoff(after))
			again(rest[:n])
		}
	}
	w.through(lines[len(lines)-1])
	return true
}

// mark counts the attempts that an earlier process may have made.
func (w *worker) mark(batch []item) {
	for i := range batch {
		batch[i].attempt = 1
		if batch[i].line.Seq <= w.pos.Tried {
			batch[i].attempt = w.pos.Attempt + 1
		}
	}
}

func again(batch []item) {
	for i := range batch {
		batch[i].attempt++
	}
}

// try writes down what is about to be sent, and sends it.
func (w *worker) try(ctx context.Context, batch []item) error {
	tried := w.pos
	tried.Tried = max(tried.Tried, batch[len(batch)-1].line.Seq)
	for _, it := range batch {
		tried.Attempt = max(tried.Attempt, it.attempt)
	}
	if w.pos.Tried < batch[0].line.Seq { // nothing of before counts any more
		tried.Attempt = batch[0].attempt
	}
	if err := tried.keep(w.path, true); err != nil {
		return err
	}
	w.pos = tried
	ctx, cancel := context.WithTimeout(ctx, w.dest.timeout())
	defer cancel()
	w.count(func(s *Status) { s.Requests++ })
	return w.send(ctx, batch)
}

// answered counts what the destination has.
func (w *worker) answered(batch []item) {
	w.failures = 0
	w.count(func(s *Status) {
		s.Error, s.Failing, s.Since = "", time.Time{}, time.Now().UTC()
		for _, it := range batch {
			s.Sent++
			s.Bytes += uint64(len(it.line.Text))
			if it.attempt > 1 {
				s.Resent++
			}
			if it.gap != "" {
				s.Gaps++
			}
		}
	})
	for _, it := range batch {
		if it.gap != "" {
			w.alert("forward.gap", event.Critical, "the evidence that "+w.dest.Name+" has is not whole: "+it.gap, it.line.Seq, false)
		}
	}
}

// through moves the position behind a line.
func (w *worker) through(l journal.Line) {
	w.pos.Seq, w.pos.Hash = l.Seq, l.Hash
	if err := w.pos.keep(w.path, false); err != nil {
		w.failed(err) // the next attempt writes it; until then it is as if nothing was answered
	}
	w.count(func(s *Status) { s.Seq = l.Seq })
}

// bury keeps a record that is refused beside the position, so that the others
// go on, and tells whether that went well.
func (w *worker) bury(it *item, reason string) bool {
	if err := bury(w.dead(), time.Now(), it, reason); err != nil {
		w.failed(err)
		return false
	}
	w.failures = 0
	w.count(func(s *Status) { s.Refused++; s.LastError = reason })
	// The alert is a record too, which may be refused too.
	own := it.record.Event != nil && strings.HasPrefix(it.record.Event.Name, "forward.")
	if !own {
		w.alert("forward.refused", event.Warning, w.dest.Name+" refuses records, the last one number "+strconv.FormatUint(it.line.Seq, 10)+": "+reason+"; they are kept in "+w.dead(), it.line.Seq, true)
	}
	return true
}

// alert tells a person, once a minute.
func (w *worker) alert(name, severity, message string, seq uint64, often bool) {
	w.unsaid++
	if w.cfg.Alert == nil || often && time.Since(w.alerted) < time.Minute {
		return
	}
	w.cfg.Alert(&event.Event{
		Kind: event.Alert, Name: name, Severity: severity, Message: message,
		Details: map[string]string{"destination": w.dest.Name, "seq": strconv.FormatUint(seq, 10), "count": strconv.Itoa(w.unsaid)},
	})
	w.alerted, w.unsaid = time.Now(), 0
}

func (w *worker) failed(err error) {
	w.count(func(s *Status) {
		s.Error, s.LastError = err.Error(), err.Error()
		if s.Failing.IsZero() {
			s.Failing = time.Now().UTC()
		}
	})
}

func (w *worker) count(change func(*Status)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(&w.status)
}

func (w *worker) report() Status {
	w.mu.Lock()
	s := w.status
	w.mu.Unlock()
	head, err := w.follower.Head()
	switch {
	case err != nil && s.Error == "":
		s.Error = err.Error()
	case head > s.Seq:
		s.Lag = head - s.Seq
	}
	return s
}
