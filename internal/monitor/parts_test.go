package monitor

import (
	"context"
	"encoding/binary"
	"errors"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"github.com/runward/runward/internal/audit/event"
	"github.com/runward/runward/internal/monitor/api"
	"github.com/runward/runward/internal/monitor/settings"
	"github.com/runward/runward/internal/state"
)

func TestRoles(t *testing.T) {
	m := &settings.Monitor{Viewers: []string{"vera", "@staff"}, Operators: []string{"@oncall"}, Administrators: []string{"anna"}}
	for _, c := range []struct {
		name   string
		uid    uint32
		groups []string
		want   Role
	}{
		{"root", 0, nil, Administrator},
		{"anna", 1000, nil, Administrator},
		{"otto", 1001, []string{"staff", "oncall"}, Operator},
		{"vera", 1002, nil, Viewer},
		{"sam", 1003, []string{"staff"}, Viewer},
		{"staff", 1004, nil, Nobody}, // a user of the group's name
		{"@staff", 1005, nil, Nobody},
		{"", 1006, nil, Nobody}, // a uid without a name
		{"mal", 1007, []string{"anna", "vera"}, Nobody},
	} {
		if got := roleOf(&peer{uid: c.uid, name: c.name}, c.groups, m); got != c.want {
			t.Errorf("%s in %v is %s, want %s", c.name, c.groups, got, c.want)
		}
	}
}

// What the kernel said of a process that is not followed any more is nobody
// else's end, though its descriptor's number is another's by then.
func TestExitsOfOthers(t *testing.T) {
	x, err := newExits()
	if err != nil {
		t.Fatal(err)
	}
	defer x.close()
	follow := func(id string) *exec.Cmd {
		p := exec.Command("sleep", "1000")
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = p.Process.Kill() // it may have ended
			_ = p.Wait()
		})
		stat, err := state.ReadStat(p.Process.Pid)
		if err != nil {
			t.Fatal(err)
		}
		if err := x.follow(key{"/", id}, p.Process.Pid, stat.Start); err != nil {
			t.Fatal(err)
		}
		return p
	}
	first := follow("first")
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	told := make([]unix.EpollEvent, 1)
	if n, err := unix.EpollWait(x.epoll, told, 20_000); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	fd := x.by[x.of[key{"/", "first"}]].fd
	x.leave(key{"/", "first"})
	second := follow("second")
	if now := x.by[x.of[key{"/", "second"}]].fd; now != fd {
		t.Fatalf("the descriptor is %d, not %d again", now, fd)
	}
	if k, ok := x.take(&told[0]); ok {
		t.Errorf("the end of the first is taken for that of %v", k)
	}
	if err := second.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if n, err := unix.EpollWait(x.epoll, told, 20_000); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if k, ok := x.take(&told[0]); !ok || k.id != "second" {
		t.Errorf("then ended %v, %v", k, ok)
	}
}

// Whatever is put in and dropped comes out once, the earliest first.
func TestSchedule(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s schedule
		base := time.Unix(0, 0)
		want := map[*container]time.Time{}
		all := make([]*container, 20)
		for i := range all {
			all[i] = &container{place: -1}
		}
		for range rapid.IntRange(0, 100).Draw(t, "steps") {
			c := rapid.SampledFrom(all).Draw(t, "container")
			if rapid.IntRange(0, 4).Draw(t, "what") == 0 {
				s.drop(c)
				delete(want, c)
				continue
			}
			due := base.Add(time.Duration(rapid.IntRange(0, 1000).Draw(t, "due")))
			s.put(c, due)
			if old, ok := want[c]; !ok || due.Before(old) {
				want[c] = due
			}
		}
		last := base
		for len(want) > 0 {
			c, _ := s.next(base.Add(time.Hour))
			if c == nil || !c.due.Equal(want[c]) || c.due.Before(last) {
				t.Fatalf("%v came after %v", c, last)
			}
			last = c.due
			delete(want, c)
		}
		if c, wait := s.next(base.Add(time.Hour)); c != nil || wait <= 0 || len(want) != 0 {
			t.Fatalf("%d are left, %v, %v", len(want), c, wait)
		}
	})
}

func TestPatience(t *testing.T) {
	for tries := range 70 {
		if p := patience(tries); p < 2*time.Millisecond || p > 5*time.Second {
			t.Errorf("%v after %d", p, tries)
		}
	}
}

// What finds no room is counted, and said as soon as there is some.
func TestRecorderIsBounded(t *testing.T) {
	var names []string
	begun, hold := make(chan bool, 1), make(chan bool)
	s := &stream{}
	r := newRecorder(func(e *event.Event) error {
		if len(names) == 0 {
			begun <- true
			<-hold
		}
		names = append(names, e.Name)
		return nil
	}, s, nil)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan bool)
	go func() {
		r.run(ctx)
		close(ended)
	}()
	r.put(event.Event{Name: "first"})
	<-begun
	for range queued + 7 {
		r.put(event.Event{Name: "more"})
	}
	close(hold)
	stop()
	<-ended
	if want := queued + 2; len(names) != want || r.lost.Load() != 7 {
		t.Errorf("%d were written, %d lost; want %d, 7", len(names), r.lost.Load(), want)
	}
	if names[1] != "monitor.events_dropped" {
		t.Errorf("after the first came %s", names[1])
	}
}

func TestRecorderSaysWhatItCannotWrite(t *testing.T) {
	full := errors.New("the disk is full")
	var said error
	r := newRecorder(func(*event.Event) error { return full }, &stream{}, func(err error) { said = err })
	r.one(event.Event{Name: "x"})
	if !errors.Is(said, full) || r.lost.Load() != 1 || r.written.Load() != 0 {
		t.Errorf("said %v, lost %d", said, r.lost.Load())
	}
}

// Who does not read holds up nobody, and what he missed is counted.
func TestSlowReader(t *testing.T) {
	s := &stream{}
	events, leave := s.subscribe()
	for range backlog + 5 {
		s.send(event.Event{Name: "x"})
	}
	if readers, dropped := s.counts(); readers != 1 || dropped != 5 {
		t.Errorf("%d readers, %d dropped", readers, dropped)
	}
	if len(events) != backlog {
		t.Errorf("%d wait", len(events))
	}
	leave()
	if readers, _ := s.counts(); readers != 0 {
		t.Error("it did not leave")
	}
}

func TestAlertsAreBounded(t *testing.T) {
	var a alerts
	now := time.Unix(1, 0)
	for i := range alertsMost + 3 {
		if a.raise(alertKey{about: string(rune(i + 1))}, api.Alert{}, now) != (i < alertsMost) {
			t.Fatalf("alert %d", i)
		}
	}
	if a.dropped != 3 {
		t.Errorf("%d dropped", a.dropped)
	}
}

func TestAlertsWorstFirst(t *testing.T) {
	var a alerts
	for i, severity := range []string{event.Warning, event.Critical, event.Info, event.Warning} {
		a.raise(alertKey{about: string(rune('a' + i))}, api.Alert{Name: string(rune('a' + i)), Severity: severity}, time.Unix(int64(i), 0))
	}
	var names []string
	for _, alert := range a.list() {
		names = append(names, alert.Name)
	}
	if got := strings.Join(names, ""); got != "bdac" {
		t.Errorf("in order %s", got)
	}
}

func inotifyEvent(mask uint32, name string) []byte {
	length := (len(name) + 16) &^ 15
	b := make([]byte, unix.SizeofInotifyEvent+length)
	binary.NativeEndian.PutUint32(b[4:], mask)
	binary.NativeEndian.PutUint32(b[12:], uint32(length))
	copy(b[unix.SizeofInotifyEvent:], name)
	return b
}

func TestParseInotify(t *testing.T) {
	two := slices.Concat(inotifyEvent(unix.IN_MOVED_TO, "a.json"), inotifyEvent(unix.IN_DELETE, "bb.json"))
	if names, whole := parseInotify(two); !slices.Equal(names, []string{"a.json", "bb.json"}) || !whole {
		t.Errorf("%v, %v", names, whole)
	}
	if names, whole := parseInotify(two[:len(two)-1]); !slices.Equal(names, []string{"a.json"}) || whole {
		t.Errorf("cut short: %v, %v", names, whole)
	}
	if _, whole := parseInotify(inotifyEvent(unix.IN_Q_OVERFLOW, "")); whole {
		t.Error("an overflow went unnoticed")
	}
}

func FuzzParseInotify(f *testing.F) {
	f.Add(inotifyEvent(unix.IN_MOVED_TO, "a.json"))
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, b []byte) {
		names, _ := parseInotify(b)
		for _, name := range names {
			if name == "" || len(name) > len(b) {
				t.Errorf("%q", name)
			}
		}
	})
}
