package sample

import (
	"testing"
	"time"
)

func TestMeasure(t *testing.T) {
	start := time.Unix(1000, 0)
	a := &Sample{
		Time: start, Has: HasMemory | HasCPU | HasThrottling | HasNetwork | HasPids | HasOOM,
		CPU: CPU{Usage: time.Second, Periods: 10, Throttled: 1}, OOMKills: 1,
		Network: Network{Total: Traffic{SentBytes: 5000, ReceivedBytes: 100}},
	}
	b := *a
	b.Time = start.Add(10 * time.Second)
	b.Memory = Memory{Usage: 100, WorkingSet: 50, Limit: 200}
	b.CPU = CPU{Usage: 6 * time.Second, Periods: 110, Throttled: 26}
	b.Network.Total = Traffic{SentBytes: 25_000, ReceivedBytes: 50} // an interface was made anew
	b.Pids, b.OOMKills = Pids{Current: 3}, 4
	m := Measure(a, &b)
	for metric, want := range map[Metric]float64{MemoryPercent: 25, MemoryWorkingSet: 50, CPUCores: 0.5, CPUThrottledPercent: 25, NetworkSent: 2000, PidsCurrent: 3, PidsRefused: 0} {
		if got, ok := m.Get(metric); got != want || !ok {
			t.Errorf("%s: %g, %v, want %g", metric, got, ok, want)
		}
	}
	for _, metric := range []Metric{NetworkReceived, PidsPercent, DiskRead, PSIIOSomeAvg60} {
		if got, ok := m.Get(metric); ok {
			t.Errorf("%s is known: %g", metric, got)
		}
	}
	if n := OOMKills(a, &b); n != 3 {
		t.Errorf("%d kills", n)
	}
	if n := OOMKills(&b, a); n != 0 {
		t.Errorf("%d kills of a cgroup that is new", n)
	}
	for _, back := range []*Sample{nil, &b, a} { // nothing before, the clock went back, no time passed
		first := Measure(back, a)
		if _, ok := first.Get(CPUCores); ok {
			t.Error("a rate without time between")
		}
	}
}

func TestMetricNames(t *testing.T) {
	for i := range Metrics {
		m := Metric(i)
		if got, ok := ParseMetric(m.String()); got != m || !ok || m.String() == "" || m.Subject() == "" {
			t.Errorf("metric %d is called %q", i, m)
		}
	}
	for text, of := range map[string]float64{"1.5 MiB/s": 1.5 * (1 << 20), "0.012 MiB/s": 0, "100 B/s": 100, "1023 B/s": 1023} {
		if got := NetworkSent.Text(of); of != 0 && got != text {
			t.Errorf("%g is %q, want %q", of, got, text)
		}
	}
	if got := CPUCores.Text(0.00123); got != "0.0012 processors" {
		t.Error(got)
	}
}
