package watch

import (
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/runward/runward/internal/monitor/watch/alert"
	"github.com/runward/runward/internal/monitor/watch/normal"
	"github.com/runward/runward/internal/monitor/watch/sample"
	"github.com/runward/runward/internal/monitor/watch/threshold"
)

// Containers are those that are watched. It is for one goroutine.
type Containers struct {
	settings *Settings
	node     *sample.Node
	learner  *normal.Learner
	all      map[string]*watched
}

type watched struct {
	workload string
	source   *sample.Source
	state    *threshold.Container
	last     *sample.Sample
	measures sample.Measures
}

// NewContainers watches none yet.
func NewContainers(settings *Settings, node *sample.Node, learner *normal.Learner) *Containers {
	return &Containers{settings: settings, node: node, learner: learner, all: map[string]*watched{}}
}

// Add begins to watch a container. key is its name among all of the node's,
// id how its runtime calls it, which is in its cgroup's name; workload is what
// it is one of, empty where that is not known. It returns sample.ErrGone if it
// has ended. One that is watched already stays as it is.
func (c *Containers) Add(key, id, workload string, pid int) error {
	if c.all[key] != nil {
		return nil
	}
	source, err := c.node.Open(id, pid)
	if err != nil {
		return err
	}
	c.all[key] = &watched{workload: workload, source: source, state: threshold.New(key)}
	return nil
}

// Remove ends it. What was raised of it is cleared.
func (c *Containers) Remove(now time.Time, key string) []alert.Alert {
	return c.remove(now, key, nil)
}

func (c *Containers) remove(now time.Time, key string, last *sample.Sample) []alert.Alert {
	w := c.all[key]
	if w == nil {
		return nil
	}
	c.node.Close(w.source)
	delete(c.all, key)
	return append(w.state.Gone(&c.settings.Thresholds, last, now), c.learner.Gone(now, key)...)
}

// Pass takes a sample of every container. Those that have ended are in gone,
// and watched no more; one that cannot be read is an error, and stays.
func (c *Containers) Pass(now time.Time) (alerts []alert.Alert, gone []string, err error) {
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(c.all)) {
		told, ended, err := c.Look(now, key)
		alerts = append(alerts, told...)
		if ended {
			gone = append(gone, key)
		}
		errs = append(errs, err)
	}
	return alerts, gone, errors.Join(errs...)
}

// Look takes a sample of one container. Call it as soon as its first process
// has ended: whether that was for want of memory can be read only until the
// engine removes the cgroup.
func (c *Containers) Look(now time.Time, key string) (alerts []alert.Alert, gone bool, err error) {
	w := c.all[key]
	if w == nil {
		return nil, true, nil
	}
	s, err := c.node.Read(w.source, now)
	switch {
	case errors.Is(err, sample.ErrGone):
		return c.remove(now, key, s), true, nil
	case err != nil:
		return nil, false, err
	}
	w.measures, alerts = w.state.Step(&c.settings.Thresholds, s)
	w.last = s
	return append(alerts, c.learner.Step(now, w.workload, key, &w.measures, s.Memory.Limit)...), false, nil
}

// Last gives what the last pass read of a container.
func (c *Containers) Last(key string) (s *sample.Sample, m sample.Measures, ok bool) {
	w := c.all[key]
	if w == nil || w.last == nil {
		return nil, sample.Measures{}, false
	}
	return w.last, w.measures, true
}
