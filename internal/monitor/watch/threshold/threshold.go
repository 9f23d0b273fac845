package threshold

import (
	"strconv"
	"time"

	"github.com/runward/runward/internal/monitor/watch/alert"
	"github.com/runward/runward/internal/monitor/watch/sample"
)

// A Container is where one container stands against the bounds.
type Container struct {
	id     string
	before *sample.Sample
	states [sample.Metrics]alert.State
	kills  alert.State
	said   uint64 // kills that were told of
}

// New begins with a container of which nothing is known.
func New(id string) *Container { return &Container{id: id} }

// Step takes a sample and tells what there is to say. It gives the measures
// too, for who looks at them next.
func (c *Container) Step(s *Settings, now *sample.Sample) (sample.Measures, []alert.Alert) {
	m := sample.Measure(c.before, now)
	var all []alert.Alert
	for _, r := range s.rows() {
		if r.bound.Above == 0 {
			continue
		}
		value, known := m.Get(r.metric)
		if !known {
			continue
		}
		state, level := &c.states[r.metric], r.bound.level(s.Repeat)
		since := state.Over
		if phase := state.Step(level, now.Time, value); phase != "" {
			if !state.Over.IsZero() {
				since = state.Over
			}
			all = append(all, c.alert(r, state, level, phase, since, now.Time, value))
		}
	}
	if s.OOM {
		all = append(all, c.oom(s, now)...)
	}
	c.before = now
	return m, all
}

func (c *Container) alert(r row, state *alert.State, level alert.Level, phase alert.Phase, since, now time.Time, value float64) alert.Alert {
	name := r.metric.String()
	a := alert.Alert{
		Time: now, Name: "threshold." + name, Phase: phase, Severity: r.bound.Severity, Subject: c.id, Count: state.Count, Since: since,
		Got: r.metric.Text(value), Want: "at most " + r.metric.Text(level.Above),
		Details: map[string]string{"peak": r.metric.Text(state.Peak), "value": text(value), "above": text(level.Above)},
	}
	switch phase {
	case alert.Cleared:
		a.Severity = alert.Info
		a.Want = "below " + r.metric.Text(level.Clear)
		a.Message = r.metric.Subject() + " of container " + c.id + " is " + a.Got + " again, after " + span(now.Sub(since)) + " over " + r.metric.Text(level.Above) + " (at most " + r.metric.Text(state.Peak) + ")"
	default:
		a.Message = r.metric.Subject() + " of container " + c.id + " is " + a.Got + ", over " + r.metric.Text(level.Above) + " for " + span(now.Sub(since))
	}
	return a
}

// oom tells of kills: at once, then at most every Repeat with how many there
// were, so that a container that is killed over and over does not fill a log.
func (c *Container) oom(s *Settings, now *sample.Sample) []alert.Alert {
	kills := sample.OOMKills(c.before, now)
	if c.before == nil && now.Has&sample.HasOOM != 0 {
		kills = now.OOMKills // since it began, while nobody looked
	}
	c.said += kills
	phase := alert.Once
	switch {
	case c.said == 0:
		return nil
	case c.kills.Said.IsZero():
	case s.Repeat > 0 && now.Time.Sub(c.kills.Said) >= time.Duration(s.Repeat):
		phase = alert.Repeated
	default:
		return nil // they are counted
	}
	count := c.said
	c.said, c.kills.Said = 0, now.Time
	a := alert.Alert{
		Time: now.Time, Name: "oom", Phase: phase, Severity: alert.Critical, Subject: c.id, Count: int(min(count, 1<<30)), Since: now.Time,
		Message: "the kernel killed " + strconv.FormatUint(count, 10) + " process(es) of container " + c.id + " for want of memory",
		Got:     strconv.FormatUint(count, 10) + " killed", Want: "none",
	}
	if now.Memory.Limit > 0 {
		a.Message += ", at its limit of " + sample.MemoryWorkingSet.Text(float64(now.Memory.Limit))
	}
	return []alert.Alert{a}
}

func span(d time.Duration) string { return d.Round(time.Second).String() }

// Gone tells that the container has ended: what it was over is over. last is
// what could still be read of it, or nil.
func (c *Container) Gone(s *Settings, last *sample.Sample, now time.Time) []alert.Alert {
	var all []alert.Alert
	if s.OOM && last != nil {
		all = c.oom(s, last)
	}
	for m := range c.states {
		state := &c.states[m]
		if !state.Raised {
			continue
		}
		all = append(all, alert.Alert{
			Time: now, Name: "threshold." + sample.Metric(m).String(), Phase: alert.Cleared, Severity: alert.Info, Subject: c.id, Count: state.Count, Since: state.Over,
			Message: "container " + c.id + " has ended",
		})
	}
	return all
}
