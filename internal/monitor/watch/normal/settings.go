// Package normal learns how much of each resource a workload ordinarily uses,
// and says when one of its containers uses far more for a while.
//
// It takes one number of each metric per window (a minute): the mean. Of these
// it keeps a histogram with buckets 10 % wide, in which what is older counts
// less. A window is too high when it is over
//
//	max(floor, margin · (1 + 3/√n) · q99, median + deviations · 1.4826 · max(MAD, median/10))
//
// where n is how many windows are known: of few, the 99th percentile is a guess;
// several windows in a row are an alert. The same is done with the mean of
// twelve windows, of which one is enough: bursts are less in it, and what lasts
// is not. Median, MAD (the median distance
// from the median) and the 99th percentile do not care how far away a few
// outliers are. Spikes that end before they are an alert are learned, as they
// belong to the workload; while one of its containers alerts, nothing is.
package normal

import (
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/runward/runward/internal/monitor/watch/alert"
	"github.com/runward/runward/internal/monitor/watch/sample"
)

// Settings are [monitor.normal] of runward.toml.
type Settings struct {
	Enabled    bool           `toml:"enabled" doc:"learn what is normal of each workload, and say when something is not"`
	Window     alert.Duration `toml:"window" doc:"over how long one number is the mean"`
	Learn      alert.Duration `toml:"learn" doc:"how long a workload was seen, all its windows together, before anything is said of it"`
	HalfLife   alert.Duration `toml:"half_life" doc:"after how long what was seen counts half"`
	Windows    int64          `toml:"windows" doc:"how many windows in a row are too high before it is said"`
	Lasting    int64          `toml:"lasting" doc:"over how many windows a second mean is taken, which is too high at once: it finds less that lasts longer; 0: it is not"`
	Deviations alert.Number   `toml:"deviations" doc:"how many deviations (1.4826 MAD, at least a tenth of the median) above the median are too high"`
	Margin     alert.Number   `toml:"margin" doc:"how many times the 99th percentile is too high"`
	Floor      alert.Number   `toml:"floor" doc:"times the least that is worth saying: memory 32 MiB, processors 0.1, tasks 16, network 128 KiB/s, disks 4 MiB/s"`
	Hours      bool           `toml:"hours" doc:"learn each hour of the day (UTC) by itself, once it was seen often enough"`
	Accept     alert.Duration `toml:"accept" doc:"after how long what is too high, and stays so, is taken for the new normal; 0s: only when an administrator says so"`
	Repeat     alert.Duration `toml:"repeat" doc:"while it lasts, how often it is said again; 0s: never"`
	Growth     alert.Duration `toml:"growth" doc:"over how long memory must grow all the time to be a leak; 0s: leaks are not looked for"`
	Severity   alert.Severity `toml:"severity" doc:"info, warning or critical"`
	Metrics    []string       `toml:"metrics" doc:"what is learned: memory_working_set, cpu_cores, pids_current, network_received, network_sent, disk_read, disk_written"`
	Workloads  int64          `toml:"workloads" doc:"of how many workloads at most; those that were not seen for longest are forgotten"`
}

// Default is what holds without settings.
func Default() Settings {
	return Settings{
		Enabled: true, Window: alert.Duration(time.Minute), Learn: alert.Duration(12 * time.Hour), HalfLife: alert.Duration(7 * 24 * time.Hour),
		Windows: 3, Lasting: 12, Deviations: 6, Margin: 1.5, Floor: 1, Accept: alert.Duration(24 * time.Hour), Repeat: alert.Duration(6 * time.Hour),
		Growth: alert.Duration(2 * time.Hour), Severity: alert.Warning, Workloads: 2000,
		Metrics: []string{"memory_working_set", "cpu_cores", "pids_current", "network_received", "network_sent", "disk_written"},
	}
}

// floorOf is what a metric must be over, whatever was learned, to be worth
// saying; 0: it is not one that is learned.
func floorOf(m sample.Metric) float64 {
	switch m {
	case sample.MemoryWorkingSet:
		return 32 << 20
	case sample.CPUCores:
		return 0.1
	case sample.PidsCurrent:
		return 16
	case sample.NetworkReceived, sample.NetworkSent:
		return 128 << 10
	case sample.DiskRead, sample.DiskWritten:
		return 4 << 20
	default:
		return 0
	}
}

// Check says what is wrong with the settings, and at which key.
func (s *Settings) Check() (key string, err error) {
	for i, name := range s.Metrics {
		if m, ok := sample.ParseMetric(name); !ok || floorOf(m) == 0 {
			return "metrics", errors.New("metrics: " + strconv.Quote(name) + " is none that can be learned")
		}
		if slices.Contains(s.Metrics[:i], name) {
			return "metrics", errors.New("metrics: " + strconv.Quote(name) + " is there twice")
		}
	}
	switch {
	case time.Duration(s.Window) < time.Second:
		return "window", errors.New("window: want at least 1s")
	case s.Learn < s.Window:
		return "learn", errors.New("learn: want at least one window")
	case s.HalfLife < s.Learn:
		return "half_life", errors.New("half_life: want at least as long as learn: it would never be known enough")
	case s.Windows < 1:
		return "windows", errors.New("windows: want at least 1")
	case s.Lasting < 0 || s.Lasting == 1 || s.Lasting > 1000:
		return "lasting", errors.New("lasting: want 0, or 2 to 1000 windows")
	case s.Margin < 1:
		return "margin", errors.New("margin: want at least 1")
	case s.Workloads < 1 || s.Workloads > 100_000:
		return "workloads", errors.New("workloads: want 1 to 100000")
	case s.Growth > 0 && time.Duration(s.Growth) < growthBlocks*time.Duration(s.Window):
		return "growth", errors.New("growth: want 0s, or at least " + strconv.Itoa(growthBlocks) + " windows")
	case s.Severity != alert.Info && s.Severity != alert.Warning && s.Severity != alert.Critical:
		return "severity", errors.New("severity: want info, warning or critical, found " + strconv.Quote(string(s.Severity)))
	}
	return "", nil
}

func (s *Settings) metrics() []sample.Metric {
	var all []sample.Metric
	for _, name := range s.Metrics {
		if m, ok := sample.ParseMetric(name); ok && floorOf(m) > 0 {
			all = append(all, m)
		}
	}
	return all
}
