// Package restart finds workloads that start over and over. A container that
// crashes is another one each time: it is counted by what it is of.
package restart

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/runward/runward/internal/monitor/watch/alert"
)

// Settings are [monitor.restarts] of runward.toml.
type Settings struct {
	Above    int64          `toml:"above" doc:"so many starts within the window that follow an end are too many; 0: restarts are not watched"`
	Window   alert.Duration `toml:"window" doc:"within how long"`
	Short    alert.Duration `toml:"short" doc:"only containers that lived for less count: a job that runs for longer, time and again, is none that crashes"`
	Repeat   alert.Duration `toml:"repeat" doc:"while it goes on, how often it is said again; 0s: never"`
	Severity alert.Severity `toml:"severity" doc:"info, warning or critical"`
}

// Default is what holds without settings. The kubelet doubles its pause after
// each crash up to five minutes: it makes five starts in the first three minutes.
func Default() Settings {
	return Settings{Above: 4, Window: alert.Duration(10 * time.Minute), Short: alert.Duration(5 * time.Minute), Repeat: alert.Duration(time.Hour), Severity: alert.Warning}
}

// Check says what is wrong with the settings, and at which key.
func (s *Settings) Check() (key string, err error) {
	switch {
	case s.Above < 0 || s.Above >= maxStarts:
		return "above", errors.New("above: want 0 to " + strconv.Itoa(maxStarts-1))
	case s.Severity != alert.Info && s.Severity != alert.Warning && s.Severity != alert.Critical:
		return "severity", errors.New("severity: want info, warning or critical, found " + strconv.Quote(string(s.Severity)))
	}
	return "", nil
}

const (
	maxWorkloads = 10_000 // that are remembered
	maxStarts    = 64     // of each
)

// A Loops remembers starts and ends. The zero value remembers none.
type Loops struct {
	of map[string]*workload
}

type workload struct {
	began  map[string]time.Time // by container, those that run
	starts []time.Time          // that followed a short life
	crash  int                  // that ended after a short time, and were not followed by a start yet
	code   string               // how the last of them ended
	state  alert.State
	last   time.Time
}

// Started takes that a container of a workload began.
func (l *Loops) Started(s *Settings, now time.Time, name, container string) []alert.Alert {
	if s.Above <= 0 {
		return nil
	}
	w := l.get(name, now)
	if w == nil {
		return nil
	}
	if _, again := w.began[container]; again {
		return nil
	}
	w.began[container], w.last = now, now
	if w.crash == 0 {
		return nil
	}
	w.crash--
	w.starts = append(w.starts, now)
	if len(w.starts) > maxStarts {
		w.starts = slices.Delete(w.starts, 0, len(w.starts)-maxStarts)
	}
	return w.step(s, name, now)
}

// Stopped takes that it ended, and how, in the runtime's words ("exit code 1").
func (l *Loops) Stopped(s *Settings, now time.Time, name, container, how string) {
	w := l.get(name, now)
	if w == nil {
		return
	}
	began, known := w.began[container]
	delete(w.began, container)
	w.last = now
	if known && now.Sub(began) < time.Duration(s.Short) {
		w.crash, w.code = min(w.crash+1, maxStarts), how
	}
}

// Tick tells of those that have stopped restarting.
func (l *Loops) Tick(s *Settings, now time.Time) []alert.Alert {
	var all []alert.Alert
	for name, w := range l.of {
		all = append(all, w.step(s, name, now)...)
		if len(w.began) == 0 && len(w.starts) == 0 && !w.state.Raised && now.Sub(w.last) > time.Duration(s.Window) {
			delete(l.of, name)
		}
	}
	slices.SortFunc(all, func(a, b alert.Alert) int { return cmp.Compare(a.Subject, b.Subject) })
	return all
}

func (l *Loops) get(name string, now time.Time) *workload {
	if l.of == nil {
		l.of = map[string]*workload{}
	}
	w := l.of[name]
	if w == nil && len(l.of) < maxWorkloads {
		w = &workload{began: map[string]time.Time{}, last: now}
		l.of[name] = w
	}
	return w
}

func (w *workload) step(s *Settings, name string, now time.Time) []alert.Alert {
	w.starts = slices.DeleteFunc(w.starts, func(t time.Time) bool { return now.Sub(t) > time.Duration(s.Window) })
	level := alert.Level{Above: float64(s.Above), Clear: max(float64(s.Above)/2, 1), Repeat: time.Duration(s.Repeat)}
	since := w.state.Over
	phase := w.state.Step(level, now, float64(len(w.starts)))
	if phase == "" {
		return nil
	}
	if !w.state.Over.IsZero() {
		since = w.state.Over
	}
	n := strconv.Itoa(len(w.starts))
	window := time.Duration(s.Window).String()
	a := alert.Alert{
		Time: now, Name: "restarts", Phase: phase, Severity: s.Severity, Subject: name, Count: len(w.starts), Since: since,
		Got: n + " restarts in " + window, Want: "at most " + strconv.FormatInt(s.Above, 10),
		Message: "workload " + name + " starts over and over: " + n + " times within " + window + ", each time after less than " + time.Duration(s.Short).String(),
	}
	if w.code != "" {
		a.Message += " (last: " + w.code + ")"
	}
	if phase == alert.Cleared {
		a.Severity, a.Message = alert.Info, "workload "+name+" no longer starts over and over"
	}
	return []alert.Alert{a}
}
