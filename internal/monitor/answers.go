package monitor

import (
	"time"

	"github.com/runward/runward/internal/audit/event"
	"github.com/runward/runward/internal/ledger"
	"github.com/runward/runward/internal/monitor/api"
	"github.com/runward/runward/internal/monitor/prove"
)

// answerDifference does what policy says to a container that is not as decided.
// It is called with the lock.
func (d *Daemon) answerDifference(c *container, entry *ledger.Entry) {
	action := onDifference(entry)
	if action == "" || c.verdict != api.Differs {
		return
	}
	if ok, why := d.limiter.Allow(c.root+" "+c.id, time.Now()); !ok {
		d.counts.answers.WithLabelValues(action, "policy", "limited").Inc()
		d.raiseOf(c, alertKey{c.key, "answer.limited", ""}, api.Alert{
			Severity: event.Critical, Message: "policy asks to " + action + " it, and nothing is done: " + why + "; see monitor.answers_per_minute",
		})
		return
	}
	why := ""
	for i := range c.differences {
		if diff := &c.differences[i]; diff.Severity != event.Info && !diff.Unread {
			why = differenceText(diff)
			break
		}
	}
	go func() { // the lock is held, and a freeze may take a while
		_ = d.act(c, action, prove.How{}, "policy", why) // act records what went wrong
	}()
}

// onDifference is what policy says to do: nothing, freeze or kill.
func onDifference(entry *ledger.Entry) string {
	if terms := entry.Ceiling.Monitor; terms != nil && terms.OnDifference != "alert" {
		return terms.OnDifference
	}
	return ""
}

// act does something to a container, and records it with who and why.
func (d *Daemon) act(c *container, action string, how prove.How, who, why string) error {
	d.mu.Lock()
	entry, pid, start := c.entry, c.pid, c.start
	d.mu.Unlock()
	by := "person"
	if who == "policy" {
		by = who
	}
	inForce, err := d.Answer(action, how, entry, pid, start)
	result := "done"
	d.mu.Lock()
	defer d.mu.Unlock()
	e := d.about(c)
	e.Kind, e.Name, e.Severity, e.Who, e.Why = event.Answer, action, event.Warning, who, why
	e.Message = action + " container " + c.id
	if err != nil {
		result = "failed"
		e.Severity, e.Message = event.Critical, action+" container "+c.id+" did not work: "+err.Error()
		d.Log.WithError(err).WithField("container", c.id).Error("cannot " + action)
	} else {
		c.answer = inForce
		if inForce != "" {
			e.Details = map[string]string{"in_force": inForce}
		}
		d.clearLocked(alertKey{c.key, "answer.undone", ""})
	}
	d.counts.answers.WithLabelValues(action, by, result).Inc()
	d.recorder.put(e)
	return err
}

// inForce compares what is in force with what was done, and takes up what an
// earlier daemon has done.
func (d *Daemon) inForce(c *container, first bool) {
	d.mu.Lock()
	entry, pid, start, done := c.entry, c.pid, c.start, c.answer
	d.mu.Unlock()
	if done == "" && !first {
		return
	}
	now, err := d.InForce(entry, pid, start)
	if err != nil {
		return // that it cannot be looked at, its attestation says
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.all[c.key] != c || c.answer != done: // released meanwhile
	case done == "":
		c.answer = now
	case now != done:
		text := now
		if text == "" {
			text = "nothing"
		}
		d.raiseOf(c, alertKey{c.key, "answer.undone", ""}, api.Alert{
			Severity: event.Critical, Got: text, Want: done,
			Message: "what was done to it was undone by others: " + text + " is in force, and " + done + " was",
		})
	}
}
