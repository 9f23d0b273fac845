package attest

import (
	"errors"
	"math"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/runward/runward/internal/owner"
)

// observeCgroup reads the limits of the container's cgroup.
func (n *Node) observeCgroup(o *Observed, want *Expected) {
	l := &o.Limits
	for _, c := range [...]struct {
		controller string
		v1, v2     func(*Limits, string)
	}{
		{"memory", (*Limits).memory1, (*Limits).memory2},
		{"cpu", (*Limits).cpu1, (*Limits).cpu2},
		{"cpuset", (*Limits).cpuset1, (*Limits).cpuset2},
		{"pids", (*Limits).pids, (*Limits).pids},
		{"blkio", (*Limits).blkio1, (*Limits).io2},
		{"hugetlb", (*Limits).hugetlb1, (*Limits).hugetlb2},
		{"devices", (*Limits).devices1, (*Limits).devices2},
	} {
		dir, v2 := n.place(&o.Init, want, c.controller)
		if dir == "" {
			continue // that it is not in its cgroup is said elsewhere
		}
		l.Seen = true
		read := c.v1
		if v2 {
			read = c.v2
		}
		if c.controller == "memory" {
			l.V2 = v2
		}
		read(l, dir)
		if v2 && want.inner(&o.Init, dir) {
			var inner Limits
			read(&inner, dir+"/container")
			l.lower(&inner)
		}
	}
}

// inner tells whether crun, under systemd, made the container's cgroup below
// the unit's: the lower of both limits is in force.
func (e *Expected) inner(p *Process, dir string) bool {
	_, err := os.Lstat(dir + "/container")
	return err == nil && strings.Contains(p.Cgroups[""]+"/", ".scope/container/")
}

// text reads a file; "" where the kernel has none.
func (l *Limits) text(dir, file string) string {
	text, err := readText(unix.AT_FDCWD, dir+"/"+file)
	if err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ENODEV) && !errors.Is(err, unix.EOPNOTSUPP) {
		l.Unread = append(l.Unread, Unread{"cgroup", file + ": " + owner.Reason(err)})
	}
	return strings.TrimSpace(text)
}

// number reads a limit; nil where the kernel has no such file.
func (l *Limits) number(dir, file string) *int64 {
	text := l.text(dir, file)
	if text == "" {
		return nil
	}
	n, ok := limit(text)
	if !ok {
		l.Unread = append(l.Unread, Unread{"cgroup", file + " says " + strconv.QuoteToASCII(text)})
		return nil
	}
	return &n
}

// limit reads one as the kernel writes it. cgroup v1 has no limit as the largest
// number of whole pages.
func limit(text string) (int64, bool) {
	if text == "max" || text == "-1" {
		return -1, true
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if errors.Is(err, strconv.ErrRange) || n >= math.MaxInt64>>16<<16 {
		return -1, true
	}
	return n, err == nil && n >= 0
}

func (l *Limits) memory1(dir string) {
	l.Memory = l.number(dir, "memory.limit_in_bytes")
	l.Swap = l.number(dir, "memory.memsw.limit_in_bytes")
	l.OOMDisabled = strings.Contains(l.text(dir, "memory.oom_control"), "oom_kill_disable 1")
}

func (l *Limits) memory2(dir string) {
	l.Memory = l.number(dir, "memory.max")
	l.Swap = l.number(dir, "memory.swap.max")
	l.MemoryHigh = l.number(dir, "memory.high")
}

func (l *Limits) cpu1(dir string) {
	l.Shares = l.number(dir, "cpu.shares")
	l.Quota = l.number(dir, "cpu.cfs_quota_us")
	l.Period = l.number(dir, "cpu.cfs_period_us")
	l.RealTime = l.number(dir, "cpu.rt_runtime_us")
}

func (l *Limits) cpu2(dir string) {
	l.Weight = l.number(dir, "cpu.weight")
	text := l.text(dir, "cpu.max")
	if text == "" {
		return
	}
	first, second, _ := strings.Cut(text, " ")
	quota, ok := limit(first)
	period, ok2 := limit(second)
	if !ok || !ok2 || period <= 0 {
		l.Unread = append(l.Unread, Unread{"cgroup", "cpu.max says " + strconv.QuoteToASCII(text)})
		return
	}
	l.Quota, l.Period = &quota, &period
}

func (l *Limits) cpuset1(dir string) {
	l.CPUs, l.Mems = l.text(dir, "cpuset.cpus"), l.text(dir, "cpuset.mems")
}

func (l *Limits) cpuset2(dir string) {
	l.CPUs, l.Mems = l.text(dir, "cpuset.cpus.effective"), l.text(dir, "cpuset.mems.effective")
}

func (l *Limits) pids(dir string) { l.Pids = l.number(dir, "pids.max") }

func (l *Limits) blkio1(dir string) {
	for _, file := range [...]string{"blkio.weight", "blkio.bfq.weight"} {
		if n := l.number(dir, file); n != nil {
			l.IOWeight = n
		}
	}
	l.Throttle = map[string]int64{}
	for _, t := range [...][2]string{
		{"blkio.throttle.read_bps_device", "rbps"},
		{"blkio.throttle.write_bps_device", "wbps"},
		{"blkio.throttle.read_iops_device", "riops"},
		{"blkio.throttle.write_iops_device", "wiops"},
	} {
		for line := range strings.Lines(l.text(dir, t[0])) {
			disk, value, _ := strings.Cut(strings.TrimSpace(line), " ")
			if n, ok := limit(value); ok && n > 0 {
				l.Throttle[disk+" "+t[1]] = n
			}
		}
	}
}

// io2 reads io.max, lines of: 8:0 rbps=max wbps=1024 riops=max wiops=max.
func (l *Limits) io2(dir string) {
	for _, file := range [...]string{"io.bfq.weight", "io.weight"} {
		text := l.text(dir, file)
		text = strings.TrimPrefix(strings.SplitN(text, "\n", 2)[0], "default ")
		if n, ok := limit(text); ok {
			l.IOWeight = &n
		}
	}
	l.Throttle = map[string]int64{}
	for line := range strings.Lines(l.text(dir, "io.max")) {
		fields := strings.Fields(line)
		for i, f := range fields {
			kind, value, _ := strings.Cut(f, "=")
			if n, ok := limit(value); i > 0 && ok && n >= 0 {
				l.Throttle[fields[0]+" "+kind] = n
			}
		}
	}
}

func (l *Limits) hugetlb1(dir string) { l.hugetlb(dir, ".limit_in_bytes") }
func (l *Limits) hugetlb2(dir string) { l.hugetlb(dir, ".max") }

func (l *Limits) hugetlb(dir, suffix string) {
	l.Hugetlb = map[string]int64{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		l.Unread = append(l.Unread, Unread{"cgroup", "hugetlb: " + owner.Reason(err)})
	}
	for _, e := range entries {
		size, ok := strings.CutPrefix(e.Name(), "hugetlb.")
		if size, found := strings.CutSuffix(size, suffix); ok && found && !strings.Contains(size, ".") {
			if n := l.number(dir, e.Name()); n != nil {
				l.Hugetlb[size] = *n
			}
		}
	}
}

func (l *Limits) devices1(dir string) {
	for line := range strings.Lines(l.text(dir, "devices.list")) {
		l.Devices = append(l.Devices, strings.TrimSpace(line))
	}
}

// devices2: cgroup v2 keeps them in an eBPF program.
func (l *Limits) devices2(string) {
	l.Unread = append(l.Unread, Unread{"devices", "cgroup v2 has them in an eBPF program, which cannot be read as rules"})
}

// lower takes over what is lower in a cgroup below.
func (l *Limits) lower(inner *Limits) {
	for _, pair := range [...][2]**int64{
		{&l.Memory, &inner.Memory},
		{&l.Swap, &inner.Swap},
		{&l.MemoryHigh, &inner.MemoryHigh},
		{&l.Weight, &inner.Weight},
		{&l.Pids, &inner.Pids},
		{&l.IOWeight, &inner.IOWeight},
	} {
		if b := *pair[1]; b != nil && (*pair[0] == nil || **pair[0] < 0 || *b >= 0 && *b < **pair[0]) {
			*pair[0] = b
		}
	}
	if inner.Quota != nil && (l.Quota == nil || wider(*l.Quota, *l.Period, *inner.Quota, *inner.Period)) {
		l.Quota, l.Period = inner.Quota, inner.Period
	}
	for key, n := range inner.Throttle {
		if was, ok := l.Throttle[key]; !ok || n < was {
			l.Throttle[key] = n
		}
	}
	for key, n := range inner.Hugetlb {
		if was, ok := l.Hugetlb[key]; !ok || was < 0 || n >= 0 && n < was {
			l.Hugetlb[key] = n
		}
	}
}

// wider tells whether the first quota per period is more than the second.
func wider(quota, period, thanQuota, thanPeriod int64) bool {
	if thanQuota < 0 || quota < 0 {
		return quota < 0 && thanQuota >= 0
	}
	return float64(quota)/float64(period) > float64(thanQuota)/float64(thanPeriod)
}
