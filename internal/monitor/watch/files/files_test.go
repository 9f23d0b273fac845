package files

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/runward/runward/internal/monitor/watch/alert"
)

// place is a directory with things to watch.
type place struct {
	t    *testing.T
	dir  string
	kept string
	ends int // of told
	*Watcher
}

func newPlace(t *testing.T) *place {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	p := &place{t: t, dir: filepath.Join(dir, "etc"), kept: filepath.Join(dir, "files.json")}
	p.must(err, os.Chmod(dir, 0o755), os.Mkdir(p.dir, 0o755))
	return p
}

func (p *place) must(errs ...error) {
	p.t.Helper()
	if err := errors.Join(errs...); err != nil {
		p.t.Fatal(err)
	}
}

func (p *place) path(name string) string { return filepath.Join(p.dir, name) }

func (p *place) put(name, text string) {
	p.t.Helper()
	p.must(os.MkdirAll(filepath.Dir(p.path(name)), 0o755), os.WriteFile(p.path(name), []byte(text), 0o644))
}

// open watches these names, and gives what was told at once.
func (p *place) open(names ...string) string {
	p.t.Helper()
	settings := Default()
	settings.Settle = alert.Duration(time.Millisecond)
	var list []Watched
	for _, name := range names {
		list = append(list, Watched{p.path(name), "a test's", alert.Critical})
	}
	var alerts []alert.Alert
	var err error
	p.Watcher, alerts, err = Open(settings, list, p.kept, time.Now())
	p.must(err)
	w := p.Watcher
	p.t.Cleanup(func() { _ = w.stop() }) // where the test has not
	return p.words(alerts)
}

// told waits until something is told, or until everything that was done before
// was looked at and there was nothing to tell.
func (p *place) told() string {
	p.t.Helper()
	// Events are in order, but of one name the kernel makes one: with the first of
	// a name that was not there yet, all before it are there.
	p.ends++
	end := "end-of-test-" + strconv.Itoa(p.ends)
	p.put(end, "")
	for late := time.After(20 * time.Second); ; {
		select {
		case t := <-p.touches:
			if p.concerns(t.event) {
				p.waiting = append(p.waiting, t)
			}
			if t.name != end {
				continue
			}
		case <-late:
			p.t.Fatal("after 20 s no event")
		}
		break
	}
	p.must(os.Remove(p.path(end)))
	alerts, err := p.Tick(time.Now().Add(time.Minute))
	p.must(err)
	return p.words(alerts)
}

// words leaves out by whom, which is test/e2e's.
func (p *place) words(alerts []alert.Alert) string {
	var all []string
	for _, a := range alerts {
		text, _, _ := strings.Cut(strings.TrimPrefix(a.Message, p.dir+"/"), ", by ")
		text, _, _ = strings.Cut(text, ", w")
		all = append(all, strings.ReplaceAll(strings.ReplaceAll(text, " (a test's)", ""), p.dir+"/", ""))
	}
	return strings.Join(all, "; ")
}

func (p *place) want(what string, got, want string) {
	p.t.Helper()
	if got != want {
		p.t.Errorf("%s: told %q, want %q", what, got, want)
	}
}

func TestWatch(t *testing.T) {
	p := newPlace(t)
	p.put("a.toml", "1")
	p.put("tree/one", "1")
	p.must(os.Symlink("a.toml", p.path("link.toml")))
	p.want("at first", p.open("a.toml", "tree", "link.toml", "late/er/x.toml", "."+"/end"), "")
	for _, c := range []struct {
		what string
		do   func()
		want string
	}{
		{"nothing", func() {}, ""},
		{"another content", func() { p.put("a.toml", "2") }, "a.toml has another content"},
		{"put in its place", func() { p.put("a.toml.tmp", "3"); p.must(os.Rename(p.path("a.toml.tmp"), p.path("a.toml"))) }, "a.toml has another content"},
		{"an editor's other files", func() { p.put(".a.toml.swp", "3"); p.put("4913", ""); p.must(os.Remove(p.path("4913"))) }, ""},
		{"the same again", func() { p.put("b", "3"); p.must(os.Rename(p.path("b"), p.path("a.toml"))) }, "a.toml was written or put in place again, and is as it was"},
		{"its mode", func() { p.must(os.Chmod(p.path("a.toml"), 0o666)) }, "a.toml has mode 0666, not 0644"},
		{"removed", func() { p.must(os.Remove(p.path("a.toml"))) }, "a.toml was removed"},
		{"created", func() { p.put("a.toml", "4") }, "a.toml was created"},
		{"a file in a tree", func() { p.put("tree/two", "1") }, "tree/two was created"},
		{"a temporary one in it", func() { p.put("tree/x", "1"); p.must(os.Remove(p.path("tree/x"))) }, ""},
		{"a directory in a tree", func() { p.put("tree/d/e/f", "1") }, "tree/d/e/f was created"},
		{"deep in it", func() { p.put("tree/d/e/f", "2") }, "tree/d/e/f has another content"},
		{"a tree that goes", func() { p.must(os.RemoveAll(p.path("tree/d"))) }, "tree/d/e/f was removed"},
		{"a link leads elsewhere", func() {
			p.put("other", "x")
			p.must(os.Remove(p.path("link.toml")), os.Symlink("other", p.path("link.toml")))
		}, "link.toml leads to other, not to a.toml"},
		{"where it leads now", func() { p.put("other", "y") }, "other has another content"},
		{"what was not there yet", func() { p.put("late/er/x.toml", "1") }, "late/er/x.toml was created"},
		{"and then changes", func() { p.put("late/er/x.toml", "2") }, "late/er/x.toml has another content"},
		{"a directory in its place", func() {
			p.put("new/er/x.toml", "3")
			p.must(os.Rename(p.path("late"), p.path("old")), os.Rename(p.path("new"), p.path("late")))
		}, "late/er/x.toml has another content"},
		{"which is watched like the first", func() { p.put("late/er/x.toml", "4") }, "late/er/x.toml has another content"},
		{"and the old one is not", func() { p.put("old/er/x.toml", "5") }, ""},
		{"a directory where a file was", func() { p.must(os.Remove(p.path("a.toml")), os.Mkdir(p.path("a.toml"), 0o755)) }, "a.toml was a file and is a directory"},
	} {
		c.do()
		p.want(c.what, p.told(), c.want)
	}
}

// What changes while nobody watches is told of at the next start, once.
func TestWhileDown(t *testing.T) {
	p := newPlace(t)
	p.put("a.toml", "1")
	p.put("b.toml", "1")
	p.want("at first", p.open("a.toml", "b.toml", "c.toml"), "")
	p.must(p.Close(time.Now()))
	info, err := os.Stat(p.kept)
	p.must(err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the kept file has mode %o", info.Mode().Perm())
	}
	p.put("a.toml", "2")
	p.put("c.toml", "2")
	p.must(os.Remove(p.path("b.toml")))
	p.want("at the next start", p.open("a.toml", "b.toml", "c.toml"), "a.toml has another content; b.toml was removed; c.toml was created")
	p.must(p.Close(time.Now()))
	p.want("and the one after", p.open("a.toml", "b.toml", "c.toml"), "")
	p.must(p.Close(time.Now()))
	p.must(os.WriteFile(p.kept, []byte("{"), 0o600))
	p.want("with a damaged file", p.open("a.toml"), "")
	if notes := strings.Join(p.Notes(), ""); !strings.Contains(notes, p.kept+" cannot be used") {
		t.Errorf("notes: %s", notes)
	}
}

// What the kernel's events do not tell of is found by looking again.
func TestRescan(t *testing.T) {
	p := newPlace(t)
	p.put("a.toml", "1")
	p.want("at first", p.open("a.toml"), "")
	p.must(p.stop()) // no more events
	p.put("a.toml", "2")
	alerts, err := p.Tick(time.Now().Add(time.Second))
	p.must(err)
	p.want("before it is time", p.words(alerts), "")
	alerts, err = p.Tick(time.Now().Add(6 * time.Minute))
	p.must(err)
	p.want("when it is", p.words(alerts), "a.toml has another content")
	if !strings.HasSuffix(alerts[0].Message, ", without an event of the kernel's: it was found by looking again") {
		t.Error(alerts[0].Message)
	}
	p.put("a.toml", "2")
	alerts, err = p.Tick(time.Now().Add(12 * time.Minute))
	p.must(err)
	p.want("the same again, by nobody", p.words(alerts), "")
	p.put("a.toml", "3")
	p.lost.Store(true)
	alerts, err = p.Tick(time.Now().Add(6 * time.Minute))
	p.must(err)
	if len(alerts) != 1 || !strings.HasSuffix(alerts[0].Message, ", while more happened than the kernel or runwardd could keep events of") {
		t.Error(alerts)
	}
}

// Without fanotify, as for a user, inotify tells the same, and not by whom.
func TestInotify(t *testing.T) {
	i, err := newInotify()
	if err != nil {
		t.Fatal(err)
	}
	p := newPlace(t)
	key, err := i.mark(p.dir, true)
	p.must(err)
	heard := make(chan touch, 16)
	r, err := start(i, func(t touch) { heard <- t }, func(bool) {})
	p.must(err)
	p.put("x", "1")
	for _, want := range []string{"x", "x"} { // made, written
		select {
		case got := <-heard:
			if got.key != key || got.name != want || got.who != nil {
				t.Errorf("%+v", got)
			}
		case <-time.After(20 * time.Second):
			t.Fatal("no event")
		}
	}
	p.must(r.stop())
}

func TestPoints(t *testing.T) {
	p := newPlace(t)
	p.put("real/x/f", "")
	p.must(os.Symlink("real", p.path("way")), os.Symlink(p.path("way/x"), p.path("far")), os.Symlink("loop", p.path("loop")))
	for path, want := range map[string]string{
		"real/x/f": "real/x/f", "way/x/f": "real/x/f", "far/f": "real/x/f", "far/../x/f": "real/x/f", "no/such": "no/such", "way/no/such": "real/no/such", "loop": "loop",
	} {
		all, real := points(p.dir + "/" + path)
		if real != p.path(want) {
			t.Errorf("%s: %s, want %s", path, real, p.path(want))
		}
		if last := all[len(all)-1]; filepath.Join(last.dir, last.name) != p.path(want) && path != "no/such" && path != "way/no/such" {
			t.Errorf("%s: its last point is %+v", path, last)
		}
	}
	if _, real := points("/"); real != "/" {
		t.Error(real)
	}
}

// An event as the kernel writes it, and whatever else: no panic, and never a
// descriptor that nobody closes.
func FuzzEvents(f *testing.F) {
	var b []byte
	u32 := func(n uint32) { b = binary.NativeEndian.AppendUint32(b, n) }
	u16 := func(n uint16) { b = binary.NativeEndian.AppendUint16(b, n) }
	record := 4 + 8 + 8 + 8 + 6
	u32(uint32(24 + record + 8))
	b = append(b, unix.FANOTIFY_METADATA_VERSION, 0)
	u16(24)
	b = binary.NativeEndian.AppendUint64(b, unix.FAN_CREATE)
	u32(0xFFFFFFFF)
	u32(4711)
	b = append(b, unix.FAN_EVENT_INFO_TYPE_DFID_NAME, 0)
	u16(uint16(record))
	u32(1)
	u32(2)
	u32(8)
	u32(3)
	b = append(b, "handle..name\x00\x00"...)
	b = append(b, unix.FAN_EVENT_INFO_TYPE_PIDFD, 0)
	u16(8)
	u32(0xFFFFFFFF)
	events, err := (&fanotify{}).parse(b)
	if err != nil || len(events) != 1 || events[0].name != "name" || events[0].pid != 4711 || events[0].key != handleKey(1, 2, 3, []byte("handle..")) || events[0].pidfd != -1 {
		f.Fatalf("%+v, %v", events, err)
	}
	f.Add(b)
	f.Add([]byte("\x01\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x04\x00\x00\x00a\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, s := range []source{&fanotify{}, &inotify{}} {
			if events, err := s.parse(b); err == nil && len(events) > len(b)/16 {
				t.Errorf("%d events of %d bytes", len(events), len(b))
			}
		}
	})
}
