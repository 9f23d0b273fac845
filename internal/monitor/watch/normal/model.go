package normal

import (
	"math"
	"strings"
	"time"

	"github.com/runward/runward/internal/monitor/watch/sample"
)

// A kind is one of the numbers that are learned.
type kind struct {
	metric  sample.Metric
	lasting bool // the mean of several windows
}

func (k kind) String() string {
	if k.lasting {
		return k.metric.String() + "_lasting"
	}
	return k.metric.String()
}

// isKind tells whether a name is one's.
func isKind(name string) bool {
	m, ok := sample.ParseMetric(strings.TrimSuffix(name, "_lasting"))
	return ok && floorOf(m) > 0
}

// A model is what was learned of one workload.
type model struct {
	Seen    int64                 `json:"seen"` // windows in which any of its containers ran and was learned from
	Slot    int64                 `json:"slot"` // the number of the last of them since 1970
	Faded   time.Time             `json:"faded"`
	Metrics map[string]*histogram `json:"metrics"`
	Hours   map[string]*hours     `json:"hours,omitempty"`
}

// hours are a metric's histograms by hour of the day, UTC.
type hours [24]*histogram

// unitOf is what is as good as nothing of a metric.
func unitOf(m sample.Metric) float64 { return floorOf(m) / 1000 }

// learn adds a mean.
func (w *model) learn(s *Settings, k kind, value float64, now time.Time) {
	name, m := k.String(), k.metric
	if w.Metrics[name] == nil {
		w.Metrics[name] = &histogram{}
	}
	w.Metrics[name].add(value, unitOf(m), 1)
	if !s.Hours || k.lasting {
		return
	}
	if w.Hours == nil {
		w.Hours = map[string]*hours{}
	}
	if w.Hours[name] == nil {
		w.Hours[name] = &hours{}
	}
	of := &w.Hours[name][now.UTC().Hour()]
	if *of == nil {
		*of = &histogram{}
	}
	(*of).add(value, unitOf(m), 1)
}

// seen counts a window once, however many containers there are.
func (w *model) seen(slot int64) {
	if slot > w.Slot {
		w.Slot = slot
		w.Seen++
	}
}

// confident tells whether enough was seen.
func (w *model) confident(s *Settings) bool {
	return w.Seen >= int64(s.Learn/s.Window)
}

// fade lets what was learned count less with time; now and then is enough.
func (w *model) fade(s *Settings, now time.Time) {
	age := now.Sub(w.Faded)
	if w.Faded.IsZero() || age < 0 {
		w.Faded = now
		return
	}
	if age < time.Duration(s.HalfLife)/64 {
		return
	}
	w.Faded = now
	by := math.Pow(0.5, float64(age)/float64(s.HalfLife))
	for _, h := range w.Metrics {
		h.scale(by)
	}
	for _, all := range w.Hours {
		for _, h := range all {
			if h != nil {
				h.scale(by)
			}
		}
	}
}

// A Learned is what is known of a metric of a workload, for people.
type Learned struct {
	Metric    string  `json:"metric"`
	Windows   float64 `json:"windows"` // that count, the older the less
	Median    float64 `json:"median"`
	MAD       float64 `json:"mad"`
	Q99       float64 `json:"q99"`
	Bound     float64 `json:"bound"` // over it, a window is too high
	Confident bool    `json:"confident"`
	Hour      bool    `json:"hour"` // by this hour of the day alone
}

// bound is the formula of this package.
func (w *model) bound(s *Settings, k kind, now time.Time) Learned {
	name, m := k.String(), k.metric
	l := Learned{Metric: name, Confident: w.confident(s), Bound: math.Inf(1)}
	h := w.Metrics[name]
	if all := w.Hours[name]; s.Hours && !k.lasting && all != nil {
		of := all[now.UTC().Hour()]
		if of != nil && of.Total >= 2*float64(time.Hour)/float64(s.Window) { // two days of this hour
			h, l.Hour = of, true
		}
	}
	if h == nil || h.Total == 0 {
		l.Confident = false
		return l
	}
	unit := unitOf(m)
	l.Windows = h.Total
	l.Median, l.Q99 = h.quantile(0.5, unit), h.quantile(0.99, unit)
	l.MAD = h.mad(l.Median, unit)
	// Of few values the highest is a guess of what is high: the fewer, the wider.
	margin := float64(s.Margin) * (1 + 3/math.Sqrt(h.Total))
	l.Bound = max(float64(s.Floor)*floorOf(m), margin*l.Q99, l.Median+float64(s.Deviations)*1.4826*max(l.MAD, l.Median/10))
	return l
}
