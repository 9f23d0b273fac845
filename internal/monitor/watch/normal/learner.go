package normal

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/runward/runward/internal/monitor/watch/alert"
	"github.com/runward/runward/internal/monitor/watch/sample"
)

// A Learner knows all workloads of a node. It is for one goroutine.
type Learner struct {
	settings   Settings
	metrics    []sample.Metric
	models     map[string]*model
	containers map[string]*container
}

// container is one that runs.
type container struct {
	workload string
	slot     int64 // the number of the window since 1970
	sum      [sample.Metrics]float64
	count    [sample.Metrics]int
	limit    uint64
	states   [sample.Metrics]alert.State
	held     [sample.Metrics][]float64  // windows that are too high, until it is known what they are
	new      [sample.Metrics]*histogram // while it alerts
	floor    growth
	leak     alert.State
}

// New makes one that has learned nothing.
func New(settings Settings) *Learner {
	return &Learner{settings: settings, metrics: settings.metrics(), models: map[string]*model{}, containers: map[string]*container{}}
}

// Step takes the measures of a container of a workload, and the limit of its
// memory (0: none). It tells what is not as it always was.
func (l *Learner) Step(now time.Time, workload, id string, m *sample.Measures, limit uint64) []alert.Alert {
	if !l.settings.Enabled || workload == "" {
		return nil
	}
	slot := now.UnixNano() / int64(l.settings.Window)
	c := l.containers[id]
	if c == nil || c.workload != workload {
		c = &container{workload: workload, slot: slot}
		l.containers[id] = c
	}
	var all []alert.Alert
	if slot != c.slot {
		all = l.window(c, id, now)
		c.slot = slot
	}
	c.limit = limit
	for _, metric := range l.metrics {
		if value, known := m.Get(metric); known {
			c.sum[metric] += value
			c.count[metric]++
		}
	}
	return all
}

// Gone forgets a container that ended, not its workload. What it alerts is over.
func (l *Learner) Gone(now time.Time, id string) []alert.Alert {
	c := l.containers[id]
	if c == nil {
		return nil
	}
	delete(l.containers, id)
	var all []alert.Alert
	for _, metric := range l.metrics {
		if c.states[metric].Raised {
			all = append(all, alert.Alert{
				Time: now, Name: "normal." + metric.String(), Phase: alert.Cleared, Severity: alert.Info, Subject: id,
				Message: "container " + id + " of " + c.workload + " has ended", Since: c.states[metric].Over, Count: c.states[metric].Count,
			})
		}
	}
	if c.leak.Raised {
		all = append(all, alert.Alert{Time: now, Name: "normal.memory_growth", Phase: alert.Cleared, Severity: alert.Info, Subject: id, Message: "container " + id + " of " + c.workload + " has ended", Since: c.leak.Over})
	}
	return all
}

// window ends one: it is held against what was learned, then learned.
func (l *Learner) window(c *container, id string, now time.Time) []alert.Alert {
	w := l.model(c.workload)
	w.fade(&l.settings, now)
	var all []alert.Alert
	var means []mean
	for _, metric := range l.metrics {
		if n := c.count[metric]; n > 0 {
			means = append(means, mean{metric, c.sum[metric] / float64(n)})
		}
		c.sum[metric], c.count[metric] = 0, 0
	}
	for _, m := range means {
		all = append(all, l.judge(c, w, id, m, now)...)
		if m.metric == sample.MemoryWorkingSet {
			all = append(all, l.grows(c, w, id, m.value, now)...)
		}
	}
	l.learn(c, w, means, now)
	return all
}

type mean struct {
	metric sample.Metric
	value  float64
}

// learn adds windows, unless one of the workload's containers alerts.
func (l *Learner) learn(c *container, w *model, means []mean, now time.Time) {
	frozen := l.frozen(c.workload)
	for _, m := range means {
		state, held := &c.states[m.metric], &c.held[m.metric]
		switch {
		case state.Raised: // remembered by itself, in case it is accepted
			if c.new[m.metric] == nil {
				c.new[m.metric] = &histogram{}
			}
			for _, value := range append(*held, m.value) {
				c.new[m.metric].add(value, unitOf(m.metric), 1)
			}
			*held = nil
		case !state.Over.IsZero(): // it is too high, and not for long enough to be said
			if !frozen {
				*held = append(*held, m.value)
			}
		default:
			c.new[m.metric] = nil
			if !frozen {
				for _, value := range append(*held, m.value) {
					w.learn(&l.settings, m.metric, value, now)
				}
			}
			*held = nil
		}
	}
	if !frozen && len(means) > 0 {
		w.seen(c.slot)
	}
}

// frozen tells whether any container of a workload alerts.
func (l *Learner) frozen(workload string) bool {
	for _, c := range l.containers {
		if c.workload != workload {
			continue
		}
		if c.leak.Raised || slices.ContainsFunc(c.states[:], func(s alert.State) bool { return s.Raised }) {
			return true
		}
	}
	return false
}

func (l *Learner) model(workload string) *model {
	w := l.models[workload]
	if w != nil {
		return w
	}
	if int64(len(l.models)) >= l.settings.Workloads {
		l.evict()
	}
	w = &model{Metrics: map[string]*histogram{}}
	l.models[workload] = w
	return w
}

// evict forgets what was not seen for longest, a tenth of all at a time.
func (l *Learner) evict() {
	names := slices.Collect(maps.Keys(l.models))
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(l.models[a].Slot, l.models[b].Slot), cmp.Compare(a, b))
	})
	for _, name := range names[:len(names)/10+1] {
		delete(l.models, name)
	}
}

// Accept takes what the containers of a workload do now for normal. It tells
// what is over thereby.
func (l *Learner) Accept(workload string, now time.Time) []alert.Alert {
	var all []alert.Alert
	for _, id := range slices.Sorted(maps.Keys(l.containers)) {
		c := l.containers[id]
		if c.workload != workload {
			continue
		}
		for _, metric := range l.metrics {
			if c.states[metric].Raised {
				all = append(all, l.accept(c, l.model(workload), id, metric, now))
			}
		}
		if c.leak.Raised {
			c.leak, c.floor = alert.State{}, growth{}
			all = append(all, alert.Alert{Time: now, Name: "normal.memory_growth", Phase: alert.Cleared, Severity: alert.Info, Subject: id, Message: "what container " + id + " of " + workload + " does is taken for normal"})
		}
	}
	return all
}

// accept makes the new level half of what is known.
func (l *Learner) accept(c *container, w *model, id string, metric sample.Metric, now time.Time) alert.Alert {
	if n := c.new[metric]; n != nil && n.Total > 0 {
		name := metric.String()
		if w.Metrics[name] == nil {
			w.Metrics[name] = &histogram{}
		}
		w.Metrics[name].merge(n, max(w.Metrics[name].Total, n.Total)/n.Total)
		if all := w.Hours[name]; all != nil {
			for _, h := range all {
				if h != nil && h.Total > 0 {
					h.merge(n, h.Total/n.Total)
				}
			}
		}
	}
	since := c.states[metric].Over
	c.states[metric], c.new[metric], c.held[metric] = alert.State{}, nil, nil
	return alert.Alert{
		Time: now, Name: "normal." + metric.String(), Phase: alert.Cleared, Severity: alert.Info, Subject: id, Since: since,
		Message: metric.Subject() + " of container " + id + ", as it is since " + since.UTC().Format(time.RFC3339) + ", is taken for the new normal of " + c.workload,
	}
}

// Explain gives what is known of a workload; nil: nothing is.
func (l *Learner) Explain(workload string, now time.Time) []Learned {
	w := l.models[workload]
	if w == nil {
		return nil
	}
	var all []Learned
	for _, metric := range l.metrics {
		all = append(all, w.bound(&l.settings, metric, now))
	}
	return all
}

// Workloads are the names of all that are known.
func (l *Learner) Workloads() []string { return slices.Sorted(maps.Keys(l.models)) }
