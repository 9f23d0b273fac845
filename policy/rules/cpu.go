package rules

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/policy"
)

// What the kernel takes, in microseconds (Documentation/scheduler/sched-bwc).
const (
	defaultPeriod = 100_000
	longestPeriod = 1_000_000
	leastQuota    = 1_000
)

// CPUSettings bounds how much processor time a container has.
type CPUSettings struct {
	Max     policy.Max[policy.CPUs]     `toml:"max" doc:"most processors"`
	Default policy.Default[policy.CPUs] `toml:"default" doc:"for a container without a limit; left out: max"`
}

// Validate refuses bounds that runtimes take for no limit.
func (s *CPUSettings) Validate() error { return positive("cpu", s.Max, s.Default) }

// Limit lowers the ceiling to what the settings allow.
func (s *CPUSettings) Limit(c *policy.Ceiling) { c.CPU = lower(c.CPU, s.Max) }

// CPU sets linux.resources.cpu.
var CPU = policy.Rule{
	ID:    "cpu",
	Title: "Processor time is limited",
	Doc: "Lowers quota per period to the maximum and sets the default where there is no quota (absent, 0 and less than 0 all mean none). Shares, weights and cpusets stay. " +
		"With neither max nor default, containers without a limit are reported. Real-time scheduling is the rule scheduler's. " +
		"A sandbox without a quota stays as it is: the pod's own cgroup has it.",
	Since:   "0.1.0",
	Default: policy.ActionRewrite,
	Refs:    []policy.Ref{{Standard: "CIS Docker 1.6", ID: "5.12"}, {Standard: "NIST SP 800-190", ID: "4.4.3"}},
	Check:   policy.Check[CPUSettings](checkCPU),
}

func checkCPU(e *policy.Eval, s *CPUSettings) {
	c := e.Spec.Linux.Resources.CPU
	period := uint64(defaultPeriod)
	if c.Period != nil && *c.Period > 0 {
		period = min(*c.Period, longestPeriod)
	}
	want, ok := startValue(s.Max, s.Default)
	unlimited := c.Quota == nil || *c.Quota <= 0
	found, wanted := "no limit on processor time", want.String()+" processors"
	switch {
	case unlimited && e.Facts.Identity.Kind == "sandbox":
		return
	case unlimited && !ok:
		e.Report(policy.Finding{
			Pointer: "/linux/resources/cpu/quota", Found: found, Wanted: "a limit",
			Hint: "set resources.limits.cpu (docker, podman: --cpus)",
		})
		return
	case unlimited:
	case s.Max.Set && *c.Quota > quotaFor(s.Max.Value, period):
		want = s.Max.Value
		found, wanted = processors(*c.Quota, period)+" processors", want.String()+" processors or less"
	default:
		return
	}
	e.Rewrite(policy.Finding{
		Pointer: "/linux/resources/cpu/quota",
		Found:   found, Wanted: wanted,
		Hint: "set resources.limits.cpu to " + want.String() + " (docker, podman: --cpus " + want.String() + ")",
	}, func(spec *specs.Spec) { setQuota(spec.Linux.Resources.CPU, want, period) })
}

// quotaFor is the quota in microseconds that gives so many processors.
func quotaFor(c policy.CPUs, period uint64) int64 {
	return int64(min(c, 1_000_000_000)) * int64(period) / 1000
}

func processors(quota int64, period uint64) string {
	return policy.CPUs(float64(quota) / float64(period) * 1000).String()
}

// setQuota sets quota and period. A quota below the kernel's least is given
// over the longest period instead.
func setQuota(c *specs.LinuxCPU, want policy.CPUs, period uint64) {
	quota := quotaFor(want, period)
	if quota < leastQuota {
		period = longestPeriod
		quota = max(quotaFor(want, period), leastQuota)
	}
	c.Quota, c.Period = &quota, &period
	if c.Burst != nil && *c.Burst > uint64(quota) {
		burst := uint64(quota) // the kernel refuses a burst above the quota
		c.Burst = &burst
	}
}
