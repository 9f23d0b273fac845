package sample

import (
	"strconv"
	"strings"
)

// A Metric is one number that is watched.
type Metric uint8

// The metrics, with their units. Rates are over the time between two samples.
const (
	MemoryPercent       Metric = iota // of the limit, the working set; none without a limit
	MemoryWorkingSet                  // bytes
	MemorySwap                        // bytes
	CPUCores                          // processors in use: 0.5 is half of one
	CPUThrottledPercent               // of the periods in which it had a quota, those in which it was made to wait
	PidsCurrent                       // tasks
	PidsPercent                       // of the limit; none without a limit
	PidsRefused                       // forks a second that failed at the limit
	PSICPUSomeAvg60                   // percent of the time in which some task waited
	PSIMemorySomeAvg60                // percent
	PSIMemoryFullAvg60                // percent of the time in which all tasks waited
	PSIIOSomeAvg60                    // percent
	PSIIOFullAvg60                    // percent
	NetworkReceived                   // bytes a second
	NetworkSent                       // bytes a second
	NetworkSentPackets                // packets a second
	DiskRead                          // bytes a second
	DiskWritten                       // bytes a second
	Metrics             = iota        // how many there are
)

// names are how metrics are called in settings, alerts and files.
func names() [Metrics]string {
	return [Metrics]string{
		"memory_percent", "memory_working_set", "memory_swap", "cpu_cores", "cpu_throttled_percent", "pids_current", "pids_percent", "pids_refused",
		"psi_cpu_some_avg60", "psi_memory_some_avg60", "psi_memory_full_avg60", "psi_io_some_avg60", "psi_io_full_avg60",
		"network_received", "network_sent", "network_sent_packets", "disk_read", "disk_written",
	}
}

func (m Metric) String() string {
	if m >= Metrics {
		return "unknown"
	}
	return names()[m]
}

// ParseMetric gives the metric with the name.
func ParseMetric(name string) (Metric, bool) {
	for m, n := range names() {
		if n == name {
			return Metric(m), true
		}
	}
	return 0, false
}

// Measures are the metrics between two samples of a container.
type Measures struct {
	value [Metrics]float64
	known uint32
}

// Get gives a metric, and whether it is known.
func (m *Measures) Get(metric Metric) (float64, bool) {
	return m.value[metric], m.known&(1<<metric) != 0
}

// Set makes a metric known.
func (m *Measures) Set(metric Metric, value float64) {
	m.value[metric] = value
	m.known |= 1 << metric
}

// Measure gives the metrics of a sample and, where there is one before, the
// rates since. A counter that went back began anew: its rate is not known.
func Measure(before, now *Sample) Measures {
	var m Measures
	m.levels(now)
	if before == nil {
		return m
	}
	seconds := now.Time.Sub(before.Time).Seconds()
	if seconds <= 0 {
		return m
	}
	both := before.Has & now.Has
	rate := func(metric Metric, has Part, from, to uint64) {
		if both&has != 0 && to >= from {
			m.Set(metric, float64(to-from)/seconds)
		}
	}
	if used := now.CPU.Usage - before.CPU.Usage; both&HasCPU != 0 && used >= 0 {
		m.Set(CPUCores, used.Seconds()/seconds)
	}
	if both&HasThrottling != 0 && now.CPU.Periods >= before.CPU.Periods && now.CPU.Throttled >= before.CPU.Throttled {
		share := 0.0
		if periods := now.CPU.Periods - before.CPU.Periods; periods > 0 {
			share = 100 * float64(now.CPU.Throttled-before.CPU.Throttled) / float64(periods)
		}
		m.Set(CPUThrottledPercent, min(share, 100)) // the two are not counted at one moment
	}
	rate(PidsRefused, HasPids, before.Pids.Refused, now.Pids.Refused)
	rate(NetworkReceived, HasNetwork, before.Network.Total.ReceivedBytes, now.Network.Total.ReceivedBytes)
	rate(NetworkSent, HasNetwork, before.Network.Total.SentBytes, now.Network.Total.SentBytes)
	rate(NetworkSentPackets, HasNetwork, before.Network.Total.SentPackets, now.Network.Total.SentPackets)
	rate(DiskRead, HasDisk, before.Disk.ReadBytes, now.Disk.ReadBytes)
	rate(DiskWritten, HasDisk, before.Disk.WrittenBytes, now.Disk.WrittenBytes)
	return m
}

// levels are what one sample alone tells.
func (m *Measures) levels(s *Sample) {
	if s.Has&HasMemory != 0 {
		m.Set(MemoryWorkingSet, float64(s.Memory.WorkingSet))
		m.Set(MemorySwap, float64(s.Memory.Swap))
		if s.Memory.Limit > 0 {
			m.Set(MemoryPercent, 100*float64(s.Memory.WorkingSet)/float64(s.Memory.Limit))
		}
	}
	if s.Has&HasPids != 0 {
		m.Set(PidsCurrent, float64(s.Pids.Current))
		if s.Pids.Limit > 0 {
			m.Set(PidsPercent, 100*float64(s.Pids.Current)/float64(s.Pids.Limit))
		}
	}
	for _, p := range []struct {
		metric Metric
		has    Part
		value  float64
	}{
		{PSICPUSomeAvg60, HasCPUPressure, s.Pressure.CPU.Some.Avg60},
		{PSIMemorySomeAvg60, HasMemoryPressure, s.Pressure.Memory.Some.Avg60},
		{PSIMemoryFullAvg60, HasMemoryPressure, s.Pressure.Memory.Full.Avg60},
		{PSIIOSomeAvg60, HasIOPressure, s.Pressure.IO.Some.Avg60},
		{PSIIOFullAvg60, HasIOPressure, s.Pressure.IO.Full.Avg60},
	} {
		if s.Has&p.has != 0 {
			m.Set(p.metric, p.value)
		}
	}
}

// OOMKills is how many processes were killed between two samples.
func OOMKills(before, now *Sample) uint64 {
	if before == nil || before.Has&now.Has&HasOOM == 0 || now.OOMKills < before.OOMKills {
		return 0
	}
	return now.OOMKills - before.OOMKills
}

// Subject is what a metric measures, for a sentence.
func (m Metric) Subject() string {
	if m >= Metrics {
		return "unknown"
	}
	return [Metrics]string{
		"memory in use", "memory in use", "swap in use", "processor time", "throttling", "the number of tasks", "the number of tasks", "refused forks",
		"pressure on processors", "pressure on memory", "full pressure on memory", "pressure on disks", "full pressure on disks",
		"what the network receives", "what the network sends", "packets that the network sends", "what is read from disks", "what is written to disks",
	}[m]
}

// Text is a value of a metric with its unit.
func (m Metric) Text(value float64) string {
	switch m {
	case MemoryPercent, PidsPercent:
		return short(value) + " % of the limit"
	case CPUThrottledPercent, PSICPUSomeAvg60, PSIMemorySomeAvg60, PSIMemoryFullAvg60, PSIIOSomeAvg60, PSIIOFullAvg60:
		return short(value) + " % of the time"
	case MemoryWorkingSet, MemorySwap:
		return size(value)
	case NetworkReceived, NetworkSent, DiskRead, DiskWritten:
		return size(value) + "/s"
	case CPUCores:
		return short(value) + " processors"
	case PidsCurrent:
		return short(value) + " tasks"
	case NetworkSentPackets, PidsRefused:
		return short(value) + "/s"
	default:
		return short(value)
	}
}

// size is a number of bytes in the largest unit that leaves a whole number.
func size(bytes float64) string {
	units := []string{" B", " KiB", " MiB", " GiB", " TiB"}
	i := 0
	for bytes >= 1024 && i < len(units)-1 {
		bytes /= 1024
		i++
	}
	return short(bytes) + units[i]
}

// short has three digits, as far as the number is not larger.
func short(f float64) string {
	digits := 2
	switch {
	case f > 0 && f < 0.1:
		return strconv.FormatFloat(f, 'g', 2, 64)
	case f >= 100:
		digits = 0
	case f >= 10:
		digits = 1
	}
	s := strconv.FormatFloat(f, 'f', digits, 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}
