package forward

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/runward/runward/internal/audit/event"
)

// Config says what is sent, where to, and where the positions are kept.
type Config struct {
	Receipts     string // path of the chain, absolute
	Dir          string // directory of the positions, made if missing (0700)
	Node         string // the node's name, in every record that is sent
	Version      string // of runward
	Destinations []Destination

	// Alert is given, at most one a minute for a destination, what a person
	// should know. It must not wait for the forwarder. Nil: nobody is told.
	Alert func(*event.Event) `json:"-"`

	// Poll is how often the chain is looked at while nothing is new, and so how
	// late a record leaves at most; 0: every 500 ms.
	Poll time.Duration
	// Backoff bounds the wait after an error, from the first to the longest;
	// 0: 1 s to 60 s. Half of each wait is chance.
	Backoff [2]time.Duration
}

// A Forwarder sends the chain to every destination.
type Forwarder struct {
	lock    *os.File
	workers []*worker
}

// New opens the positions of all destinations and reads their certificates. Of
// one directory only one Forwarder can be open.
func New(cfg Config) (*Forwarder, error) {
	if cfg.Poll <= 0 {
		cfg.Poll = 500 * time.Millisecond
	}
	if cfg.Backoff[0] <= 0 || cfg.Backoff[1] < cfg.Backoff[0] {
		cfg.Backoff = [2]time.Duration{time.Second, time.Minute}
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("positions of destinations: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(cfg.Dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("positions of destinations: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = errors.New("another process forwards from " + cfg.Dir + "; find it with fuser(1)")
		}
		return nil, fmt.Errorf("positions of destinations: %w", err)
	}
	f := &Forwarder{lock: lock}
	for _, d := range cfg.Destinations {
		w, err := newWorker(&cfg, d)
		if err != nil {
			f.Close()
			return nil, fmt.Errorf("forward to %s: %w", d.Name, err)
		}
		f.workers = append(f.workers, w)
	}
	return f, nil
}

// Run sends until the context ends, each destination on its own. What is under
// way then is broken off and sent again, with a mark, next time.
func (f *Forwarder) Run(ctx context.Context) {
	var all sync.WaitGroup
	for _, w := range f.workers {
		all.Go(func() { w.run(ctx) })
	}
	all.Wait()
}

// Close gives the directory free. Run must have ended.
func (f *Forwarder) Close() {
	for _, w := range f.workers {
		w.follower.Close()
	}
	f.lock.Close()
}

// A Status is how one destination does.
type Status struct {
	Name      string    `json:"name"`
	Type      string    `json:"type"`
	Address   string    `json:"address"`
	Seq       uint64    `json:"seq"`                  // up to here everything was answered for
	Lag       uint64    `json:"lag"`                  // records in the chain that were not
	Since     time.Time `json:"since,omitzero"`       // when something was answered for last
	Error     string    `json:"error,omitempty"`      // the last request's; empty: it went well
	Failing   time.Time `json:"failing,omitzero"`     // since when requests do not go well
	Sent      uint64    `json:"sent"`                 // records answered for, since the start
	Resent    uint64    `json:"resent"`               // of them those with a mark
	Refused   uint64    `json:"refused"`              // records that it refuses: they are in DeadFile
	Gaps      uint64    `json:"gaps"`                 // words of records that are missing
	Requests  uint64    `json:"requests"`             // also those that did not go well
	Bytes     uint64    `json:"bytes"`                // of records answered for
	DeadFile  string    `json:"dead_file"`            // where refused records are kept
	LastError string    `json:"last_error,omitempty"` // also when it goes well again
}

// Status gives all destinations, in their order.
func (f *Forwarder) Status() []Status {
	all := make([]Status, len(f.workers))
	for i, w := range f.workers {
		all[i] = w.report()
	}
	return all
}

// Sent is the number up to which every destination has answered for the
// records: what rotation may remove. Without destinations that is any.
func (f *Forwarder) Sent() uint64 {
	least := uint64(math.MaxUint64)
	for _, w := range f.workers {
		least = min(least, w.report().Seq)
	}
	return least
}
