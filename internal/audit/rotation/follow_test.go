package rotation

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/runward/runward/internal/audit"
	"github.com/runward/runward/internal/audit/journal"
)

// follow reads on and checks that nothing is left out and nothing comes twice.
func follow(t testing.TB, f *journal.Follower, most int) int {
	t.Helper()
	at := f.At()
	lines, err := f.Next(most, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range lines {
		next := at.Seq + 1
		if l.Hole != nil {
			if l.Hole.From != next || l.Hole.Why != journal.HoleTorn {
				t.Fatalf("after %d: %+v", at.Seq, *l.Hole)
			}
			next = l.Hole.To + 1
		}
		if at.Seq > 0 && (l.Seq != next || l.Broken != "" || l.Prev != at.Hash) {
			t.Fatalf("record %d after %d: %s", l.Seq, at.Seq, l.Broken)
		}
		if link, err := audit.ParseLink(l.Text); err != nil || link != l.Link {
			t.Fatal(link, err)
		}
		at = l.Link
	}
	return len(lines)
}

// Whatever rotation and crashes do, the follower gives every record once, in
// order, also when it starts anew in between.
func TestFollowerThroughAnything(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp("", "follow")
		if err != nil {
			rt.Fatal(err)
		}
		defer os.RemoveAll(dir)
		cfg := audit.Config{Path: filepath.Join(dir, "receipts.jsonl")}
		f := journal.Follow(cfg.Path, audit.Link{})
		defer func() { f.Close() }()
		for i := range rapid.IntRange(1, 25).Draw(rt, "steps") {
			switch rapid.SampledFrom([]string{"write", "write", "rotate", "compress", "rename", "torn", "read", "read", "again"}).Draw(rt, "step") {
			case "write":
				write(t, cfg, rapid.IntRange(1, 4).Draw(rt, "n"))
			case "rotate":
				rotate(t, cfg, start.Add(time.Duration(i)*time.Second), Limits{MaxBytes: 1})
			case "compress":
				if _, err := Compress(cfg); err != nil {
					rt.Fatal(err)
				}
			case "rename": // logrotate
				if line, err := journal.FirstLine(cfg.Path); err != nil || line == nil {
					continue // where a file without a record belongs cannot be told
				}
				if err := os.Rename(cfg.Path, cfg.Path+"."+strconv.Itoa(i)); err != nil && !os.IsNotExist(err) {
					rt.Fatal(err)
				}
			case "torn":
				file, err := os.OpenFile(cfg.Path, os.O_WRONLY|os.O_APPEND, 0)
				if err != nil {
					continue // none yet
				}
				if _, err := file.WriteString(`{"version":1,"id":"`); err != nil {
					rt.Fatal(err)
				}
				file.Close()
			case "read":
				follow(t, f, rapid.IntRange(1, 5).Draw(rt, "most"))
			case "again":
				at := f.At()
				f.Close()
				f = journal.Follow(cfg.Path, at)
			}
		}
		write(t, cfg, 1)
		for follow(t, f, 3) > 0 {
		}
		if r := verify(t, cfg); r.Last != f.At().Seq || r.Hash != f.At().Hash {
			rt.Fatalf("stopped at %d of %d", f.At().Seq, r.Last)
		}
	})
}

// The same while eight write and files are put aside, compressed and removed.
func TestFollowerMeanwhile(t *testing.T) {
	cfg := newConfig(t)
	f := journal.Follow(cfg.Path, audit.Link{})
	defer f.Close()
	var writers sync.WaitGroup
	for range 8 {
		writers.Go(func() { write(t, cfg, 150) })
	}
	done := make(chan struct{})
	go func() { writers.Wait(); close(done) }()
	rotated := make(chan error, 1)
	go func() {
		for i := 0; ; i++ {
			select {
			case <-done:
				rotated <- nil
				return
			default:
			}
			_, err := Rotate(cfg, start.Add(time.Duration(i)*time.Second), Limits{MaxBytes: 20000})
			if err == nil {
				_, err = Compress(cfg)
			}
			if err != nil {
				rotated <- err
				return
			}
		}
	}()
	for running := true; running; {
		select {
		case err := <-rotated:
			if err != nil {
				t.Fatal(err)
			}
			running = false
		default:
		}
		for follow(t, f, 7) > 0 {
		}
	}
	if r := verify(t, cfg); r.Last != f.At().Seq || r.Receipts+r.Events < 1200 {
		t.Errorf("stopped at %d of %d", f.At().Seq, r.Last)
	}
}

func TestFollowerSaysWhatIsMissing(t *testing.T) {
	cfg := newConfig(t)
	write(t, cfg, 2)
	f := journal.Follow(cfg.Path, audit.Link{})
	defer f.Close()
	follow(t, f, 1)
	for i := range 3 {
		rotate(t, cfg, start.Add(time.Duration(i)*time.Hour), Limits{MaxBytes: 1})
		write(t, cfg, 2)
	}
	prune(t, cfg, start, Limits{MaxFiles: 1}, All)
	follow(t, f, 1) // it still holds the removed file
	lines, err := f.Next(1, 1<<20)
	if err != nil || len(lines) != 1 || *lines[0].Hole != (journal.Hole{From: 3, To: 5, Why: journal.HoleRemoved}) || lines[0].Seq != 6 {
		t.Fatalf("%+v, %v", lines, err)
	}
	// And of a chain that was made anew.
	f = journal.Follow(cfg.Path, audit.Link{Seq: 7, Hash: audit.Digest(nil)})
	lines, err = f.Next(1, 1<<20)
	if err != nil || len(lines) != 1 || lines[0].Seq != 7 || lines[0].Broken != "record 7 is not the one that was read before, which had the hash "+audit.Digest(nil) {
		t.Fatalf("%+v, %v", lines, err)
	}
}

func TestFollowerOfAChainBegunAnew(t *testing.T) {
	cfg := newConfig(t)
	write(t, cfg, 5)
	f := journal.Follow(cfg.Path, audit.Link{})
	defer f.Close()
	follow(t, f, 9)
	for _, name := range []string{cfg.Path, cfg.Path + audit.HeadSuffix} {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	write(t, cfg, 2)
	lines, err := f.Next(9, 1<<20)
	if err != nil || len(lines) != 2 || lines[0].Seq != 1 || lines[1].Broken != "" ||
		lines[0].Broken != "the chain ends at record 2, though 5 were read before: it was cut off or begun anew" {
		t.Fatalf("%+v, %v", lines, err)
	}
}

// A record whose writer has not moved the head yet may still be taken back.
func TestFollowerWaitsForTheHead(t *testing.T) {
	cfg := newConfig(t)
	write(t, cfg, 2)
	head, err := os.ReadFile(cfg.Path + audit.HeadSuffix)
	if err != nil {
		t.Fatal(err)
	}
	write(t, cfg, 1)
	f := journal.Follow(cfg.Path, audit.Link{})
	defer f.Close()
	put := func(data []byte) {
		if err := os.WriteFile(cfg.Path+audit.HeadSuffix, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	now, err := os.ReadFile(cfg.Path + audit.HeadSuffix)
	if err != nil {
		t.Fatal(err)
	}
	put(head)
	log, err := audit.Lock(cfg) // as the writer that is at it
	if err != nil {
		t.Fatal(err)
	}
	if n := follow(t, f, 9); n != 2 {
		t.Errorf("gave %d records, 2 are finished", n)
	}
	if n := follow(t, f, 9); n != 0 {
		t.Errorf("gave %d records more while a writer is at it", n)
	}
	log.Close() // killed
	if n := follow(t, f, 9); n != 1 {
		t.Errorf("gave %d records, the killed writer's is whole", n)
	}
	put(now)
	if n := follow(t, f, 9); n != 0 {
		t.Errorf("gave %d records again", n)
	}
	if bytes.Equal(head, now) {
		t.Error("the head did not move")
	}
}
