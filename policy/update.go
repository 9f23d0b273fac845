package policy

import (
	"sort"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// An Update is what is asked of a container's limits while it runs. As for
// runtimes, a limit of 0 or none stays as it is, and one below 0 is no limit.
type Update struct {
	Resources specs.LinuxResources
	RDT       bool // Intel RDT schemas are given too

	// Quota and Period are the container's as they are now: of the two, one
	// alone may be updated. 0: none.
	Quota, Period int64
}

// EvaluateUpdate holds an update to the ceiling. A limit beyond it is refused
// and not lowered: whoever asks would believe to have got it.
func EvaluateUpdate(u Update, ceiling *Ceiling) Decision {
	d := Decision{Verdict: Allow}
	if ceiling == nil {
		return d
	}
	h := updateHeld{ceiling: ceiling}
	h.memory(u.Resources.Memory)
	h.cpu(&u)
	if p := u.Resources.Pids; p != nil && p.Limit != nil {
		h.bound("/pids/limit", "a limit on processes of ", *p.Limit, ceiling.Pids, number)
	}
	h.unified(u.Resources.Unified)
	for i, rule := range u.Resources.Devices {
		if rule.Allow {
			h.deny("/devices/"+strconv.Itoa(i), "a device more", "the devices that the container was created with")
		}
	}
	if u.RDT {
		h.deny("", "Intel RDT schemas", "none")
	}
	if len(h.findings) > 0 {
		d.Verdict, d.Findings = Deny, h.findings
	}
	return d
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
	quota, period := u.Quota, u.Period
	if c.Quota != nil && *c.Quota != 0 {
		quota = *c.Quota
	}
	if c.Period != nil && *c.Period != 0 {
		period = int64(min(*c.Period, 1<<40))
	}
	if quota == u.Quota && period == u.Period {
		return
	}
	h.quota("/cpu/quota", quota, period)
}

// quota bounds quota per period, in microseconds.
func (h *updateHeld) quota(at string, quota, period int64) {
	if period == 0 {
		period = 100000 // the kernel's
	}
	share := quota
	if quota > 0 {
		share = (min(quota, 1<<50)*1000 + period - 1) / period
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
			first, second, _ := strings.Cut(value, " ")
			period, err := strconv.ParseInt(strings.TrimSpace(second), 10, 64)
			if err != nil || period <= 0 {
				period = 100000
			}
			quota, err := strconv.ParseInt(first, 10, 64)
			if err != nil {
				quota = -1
			}
			h.quota(at, quota, period)
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
