package policy

import (
	"math"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// A Claim is what a container may take of the node by its limits: what quotas
// add up. 0 is no limit.
type Claim struct {
	Memory int64 `json:"memory,omitempty"` // bytes
	CPU    int64 `json:"cpu,omitempty"`    // thousandths of a processor
	Pids   int64 `json:"pids,omitempty"`
}

// Larger returns the larger claim of each kind, of which no limit is the
// largest.
func (c Claim) Larger(o Claim) Claim {
	return Claim{Memory: larger(c.Memory, o.Memory), CPU: larger(c.CPU, o.CPU), Pids: larger(c.Pids, o.Pids)}
}

func larger(a, b int64) int64 {
	if a == 0 || b == 0 {
		return 0
	}
	return max(a, b)
}

// A Usage is what containers claim together. What has no limit of a kind adds
// nothing to it, and is counted beside.
type Usage struct {
	Claim
	Containers int64 `json:"containers,omitempty"`
	Unlimited  Claim `json:"unlimited,omitzero"` // how many containers have no limit on memory, processor time, processes
}

// Add adds a container. A sum that does not fit is the largest there is.
func (u *Usage) Add(c Claim) {
	u.Containers++
	for _, kind := range [...]struct {
		sum, unlimited *int64
		claim          int64
	}{
		{&u.Memory, &u.Unlimited.Memory, c.Memory},
		{&u.CPU, &u.Unlimited.CPU, c.CPU},
		{&u.Pids, &u.Unlimited.Pids, c.Pids},
	} {
		if *kind.sum = Sum(*kind.sum, kind.claim); kind.claim == 0 {
			*kind.unlimited++
		}
	}
}

// Sum adds two amounts of 0 or more; what does not fit is the largest there is.
func Sum(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// Groupings are what quotas add up by: all containers of a namespace, of an
// engine, of a rootless owner, or of the node.
var Groupings = [...]string{"namespace", "engine", "user", "node"}

// Group returns the group of a grouping that a container is in, by what its
// engine proves. Those of which that is not said are one group, "".
func Group(by, engine string, id *Identity) string {
	switch by {
	case "namespace":
		return id.Namespace
	case "engine":
		return engine
	case "user":
		return id.User
	default: // node
		return ""
	}
}

// ClaimOf returns what the limits of a config.json claim.
func ClaimOf(s *specs.Spec) Claim {
	r := s.Linux.Resources
	memory, pids, cpu := none, none, none
	if r.Memory.Limit != nil && *r.Memory.Limit > 0 {
		memory = *r.Memory.Limit
	}
	if r.Pids.Limit != nil && *r.Pids.Limit > 0 {
		pids = *r.Pids.Limit
	}
	if r.CPU.Quota != nil && *r.CPU.Quota > 0 {
		period := int64(0)
		if r.CPU.Period != nil {
			period = int64(min(*r.CPU.Period, 1<<40))
		}
		cpu = processors(*r.CPU.Quota, period)
	}
	return Claim{}.with(memory, cpu, pids, r.Unified)
}

// none is an amount that is not given; 0 is no limit.
const none = int64(-1)

// with is the claim with other amounts. The files of cgroup version 2 set the
// same limits by another name, and which runtime heeds them is not for us to
// know: what is given both ways counts for the larger.
func (c Claim) with(memory, cpu, pids int64, files map[string]string) Claim {
	return Claim{
		Memory: given(c.Memory, memory, limitText(files, "memory.max")),
		CPU:    given(c.CPU, cpu, cpuText(files)),
		Pids:   given(c.Pids, pids, limitText(files, "pids.max")),
	}
}

func given(was, limit, file int64) int64 {
	switch {
	case limit == none && file == none:
		return was
	case limit == none:
		return file
	case file == none:
		return limit
	default:
		return larger(limit, file)
	}
}

// limitText reads a limit as the kernel's files have it; what is no number is
// no limit.
func limitText(files map[string]string, name string) int64 {
	text, ok := files[name]
	if !ok {
		return none
	}
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil {
		return 0
	}
	return max(n, 0)
}

// cpuText reads cpu.max: "QUOTA [PERIOD]".
func cpuText(files map[string]string) int64 {
	text, ok := files["cpu.max"]
	if !ok {
		return none
	}
	quota, period := cpuMax(strings.TrimSpace(text))
	return processors(quota, period)
}

// cpuMax splits it; a quota of -1 is no limit.
func cpuMax(s string) (quota, period int64) {
	first, second, _ := strings.Cut(s, " ")
	period, err := strconv.ParseInt(strings.TrimSpace(second), 10, 64)
	if err != nil || period <= 0 {
		period = kernelPeriod
	}
	if quota, err = strconv.ParseInt(first, 10, 64); err != nil {
		quota = -1
	}
	return quota, period
}

// kernelPeriod is the kernel's own, in microseconds, over which a quota counts.
const kernelPeriod = 100_000

// processors is a quota per period in thousandths of a processor, rounded up;
// 0: no limit.
func processors(quota, period int64) int64 {
	if period <= 0 {
		period = kernelPeriod
	}
	if quota <= 0 {
		return 0
	}
	return (min(quota, 1<<50)*1000 + period - 1) / period
}
