package monitor

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/runward/runward/internal/audit/event"
	"github.com/runward/runward/internal/monitor/api"
	"github.com/runward/runward/internal/monitor/watch"
	"github.com/runward/runward/internal/monitor/watch/alert"
	"github.com/runward/runward/internal/monitor/watch/normal"
	"github.com/runward/runward/internal/monitor/watch/restart"
	"github.com/runward/runward/internal/monitor/watch/sample"
	"github.com/runward/runward/internal/monitor/watch/workload"
)

// A change is a container that has started or ended.
type change struct {
	key
	workload string
	pid      int
	ended    bool
	how      string
}

// changes is how many may wait for the watch. What finds no room it learns by
// its next pass, but for how a container ended.
const changes = 4096

// sampledFiles bounds the files that are kept open to take samples.
const sampledFiles = 16_384

// A watching takes samples of all containers. It is for one goroutine.
type watching struct {
	d        *Daemon
	settings watch.Settings
	all      *watch.Containers
	node     *sample.Node
	learner  *normal.Learner
	loops    restart.Loops
	names    map[key]string // by which the watch knows them
	keys     map[string]key
	failed   map[key]bool // that could not be watched, which was said
}

func (d *Daemon) newWatching() (*watching, error) {
	node, err := sample.NewNode(sampledFiles)
	if err != nil {
		return nil, err
	}
	w := &watching{d: d, settings: d.Settings.Watch(), node: node, names: map[key]string{}, keys: map[string]key{}, failed: map[key]bool{}}
	w.learner = normal.New(w.settings.Normal)
	if d.Learned != "" {
		if err := w.learner.Load(d.Learned); err != nil {
			d.Log.Warn(err)
		}
	}
	w.all = watch.NewContainers(&w.settings, node, w.learner)
	return w, nil
}

// saveEvery is how often what was learned is kept.
const saveEvery = 5 * time.Minute

// watch takes samples until ctx ends.
func (d *Daemon) watch(ctx context.Context) error {
	w, err := d.newWatching()
	if err != nil {
		return err
	}
	pass := time.NewTicker(time.Duration(w.settings.Every))
	defer pass.Stop()
	save := time.NewTicker(saveEvery)
	defer save.Stop()
	for {
		select {
		case c := <-d.changes:
			w.change(c)
		case <-pass.C:
			w.pass()
		case <-save.C:
			w.save()
		case <-ctx.Done():
			w.save()
			return nil
		}
	}
}

func (w *watching) save() {
	if w.d.Learned == "" || !w.settings.Normal.Enabled {
		return
	}
	if err := w.learner.Save(w.d.Learned); err != nil {
		w.d.Log.Error(err)
	}
}

// tell has the watch know of a change. It is called with the lock.
func (d *Daemon) tell(c *container, ended bool, how string) {
	select {
	case d.changes <- change{c.key, workload.Of(c.entry.Engine, c.entry.Identity, ""), c.pid, ended, how}:
	default:
		d.missed++
	}
}

func (w *watching) change(c change) {
	now := time.Now()
	if !c.ended {
		if c.workload != "" {
			w.take(w.loops.Started(&w.settings.Restarts, now, c.workload, c.id))
		}
		w.add(c.key, c.workload, c.pid)
		return
	}
	if name, ok := w.names[c.key]; ok {
		alerts, _, err := w.all.Look(now, name) // whether it was for want of memory can be read only now
		w.take(alerts)
		w.said(err)
		w.take(w.all.Remove(now, name))
		w.drop(c.key)
	}
	if c.workload != "" {
		w.loops.Stopped(&w.settings.Restarts, now, c.workload, c.id, c.how)
	}
}

func (w *watching) add(k key, of string, pid int) {
	if _, ok := w.names[k]; ok {
		return
	}
	name := k.id
	if _, taken := w.keys[name]; taken {
		name = k.id + " of " + k.root
	}
	err := w.all.Add(name, k.id, of, pid)
	switch {
	case errors.Is(err, sample.ErrGone):
	case err != nil:
		if !w.failed[k] {
			w.failed[k] = true
			w.d.Log.WithError(err).WithField("container", k.id).Warn("a container cannot be watched")
		}
	default:
		w.names[k], w.keys[name] = name, k
	}
}

func (w *watching) drop(k key) {
	delete(w.keys, w.names[k])
	delete(w.names, k)
	delete(w.failed, k)
}

// pass takes a sample of each.
func (w *watching) pass() {
	now := time.Now()
	w.d.mu.Lock()
	running := map[key]change{}
	for k, c := range w.d.all {
		if c.phase == api.Running {
			running[k] = change{key: k, workload: workload.Of(c.entry.Engine, c.entry.Identity, ""), pid: c.pid}
		}
	}
	w.d.mu.Unlock()
	for k := range w.names {
		if _, ok := running[k]; !ok { // its change found no room
			w.take(w.all.Remove(now, w.names[k]))
			w.drop(k)
		}
	}
	for k, c := range running {
		w.add(k, c.workload, c.pid)
	}
	alerts, gone, err := w.all.Pass(now)
	w.take(alerts)
	w.said(err)
	for _, name := range gone {
		w.drop(w.keys[name])
	}
	w.take(w.loops.Tick(&w.settings.Restarts, now))
	for _, note := range w.node.Notes() {
		w.d.Log.Info(note)
	}
	w.d.counts.pass.Observe(time.Since(now).Seconds())
	w.publish()
}

func (w *watching) said(err error) {
	if err != nil {
		w.d.Log.WithError(err).Warn("a sample could not be taken")
	}
}

// publish shows what the last pass measured.
func (w *watching) publish() {
	w.d.mu.Lock()
	defer w.d.mu.Unlock()
	for k, name := range w.names {
		s, m, ok := w.all.Last(name)
		c := w.d.all[k]
		if !ok || c == nil {
			continue
		}
		u := &api.Usage{Time: s.Time, Memory: s.Memory.WorkingSet, MemoryLimit: s.Memory.Limit, Pids: s.Pids.Current, PidsLimit: s.Pids.Limit, CPULimit: float64(s.CPU.Quota) / 1000}
		for metric, to := range map[sample.Metric]*float64{
			sample.CPUCores: &u.CPU, sample.CPUThrottledPercent: &u.Throttled, sample.PSIMemorySomeAvg60: &u.MemoryPressure,
			sample.NetworkReceived: &u.Received, sample.NetworkSent: &u.Sent, sample.DiskRead: &u.Read, sample.DiskWritten: &u.Written,
		} {
			if v, ok := m.Get(metric); ok {
				*to = v
			}
		}
		c.usage = u
	}
}

// take takes up what the watch has to say of containers and workloads.
func (w *watching) take(alerts []alert.Alert) {
	for i := range alerts {
		k, ok := w.keys[alerts[i].Subject]
		if !ok {
			w.d.takeAlert(&alerts[i], key{})
			continue
		}
		w.d.takeAlert(&alerts[i], k)
	}
}

// lasting is how long an alert that has no end of its own is shown.
const lasting = time.Hour

// takeAlert raises, records or clears an alert of the watch's.
func (d *Daemon) takeAlert(a *alert.Alert, about key) {
	k := alertKey{about, a.Name, a.Subject}
	if a.Phase == alert.Cleared {
		d.clear(k)
		return
	}
	out := api.Alert{
		Name: a.Name, Severity: string(a.Severity), Message: a.Message, Got: a.Got, Want: a.Want, Details: a.Details,
	}
	if a.Who != "" {
		out.Details = map[string]string{"who": a.Who}
		for name, value := range a.Details {
			out.Details[name] = value
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if c := d.all[about]; c != nil && about != (key{}) {
		out.Container, out.Root, out.Namespace, out.Pod = c.id, c.root, c.entry.Identity.Namespace, c.entry.Identity.Pod
	}
	if a.Phase == alert.Once {
		out.Until = time.Now().Add(lasting)
		k.about += " " + strconv.FormatInt(a.Time.UnixNano(), 10) // each is one of its own
	}
	if !d.alerts.raise(k, out, time.Now()) {
		return
	}
	e := event.Event{Time: a.Time}
	if c := d.all[about]; c != nil {
		e = d.about(c)
	}
	e.Who = a.Who
	d.recordAlert(e, out)
}
