package policy

import (
	"math"
	"sort"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/internal/patch"
)

// An Update is what is asked of a container's limits while it runs. As for
// runtimes, a limit of 0 or none stays as it is, and one below 0 is no limit.
type Update struct {
	Resources specs.LinuxResources
	RDT       bool // Intel RDT schemas are given too

	// Document says that they were given as one, as engines do, from which
	// something can be taken out.
	Document bool

	// Quota and Period are the container's as they are now: of the two, one
	// alone may be updated. 0: none.
	Quota, Period int64
}

// EvaluateUpdate holds an update to the ceiling, and what the container's
// limits then are to those of the rules that judge updates. A limit beyond is
// refused and not lowered: whoever asks would believe to have got it. What an
// engine only repeats, as it asked for it at create and got less, is taken out
// by the patch, and stays as it is. The decision's claim is the container's
// with the update, from facts.Claim.
func EvaluateUpdate(set Set, rules []Rule, u Update, facts *Facts, ceiling *Ceiling) Decision {
	d := Decision{Verdict: Allow}
	if ceiling != nil {
		if u.Document && ceiling.Asked != nil {
			d.Findings, d.Patch = u.repeats(ceiling.Asked)
		}
		d.Findings = append(d.Findings, u.beyond(ceiling)...)
	}
	if facts.Claim != nil {
		d.Claim = u.claim(*facts.Claim)
		d.Findings = append(d.Findings, judgeClaim(set, rules, d.Claim, facts)...)
	}
	if _, refused := d.Refusal(); refused {
		d.Verdict, d.Patch = Deny, nil
	} else if len(d.Patch) > 0 {
		d.Verdict = Rewrite
	}
	return d
}

// repeats takes out what was asked for at create already.
func (u *Update) repeats(asked *Asked) (found []Finding, p patch.Patch) {
	out := func(at, what string) {
		p = append(p, patch.Op{Op: "remove", Path: at})
		found = append(found, Finding{
			Rule: kept.ID, Policy: "create", Pointer: at, Found: what + ", as at create", Wanted: "what policy left of it", Done: Rewritten,
			Hint: "it stays as it is; create the container anew under another policy",
		})
	}
	if m := u.Resources.Memory; m != nil {
		changed := *m
		u.Resources.Memory = &changed
		if same(m.Limit, asked.Memory) {
			out("/memory/limit", "a memory limit of "+limitOf(*m.Limit, size))
			changed.Limit = nil
		}
		if same(m.Swap, asked.Swap) {
			out("/memory/swap", "a limit on memory and swap of "+limitOf(*m.Swap, size))
			changed.Swap = nil
		}
	}
	if l := u.Resources.Pids; l != nil && same(l.Limit, asked.Pids) {
		out("/pids", "a limit on processes of "+limitOf(*l.Limit, number)) // all there is in it
		u.Resources.Pids = nil
	}
	if c := u.Resources.CPU; c != nil && same(c.Quota, asked.Quota) && (c.Period == nil || same(c.Period, asked.Period)) {
		changed := *c
		out("/cpu/quota", "a quota of "+limitOf(*c.Quota, number)+" µs")
		changed.Quota = nil
		if c.Period != nil {
			p = append(p, patch.Op{Op: "remove", Path: "/cpu/period"})
			changed.Period = nil
		}
		u.Resources.CPU = &changed
	}
	return found, p
}

func same[T comparable](a, b *T) bool { return a != nil && b != nil && *a == *b }

// limitOf shows a limit, which below 0 is none.
func limitOf(n int64, show func(int64) string) string {
	if n < 0 {
		return "none"
	}
	return show(n)
}

// claim is what the container claims after the update, where it claimed was.
func (u *Update) claim(was Claim) Claim {
	memory, cpu, pids := none, none, none
	if m := u.Resources.Memory; m != nil && m.Limit != nil && *m.Limit != 0 {
		memory = max(*m.Limit, 0)
	}
	if p := u.Resources.Pids; p != nil && p.Limit != nil && *p.Limit != 0 {
		pids = max(*p.Limit, 0)
	}
	if quota, period, changed := u.cpuTime(); changed {
		cpu = processors(quota, period)
	}
	return was.with(memory, cpu, pids, u.Resources.Unified)
}

// judgeClaim asks the rules that judge updates about what the container would
// claim. Their pointers are into what was given to update.
func judgeClaim(set Set, rules []Rule, c Claim, facts *Facts) []Finding {
	var ofUpdate []Rule
	for i := range rules {
		if rules[i].Update {
			ofUpdate = append(ofUpdate, rules[i])
		}
	}
	s := new(specs.Spec)
	s.Process, s.Linux = new(specs.Process), new(specs.Linux)
	normalise(s)
	r, period := s.Linux.Resources, uint64(1000)
	r.Memory.Limit, r.Pids.Limit, r.CPU.Quota, r.CPU.Period = &c.Memory, &c.Pids, &c.CPU, &period
	var all []Finding
	enforced, audited := set.selected(facts)
	for i, policies := range [...][]*Policy{enforced, audited} {
		e := newEval(&Spec{typed: s}, facts, i == 1)
		e.run(ofUpdate, policies)
		all = append(all, e.findings...)
	}
	for i := range all {
		all[i].Pointer = strings.TrimPrefix(all[i].Pointer, "/linux/resources")
	}
	return all
}

// beyond finds what goes beyond the ceiling.
func (u *Update) beyond(ceiling *Ceiling) []Finding {
	h := updateHeld{ceiling: ceiling}
	h.memory(u.Resources.Memory)
	h.cpu(u)
	if p := u.Resources.Pids; p != nil && p.Limit != nil {
		h.bound("/pids/limit", "a limit on processes of ", *p.Limit, ceiling.Pids, number)
	}
	h.blockIO(u.Resources.BlockIO)
	h.hugepages(u.Resources.HugepageLimits)
	h.unified(u.Resources.Unified)
	for i, rule := range u.Resources.Devices {
		if rule.Allow {
			h.deny("/devices/"+strconv.Itoa(i), "a device more", "the devices that the container was created with")
		}
	}
	if u.RDT {
		h.deny("", "Intel RDT schemas", "none")
	}
	return h.findings
}

// updateHeld collects what goes beyond the ceiling.
type updateHeld struct {
	ceiling  *Ceiling
	findings []Finding
}

func (h *updateHeld) deny(at, found, wanted string) {
	h.findings = append(h.findings, Finding{
		Rule: kept.ID, Policy: "create", Pointer: at, Found: found, Wanted: wanted, Done: Denied,
		Hint: "an update cannot go beyond what policy allowed when the container was created; create it anew under another policy",
	})
}

// bound refuses a limit above most, or none at all.
func (h *updateHeld) bound(at, what string, asked int64, most *int64, show func(int64) string) {
	switch {
	case most == nil || asked == 0:
	case asked < 0:
		h.deny(at, what+"none", "at most "+show(*most))
	case asked > *most:
		h.deny(at, what+show(asked), "at most "+show(*most))
	}
}

func number(n int64) string { return strconv.FormatInt(n, 10) }
func size(n int64) string   { return Bytes(n).String() }
func cpus(n int64) string   { return CPUs(n).String() }

func (h *updateHeld) memory(m *specs.LinuxMemory) {
	if m == nil {
		return
	}
	if m.Limit != nil {
		h.bound("/memory/limit", "a memory limit of ", *m.Limit, h.ceiling.Memory, size)
	}
	if m.Swap != nil {
		h.bound("/memory/swap", "a limit on memory and swap of ", *m.Swap, twice(h.ceiling.Memory), size)
	}
}

// twice is how much swap engines give beside memory.
func twice(most *int64) *int64 {
	if most == nil {
		return nil
	}
	both := 2 * *most
	return &both
}

func (h *updateHeld) cpu(u *Update) {
	c := u.Resources.CPU
	if c == nil {
		return
	}
	if c.RealtimeRuntime != nil && *c.RealtimeRuntime != 0 || c.RealtimePeriod != nil && *c.RealtimePeriod != 0 {
		h.deny("/cpu", "processor time reserved for real-time processes", "none reserved")
	}
	if quota, period, changed := u.cpuTime(); changed {
		h.quota("/cpu/quota", quota, period)
	}
}

// cpuTime gives the quota and the period that the container then has, and
// whether they are others than now.
func (u *Update) cpuTime() (quota, period int64, changed bool) {
	quota, period = u.Quota, u.Period
	c := u.Resources.CPU
	if c != nil && c.Quota != nil && *c.Quota != 0 {
		quota = *c.Quota
	}
	if c != nil && c.Period != nil && *c.Period != 0 {
		period = int64(min(*c.Period, 1<<40))
	}
	return quota, period, quota != u.Quota || period != u.Period
}

// quota bounds quota per period, in microseconds.
func (h *updateHeld) quota(at string, quota, period int64) {
	share := quota
	if quota > 0 {
		share = processors(quota, period)
	}
	h.bound(at, "processor time of ", share, h.ceiling.CPU, cpus)
}

// unified bounds the files of cgroup version 2 that are limits by another name.
func (h *updateHeld) unified(files map[string]string) {
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		at, value := "/unified/"+name, strings.TrimSpace(files[name])
		switch name {
		case "memory.max":
			h.text(at, "a memory limit of ", value, h.ceiling.Memory, size)
		case "memory.swap.max":
			h.text(at, "a swap limit of ", value, h.ceiling.Memory, size)
		case "pids.max":
			h.text(at, "a limit on processes of ", value, h.ceiling.Pids, number)
		case "cpu.max":
			quota, period := cpuMax(value)
			h.quota(at, quota, period)
		default:
			h.secondWay(at, name, value)
		}
	}
}

// text is bound for a number as the kernel's files have it; whatever is none
// counts as no limit.
func (h *updateHeld) text(at, what, value string, most *int64, show func(int64) string) {
	asked, err := strconv.ParseInt(value, 10, 64)
	if err != nil || asked == 0 {
		asked = -1
	}
	h.bound(at, what, asked, most, show)
}

// blockIO bounds throttles and weights. A rate of 0 is no limit.
func (h *updateHeld) blockIO(b *specs.LinuxBlockIO) {
	if b == nil {
		return
	}
	for _, t := range [...]struct {
		member, unit string
		list         []specs.LinuxThrottleDevice
		most         map[string]int64
	}{
		{"throttleReadBpsDevice", "bytes read", b.ThrottleReadBpsDevice, h.ceiling.ReadBytes},
		{"throttleWriteBpsDevice", "bytes written", b.ThrottleWriteBpsDevice, h.ceiling.WriteBytes},
		{"throttleReadIOPSDevice", "reads", b.ThrottleReadIOPSDevice, h.ceiling.ReadCalls},
		{"throttleWriteIOPSDevice", "writes", b.ThrottleWriteIOPSDevice, h.ceiling.WriteCalls},
	} {
		for i, d := range t.list {
			disk := number(d.Major) + ":" + number(d.Minor)
			if most, ok := t.most[disk]; ok && (d.Rate == 0 || d.Rate > uint64(most)) {
				h.deny("/blockIO/"+t.member+"/"+strconv.Itoa(i), "a rate of "+rate(d.Rate)+" "+t.unit+" a second of disk "+disk, "at most "+number(most))
			}
		}
	}
	h.weight("/blockIO/weight", b.Weight)
	h.weight("/blockIO/leafWeight", b.LeafWeight)
	for i, d := range b.WeightDevice {
		at := "/blockIO/weightDevice/" + strconv.Itoa(i)
		h.weight(at+"/weight", d.Weight)
		h.weight(at+"/leafWeight", d.LeafWeight)
	}
}

func rate(n uint64) string {
	if n == 0 {
		return "unlimited"
	}
	return strconv.FormatUint(n, 10)
}

func (h *updateHeld) weight(at string, asked *uint16) {
	if most := h.ceiling.IOWeight; most != nil && asked != nil && int64(*asked) > *most {
		h.deny(at, "a weight of "+number(int64(*asked)), "at most "+number(*most))
	}
}

// hugepages bounds memory in huge pages, by the size of a page.
func (h *updateHeld) hugepages(limits []specs.LinuxHugepageLimit) {
	for i, l := range limits {
		if most, ok := h.ceiling.Hugepages[number(int64(PageSize(l.Pagesize)))]; ok && l.Limit > uint64(most) {
			found := "no limit on"
			if l.Limit <= math.MaxInt64 {
				found = size(int64(l.Limit)) + " in"
			}
			h.deny("/hugepageLimits/"+strconv.Itoa(i), found+" huge pages of "+strconv.Quote(l.Pagesize), "at most "+size(most))
		}
	}
}

// secondWay refuses the files that set again what the ceiling holds by a field
// of its own.
func (h *updateHeld) secondWay(at, file, value string) {
	io := file == "io.max" || file == "io.weight" || file == "io.bfq.weight"
	if io && h.ceiling.IOWeight != nil || h.ceiling.Hugepages != nil && strings.HasPrefix(file, "hugetlb.") {
		h.deny(at, strconv.Quote(value), "the limit by its own field")
	}
}
