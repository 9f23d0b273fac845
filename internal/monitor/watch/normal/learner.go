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
	kinds      []kind
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
	windows  int64 // of those that a lasting mean is of
	longer   [sample.Metrics]float64
	tracks   map[kind]*track
	usual    float64 // the 99th percentile of memory in use when it began; 0: not known
	floor    growth
	leak     alert.State
}

// track is where one number of a container stands.
type track struct {
	state alert.State
	held  []float64  // what is too high, until it is known what it is
	new   *histogram // while it alerts
}

// New makes one that has learned nothing.
func New(settings Settings) *Learner {
	l := &Learner{settings: settings, metrics: settings.metrics(), models: map[string]*model{}, containers: map[string]*container{}}
	for _, m := range l.metrics {
		l.kinds = append(l.kinds, kind{m, false})
		if settings.Lasting > 0 {
			l.kinds = append(l.kinds, kind{m, true})
		}
	}
	return l
}

func (l *Learner) begin(workload string, slot int64) *container {
	c := &container{workload: workload, slot: slot, tracks: map[kind]*track{}}
	for _, k := range l.kinds {
		c.tracks[k] = &track{}
	}
	if w := l.models[workload]; w != nil && w.confident(&l.settings) {
		c.usual = w.bound(&l.settings, kind{sample.MemoryWorkingSet, false}, time.Unix(0, 0)).Q99
	}
	return c
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
		c = l.begin(workload, slot)
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
	for _, k := range l.kinds {
		if state := &c.tracks[k].state; state.Raised {
			all = append(all, alert.Alert{
				Time: now, Name: "normal." + k.String(), Phase: alert.Cleared, Severity: alert.Info, Subject: id,
				Message: "container " + id + " of " + c.workload + " has ended", Since: state.Over, Count: state.Count,
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
	c.windows++
	for _, metric := range l.metrics {
		if n := c.count[metric]; n > 0 {
			value := c.sum[metric] / float64(n)
			means = append(means, mean{kind{metric, false}, value})
			c.longer[metric] += value
		}
		c.sum[metric], c.count[metric] = 0, 0
		if l.settings.Lasting > 0 && c.windows == l.settings.Lasting {
			means = append(means, mean{kind{metric, true}, c.longer[metric] / float64(c.windows)})
			c.longer[metric] = 0
		}
	}
	if c.windows >= l.settings.Lasting {
		c.windows = 0
	}
	for _, m := range means {
		all = append(all, l.judge(c, w, id, m, now)...)
		if m.kind == (kind{sample.MemoryWorkingSet, false}) {
			all = append(all, l.grows(c, w, id, m.value, now)...)
		}
	}
	l.learn(c, w, means, now)
	return all
}

type mean struct {
	kind
	value float64
}

// learn adds windows, unless one of the workload's containers alerts.
func (l *Learner) learn(c *container, w *model, means []mean, now time.Time) {
	frozen := l.frozen(c.workload)
	for _, m := range means {
		t := c.tracks[m.kind]
		switch {
		case t.state.Raised: // remembered by itself, in case it is accepted
			if t.new == nil {
				t.new = &histogram{}
			}
			for _, value := range append(t.held, m.value) {
				t.new.add(value, unitOf(m.metric), 1)
			}
			t.held = nil
		case !t.state.Over.IsZero(): // it is too high, and not for long enough to be said
			if !frozen {
				t.held = append(t.held, m.value)
			}
		default:
			t.new = nil
			if !frozen {
				for _, value := range append(t.held, m.value) {
					w.learn(&l.settings, m.kind, value, now)
				}
			}
			t.held = nil
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
		if c.leak.Raised || slices.ContainsFunc(l.kinds, func(k kind) bool { return c.tracks[k].state.Raised }) {
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
		for _, k := range l.kinds {
			if c.tracks[k].state.Raised {
				all = append(all, l.accept(c, l.model(workload), id, k, now))
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
func (l *Learner) accept(c *container, w *model, id string, k kind, now time.Time) alert.Alert {
	t, name := c.tracks[k], k.String()
	if n := t.new; n != nil && n.Total > 0 {
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
	since := t.state.Over
	*t = track{}
	return alert.Alert{
		Time: now, Name: "normal." + name, Phase: alert.Cleared, Severity: alert.Info, Subject: id, Since: since,
		Message: k.metric.Subject() + " of container " + id + ", as it is since " + since.UTC().Format(time.RFC3339) + ", is taken for the new normal of " + c.workload,
	}
}

// Explain gives what is known of a workload; nil: nothing is.
func (l *Learner) Explain(workload string, now time.Time) []Learned {
	w := l.models[workload]
	if w == nil {
		return nil
	}
	var all []Learned
	for _, k := range l.kinds {
		all = append(all, w.bound(&l.settings, k, now))
	}
	return all
}

// Workloads are the names of all that are known.
func (l *Learner) Workloads() []string { return slices.Sorted(maps.Keys(l.models)) }
