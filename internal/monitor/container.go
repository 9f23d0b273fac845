package monitor

import (
	"time"

	"github.com/runward/runward/internal/ledger"
)

// A Phase is how far a container is in its life.
type Phase string

// The phases that the monitor tells apart.
const (
	Creating Phase = "creating" // a decision is kept, and no process is known yet
	Created  Phase = "created"  // its first process waits for start
	Running  Phase = "running"
	Stopped  Phase = "stopped" // its first process has ended
)

// A Verdict is what an attestation found.
type Verdict string

// The verdicts of an attestation.
const (
	Unknown  Verdict = ""        // none was made yet
	Proven   Verdict = "proven"  // the kernel shows what was decided
	Differs  Verdict = "differs" // it shows something else
	Unproven Verdict = "unproven"
)

// key tells containers apart: two engines may use the same id.
type key struct{ root, id string }

// A container is one that the monitor follows. All but its key is guarded by
// the Daemon's lock.
type container struct {
	key
	entry *ledger.Entry // replaced by a newer one, never changed

	phase Phase
	pid   int
	start uint64 // of pid, in clock ticks since boot
	since time.Time

	verdict     Verdict
	attested    time.Time
	differences []Difference
	unproven    string // why it is Unproven
	answer      string // what is in force: freeze, quarantine

	// When it is to be attested next; see schedule.
	due   time.Time
	place int // in the schedule; -1: not in it
	tries int // how often it was not ready
}

// A Difference is one thing that the kernel shows otherwise than decided.
type Difference struct {
	Field    string `json:"field"` // capabilities.effective, cgroup.memory, ...
	Got      string `json:"got"`
	Want     string `json:"want"`
	Severity string `json:"severity"` // warning or critical
}

// A View is a container as the API shows it.
type View struct {
	ID          string       `json:"id"`
	Root        string       `json:"root"`
	Bundle      string       `json:"bundle"`
	Engine      string       `json:"engine,omitempty"`
	Handler     string       `json:"handler,omitempty"`
	Namespace   string       `json:"namespace,omitempty"`
	Pod         string       `json:"pod,omitempty"`
	Name        string       `json:"name,omitempty"`
	Image       string       `json:"image,omitempty"`
	Receipt     string       `json:"receipt"`
	Enforced    bool         `json:"enforced"` // its policies were enforced, not only audited
	Phase       Phase        `json:"phase"`
	PID         int          `json:"pid,omitempty"`
	Since       time.Time    `json:"since"` // in this phase
	Verdict     Verdict      `json:"verdict,omitempty"`
	Attested    *time.Time   `json:"attested,omitempty"`
	Differences []Difference `json:"differences,omitempty"`
	Unproven    string       `json:"unproven,omitempty"`
	Answer      string       `json:"answer,omitempty"`
}

func (c *container) view() View {
	v := View{
		ID: c.id, Root: c.root, Bundle: c.entry.Bundle, Engine: c.entry.Engine, Handler: c.entry.Handler,
		Namespace: c.entry.Identity.Namespace, Pod: c.entry.Identity.Pod, Name: c.entry.Identity.Container, Image: c.entry.Identity.Image,
		Receipt: c.entry.Receipt, Enforced: c.entry.Enforced,
		Phase: c.phase, PID: c.pid, Since: c.since,
		Verdict: c.verdict, Differences: c.differences, Unproven: c.unproven, Answer: c.answer,
	}
	if !c.attested.IsZero() {
		at := c.attested
		v.Attested = &at
	}
	return v
}
