package journal

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/runward/runward/internal/audit"
	"github.com/runward/runward/internal/audit/event"
	"github.com/runward/runward/policy"
)

// The test binary is its own writer: RUNWARD_TEST_WRITE="path count size".
func TestMain(m *testing.M) {
	job := os.Getenv("RUNWARD_TEST_WRITE")
	if job == "" {
		os.Exit(m.Run())
	}
	var path string
	var count, size int
	if _, err := fmt.Sscan(job, &path, &count, &size); err != nil {
		panic(err)
	}
	for i := range count {
		id, err := appendOne(path, i, strconv.Itoa(os.Getpid())+"-"+strconv.Itoa(i), size)
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(id)
	}
}

// appendOne writes a record of either kind: every third is an event.
func appendOne(path string, i int, container string, size int) (string, error) {
	if i%3 == 2 {
		e := &event.Event{
			Kind: event.Alert, Name: "memory.high", Severity: event.Warning, Container: container,
			Message: "uses more than it did", Got: strings.Repeat("z", min(size, 50000)), Details: map[string]string{"seq": `"seq":1,"prev":""`},
		}
		err := event.Append(audit.Config{Path: path}, e)
		return e.ID, err
	}
	r := receipt(container, size)
	err := audit.Append(audit.Config{Path: path}, r)
	return r.ID, err
}

func receipt(container string, size int) *audit.Receipt {
	return &audit.Receipt{
		Verb: "create", Container: container, Verdict: policy.Rewrite,
		Findings: []policy.Finding{{Rule: "mounts", Found: strings.Repeat("y", size), Done: policy.Rewritten}},
	}
}

func writer(t testing.TB, path string, count, size int) *exec.Cmd {
	t.Helper()
	c := exec.Command("/proc/self/exe")
	c.Env = []string{"RUNWARD_TEST_WRITE=" + path + " " + strconv.Itoa(count) + " " + strconv.Itoa(size)}
	return c
}

func newPath(t testing.TB) string { return filepath.Join(t.TempDir(), "log", "receipts.jsonl") }

func write(t testing.TB, path string, n int) {
	t.Helper()
	for i := range n {
		if _, err := appendOne(path, i, "c"+strconv.Itoa(i), 10); err != nil {
			t.Fatal(err)
		}
	}
}

func verify(t testing.TB, path string) *Report {
	t.Helper()
	inputs, head, done, err := Files(path)
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	r, err := Verify(inputs, head)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// say gives a report as one line, without the directory.
func say(r *Report, path string) string {
	s := fmt.Sprintf("%d records %d-%d, %d torn", r.Receipts+r.Events, r.First, r.Last, r.Torn)
	for _, p := range r.Problems {
		s += "; " + strings.ReplaceAll(p.String(), filepath.Dir(path)+"/", "")
	}
	return s
}

func expect(t testing.TB, path, want string) {
	t.Helper()
	if got := say(verify(t, path), path); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func put(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func rename(t testing.TB, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func TestSixtyFourWriters(t *testing.T) {
	path := newPath(t)
	var all []*exec.Cmd
	for range 64 {
		c := writer(t, path, 10, 500)
		c.Stdout = new(bytes.Buffer)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	var ids []string
	for i, c := range all {
		err := c.Wait()
		out := c.Stdout.(*bytes.Buffer).String()
		if err != nil {
			t.Fatal(err, out)
		}
		ids = append(ids, strings.Fields(out)...)
		if i == 32 {
			rename(t, path, path+".1") // while the others write
		}
	}
	if r := verify(t, path); !r.Whole() || r.Receipts+r.Events != 640 || r.Events != 64*3 || r.Last != 640 || r.Torn != 0 {
		t.Error(say(r, path))
	}
	inputs, _, done, err := Files(path)
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	there := map[string]bool{}
	for r, err := range Records(inputs) {
		if err != nil {
			t.Fatal(err)
		}
		there[r.ID()] = true
	}
	for _, id := range ids {
		if !there[id] {
			t.Errorf("receipt %s was reported written and is not there", id)
		}
	}
	if len(ids) != 640 {
		t.Errorf("%d ids", len(ids))
	}
}

// Writers are killed wherever they are, and files renamed, and no receipt that
// was reported written is missing.
func TestKilledWriters(t *testing.T) {
	path := newPath(t)
	written := map[string]bool{}
	for round := range 30 {
		var all []*exec.Cmd
		for range 4 {
			c := writer(t, path, 100000, 300000)
			c.Stdout = new(bytes.Buffer)
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			all = append(all, c)
		}
		before := size(path)
		for size(path) < before+int64(1e6+round*33333) { // the moment varies with what they wrote
			time.Sleep(100 * time.Microsecond)
		}
		if round%4 == 3 {
			rename(t, path, path+"."+strconv.Itoa(round))
		}
		for _, c := range all {
			if err := c.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range all {
			if err := c.Wait(); err == nil || err.Error() != "signal: killed" {
				t.Fatal(err, c.Stdout)
			}
			for _, id := range strings.Fields(c.Stdout.(*bytes.Buffer).String()) {
				if len(id) == 26 {
					written[id] = true
				}
			}
		}
	}
	write(t, path, 1)
	r := verify(t, path)
	t.Log(say(r, path))
	if !r.Whole() || r.First != 1 {
		t.Error("not whole")
	}
	inputs, _, done, err := Files(path)
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	for r := range Records(inputs) {
		delete(written, r.ID())
	}
	if len(written) > 0 {
		t.Errorf("%d receipts were reported written and are not there", len(written))
	}
}

func size(path string) int64 {
	st, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return st.Size()
}

// Wherever a write is cut short, before or after the head moved, the fragment
// stays, the chain stays whole, and the receipts before and after are there.
func TestTornAtEveryByte(t *testing.T) {
	path := newPath(t)
	for _, n := range []int{1, 3} {
		for _, headMoved := range []bool{true, false} {
			if err := os.RemoveAll(filepath.Dir(path)); err != nil {
				t.Fatal(err)
			}
			write(t, path, n-1)
			var start int
			var oldHead []byte
			if n > 1 {
				start = len(read(t, path))
				oldHead = read(t, path+audit.HeadSuffix)
			}
			write(t, path, 1)
			whole, head := read(t, path), read(t, path+audit.HeadSuffix)
			if !headMoved {
				head = oldHead
			}
			for cut := start; cut <= len(whole); cut++ {
				put(t, path, whole[:cut])
				put(t, path+audit.HeadSuffix, head)
				r := verify(t, path)
				write(t, path, 2)
				if !bytes.HasPrefix(read(t, path), whole[:cut]) {
					t.Fatalf("cut at %d: evidence is gone", cut)
				}
				after := verify(t, path)
				switch {
				case cut == start && headMoved && n > 1: // no fragment: a receipt is missing without a trace but the head
					if r.Whole() || r.Problems[0].Kind != Missing || after.Whole() || after.Problems[0].Kind != Lost {
						t.Fatalf("cut at %d: %s, then %s", cut, say(r, path), say(after, path))
					}
				case cut == start:
				case cut >= len(whole)-1: // at most the newline is missing
					if !r.Whole() || !after.Whole() || after.Torn != 0 || after.Receipts+after.Events != n+2 {
						t.Fatalf("cut at %d: %s, then %s", cut, say(r, path), say(after, path))
					}
				default:
					if !r.Whole() || r.Torn != 1 || !after.Whole() || after.Torn != 1 || after.Receipts+after.Events != n+1 || after.First != 1 {
						t.Fatalf("cut at %d: %s, then %s", cut, say(r, path), say(after, path))
					}
				}
			}
		}
	}
}

func TestTornTwiceThenRotated(t *testing.T) {
	path := newPath(t)
	write(t, path, 2)
	put(t, path, append(read(t, path), "{\"version\":1,\"id\":\"AB\n{\"vers"...))
	rename(t, path, path+".1")
	write(t, path, 2)
	expect(t, path, "4 records 1-5, 1 torn")
	put(t, path+".1", bytes.Replace(read(t, path+".1"), []byte("\"AB"), []byte("\"AC"), 1))
	expect(t, path, "4 records 1-5, 0 torn; receipts.jsonl.1:3: changed: not a whole receipt: it does not end in a hash")
}

func TestEveryChangedByteIsSeen(t *testing.T) {
	path := newPath(t)
	write(t, path, 4)
	whole := read(t, path)
	for i := range whole {
		for _, b := range []byte{whole[i] ^ 1, whole[i] ^ 0x20, '\n', ' ', '"'} {
			if b == whole[i] {
				continue
			}
			changed := bytes.Clone(whole)
			changed[i] = b
			r, err := Verify([]Input{{"f", bytes.NewReader(changed)}}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if r.Whole() {
				t.Fatalf("byte %d changed from %q to %q: %s", i, whole[i], b, say(r, path))
			}
		}
	}
}

func TestTampering(t *testing.T) {
	path := newPath(t)
	write(t, path, 5)
	l := bytes.SplitAfter(read(t, path), []byte{'\n'})[:5]
	lines := func(n ...int) []byte {
		var b []byte
		for _, i := range n {
			b = append(b, l[i-1]...)
		}
		return b
	}
	other := newPath(t)
	write(t, other, 5)
	alien := bytes.SplitAfter(read(t, other), []byte{'\n'})

	for _, tt := range []struct {
		name string
		data []byte
		want string
	}{
		{"nothing", lines(1, 2, 3, 4, 5), "5 records 1-5, 0 torn"},
		{"removed", lines(1, 2, 4, 5), "4 records 1-5, 0 torn; receipts.jsonl:3: broken: record 4 follows record 2"},
		{"first removed", lines(2, 3, 4, 5), "4 records 2-5, 0 torn"}, // as after rotation: First tells
		{"repeated", lines(1, 2, 2, 3, 4, 5), "6 records 1-5, 0 torn; receipts.jsonl:3: broken: record 2 follows record 2"},
		{"moved", lines(1, 3, 2, 4, 5), "5 records 1-5, 0 torn; receipts.jsonl:2: broken: record 3 follows record 1; receipts.jsonl:3: broken: record 2 follows record 3; receipts.jsonl:4: broken: record 4 follows record 2"},
		{"last removed", lines(1, 2, 3, 4), "4 records 1-4, 0 torn; receipts.jsonl:4: missing: the end: the head knows 5 records, the last here is 4"},
		{"emptied", nil, "0 records 0-0, 0 torn; receipts.jsonl:0: missing: the end: the head knows 5 records, the last here is 0"},
		{"blank line", append(append(lines(1, 2), '\n'), lines(3, 4, 5)...), "5 records 1-5, 0 torn; receipts.jsonl:3: changed: not a whole receipt: it does not end in a hash"},
		{"joined", append(bytes.TrimSpace(lines(1)), lines(2, 3, 4, 5)...), "3 records 3-5, 0 torn; receipts.jsonl:1: changed: does not match its own hash"},
		{"last replaced", append(lines(1, 2, 3, 4), alien[4]...), "5 records 1-5, 0 torn; receipts.jsonl:5: broken: record 5 links to "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			put(t, path, tt.data)
			got := say(verify(t, path), path)
			if got != tt.want && !(tt.name == "last replaced" && strings.HasPrefix(got, tt.want)) {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			// What was seen stays seen when writers go on.
			if strings.Contains(got, ";") {
				put(t, path+audit.HeadSuffix, headOf(t, l[4], path, len(lines(1, 2, 3, 4, 5))))
				write(t, path, 1)
				if r := verify(t, path); r.Whole() && tt.data != nil {
					t.Errorf("healed by the next receipt: %s", say(r, path))
				}
			}
			put(t, path+audit.HeadSuffix, headOf(t, l[4], path, len(lines(1, 2, 3, 4, 5))))
		})
	}
}

func headOf(t *testing.T, line []byte, path string, size int) []byte {
	t.Helper()
	l, err := audit.ParseLink(bytes.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return []byte(fmt.Sprintf("runward receipts head 1\nseq %020d\nfile %020d\nsize %020d\nhash %s\n", l.Seq, st.Sys().(*syscall.Stat_t).Ino, size, l.Hash))
}

func TestRotation(t *testing.T) {
	t.Run("renamed, then created by logrotate", func(t *testing.T) {
		path := newPath(t)
		write(t, path, 3)
		rename(t, path, path+".1")
		put(t, path, nil)
		write(t, path, 3)
		rename(t, path, path+"-20260101")
		write(t, path, 1)
		if out, err := exec.Command("gzip", path+".1").CombinedOutput(); err != nil {
			t.Fatal(err, string(out))
		}
		expect(t, path, "7 records 1-7, 0 torn")
	})
	t.Run("removed", func(t *testing.T) {
		path := newPath(t)
		write(t, path, 3)
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		write(t, path, 2)
		expect(t, path, "2 records 4-5, 0 torn")
	})
	t.Run("the writer was killed before it moved the head", func(t *testing.T) {
		path := newPath(t)
		write(t, path, 2)
		head := read(t, path+audit.HeadSuffix)
		write(t, path, 1)
		put(t, path+audit.HeadSuffix, head)
		rename(t, path, path+".1")
		write(t, path, 1)
		expect(t, path, "4 records 1-4, 0 torn")
	})
	t.Run("no head", func(t *testing.T) {
		path := newPath(t)
		write(t, path, 2)
		put(t, path+audit.HeadSuffix, []byte("what"))
		write(t, path, 1)
		expect(t, path, "3 records 1-3, 0 torn")
	})
}

func TestFind(t *testing.T) {
	path := newPath(t)
	write(t, path, 2)
	put(t, path, append(read(t, path), "{"...))
	inputs := func() []Input { return []Input{{"f", bytes.NewReader(read(t, path))}} }
	var ids []string
	for r, err := range All(inputs()) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, r.ID)
	}
	if len(ids) != 2 {
		t.Fatal(ids)
	}
	for _, id := range []string{ids[1], strings.ToLower(ids[1]), ids[1][:25]} {
		if r, err := Find(inputs(), id); err != nil || r.ID != ids[1] || r.Container != "c1" {
			t.Errorf("%s: %v, %v", id, r, err)
		}
	}
	for id, want := range map[string]string{
		"01ARYZ6S41":  "receipt 01ARYZ6S41: no such receipt",
		ids[0][:3]:    "receipt " + ids[0][:3] + ": no such receipt",
		ids[0][:6]:    "receipt " + ids[0][:6] + ": several receipts begin so, such as " + ids[0] + " and " + ids[1],
		ids[1] + "00": "receipt " + ids[1] + "00: no such receipt",
	} {
		if _, err := Find(inputs(), id); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", id, err, want)
		}
	}
}

// Whatever happens to the file between receipts, writers go on, and no line
// that was there is changed or removed by them.
func TestWritersGoOnAfterAnything(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp("", "journal")
		if err != nil {
			rt.Fatal(err)
		}
		defer os.RemoveAll(dir)
		path := filepath.Join(dir, "receipts.jsonl")
		write(t, path, 1)
		harmless := true
		for i := range rapid.IntRange(1, 6).Draw(rt, "steps") {
			switch rapid.IntRange(0, 4).Draw(rt, "what") {
			case 0:
				rename(t, path, path+"."+strconv.Itoa(i))
			case 1:
				b := read(t, path)
				put(t, path, b[:len(b)-rapid.IntRange(0, len(b)).Draw(rt, "cut")])
				harmless = false
			case 2:
				put(t, path, append(read(t, path), rapid.SliceOfN(rapid.ByteRange(11, 127), 0, 50).Draw(rt, "torn")...))
			case 3:
				put(t, path, append(read(t, path), rapid.SliceOf(rapid.Byte()).Draw(rt, "noise")...))
				harmless = false
			}
			b := []byte{}
			if size(path) > 0 {
				b = read(t, path)
			}
			write(t, path, rapid.IntRange(1, 3).Draw(rt, "receipts"))
			if !bytes.HasPrefix(read(t, path), b) {
				rt.Fatal("a line is gone")
			}
		}
		if r := verify(t, path); harmless && (!r.Whole() || r.First != 1) {
			rt.Fatal(say(r, path))
		}
	})
}

func FuzzVerify(f *testing.F) {
	path := newPath(f)
	write(f, path, 3)
	f.Add(read(f, path), []byte("x"))
	f.Add([]byte("\n\n{}\n"), []byte{})
	f.Add(read(f, path)[:1000], read(f, path))
	f.Fuzz(func(t *testing.T, one, two []byte) {
		inputs := func() []Input { return []Input{{"1", bytes.NewReader(one)}, {"2", bytes.NewReader(two)}} }
		r, err := Verify(inputs(), &audit.Head{Seq: 3})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for range Records(inputs()) {
			n++
		}
		if r.Receipts+r.Events > n {
			t.Errorf("verified %d receipts and %d events, read %d", r.Receipts, r.Events, n)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	for _, bench := range []struct {
		name string
		sync audit.Sync
	}{{"none", audit.SyncNone}, {"data", audit.SyncData}} {
		for _, size := range []int{1500, 20000} {
			b.Run(bench.name+"/"+strconv.Itoa(size), func(b *testing.B) {
				path := newPath(b)
				for b.Loop() {
					if err := audit.Append(audit.Config{Path: path, Sync: bench.sync}, receipt("x", size)); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// After a power cut a file can have its size and not its content: the next
// receipt must not end up on the same line.
func TestEndWithoutContent(t *testing.T) {
	path := newPath(t)
	write(t, path, 3)
	b := read(t, path)
	copy(b[len(b)-10:], make([]byte, 10))
	put(t, path, b)
	write(t, path, 2)
	expect(t, path, "4 records 1-5, 1 torn")
}
