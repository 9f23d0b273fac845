package monitor

import (
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/runward/runward/internal/monitor/api"
)

// counts are the metrics. No label is a container's: their number has no bound.
type counts struct {
	registry     *prometheus.Registry
	followed     prometheus.Counter
	hooks        *prometheus.CounterVec
	attestations *prometheus.CounterVec
	attesting    prometheus.Histogram
	alerts       *prometheus.CounterVec
	answers      *prometheus.CounterVec
	pass         prometheus.Histogram
}

func (c *counts) init() {
	c.registry = prometheus.NewRegistry()
	c.followed = prometheus.NewCounter(prometheus.CounterOpts{Name: "runward_containers_followed_total", Help: "Containers that the monitor began to follow."})
	c.hooks = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "runward_hooks_total", Help: "Hooks that reported, by stage and by what they were told."}, []string{"stage", "result"})
	c.attestations = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "runward_attestations_total", Help: "Comparisons of containers with their decisions, by verdict."}, []string{"verdict"})
	c.attesting = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "runward_attestation_seconds", Help: "What one comparison took.", Buckets: prometheus.ExponentialBuckets(0.0005, 2, 12),
	})
	c.alerts = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "runward_alerts_total", Help: "Alerts that were raised, by name and severity."}, []string{"name", "severity"})
	c.answers = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "runward_answers_total", Help: "Answers, by action, by whom (policy or person) and by result."}, []string{"action", "by", "result"})
	c.pass = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "runward_sampling_seconds", Help: "What taking samples of all containers took.", Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
	})
	c.registry.MustRegister(c.followed, c.pass, c.hooks, c.attestations, c.attesting, c.alerts, c.answers,
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), collectors.NewGoCollector())
}

// Collect gives what is counted at the moment of asking; see Describe.
func (d *Daemon) Collect(out chan<- prometheus.Metric) {
	d.mu.Lock()
	phases, verdicts, held := map[api.Phase]int{}, map[api.Verdict]int{}, map[[2]string]int{}
	for _, c := range d.all {
		phases[c.phase]++
		if c.phase == api.Running {
			verdicts[c.verdict]++
		}
	}
	for k, a := range d.alerts.held {
		held[[2]string{k.name, a.Severity}]++
	}
	due, sent := len(d.schedule), d.destinations()
	dropped, missed := d.alerts.dropped, d.missed
	d.mu.Unlock()
	gauge := func(desc *prometheus.Desc, n float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, n, labels...)
	}
	count := func(desc *prometheus.Desc, n uint64, labels ...string) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(n), labels...)
	}
	for _, p := range []api.Phase{api.Creating, api.Created, api.Running, api.Stopped} {
		gauge(descContainers, float64(phases[p]), string(p))
	}
	for _, v := range []api.Verdict{api.Proven, api.Differs, api.Unproven} {
		gauge(descProven, float64(verdicts[v]), string(v))
	}
	for k, n := range held {
		gauge(descHeld, float64(n), k[0], k[1])
	}
	gauge(descDue, float64(due))
	for i := range sent {
		s := &sent[i]
		failing := 0.0
		if s.Error != "" {
			failing = 1
		}
		gauge(descLag, float64(s.Lag), s.Name)
		gauge(descFailing, failing, s.Name)
		count(descSent, s.Sent, s.Name)
		count(descRefused, s.Refused, s.Name)
	}
	count(descDropped, dropped, "alerts")
	count(descDropped, d.recorder.lost.Load(), "records")
	count(descDropped, missed, "watch")
	readers, unread := d.stream.counts()
	count(descDropped, unread, "stream")
	gauge(descReaders, float64(readers))
	count(descRecorded, d.recorder.written.Load())
	gauge(descBuild, 1, d.Version, goVersion())
}

var (
	descContainers = prometheus.NewDesc("runward_containers", "Containers, by phase.", []string{"phase"}, nil)
	descProven     = prometheus.NewDesc("runward_containers_attested", "Running containers, by the verdict of their last attestation.", []string{"verdict"}, nil)
	descHeld       = prometheus.NewDesc("runward_alerts", "Alerts that hold, by name and severity.", []string{"name", "severity"}, nil)
	descDue        = prometheus.NewDesc("runward_attestations_scheduled", "Containers that wait for their next attestation.", nil, nil)
	descDropped    = prometheus.NewDesc("runward_dropped_total", "What a bounded queue had no room for, by queue.", []string{"queue"}, nil)
	descReaders    = prometheus.NewDesc("runward_stream_readers", "Who listens to the stream of events.", nil, nil)
	descRecorded   = prometheus.NewDesc("runward_records_total", "Events that were added to the chain.", nil, nil)
	descLag        = prometheus.NewDesc("runward_forward_lag_records", "Records that a destination has not answered for yet.", []string{"destination"}, nil)
	descFailing    = prometheus.NewDesc("runward_forward_failing", "Whether requests to a destination do not go well, 0 or 1.", []string{"destination"}, nil)
	descSent       = prometheus.NewDesc("runward_forward_sent_total", "Records that a destination has answered for.", []string{"destination"}, nil)
	descRefused    = prometheus.NewDesc("runward_forward_refused_total", "Records that a destination refuses; they are kept in a file.", []string{"destination"}, nil)
	descBuild      = prometheus.NewDesc("runward_build_info", "Always 1; what runs.", []string{"version", "goversion"}, nil)
)

// Describe lists what Collect gives.
func (d *Daemon) Describe(out chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{descContainers, descProven, descHeld, descDue, descDropped, descReaders, descRecorded, descLag, descFailing, descSent, descRefused, descBuild} {
		out <- desc
	}
}

func goVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.GoVersion
	}
	return ""
}
