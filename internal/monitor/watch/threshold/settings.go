// Package threshold holds what is measured of a container against bounds that
// an administrator sets. It is a state machine without a clock: samples go in,
// alerts come out.
package threshold

import (
	"errors"
	"strconv"
	"time"

	"github.com/runward/runward/internal/monitor/watch/alert"
	"github.com/runward/runward/internal/monitor/watch/sample"
)

// Settings are [monitor.thresholds] of runward.toml.
type Settings struct {
	Repeat alert.Duration `toml:"repeat" doc:"while something lasts, how often it is said again; 0s: never"`
	OOM    bool           `toml:"oom" doc:"say it when the kernel kills a process of a container for want of memory"`

	MemoryPercent       Bound `toml:"memory_percent" doc:"percent of the memory limit, inactive page cache left out"`
	MemorySwap          Bound `toml:"memory_swap" doc:"bytes in swap"`
	CPUCores            Bound `toml:"cpu_cores" doc:"processors in use: 0.5 is half of one"`
	CPUThrottledPercent Bound `toml:"cpu_throttled_percent" doc:"percent of the periods in which the container had a processor quota and was made to wait at its end"`
	PidsPercent         Bound `toml:"pids_percent" doc:"percent of the limit of processes and threads"`
	PidsRefused         Bound `toml:"pids_refused" doc:"processes and threads a second that could not be made at that limit"`
	PSICPUSome          Bound `toml:"psi_cpu_some_avg60" doc:"percent of the last minute in which some task waited for a processor"`
	PSIMemorySome       Bound `toml:"psi_memory_some_avg60" doc:"percent of the last minute in which some task waited for memory"`
	PSIMemoryFull       Bound `toml:"psi_memory_full_avg60" doc:"percent of the last minute in which all tasks waited for memory"`
	PSIIOSome           Bound `toml:"psi_io_some_avg60" doc:"percent of the last minute in which some task waited for a disk"`
	PSIIOFull           Bound `toml:"psi_io_full_avg60" doc:"percent of the last minute in which all tasks waited for a disk"`
	NetworkReceived     Bound `toml:"network_received" doc:"bytes a second that the container's interfaces received; not where it has the node's network"`
	NetworkSent         Bound `toml:"network_sent" doc:"bytes a second that they sent"`
	NetworkSentPackets  Bound `toml:"network_sent_packets" doc:"packets a second that they sent"`
	DiskRead            Bound `toml:"disk_read" doc:"bytes a second that were read from block devices"`
	DiskWritten         Bound `toml:"disk_written" doc:"bytes a second that were written to them"`
}

// A Bound is the table of one measure.
type Bound struct {
	Above    alert.Number   `toml:"above" doc:"the measure is too high when it is over this; 0: it is not watched"`
	Clear    alert.Number   `toml:"clear" doc:"and well again when it is below this; by default 9/10 of above"`
	For      alert.Duration `toml:"for" doc:"how long it is too high before it is said; 0s: at once"`
	Severity alert.Severity `toml:"severity" doc:"info, warning or critical"`
}

// Default is what holds without settings: what is close to a limit for a while.
func Default() Settings {
	minutes := func(n int) alert.Duration { return alert.Duration(time.Duration(n) * time.Minute) }
	return Settings{
		Repeat: alert.Duration(time.Hour), OOM: true,
		MemoryPercent:       Bound{90, 0, minutes(1), alert.Warning},
		MemorySwap:          Bound{0, 0, minutes(5), alert.Warning},
		CPUCores:            Bound{0, 0, minutes(5), alert.Warning},
		CPUThrottledPercent: Bound{50, 0, minutes(5), alert.Warning},
		PidsPercent:         Bound{80, 0, minutes(1), alert.Warning},
		PidsRefused:         Bound{0.1, 0, 0, alert.Critical},
		PSICPUSome:          Bound{0, 0, minutes(5), alert.Warning},
		PSIMemorySome:       Bound{20, 0, minutes(2), alert.Warning},
		PSIMemoryFull:       Bound{10, 0, minutes(1), alert.Critical},
		PSIIOSome:           Bound{0, 0, minutes(5), alert.Warning},
		PSIIOFull:           Bound{20, 0, minutes(5), alert.Warning},
		NetworkReceived:     Bound{0, 0, minutes(1), alert.Warning},
		NetworkSent:         Bound{0, 0, minutes(1), alert.Warning},
		NetworkSentPackets:  Bound{0, 0, minutes(1), alert.Warning},
		DiskRead:            Bound{0, 0, minutes(5), alert.Warning},
		DiskWritten:         Bound{0, 0, minutes(5), alert.Warning},
	}
}

// A row says which metric a bound is for.
type row struct {
	metric sample.Metric
	bound  *Bound
}

func (s *Settings) rows() []row {
	return []row{
		{sample.MemoryPercent, &s.MemoryPercent},
		{sample.MemorySwap, &s.MemorySwap},
		{sample.CPUCores, &s.CPUCores},
		{sample.CPUThrottledPercent, &s.CPUThrottledPercent},
		{sample.PidsPercent, &s.PidsPercent},
		{sample.PidsRefused, &s.PidsRefused},
		{sample.PSICPUSomeAvg60, &s.PSICPUSome},
		{sample.PSIMemorySomeAvg60, &s.PSIMemorySome},
		{sample.PSIMemoryFullAvg60, &s.PSIMemoryFull},
		{sample.PSIIOSomeAvg60, &s.PSIIOSome},
		{sample.PSIIOFullAvg60, &s.PSIIOFull},
		{sample.NetworkReceived, &s.NetworkReceived},
		{sample.NetworkSent, &s.NetworkSent},
		{sample.NetworkSentPackets, &s.NetworkSentPackets},
		{sample.DiskRead, &s.DiskRead},
		{sample.DiskWritten, &s.DiskWritten},
	}
}

// Check says what is wrong with the settings, and at which key below the table.
func (s *Settings) Check() (key string, err error) {
	for _, r := range s.rows() {
		b := r.bound
		switch {
		case b.Clear > b.Above:
			return r.metric.String() + ".clear", errors.New("clear: want at most above, which is " + text(float64(b.Above)) + ", found " + text(float64(b.Clear)))
		case b.Severity != alert.Info && b.Severity != alert.Warning && b.Severity != alert.Critical:
			return r.metric.String() + ".severity", errors.New("severity: want info, warning or critical, found " + strconv.Quote(string(b.Severity)))
		}
	}
	return "", nil
}

func text(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

// level is the bound as the state machine has it.
func (b *Bound) level(repeat alert.Duration) alert.Level {
	clearAt := float64(b.Clear)
	if clearAt == 0 {
		clearAt = float64(b.Above) * 0.9
	}
	return alert.Level{Above: float64(b.Above), Clear: clearAt, For: time.Duration(b.For), Repeat: time.Duration(repeat), Gap: 2 * time.Minute}
}
