package monitor

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/runward/runward/internal/audit/event"
	"github.com/runward/runward/internal/ledger"
	"github.com/runward/runward/internal/monitor/api"
	"github.com/runward/runward/internal/state"
)

// patience is how long after the n-th look that came too early the next one is:
// at first what a start takes, then what costs nothing while a container waits
// to be started, perhaps for hours.
func patience(tries int) time.Duration {
	const most = 5 * time.Second
	if tries > 11 {
		return most
	}
	return min(2*time.Millisecond<<tries, most)
}

// work attests containers as they are due, until ctx ends.
func (d *Daemon) work(ctx context.Context) error {
	for {
		d.mu.Lock()
		c, wait := d.schedule.next(time.Now())
		d.mu.Unlock()
		if c != nil {
			d.wakeOther()
			d.attest(c)
			continue
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-d.wake:
		case <-ctx.Done():
			t.Stop()
			return nil
		}
		t.Stop()
	}
}

// wakeOther has another worker look whether something else is due.
func (d *Daemon) wakeOther() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// attest compares a container with its decision, and sees to it that it is done
// again.
func (d *Daemon) attest(c *container) {
	d.mu.Lock()
	entry, pid, start := c.entry, c.pid, c.start
	d.mu.Unlock()
	if pid == 0 {
		var err error
		if pid, start, err = look(entry); err != nil {
			d.absent(c, err)
			return
		}
		d.mu.Lock()
		if d.all[c.key] == c && c.pid == 0 {
			err = d.known(c, pid, start)
		}
		d.mu.Unlock()
		if err != nil {
			d.absent(c, err)
			return
		}
	}
	began := time.Now()
	a := d.Attest(entry, pid, start)
	d.mu.Lock()
	first := c.verdict == api.Unknown
	d.mu.Unlock()
	d.took(c, entry, a, time.Since(began))
	if a.Ready {
		d.inForce(c, first)
	}
}

// absent is for a container whose process is not there, or not yet.
func (d *Daemon) absent(c *container, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.all[c.key] != c {
		return
	}
	if errors.Is(err, errEnded) && (c.phase != api.Creating || d.Known(c.entry)) {
		d.stopped(c)
		return
	}
	if errors.Is(err, errEnded) && time.Since(c.since) > time.Minute { // its end was told before, or nobody saw it begin
		c.phase = api.Stopped
		return
	}
	if !errors.Is(err, errEnded) && !errors.Is(err, state.ErrNotFound) {
		d.Log.WithError(err).WithField("container", c.id).Warn("the runtime's state of a container cannot be read")
	}
	if !d.inLedger(c.key) {
		d.remove(c)
		return
	}
	c.tries++
	d.soon(c, time.Now().Add(patience(c.tries)))
}

// took takes up what an attestation found.
func (d *Daemon) took(c *container, entry *ledger.Entry, a Attestation, spent time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	switch {
	case d.all[c.key] != c || a.Ended: // its exit is told by its pidfd
		return
	case !a.Ready:
		c.tries++
		d.soon(c, now.Add(patience(c.tries)))
		return
	}
	d.counts.attesting.Observe(spent.Seconds())
	c.tries = 0
	if c.phase != api.Running {
		c.phase, c.since = api.Running, now
		d.lifecycle(c, "started")
		d.tell(c, false, "")
	}
	slices.SortStableFunc(a.Differences, func(a, b api.Difference) int { return cmp.Compare(rank(b.Severity), rank(a.Severity)) })
	c.attested, c.differences, c.unproven = now, a.Differences, ""
	c.verdict = verdict(&a)
	d.counts.attestations.WithLabelValues(string(c.verdict)).Inc()
	if a.Unproven != nil {
		c.unproven = a.Unproven.Error()
	}
	fresh := d.compare(c)
	d.soon(c, now.Add(d.Settings.Attest()))
	if fresh {
		d.answerDifference(c, entry)
	}
}

// verdict is what an attestation says as a whole.
func verdict(a *Attestation) api.Verdict {
	v := api.Proven
	if a.Unproven != nil {
		v = api.Unproven
	}
	for i := range a.Differences {
		switch d := &a.Differences[i]; {
		case d.Severity == event.Info:
		case !d.Unread:
			return api.Differs
		default:
			v = api.Unproven
		}
	}
	return v
}

func differenceText(d *api.Difference) string {
	text := d.Field + ": the kernel shows " + d.Got + ", decided was " + d.Want
	if d.Unread {
		text = d.Field + ": " + d.Got + "; decided was " + d.Want
	}
	if d.PID != 0 {
		text = "process " + strconv.Itoa(d.PID) + ": " + text
	}
	return text
}

// compare raises what an attestation has found, and clears what it finds no
// more. It tells whether something is new.
func (d *Daemon) compare(c *container) (fresh bool) {
	found := map[alertKey]bool{}
	raise := func(name, about string, unread bool, alert api.Alert) {
		k := alertKey{c.key, "attest." + name, about}
		found[k] = true
		fresh = d.raiseOf(c, k, alert) && !unread || fresh
	}
	for _, diff := range c.differences {
		if diff.Severity == event.Info {
			continue // it is shown with the container
		}
		check, _, _ := strings.Cut(strings.ReplaceAll(diff.Field, ":", "."), ".")
		raise(check, diff.Field+" "+strconv.Itoa(diff.PID), diff.Unread, api.Alert{
			Severity: diff.Severity, Got: diff.Got, Want: diff.Want,
			Message: differenceText(&diff),
		})
	}
	if c.unproven != "" {
		raise("unproven", "", true, api.Alert{Severity: event.Warning, Message: "it could not be compared with its decision: " + c.unproven})
	}
	for _, k := range d.alerts.of(c.key) {
		if strings.HasPrefix(k.name, "attest.") && !found[k] {
			d.clearLocked(k)
		}
	}
	return fresh
}

// lifecycle records that a container has come to another phase.
func (d *Daemon) lifecycle(c *container, name string) {
	if !d.Settings.Lifecycle {
		return
	}
	e := d.about(c)
	e.Kind, e.Name, e.Severity = event.Lifecycle, name, event.Info
	e.Message = "container " + c.id + " " + name
	if name == "stopped" && c.phase == api.Running {
		e.Details = map[string]string{"ran": time.Since(c.since).Round(time.Millisecond).String()}
	}
	d.recorder.put(e)
}

// about is an event of a container.
func (d *Daemon) about(c *container) event.Event {
	return event.Event{
		Time: time.Now(), Container: c.id, Bundle: c.entry.Bundle, Engine: c.entry.Engine,
		Identity: c.entry.Identity, Receipt: c.entry.Receipt,
	}
}

// raiseOf raises an alert about a container, and records it if it is new.
func (d *Daemon) raiseOf(c *container, k alertKey, a api.Alert) bool {
	a.Name, a.Container, a.Root = k.name, c.id, c.root
	a.Namespace, a.Pod = c.entry.Identity.Namespace, c.entry.Identity.Pod
	if !d.alerts.raise(k, a, time.Now()) {
		return false
	}
	e := d.about(c)
	d.recordAlert(e, a)
	return true
}

func (d *Daemon) recordAlert(e event.Event, a api.Alert) {
	d.counts.alerts.WithLabelValues(a.Name, a.Severity).Inc()
	e.Kind, e.Name, e.Severity, e.Message, e.Got, e.Want, e.Details = event.Alert, a.Name, a.Severity, a.Message, a.Got, a.Want, a.Details
	d.recorder.put(e)
}

// raise raises an alert about the node.
func (d *Daemon) raise(k alertKey, a api.Alert) {
	d.mu.Lock()
	defer d.mu.Unlock()
	a.Name = k.name
	if d.alerts.raise(k, a, time.Now()) {
		d.recordAlert(event.Event{Time: time.Now()}, a)
	}
}

// clear ends an alert.
func (d *Daemon) clear(k alertKey) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.clearLocked(k)
}

func (d *Daemon) clearLocked(k alertKey) {
	a, ok := d.alerts.clear(k)
	if !ok {
		return
	}
	e := event.Event{Time: time.Now()}
	if c := d.all[k.container]; c != nil {
		e = d.about(c)
	}
	e.Kind, e.Name, e.Severity, e.Message = event.Lifecycle, "cleared", event.Info, "no longer: "+a.Message
	e.Details = map[string]string{"alert": a.Name}
	d.recorder.put(e)
}
