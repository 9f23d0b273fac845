package attest

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/runward/runward/policy"
)

// limits compares those of the container's cgroup.
func (c *comparison) limits() {
	got, want := &c.got.Limits, &c.want.Resources
	if !got.Seen {
		if c.got.Init.read("cgroup") {
			c.add(Difference{Field: "limits", Got: "not observed: the container's cgroup is not to be found", Want: "its limits", Severity: Info, Unread: true})
		}
		return
	}
	var base Limits
	if c.base != nil {
		base = c.base.Limits
	}
	swap := want.Swap1
	if got.V2 {
		swap = want.Swap2
	}
	c.atMost("memory.limit", got.Memory, want.Memory, base.Memory, size)
	c.atMost("memory.swap", got.Swap, swap, base.Swap, size)
	c.atMost("memory.high", got.MemoryHigh, want.High, base.MemoryHigh, size)
	c.atMost("pids.limit", got.Pids, want.Pids, base.Pids, number)
	c.atMost("cpu.realtime", got.RealTime, want.RealTime, base.RealTime, number)
	c.quota(got, want, &base)
	c.weights(got, want, &base)
	c.list("cpuset.cpus", got.CPUs, want.CPUs, base.CPUs)
	c.list("cpuset.mems", got.Mems, want.Mems, base.Mems)
	c.each("hugetlb", got.Hugetlb, want.Hugetlb, base.Hugetlb)
	c.each("io", got.Throttle, want.Throttle, base.Throttle)
	c.devices(got, want, &base)
	if got.OOMDisabled && !want.OOMDisabled {
		c.add(Difference{Field: "memory.oom", Got: "the kernel ends none of its processes when memory is short", Want: "that it does", Severity: Warning})
	}
	for _, file := range want.Unified {
		c.add(Difference{Field: "unified:" + file, Got: "not observed: this file is not compared", Want: "as in config.json", Severity: Info, Unread: true})
	}
}

func size(n int64) string   { return policy.Bytes(n).String() }
func number(n int64) string { return strconv.FormatInt(n, 10) }

// atMost compares a limit with the one given or, where none was, with the one
// at the first look.
func (c *comparison) atMost(field string, got, want, base *int64, show func(int64) string) {
	most, since := want, ""
	if most == nil {
		most, since = base, ", as at the start"
	}
	switch {
	case most == nil || *most < 0:
	case got == nil:
		c.add(Difference{Field: field, Got: "not observed: the kernel has no file for it", Want: "at most " + show(*most), Severity: Info, Unread: true})
	case more(*got, *most):
		c.add(Difference{Field: field, Got: limitText(*got, show), Want: "at most " + show(*most) + since, Severity: Warning})
	}
}

func limitText(n int64, show func(int64) string) string {
	if n < 0 {
		return "no limit"
	}
	return show(n)
}

// quota compares processor time. systemd keeps it in hundredths of a processor,
// rounded up.
func (c *comparison) quota(got *Limits, want *Resources, base *Limits) {
	quota, period, since := want.Quota, periodOf(want.Period), ""
	if quota == nil {
		quota, period, since = base.Quota, periodOf(base.Period), ", as at the start"
	}
	if quota == nil || *quota < 0 {
		return
	}
	field, most := "cpu.quota", "at most "+cpus(*quota, period)+since
	if got.Quota == nil {
		c.add(Difference{Field: field, Got: "not observed: the kernel has no file for it", Want: most, Severity: Info, Unread: true})
		return
	}
	hundredths := math.Ceil(float64(*quota) / float64(period) * 100)
	if *got.Quota < 0 || float64(*got.Quota)/float64(periodOf(got.Period))*100 > hundredths+1e-6 {
		text := "no limit"
		if *got.Quota >= 0 {
			text = cpus(*got.Quota, periodOf(got.Period))
		}
		c.add(Difference{Field: field, Got: text, Want: most, Severity: Warning})
	}
}

func cpus(quota, period int64) string {
	return strconv.FormatFloat(float64(quota)/float64(period), 'g', 4, 64) + " processors"
}

// weights compares shares of what containers contend for.
func (c *comparison) weights(got *Limits, want *Resources, base *Limits) {
	if got.Shares != nil || base.Shares != nil {
		c.atMost("cpu.shares", got.Shares, atLeast(want.Shares, 2), base.Shares, number)
	} else if got.Weight != nil || want.Shares != nil {
		c.atMost("cpu.weight", got.Weight, weightOfShares(want.Shares), base.Weight, number)
	}
	if want.IOWeight == nil && base.IOWeight == nil {
		return
	}
	io := want.IOWeight
	if io != nil && got.V2 {
		io = ptr(max(1+(*io-10)*9999/990, *io)) // io.weight is converted, io.bfq.weight is not
	}
	c.atMost("io.weight", got.IOWeight, io, base.IOWeight, number)
}

// atLeast: the kernel raises what is less.
func atLeast(n *int64, least int64) *int64 {
	if n == nil {
		return nil
	}
	return ptr(max(*n, least))
}

// weightOfShares converts shares of cgroup v1 to the weight of v2. Runtimes had
// a line for it, and since runc 1.4 and crun 1.23 a curve; the higher counts.
func weightOfShares(shares *int64) *int64 {
	if shares == nil {
		return nil
	}
	s := min(max(*shares, 2), 262144)
	line := 1 + (s-2)*9999/262142
	l := math.Log2(float64(s))
	curve := int64(math.Ceil(math.Pow(10, (l*l+125*l)/612-7.0/34)))
	return ptr(min(max(line, curve), 10000))
}

// list compares a set of processors or memory nodes: one of those given must
// hold it.
func (c *comparison) list(field, got string, want []string, base string) {
	if len(want) == 0 && base != "" {
		want = []string{base}
	}
	if len(want) == 0 {
		return
	}
	if got == "" {
		c.add(Difference{Field: field, Got: "not observed: the kernel has no file for it", Want: strings.Join(want, " or "), Severity: Info, Unread: true})
		return
	}
	have, ok := members(got)
	for _, w := range want {
		allowed, ok2 := members(w)
		if !ok || !ok2 {
			c.add(Difference{Field: field, Got: "not observed: " + strconv.Quote(got) + " or " + strconv.Quote(w) + " is no list", Want: w, Severity: Info, Unread: true})
			return
		}
		if !slices.ContainsFunc(have, func(n int) bool { return !slices.Contains(allowed, n) }) {
			return
		}
	}
	c.add(Difference{Field: field, Got: got, Want: "at most " + strings.Join(want, " or "), Severity: Warning})
}

// members reads 0-3,7.
func members(text string) ([]int, bool) {
	var all []int
	for part := range strings.SplitSeq(strings.TrimSpace(text), ",") {
		first, last, both := strings.Cut(strings.TrimSpace(part), "-")
		a, err := strconv.Atoi(first)
		b := a
		if both {
			var err2 error
			if b, err2 = strconv.Atoi(last); err2 != nil {
				return nil, false
			}
		}
		if err != nil || a < 0 || b < a || b > 1<<14 {
			return nil, false
		}
		for n := a; n <= b; n++ {
			all = append(all, n)
		}
	}
	return all, true
}

// each compares limits by page size or by disk, of which none in force is no
// limit.
func (c *comparison) each(field string, got, want, base map[string]int64) {
	keys := map[string]bool{}
	for key := range want {
		keys[key] = true
	}
	for key := range base {
		keys[key] = true
	}
	for _, key := range sorted(keys) {
		most, since := want[key], ""
		if _, given := want[key]; !given {
			most, since = base[key], ", as at the start"
		}
		if most < 0 {
			continue
		}
		now, ok := got[key]
		switch {
		case !ok && field == "hugetlb":
			c.add(Difference{Field: field + ":" + key, Got: "not observed: the kernel has no file for it", Want: "at most " + size(most), Severity: Info, Unread: true})
		case !ok:
			c.add(Difference{Field: field + ":" + key, Got: "no limit", Want: "at most " + number(most) + since, Severity: Warning})
		case more(now, most):
			c.add(Difference{Field: field + ":" + key, Got: limitText(now, number), Want: "at most " + number(most) + since, Severity: Warning})
		}
	}
}

func sorted(set map[string]bool) []string {
	keys := make([]string, 0, len(set))
	for key := range set {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// devices compares the rules of cgroup v1.
func (c *comparison) devices(got *Limits, want *Resources, base *Limits) {
	allowed := slices.Clone(want.Devices)
	if !want.HoldDevices {
		if c.base == nil {
			return
		}
		for _, text := range base.Devices {
			if d, ok := parseDevice(text); ok {
				allowed = append(allowed, d)
			}
		}
	}
	for _, text := range got.Devices {
		d, ok := parseDevice(text)
		if !ok {
			c.add(Difference{Field: "devices", Got: "not observed: the rule " + strconv.QuoteToASCII(text) + " is not known", Want: "rules", Severity: Info, Unread: true})
			continue
		}
		if !d.within(allowed) {
			c.add(Difference{Field: "devices", Got: "also " + text, Want: "those that it was given", Severity: Critical})
		}
	}
}

// parseDevice reads "c 1:3 rwm".
func parseDevice(text string) (device, bool) {
	fields := strings.Fields(text)
	if len(fields) != 3 || !strings.Contains("abc", fields[0]) || len(fields[0]) != 1 {
		return device{}, false
	}
	d := device{kind: fields[0], access: fields[2]}
	major, minor, found := strings.Cut(fields[1], ":")
	for _, n := range [...]struct {
		text string
		to   *int64
	}{{major, &d.major}, {minor, &d.minor}} {
		if n.text == "*" {
			*n.to = -1
			continue
		}
		v, err := strconv.ParseInt(n.text, 10, 64)
		if err != nil || v < 0 {
			return device{}, false
		}
		*n.to = v
	}
	return d, found
}

// within tells whether for each access of a rule one of the others allows it.
func (d device) within(rules []device) bool {
	for _, access := range d.access {
		if !slices.ContainsFunc(rules, func(r device) bool {
			return (r.kind == "a" || r.kind == d.kind) && (r.major < 0 || r.major == d.major) && (r.minor < 0 || r.minor == d.minor) &&
				strings.ContainsRune(r.access, access)
		}) {
			return false
		}
	}
	return true
}
