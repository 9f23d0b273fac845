package attest

import (
	"math"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/internal/ledger"
	"github.com/runward/runward/policy"
)

// Resources are limits at most. A nil pointer is not given: what was in force
// at the first look stays at least. -1 is no limit.
type Resources struct {
	Memory        *int64
	Swap1, Swap2  *int64 // as cgroup v1 counts it (with memory) and as v2 does (without)
	High          *int64
	Quota, Period *int64
	Shares        *int64
	RealTime      *int64
	Pids          *int64
	CPUs, Mems    []string // lists, of which one must hold what is in force; none: not given
	Hugetlb       map[string]int64
	Throttle      map[string]int64
	IOWeight      *int64 // as in config.json, 10 to 1000
	Devices       []device
	HoldDevices   bool // Devices are all that may be allowed
	OOMDisabled   bool
	Unified       []string // files that are given and not compared
}

// resourcesOf puts together what config.json gives and what updates through
// runward asked for since. Whether an update succeeded runward cannot know, so
// the larger of both counts; but what the container claims (memory, processor
// time, processes) is settled afterwards, and counts alone.
func resourcesOf(s *specs.Spec, entry *ledger.Entry) Resources {
	r := read(s.Linux.Resources)
	r.devices(s.Linux.Resources.Devices)
	if entry == nil {
		return r
	}
	if entry.Asked != nil {
		r.larger(read(entry.Asked))
	}
	if entry.Claim != policy.ClaimOf(s) {
		r.claim(entry.Claim)
	}
	if entry.Enforced {
		r.under(&entry.Ceiling)
	}
	return r
}

// read takes what is given out of a resources section.
func read(in *specs.LinuxResources) Resources {
	var r Resources
	if m := in.Memory; m != nil {
		r.Memory = given(m.Limit)
		if swap := given(m.Swap); swap != nil {
			r.Swap1, r.Swap2 = swap, swap
			if *swap > 0 && r.Memory != nil && *r.Memory > 0 {
				r.Swap2 = ptr(max(*swap-*r.Memory, 0))
			}
		}
		r.OOMDisabled = m.DisableOOMKiller != nil && *m.DisableOOMKiller
	}
	r.cpu(in.CPU)
	if p := in.Pids; p != nil {
		r.Pids = given(p.Limit)
	}
	for _, h := range in.HugepageLimits {
		put(&r.Hugetlb, strings.ToUpper(h.Pagesize), signed(h.Limit))
	}
	if b := in.BlockIO; b != nil {
		r.throttle("rbps", b.ThrottleReadBpsDevice)
		r.throttle("wbps", b.ThrottleWriteBpsDevice)
		r.throttle("riops", b.ThrottleReadIOPSDevice)
		r.throttle("wiops", b.ThrottleWriteIOPSDevice)
		if b.Weight != nil && *b.Weight != 0 {
			r.IOWeight = ptr(int64(*b.Weight))
		}
	}
	for file, text := range in.Unified {
		r.unified(file, strings.TrimSpace(text))
	}
	return r
}

func (r *Resources) cpu(c *specs.LinuxCPU) {
	if c == nil {
		return
	}
	r.Quota = given(c.Quota)
	if c.Period != nil && *c.Period != 0 {
		r.Period = ptr(signed(*c.Period))
	}
	if c.Shares != nil && *c.Shares != 0 {
		r.Shares = ptr(signed(*c.Shares))
	}
	r.RealTime = given(c.RealtimeRuntime)
	if c.Cpus != "" {
		r.CPUs = []string{c.Cpus}
	}
	if c.Mems != "" {
		r.Mems = []string{c.Mems}
	}
}

// unified reads a file of cgroup v2 that is given by name.
func (r *Resources) unified(file, text string) {
	n, ok := limit(text)
	switch {
	case file == "memory.max" && ok:
		r.Memory = &n
	case file == "memory.high" && ok:
		r.High = &n
	case file == "memory.swap.max" && ok:
		r.Swap2 = &n
	case file == "pids.max" && ok:
		r.Pids = &n
	case file == "cpuset.cpus":
		r.CPUs = []string{text}
	case file == "cpuset.mems":
		r.Mems = []string{text}
	case file == "cpu.max":
		first, second, both := strings.Cut(text, " ")
		quota, ok := limit(first)
		period, err := strconv.ParseInt(second, 10, 64)
		if ok {
			r.Quota = &quota
		}
		if both && err == nil && period > 0 {
			r.Period = &period
		}
	default:
		r.Unified = append(r.Unified, file)
	}
}

// given is a limit as runtimes read it: 0 is none given, and below 0 no limit.
func given(n *int64) *int64 {
	switch {
	case n == nil || *n == 0:
		return nil
	case *n < 0:
		return ptr(int64(-1))
	default:
		return ptr(*n)
	}
}

func signed(n uint64) int64 {
	if n >= math.MaxInt64>>16<<16 {
		return -1
	}
	return int64(n)
}

func ptr[T any](v T) *T { return &v }

func put(m *map[string]int64, key string, n int64) {
	if *m == nil {
		*m = map[string]int64{}
	}
	(*m)[key] = n
}

func (r *Resources) throttle(kind string, list []specs.LinuxThrottleDevice) {
	for _, d := range list {
		if d.Rate > 0 {
			put(&r.Throttle, strconv.FormatInt(d.Major, 10)+":"+strconv.FormatInt(d.Minor, 10)+" "+kind, signed(d.Rate))
		}
	}
}

// larger takes over what is more than it was, or was not given.
func (r *Resources) larger(o Resources) {
	for _, pair := range [...][2]**int64{
		{&r.Memory, &o.Memory},
		{&r.Swap1, &o.Swap1},
		{&r.Swap2, &o.Swap2},
		{&r.High, &o.High},
		{&r.Shares, &o.Shares},
		{&r.RealTime, &o.RealTime},
		{&r.Pids, &o.Pids},
		{&r.IOWeight, &o.IOWeight},
	} {
		if b := *pair[1]; b != nil && (*pair[0] == nil || more(*b, **pair[0])) {
			*pair[0] = b
		}
	}
	if o.Quota != nil || o.Period != nil {
		quota, period := orElse(o.Quota, r.Quota), orElse(o.Period, r.Period)
		if r.Quota == nil || quota != nil && wider(*quota, periodOf(period), *r.Quota, periodOf(r.Period)) {
			r.Quota, r.Period = quota, period
		}
	}
	r.CPUs, r.Mems = append(r.CPUs, o.CPUs...), append(r.Mems, o.Mems...)
	for key, n := range o.Hugetlb {
		if was, ok := r.Hugetlb[key]; !ok || more(n, was) {
			put(&r.Hugetlb, key, n)
		}
	}
	for key, n := range o.Throttle {
		if was, ok := r.Throttle[key]; ok && more(n, was) {
			put(&r.Throttle, key, n)
		}
	}
	r.OOMDisabled = r.OOMDisabled || o.OOMDisabled
}

func orElse(a, b *int64) *int64 {
	if a != nil {
		return a
	}
	return b
}

func periodOf(p *int64) int64 {
	if p == nil || *p <= 0 {
		return kernelPeriod
	}
	return *p
}

// kernelPeriod is the kernel's own, in microseconds.
const kernelPeriod = 100_000

// more compares limits, of which -1 is the largest.
func more(a, b int64) bool { return b >= 0 && (a < 0 || a > b) }

// claim replaces the limits that quotas add up; 0 is no limit.
func (r *Resources) claim(c policy.Claim) {
	of := func(n int64) *int64 {
		if n == 0 {
			n = -1
		}
		return &n
	}
	r.Memory, r.Pids = of(c.Memory), of(c.Pids)
	r.Quota, r.Period = of(c.CPU), nil
	if c.CPU > 0 {
		*r.Quota = c.CPU * kernelPeriod / 1000
	}
}

// under lowers what is over the ceiling, which no update may exceed.
func (r *Resources) under(c *policy.Ceiling) {
	for _, pair := range [...]struct {
		limit **int64
		most  *int64
	}{{&r.Memory, c.Memory}, {&r.Pids, c.Pids}} {
		if pair.most != nil && (*pair.limit == nil || more(**pair.limit, *pair.most)) {
			*pair.limit = ptr(*pair.most)
		}
	}
	if c.CPU != nil {
		quota := *c.CPU * kernelPeriod / 1000
		if r.Quota == nil || wider(*r.Quota, periodOf(r.Period), quota, kernelPeriod) {
			r.Quota, r.Period = &quota, nil
		}
	}
}

// A device is a rule of cgroup v1. -1 stands for all numbers.
type device struct {
	kind         string
	major, minor int64
	access       string
}

// ownDevices are those that runtimes add to every list of rules.
var ownDevices = [...]device{
	{"c", -1, -1, "m"},
	{"b", -1, -1, "m"},
	{"c", 1, 3, "rwm"},
	{"c", 1, 5, "rwm"},
	{"c", 1, 7, "rwm"},
	{"c", 1, 8, "rwm"},
	{"c", 1, 9, "rwm"},
	{"c", 5, 0, "rwm"},
	{"c", 5, 1, "rwm"},
	{"c", 5, 2, "rwm"},
	{"c", 136, -1, "rwm"},
	{"c", 10, 200, "rwm"},
}

// devices collects what rules allow. Where the first of them does not forbid
// everything, runtimes differ in what that means, and the rules hold nothing.
func (r *Resources) devices(rules []specs.LinuxDeviceCgroup) {
	if len(rules) == 0 || rules[0].Allow || rules[0].Type != "" && rules[0].Type != "a" {
		return
	}
	r.HoldDevices = true
	r.Devices = append(r.Devices, ownDevices[:]...)
	for _, rule := range rules {
		if !rule.Allow {
			continue
		}
		d := device{rule.Type, -1, -1, rule.Access}
		if d.kind == "" {
			d.kind = "a"
		}
		if rule.Major != nil && *rule.Major >= 0 {
			d.major = *rule.Major
		}
		if rule.Minor != nil && *rule.Minor >= 0 {
			d.minor = *rule.Minor
		}
		r.Devices = append(r.Devices, d)
	}
}
