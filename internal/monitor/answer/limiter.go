package answer

import (
	"strconv"
	"time"
)

// A Limiter bounds how many answers policy gives by itself: a rule that is
// wrong about many containers must not take a node down. What a person asks
// for is not limited. The zero value allows none.
type Limiter struct {
	Node, Container int // in a minute

	all  []time.Time            // of answers, oldest first
	each map[string][]time.Time // by container
}

// Allow tells whether another answer may be given now, and counts it; where not,
// why, for the alert that takes its place.
func (l *Limiter) Allow(container string, now time.Time) (bool, string) {
	l.all = recent(l.all, now)
	for id, times := range l.each {
		if times = recent(times, now); len(times) == 0 {
			delete(l.each, id)
		} else {
			l.each[id] = times
		}
	}
	switch {
	case len(l.all) >= l.Node:
		return false, "policy has given " + strconv.Itoa(len(l.all)) + " answers on this node within a minute, and may give " + strconv.Itoa(l.Node)
	case len(l.each[container]) >= l.Container:
		return false, "policy has given " + strconv.Itoa(len(l.each[container])) + " answers to this container within a minute, and may give " + strconv.Itoa(l.Container)
	}
	if l.each == nil {
		l.each = map[string][]time.Time{}
	}
	l.all = append(l.all, now)
	l.each[container] = append(l.each[container], now)
	return true, ""
}

// recent drops what is a minute old. A clock that was set back forgets nothing
// that it should not: what is in its future stays for a minute at most.
func recent(times []time.Time, now time.Time) []time.Time {
	kept := times[:0]
	for _, t := range times {
		if age := now.Sub(t); age < time.Minute && age > -time.Minute {
			kept = append(kept, t)
		}
	}
	return kept
}
