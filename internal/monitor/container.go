package monitor

import (
	"time"

	"github.com/runward/runward/internal/ledger"
	"github.com/runward/runward/internal/monitor/api"
)

// key tells containers apart: two engines may use the same id.
type key struct{ root, id string }

// A container is one that the monitor follows. All but its key is guarded by
// the Daemon's lock.
type container struct {
	key
	entry *ledger.Entry // replaced by a newer one, never changed

	phase api.Phase
	pid   int
	start uint64 // of pid, in clock ticks since boot
	since time.Time

	verdict     api.Verdict
	attested    time.Time
	differences []api.Difference
	unproven    string // why it is api.Unproven
	usage       *api.Usage
	answer      string // what is in force: freeze, quarantine

	// When it is to be attested next; see schedule.
	due   time.Time
	place int // in the schedule; -1: not in it
	tries int // how often it was not ready
}

func (c *container) view() api.Container {
	v := api.Container{
		ID: c.id, Root: c.root, Bundle: c.entry.Bundle, Engine: c.entry.Engine, Handler: c.entry.Handler,
		Namespace: c.entry.Identity.Namespace, Pod: c.entry.Identity.Pod, Name: c.entry.Identity.Container, Image: c.entry.Identity.Image,
		Receipt: c.entry.Receipt, Enforced: c.entry.Enforced,
		Phase: c.phase, PID: c.pid, Since: c.since,
		Verdict: c.verdict, Differences: c.differences, Unproven: c.unproven, Answer: c.answer, Usage: c.usage,
	}
	if !c.attested.IsZero() {
		at := c.attested
		v.Attested = &at
	}
	return v
}
