package rules

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/policy"
)

// SchedulerSettings has no settings: the table switches the rule on.
type SchedulerSettings struct{}

// Scheduler takes away priorities before the host's own processes.
var Scheduler = policy.Rule{
	ID:    "scheduler",
	Title: "No real-time priority",
	Doc: `A real-time or deadline policy in process.scheduler, the real-time class in process.ioPriority, and real-time bandwidth in
linux.resources.cpu let a container keep the host's own processes from running. They are taken out; ordinary policies and other I/O classes stay, nice values below 0 do not.`,
	Since:   "0.1.0",
	Exec:    true,
	Default: policy.ActionRewrite,
	Refs:    []policy.Ref{{Standard: "OCI runtime-spec 1.3", ID: "process.scheduler"}, {Standard: "CIS Docker 1.6", ID: "5.12"}},
	Check:   policy.Check[SchedulerSettings](checkScheduler),
}

func checkScheduler(e *policy.Eval, _ *SchedulerSettings) {
	if s := e.Spec.Process.Scheduler; s != nil && realTime(s) {
		e.Rewrite(policy.Finding{
			Pointer: "/process/scheduler", Found: "the scheduling policy " + string(s.Policy), Wanted: "an ordinary scheduling policy",
			Hint: "take the scheduler out of the container's configuration",
		}, func(spec *specs.Spec) { spec.Process.Scheduler = nil })
	}
	if p := e.Spec.Process.IOPriority; p != nil && p.Class != "IOPRIO_CLASS_BE" && p.Class != "IOPRIO_CLASS_IDLE" {
		e.Rewrite(policy.Finding{
			Pointer: "/process/ioPriority", Found: "the I/O priority class " + string(p.Class), Wanted: "IOPRIO_CLASS_BE or IOPRIO_CLASS_IDLE",
			Hint: "take the I/O priority out of the container's configuration",
		}, func(spec *specs.Spec) { spec.Process.IOPriority = nil })
	}
	if c := e.Spec.Linux.Resources.CPU; c.RealtimePeriod != nil || c.RealtimeRuntime != nil && *c.RealtimeRuntime != 0 {
		e.Rewrite(policy.Finding{
			Pointer: "/linux/resources/cpu", Found: "processor time reserved for real-time processes", Wanted: "none reserved",
			Hint: "take out --cpu-rt-runtime and --cpu-rt-period",
		}, func(spec *specs.Spec) {
			spec.Linux.Resources.CPU.RealtimePeriod = nil
			spec.Linux.Resources.CPU.RealtimeRuntime = nil
		})
	}
}

// realTime tells whether the policy runs before every ordinary process; one
// that is not known counts as such. A nice value below 0 needs CAP_SYS_NICE of
// the runtime, which has it.
func realTime(s *specs.Scheduler) bool {
	switch s.Policy {
	case specs.SchedOther, specs.SchedBatch, specs.SchedIdle:
		return s.Nice < 0
	default:
		return true
	}
}
