package monitor

import (
	"fmt"
	"time"

	"github.com/runward/runward/internal/audit/event"
	"github.com/runward/runward/internal/ledger"
	"github.com/runward/runward/internal/monitor/api"
)

// answerDifference does what policy says to a container that is not as decided.
// It is called with the lock.
func (d *Daemon) answerDifference(c *container, entry *ledger.Entry) {
	action := onDifference(entry)
	if action == "" || c.verdict != api.Differs {
		return
	}
	if !d.mayAnswer(time.Now()) {
		d.counts.answers.WithLabelValues(action, "policy", "limited").Inc()
		d.raiseOf(c, alertKey{c.key, "answer.limited", ""}, api.Alert{
			Severity: event.Critical, Message: fmt.Sprintf("policy asks to %s it, and %d containers were answered within a minute: nothing is done; see monitor.answers_per_minute", action, d.Settings.AnswersPerMinute),
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
		_ = d.act(c, action, "policy", why) // act records what went wrong
	}()
}

// onDifference is what policy says to do: nothing, freeze or kill.
func onDifference(entry *ledger.Entry) string {
	if terms := entry.Ceiling.Monitor; terms != nil && terms.OnDifference != "alert" {
		return terms.OnDifference
	}
	return ""
}

// mayAnswer holds policy to so many answers a minute, and counts one.
func (d *Daemon) mayAnswer(now time.Time) bool {
	recent := d.answered[:0]
	for _, at := range d.answered {
		if now.Sub(at) < time.Minute {
			recent = append(recent, at)
		}
	}
	d.answered = recent
	if int64(len(recent)) >= d.Settings.AnswersPerMinute {
		return false
	}
	d.answered = append(d.answered, now)
	return true
}

// act does something to a container, and records it with who and why.
func (d *Daemon) act(c *container, action, who, why string) error {
	d.mu.Lock()
	entry, pid, start := c.entry, c.pid, c.start
	d.mu.Unlock()
	by := "person"
	if who == "policy" {
		by = who
	}
	err := d.Answer(action, entry, pid, start)
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
		switch action {
		case "freeze", "quarantine":
			c.answer = action
		case "release":
			c.answer = ""
		}
	}
	d.counts.answers.WithLabelValues(action, by, result).Inc()
	d.recorder.put(e)
	return err
}
