package evidence

import (
	"context"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/runward/runward/internal/audit"
	"github.com/runward/runward/internal/audit/event"
	"github.com/runward/runward/internal/audit/journal"
	"github.com/runward/runward/internal/monitor/forward"
	"github.com/runward/runward/policy"
)

// write writes n records of both kinds and gives the path of the chain.
func write(t *testing.T, path string, n int) {
	t.Helper()
	for i := range n {
		var err error
		if i%3 == 2 {
			err = event.Append(audit.Config{Path: path}, &event.Event{
				Kind: event.Alert, Name: "oom", Severity: event.Critical, Container: "c" + strconv.Itoa(i), Message: `killed: "]<&>\`,
			})
		} else {
			err = audit.Append(audit.Config{Path: path}, &audit.Receipt{
				Verb: "create", Container: "c]" + strconv.Itoa(i), Verdict: policy.Deny, Error: "\u2028 <é>",
				Identity: policy.Identity{Namespace: "prod", Pod: "web-0", Container: "web"},
			})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// texts gives the records of the chain by their numbers.
func texts(t *testing.T, path string) map[uint64]string {
	t.Helper()
	f := journal.Follow(path, audit.Link{})
	defer f.Close()
	all := map[uint64]string{}
	for {
		lines, err := f.Next(1000, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if len(lines) == 0 {
			return all
		}
		for _, l := range lines {
			all[l.Seq] = string(l.Text)
		}
	}
}

func config(t *testing.T, d forward.Destination) forward.Config {
	dir := t.TempDir()
	d.Name, d.Batch, d.Timeout, d.MaxMessage = "x", 100, "5s", 60000
	return forward.Config{
		Receipts: filepath.Join(dir, "receipts.jsonl"), Dir: filepath.Join(dir, "forward"), Node: "node1", Version: "1",
		Destinations: []forward.Destination{d}, Poll: 5 * time.Millisecond, Backoff: [2]time.Duration{5 * time.Millisecond, 50 * time.Millisecond},
	}
}

func start(t *testing.T, cfg forward.Config) (*forward.Forwarder, func()) {
	t.Helper()
	f, err := forward.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { f.Run(ctx); close(done) }()
	stop := sync.OnceFunc(func() { cancel(); <-done; f.Close() })
	t.Cleanup(stop)
	return f, stop
}

// until waits for something to be true.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(time.Minute); !holds(); <-tick.C {
		if time.Now().After(end) {
			t.Fatal("waited in vain for " + what)
		}
	}
}

// came checks that every record came as it is, and that of each all copies but
// one have a mark.
func came(t *testing.T, want map[uint64]string, got []copied) {
	t.Helper()
	unmarked, copies := map[uint64]int{}, map[uint64]int{}
	for _, c := range got {
		if want[c.seq] != c.text {
			t.Fatalf("record %d came as %q\nand is %q", c.seq, c.text, want[c.seq])
		}
		copies[c.seq]++
		if !c.resent {
			unmarked[c.seq]++
		}
	}
	for seq := range want {
		if copies[seq] == 0 || unmarked[seq] > 1 {
			t.Fatalf("record %d came %d times, %d of them without a mark", seq, copies[seq], unmarked[seq])
		}
	}
	t.Logf("%d records, %d copies", len(want), len(got))
}

type copied struct {
	seq    uint64
	resent bool
	text   string
}
