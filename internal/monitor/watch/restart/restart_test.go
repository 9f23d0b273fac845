package restart

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/runward/runward/internal/monitor/watch/alert"
)

func minute(n float64) time.Time {
	return time.Unix(1_700_000_000, 0).Add(time.Duration(n * float64(time.Minute)))
}

// The kubelet's pauses: what crashes at once is told of with its fifth restart,
// once, and is well when it has run for a while.
func TestCrashLoop(t *testing.T) {
	settings := Default()
	var l Loops
	var got []string
	hear := func(alerts []alert.Alert) {
		for _, a := range alerts {
			got = append(got, string(a.Phase)+": "+a.Message)
		}
	}
	at := 0.0
	for i, pause := range []float64{0.17, 0.33, 0.67, 1.33, 2.67, 5, 5} {
		id := fmt.Sprint("c", i)
		hear(l.Started(&settings, minute(at), "pod/a/web/x", id))
		hear(l.Started(&settings, minute(at), "pod/a/web/x", id)) // told of twice
		l.Stopped(&settings, minute(at+0.02), "pod/a/web/x", id, "exit code 1")
		at += pause
		hear(l.Tick(&settings, minute(at)))
	}
	hear(l.Started(&settings, minute(at), "pod/a/web/x", "last"))
	for i := range 30 {
		hear(l.Tick(&settings, minute(at+float64(i))))
	}
	want := "raised: workload pod/a/web/x starts over and over: 5 times within 10m0s, each time after less than 5m0s (last: exit code 1)\ncleared: workload pod/a/web/x no longer starts over and over"
	if strings.Join(got, "\n") != want {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), want)
	}
}

// What ends after its work, replicas that are added, and a job that somebody
// starts again and again are no loops.
func TestNoLoop(t *testing.T) {
	settings := Default()
	var l Loops
	for i := range 40 {
		id := fmt.Sprint("replica", i)
		if told := l.Started(&settings, minute(0), "replicas", id); len(told) != 0 {
			t.Errorf("replicas: %v", told)
		}
		if told := l.Started(&settings, minute(float64(i)*7), "job", id); len(told) != 0 {
			t.Errorf("a job of six minutes: %v", told)
		}
		l.Stopped(&settings, minute(float64(i)*7+6), "job", id, "exit code 0")
	}
	settings.Short = alert.Duration(30 * time.Second)
	for i := range 40 {
		id := fmt.Sprint("minute", i)
		if told := l.Started(&settings, minute(float64(i)), "minutes", id); len(told) != 0 {
			t.Errorf("a job of a minute where short is less: %v", told)
		}
		l.Stopped(&settings, minute(float64(i)+0.9), "minutes", id, "exit code 0")
	}
	settings.Above = 0
	for i := range 40 {
		id := fmt.Sprint(i)
		if told := l.Started(&settings, minute(1), "off", id); len(told) != 0 {
			t.Errorf("switched off: %v", told)
		}
		l.Stopped(&settings, minute(1), "off", id, "")
	}
}

// What is remembered is bounded, and forgotten when it is over.
func TestBounded(t *testing.T) {
	settings := Default()
	var l Loops
	for i := range maxWorkloads + 10 {
		name := fmt.Sprint(i)
		l.Started(&settings, minute(0), name, "c")
		l.Stopped(&settings, minute(0.1), name, "c", "")
	}
	if len(l.of) != maxWorkloads {
		t.Errorf("%d are remembered", len(l.of))
	}
	l.Tick(&settings, minute(60))
	if len(l.of) != 0 {
		t.Errorf("%d are still remembered", len(l.of))
	}
	for range 10 * maxStarts {
		l.Started(&settings, minute(0), "one", "c")
		l.Stopped(&settings, minute(0.1), "one", "c", "")
	}
	if n := len(l.of["one"].starts); n != maxStarts {
		t.Errorf("%d starts are remembered", n)
	}
}
