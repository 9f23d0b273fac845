package rotation

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/runward/runward/internal/audit"
	"github.com/runward/runward/internal/audit/event"
	"github.com/runward/runward/internal/audit/journal"
	"github.com/runward/runward/policy"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func newConfig(t testing.TB) audit.Config {
	return audit.Config{Path: filepath.Join(t.TempDir(), "log", "receipts.jsonl")}
}

// write writes records of both kinds.
func write(t testing.TB, cfg audit.Config, n int) {
	t.Helper()
	for i := range n {
		var err error
		if i%2 == 0 {
			err = audit.Append(cfg, &audit.Receipt{Time: start, Verb: "create", Container: "c" + strconv.Itoa(i), Verdict: policy.Allow, Error: strings.Repeat("x", 500)})
		} else {
			err = event.Append(cfg, &event.Event{Time: start, Kind: event.Alert, Name: "oom", Severity: event.Warning, Message: strings.Repeat("y", 500)})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func verify(t testing.TB, cfg audit.Config) *journal.Report {
	t.Helper()
	inputs, head, done, err := journal.Files(cfg.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	r, err := journal.Verify(inputs, head)
	if err != nil {
		t.Fatal(err)
	}
	if !r.Whole() {
		t.Errorf("not whole: %v", r.Problems)
	}
	return r
}

func rotate(t testing.TB, cfg audit.Config, now time.Time, limits Limits) string {
	t.Helper()
	path, err := Rotate(cfg, now, limits)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func prune(t testing.TB, cfg audit.Config, now time.Time, limits Limits, sent uint64) []string {
	t.Helper()
	removed, err := Prune(cfg, now, limits, sent)
	if err != nil {
		t.Fatal(err)
	}
	for i, path := range removed {
		removed[i] = filepath.Base(path)
	}
	return removed
}

// events gives the events of this name.
func events(t testing.TB, cfg audit.Config, name string) []*event.Event {
	t.Helper()
	inputs, _, done, err := journal.Files(cfg.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	var all []*event.Event
	for r, err := range journal.Records(inputs) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Event != nil && r.Event.Name == name {
			all = append(all, r.Event)
		}
	}
	return all
}

func files(t testing.TB, cfg audit.Config) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(cfg.Path))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestRotate(t *testing.T) {
	cfg := newConfig(t)
	limits := Limits{MaxBytes: 2000, Every: time.Hour}
	if path := rotate(t, cfg, start, limits); path != "" {
		t.Errorf("an empty file was put aside as %s", path)
	}
	write(t, cfg, 2)
	if path := rotate(t, cfg, start.Add(time.Hour), limits); path != "" {
		t.Errorf("within both bounds, and put aside as %s", path)
	}
	if path := rotate(t, cfg, start.Add(time.Hour+1), limits); filepath.Base(path) != "receipts.jsonl.20260102T040405Z-2" {
		t.Errorf("put aside as %q", path)
	}
	write(t, cfg, 3)
	if path := rotate(t, cfg, start, limits); filepath.Base(path) != "receipts.jsonl.20260102T030405Z-6" {
		t.Errorf("put aside as %q", path)
	}
	r := verify(t, cfg)
	if r.First != 1 || r.Last != 7 || r.Events != 4 {
		t.Errorf("%+v", r)
	}
	for _, e := range events(t, cfg, Put) {
		if e.Details["last_hash"] != e.Prev || e.Details["last_seq"] != strconv.FormatUint(e.Seq-1, 10) {
			t.Errorf("%+v", e)
		}
	}
	made, err := Compress(cfg)
	if err != nil || len(made) != 2 {
		t.Fatal(made, err)
	}
	if r := verify(t, cfg); r.First != 1 || r.Last != 7 {
		t.Errorf("compressed: %+v", r)
	}
	want := []string{"receipts.jsonl", "receipts.jsonl.20260102T030405Z-6.gz", "receipts.jsonl.20260102T040405Z-2.gz", "receipts.jsonl.head"}
	if got := files(t, cfg); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestTakenName(t *testing.T) {
	cfg := newConfig(t)
	write(t, cfg, 1)
	if err := os.WriteFile(cfg.Path+".20260102T030405Z-1", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Rotate(cfg, start, Limits{MaxBytes: 1})
	if want := "receipts " + cfg.Path + ": cannot rename it to receipts.jsonl.20260102T030405Z-1: file exists"; err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	write(t, cfg, 1)
	verify(t, cfg)
}

// A process that is killed after the rename leaves no event and an empty file;
// the old one must not be compressed before the next record was linked to it.
func TestKilledAfterTheRename(t *testing.T) {
	cfg := newConfig(t)
	write(t, cfg, 2)
	log, err := audit.Lock(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := log.PutAside("receipts.jsonl.20260102T030405Z-2"); err != nil {
		t.Fatal(err)
	}
	log.Close()
	if made, err := Compress(cfg); err != nil || len(made) != 0 {
		t.Error("compressed what writers still need", made, err)
	}
	write(t, cfg, 1)
	if made, err := Compress(cfg); err != nil || len(made) != 1 {
		t.Error(made, err)
	}
	if r := verify(t, cfg); r.First != 1 || r.Last != 3 {
		t.Errorf("%+v", r)
	}
}

// Killed while it compresses, it leaves half a file that nobody reads, or both
// files; the next call ends it.
func TestKilledWhileCompressing(t *testing.T) {
	cfg := newConfig(t)
	write(t, cfg, 3)
	old := rotate(t, cfg, start, Limits{MaxBytes: 1})
	plain, err := os.ReadFile(old)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Compress(cfg); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{old: plain, filepath.Join(filepath.Dir(old), ".packing-"+filepath.Base(old)): plain[:100]} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if r := verify(t, cfg); r.First != 1 || r.Last != 4 {
		t.Errorf("%+v", r)
	}
	if made, err := Compress(cfg); err != nil || len(made) != 1 {
		t.Error(made, err)
	}
	verify(t, cfg)
	if got := files(t, cfg); len(got) != 3 {
		t.Errorf("left %q", got)
	}
}

func TestPrune(t *testing.T) {
	cfg := newConfig(t)
	for i := range 6 {
		write(t, cfg, 3)
		rotate(t, cfg, start.Add(time.Duration(i)*time.Minute), Limits{MaxBytes: 1})
	}
	for name, data := range map[string]string{cfg.Path + ".1": "", cfg.Path + ".bak": "", cfg.Path + ".20260102T000000Z-x": ""} {
		if err := os.WriteFile(name, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if removed := prune(t, cfg, start, Limits{MaxFiles: 6}, All); len(removed) != 0 {
		t.Errorf("within the bound, and removed %q", removed)
	}
	// What was not forwarded stays, within its own bound.
	if removed := prune(t, cfg, start, Limits{MaxFiles: 4, MaxUnsent: 2}, 2); len(removed) != 0 {
		t.Errorf("not forwarded, and removed %q", removed)
	}
	if removed := prune(t, cfg, start, Limits{MaxFiles: 4, MaxUnsent: 2}, 3); !slices.Equal(removed, []string{"receipts.jsonl.20260102T030405Z-3"}) {
		t.Errorf("forwarded, and removed %q", removed)
	}
	if removed := prune(t, cfg, start, Limits{MaxFiles: 2, MaxUnsent: 2}, 3); !slices.Equal(removed, []string{"receipts.jsonl.20260102T030505Z-7"}) {
		t.Errorf("over the bound of what is not forwarded, and removed %q", removed)
	}
	if removed := prune(t, cfg, time.Now().Add(time.Hour), Limits{MaxFiles: 9, MaxAge: time.Hour / 2}, 15); len(removed) != 2 {
		t.Errorf("too old, and removed %q", removed)
	}
	if r := verify(t, cfg); r.First != 16 {
		t.Errorf("%+v", r)
	}
	all := events(t, cfg, Removed)
	if len(all) != 4 {
		t.Fatal(all)
	}
	for i, want := range []string{"1-3 true info", "4-7 false critical", "8-11 true info", "12-15 true info"} {
		e := all[i]
		if got := e.Details["first_seq"] + "-" + e.Details["last_seq"] + " " + e.Details["forwarded"] + " " + e.Severity; got != want {
			t.Errorf("event %d: %s, want %s", i, got, want)
		}
	}
	// What is left can be held to the last removal.
	kept, err := journal.List(cfg.Path)
	if err != nil {
		t.Fatal(err)
	}
	kept = slices.DeleteFunc(kept, func(f journal.File) bool { return f.First.Seq == 0 })
	if kept[0].First.Prev != all[3].Details["last_hash"] {
		t.Errorf("what is left follows %s, removed was up to %s", kept[0].First.Prev, all[3].Details["last_hash"])
	}
}

// While writers write, files are put aside, compressed and removed, and the
// chain stays whole.
func TestWritersGoOnMeanwhile(t *testing.T) {
	cfg := newConfig(t)
	stop := make(chan struct{})
	var writers sync.WaitGroup
	for range 8 {
		writers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					write(t, cfg, 5)
				}
			}
		})
	}
	now := start
	for rotated := 0; rotated < 12; now = now.Add(time.Second) {
		if rotate(t, cfg, now, Limits{MaxBytes: 20000}) != "" {
			rotated++
		}
		if _, err := Compress(cfg); err != nil {
			t.Fatal(err)
		}
		prune(t, cfg, start, Limits{MaxFiles: 3}, All)
	}
	close(stop)
	writers.Wait()
	r := verify(t, cfg)
	if n := len(events(t, cfg, Put)); r.First == 1 || n == 0 {
		t.Errorf("%+v, %d times put aside", r, n)
	}
}

// The test binary is its own node with a small disk.
func TestMain(m *testing.M) {
	if dir := os.Getenv("RUNWARD_TEST_SMALL_DISK"); dir != "" {
		if err := smallDisk(dir); err != nil {
			os.Stdout.WriteString(err.Error())
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func TestFullDisk(t *testing.T) {
	c := exec.Command("/proc/self/exe")
	c.Env = []string{"RUNWARD_TEST_SMALL_DISK=" + t.TempDir()}
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}, GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// smallDisk fills a disk with records, which must stay whole, until none can be
// written any more; then Prune makes room.
func smallDisk(dir string) error {
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=256k,mode=700"); err != nil {
		return errors.New("mount: " + err.Error())
	}
	cfg := audit.Config{Path: filepath.Join(dir, "receipts.jsonl")}
	one := func() error {
		return audit.Append(cfg, &audit.Receipt{Verb: "create", Verdict: policy.Allow, Error: strings.Repeat("x", 5000)})
	}
	var err error
	written := 0
	for ; err == nil; err = one() {
		written++
		if written == 10 || written == 20 {
			if _, err := Rotate(cfg, start, Limits{MaxBytes: 1}); err != nil {
				return err
			}
		}
	}
	if !errors.Is(err, syscall.ENOSPC) {
		return err
	}
	if err := whole(cfg, 1); err != nil {
		return err
	}
	// Half a page may still hold an event: then the disk is full for good.
	for err = error(nil); err == nil; {
		err = event.Append(cfg, &event.Event{Kind: event.Alert, Name: "x", Severity: event.Info, Message: "x"})
	}
	if !errors.Is(err, syscall.ENOSPC) {
		return err
	}
	if removed, err := Prune(cfg, start, Limits{MaxFiles: 2}, All); err != nil || len(removed) != 0 {
		return errors.New("within its bounds Prune removed " + strings.Join(removed, " "))
	}
	removed, err := Prune(cfg, start, Limits{MaxFiles: 1}, All)
	if err != nil || len(removed) != 1 {
		return errors.New("Prune made no room: " + strings.Join(removed, " "))
	}
	if err := one(); err != nil {
		return err
	}
	return whole(cfg, 10)
}

func whole(cfg audit.Config, first uint64) error {
	inputs, head, done, err := journal.Files(cfg.Path)
	if err != nil {
		return err
	}
	defer done()
	r, err := journal.Verify(inputs, head)
	if err == nil && (!r.Whole() || r.First != first) {
		err = errors.New("from " + strconv.FormatUint(r.First, 10) + ": " + strconv.Itoa(len(r.Problems)) + " problems")
	}
	return err
}
