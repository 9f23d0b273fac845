package rules

import (
	"math"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/policy"
)

// MemorySettings bounds how much memory a container has.
type MemorySettings struct {
	Max     policy.Max[policy.Bytes]     `toml:"max" doc:"most memory; with swap at most twice as much"`
	Default policy.Default[policy.Bytes] `toml:"default" doc:"for a container without a limit; left out: max"`
}

// Validate refuses bounds that runtimes take for no limit.
func (s *MemorySettings) Validate() error { return positive("memory", s.Max, s.Default) }

// Limit lowers the ceiling to what the settings allow.
func (s *MemorySettings) Limit(c *policy.Ceiling) { c.Memory = lower(c.Memory, s.Max) }

// Memory sets linux.resources.memory.
var Memory = policy.Rule{
	ID:    "memory",
	Title: "Memory is limited",
	Doc: "Lowers linux.resources.memory.limit to the maximum and sets the default where there is no limit (absent, 0 and less than 0 all mean none). " +
		"The limit of memory with swap, where the engine gives one, is brought to at most twice the maximum, as Docker does by default, and never below the memory limit, which runc would refuse; " +
		"where the engine gives none it stays absent, since a kernel without swap accounting refuses it. A reservation is brought under the limit. " +
		"With neither max nor default, containers without a limit are reported. A sandbox without a limit stays as it is: the pod's own cgroup has it.",
	Since:   "0.1.0",
	Default: policy.ActionRewrite,
	Refs:    []policy.Ref{{Standard: "CIS Docker 1.6", ID: "5.11"}, {Standard: "NIST SP 800-190", ID: "4.4.3"}},
	Check:   policy.Check[MemorySettings](checkMemory),
}

func checkMemory(e *policy.Eval, s *MemorySettings) {
	m := e.Spec.Linux.Resources.Memory
	want, ok := startValue(s.Max, s.Default)
	unlimited := m.Limit == nil || *m.Limit <= 0
	switch {
	case unlimited && e.Facts.Identity.Kind == "sandbox":
	case unlimited && !ok:
		e.Report(policy.Finding{
			Pointer: "/linux/resources/memory/limit", Found: "no limit on memory", Wanted: "a limit",
			Hint: "set resources.limits.memory (docker, podman: --memory)",
		})
	case unlimited:
		v := int64(want)
		if m.Swap != nil && *m.Swap > 0 {
			v = min(v, *m.Swap)
		}
		setMemory(e, "no limit on memory", policy.Bytes(v).String(), v)
	case s.Max.Set && *m.Limit > int64(s.Max.Value):
		setMemory(e, policy.Bytes(*m.Limit).String(), s.Max.Value.String()+" or less", int64(s.Max.Value))
	}
	if s.Max.Set {
		checkSwap(e, s)
		checkReservation(e, s)
	}
}

func setMemory(e *policy.Eval, found, wanted string, limit int64) {
	e.Rewrite(policy.Finding{
		Pointer: "/linux/resources/memory/limit",
		Found:   found, Wanted: wanted,
		Hint: "set resources.limits.memory to " + wanted + " (docker, podman: --memory)",
	}, func(spec *specs.Spec) {
		v := limit
		spec.Linux.Resources.Memory.Limit = &v
	})
}

// checkSwap bounds memory with swap.
func checkSwap(e *policy.Eval, s *MemorySettings) {
	m := e.Spec.Linux.Resources.Memory
	most := int64(math.MaxInt64)
	if s.Max.Value < math.MaxInt64/2 {
		most = 2 * int64(s.Max.Value)
	}
	if m.Swap == nil || *m.Swap >= 0 && *m.Swap <= most {
		return
	}
	found := "no limit on memory with swap"
	if *m.Swap > 0 {
		found = policy.Bytes(*m.Swap).String() + " of memory with swap"
	}
	e.Rewrite(policy.Finding{
		Pointer: "/linux/resources/memory/swap",
		Found:   found,
		Wanted:  policy.Bytes(most).String() + " or less",
		Hint:    "lower --memory-swap (docker, podman)",
	}, func(spec *specs.Spec) {
		v := most
		spec.Linux.Resources.Memory.Swap = &v
	})
}

// checkReservation keeps a container from being protected beyond what it may use.
func checkReservation(e *policy.Eval, s *MemorySettings) {
	m := e.Spec.Linux.Resources.Memory
	most := int64(s.Max.Value)
	if m.Limit != nil && *m.Limit > 0 {
		most = min(most, *m.Limit)
	}
	if m.Reservation == nil || *m.Reservation >= 0 && *m.Reservation <= most {
		return
	}
	e.Rewrite(policy.Finding{
		Pointer: "/linux/resources/memory/reservation",
		Found:   itoa(*m.Reservation) + " bytes of memory reserved",
		Wanted:  policy.Bytes(most).String() + " or less",
		Hint:    "lower --memory-reservation (docker, podman)",
	}, func(spec *specs.Spec) {
		v := most
		spec.Linux.Resources.Memory.Reservation = &v
	})
}
