package rules

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/policy"
)

// TimeOffsetsSettings says which clocks of a container may differ from the
// node's.
type TimeOffsetsSettings struct {
	Allow policy.AllowList `toml:"allow" doc:"clocks that may differ: monotonic, boottime; left out: none"`
}

// Default makes an absent list the empty one.
func (s *TimeOffsetsSettings) Default() { s.Allow.Default([]string{policy.DefaultItem}) }

// Validate refuses clocks that have no offset.
func (s *TimeOffsetsSettings) Validate() error {
	return items(s.Allow.Lists, func(item string) error { return oneOf("allow", item, []string{"monotonic", "boottime"}) })
}

// TimeOffsets keeps the container on the node's clocks.
var TimeOffsets = policy.Rule{
	ID:    "time_offsets",
	Title: "The container has the node's clocks",
	Doc: "linux.timeOffsets lets a container count its monotonic and boot time from elsewhere: its process start times and timers no longer agree with the node's logs and monitors. " +
		"The offsets are taken out; the time namespace stays, and without them shows the node's time. A restored process that needs its old monotonic clock is for an exception. " +
		"The time of day is never a namespace's.",
	Since:   "0.1.0",
	Default: policy.ActionRewrite,
	Refs:    []policy.Ref{{Standard: "runtime-spec", ID: "config-linux: timeOffsets"}, {Standard: "NIST SP 800-53", ID: "AU-8"}},
	Check:   policy.Check[TimeOffsetsSettings](checkTimeOffsets),
}

func checkTimeOffsets(e *policy.Eval, s *TimeOffsetsSettings) {
	for _, clock := range names(e.Spec.Linux.TimeOffsets) {
		if s.Allow.Permits(clock, equal) {
			continue
		}
		e.Rewrite(policy.Finding{
			Pointer: member("/linux/timeOffsets", clock), Found: "an offset of the clock " + quote(clock), Wanted: "the node's clock",
			Hint: "take linux.timeOffsets out of the container's configuration",
		}, func(s *specs.Spec) { delete(s.Linux.TimeOffsets, clock) })
	}
}
