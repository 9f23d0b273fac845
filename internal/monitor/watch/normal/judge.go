package normal

import (
	"strconv"
	"time"

	"github.com/runward/runward/internal/monitor/watch/alert"
	"github.com/runward/runward/internal/monitor/watch/sample"
)

// judge holds the mean of a window against what was learned.
func (l *Learner) judge(c *container, w *model, id string, m mean, now time.Time) []alert.Alert {
	known := w.bound(&l.settings, m.kind, now)
	state := &c.tracks[m.kind].state
	if !known.Confident && !state.Raised {
		return nil
	}
	window := time.Duration(l.settings.Window)
	level := alert.Level{
		Above: known.Bound, Clear: 0.8 * known.Bound, Gap: 3 * window,
		For: time.Duration(l.settings.Windows-1)*window - window/2, Repeat: time.Duration(l.settings.Repeat),
	}
	if m.lasting {
		window *= time.Duration(l.settings.Lasting)
		level.For, level.Gap = 0, 3*window
	}
	since := state.Over
	phase := state.Step(level, now, m.value)
	if !state.Over.IsZero() {
		since = state.Over
	}
	if state.Raised && l.settings.Accept > 0 && now.Sub(since) >= time.Duration(l.settings.Accept) {
		return []alert.Alert{l.accept(c, w, id, m.kind, now)}
	}
	if phase == "" {
		return nil
	}
	a := alert.Alert{
		Time: now, Name: "normal." + known.Metric, Phase: phase, Severity: l.settings.Severity, Subject: id, Count: state.Count, Since: since,
		Got: m.metric.Text(m.value), Want: "at most " + m.metric.Text(known.Bound),
		Details: map[string]string{
			"workload": c.workload, "median": m.metric.Text(known.Median), "mad": m.metric.Text(known.MAD), "q99": m.metric.Text(known.Q99),
			"windows": strconv.FormatFloat(known.Windows, 'f', 0, 64), "peak": m.metric.Text(state.Peak), "hour": strconv.FormatBool(known.Hour),
		},
	}
	a.Message = m.metric.Subject() + " of container " + id + " is " + a.Got + " since " + since.Add(-window).UTC().Format(time.RFC3339) + "; of " + c.workload +
		" it ordinarily is " + m.metric.Text(known.Median) + ", in 99 of 100 windows at most " + m.metric.Text(known.Q99)
	if phase == alert.Cleared {
		a.Severity = alert.Info
		a.Message = m.metric.Subject() + " of container " + id + " is " + a.Got + ", as of " + c.workload + " it ordinarily is"
	}
	return []alert.Alert{a}
}

// grows tells of memory whose floor rises all the time, to where no container
// of the workload was before this one.
func (l *Learner) grows(c *container, w *model, id string, value float64, now time.Time) []alert.Alert {
	perBlock := int64(l.settings.Growth/l.settings.Window) / growthBlocks
	if perBlock == 0 || !c.floor.add(value, perBlock) {
		return nil
	}
	known := w.bound(&l.settings, kind{sample.MemoryWorkingSet, false}, now)
	over := 0.0
	if known.Confident && c.floor.rises() && value > c.usual*width {
		over = 1
	}
	since := c.leak.Over
	phase := c.leak.Step(alert.Level{Above: 0.5, Clear: 0.5, Repeat: time.Duration(l.settings.Repeat)}, now, over)
	if !c.leak.Over.IsZero() {
		since = c.leak.Over
	}
	if phase == "" {
		return nil
	}
	text := sample.MemoryWorkingSet.Text
	a := alert.Alert{
		Time: now, Name: "normal.memory_growth", Phase: phase, Severity: l.settings.Severity, Subject: id, Count: c.leak.Count, Since: since,
		Got: text(value), Want: "ordinarily " + text(known.Median), Details: map[string]string{"workload": c.workload},
	}
	if phase == alert.Cleared {
		a.Severity, a.Message = alert.Info, "memory in use of container "+id+" of "+c.workload+" no longer grows all the time"
		return []alert.Alert{a}
	}
	first := c.floor.floors[0]
	a.Message = "memory in use of container " + id + " of " + c.workload + " grows all the time: in " + time.Duration(l.settings.Growth).String() +
		" from " + text(first) + " to " + text(c.floor.floors[len(c.floor.floors)-1])
	block := time.Duration(perBlock) * time.Duration(l.settings.Window)
	if rate := c.floor.perBlock(); c.limit > 0 && rate > 0 && value < float64(c.limit) {
		left := time.Duration((float64(c.limit) - value) / rate * float64(block))
		a.Message += "; it is at its limit of " + text(float64(c.limit)) + " in " + left.Round(time.Minute).String()
		a.Details["limit_in"] = left.Round(time.Second).String()
	}
	return []alert.Alert{a}
}
