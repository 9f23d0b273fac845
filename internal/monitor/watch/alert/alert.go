// Package alert is what the parts of the watch have to say, as values, and the
// one state machine by which a measure that is too high becomes a few of them.
package alert

import "time"

// A Phase is where an alert stands. The empty one is none at all.
type Phase string

// The phases of an alert.
const (
	Raised   Phase = "raised"   // it began
	Repeated Phase = "repeated" // it lasts, or came again
	Cleared  Phase = "cleared"  // it is over
	Once     Phase = "once"     // an event, which has no end
)

// A Severity is how much it matters.
type Severity string

// The severities, the lightest first.
const (
	Info     Severity = "info"
	Warning  Severity = "warning"
	Critical Severity = "critical"
)

// An Alert is one thing to say.
type Alert struct {
	Time     time.Time
	Name     string // what: memory.percent, oom, normal.network_sent, restarts, file.changed, census.unknown, ...
	Phase    Phase
	Severity Severity
	Subject  string            // what it is about: a container's id, a workload, a path, pid 4711
	Message  string            // one line for a person
	Got      string            // what was measured, with its unit
	Want     string            // what it is held against, with its unit
	Who      string            // who did it, where the kernel says so
	Count    int               // how often it was seen since it was raised
	Since    time.Time         // when what it is about began
	Details  map[string]string // more, for programs
}
