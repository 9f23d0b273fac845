package monitor

import (
	"cmp"
	"slices"
	"time"

	"github.com/runward/runward/internal/audit/event"
	"github.com/runward/runward/internal/monitor/api"
)

type alertKey struct {
	container key // empty: the node
	name      string
	about     string // what on a node: a file, a process; empty: there is one at most
}

// alertsMost bounds the alerts that hold at one time: a node that has so many
// has one problem, which those already say.
const alertsMost = 10_000

// alerts are those that hold. They are guarded by the Daemon's lock.
type alerts struct {
	held    map[alertKey]*api.Alert
	dropped uint64 // for which there was no room
}

// raise keeps the alert and tells whether it is new: it did not hold before, or
// says something else now.
func (a *alerts) raise(k alertKey, alert api.Alert, now time.Time) bool {
	old, ok := a.held[k]
	if ok {
		old.Last = now
		old.Count++
		if old.Message == alert.Message && old.Got == alert.Got && old.Severity == alert.Severity {
			return false
		}
		old.Message, old.Got, old.Want, old.Severity, old.Details = alert.Message, alert.Got, alert.Want, alert.Severity, alert.Details
		return true
	}
	if len(a.held) >= alertsMost {
		a.dropped++
		return false
	}
	if a.held == nil {
		a.held = map[alertKey]*api.Alert{}
	}
	alert.First, alert.Last, alert.Count = now, now, 1
	a.held[k] = &alert
	return true
}

// clear ends an alert, and tells which it was.
func (a *alerts) clear(k alertKey) (api.Alert, bool) {
	old, ok := a.held[k]
	if !ok {
		return api.Alert{}, false
	}
	delete(a.held, k)
	return *old, true
}

// expire drops those that have been shown long enough.
func (a *alerts) expire(now time.Time) {
	for k, alert := range a.held {
		if !alert.Until.IsZero() && now.After(alert.Until) {
			delete(a.held, k)
		}
	}
}

// of returns the keys of a container's alerts.
func (a *alerts) of(c key) (keys []alertKey) {
	for k := range a.held {
		if k.container == c {
			keys = append(keys, k)
		}
	}
	return keys
}

// list returns all, the worst and newest first.
func (a *alerts) list() []api.Alert {
	all := make([]api.Alert, 0, len(a.held))
	for _, alert := range a.held {
		all = append(all, *alert)
	}
	slices.SortFunc(all, func(a, b api.Alert) int {
		return cmp.Or(-cmp.Compare(rank(a.Severity), rank(b.Severity)), b.Last.Compare(a.Last), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Container, b.Container), cmp.Compare(a.Message, b.Message))
	})
	return all
}

func rank(severity string) int {
	return slices.Index([]string{event.Info, event.Warning, event.Critical}, severity)
}
