package rules

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/policy"
)

// defaultPids is what a table with nothing in it asks for.
const defaultPids = 4096

// PidsSettings bounds how many processes and threads a container has.
type PidsSettings struct {
	Max     policy.Max[policy.Count]     `toml:"max" doc:"most processes and threads"`
	Default policy.Default[policy.Count] `toml:"default" doc:"for a container without a limit; left out: 4096, or max where that is less"`
}

// Validate refuses bounds that runtimes take for no limit.
func (s *PidsSettings) Validate() error { return positive("pids", s.Max, s.Default) }

// Limit lowers the ceiling to what the settings allow.
func (s *PidsSettings) Limit(c *policy.Ceiling) { c.Pids = lower(c.Pids, s.Max) }

// Pids sets linux.resources.pids.
var Pids = policy.Rule{
	ID:    "pids",
	Title: "The number of processes is limited",
	Doc: "Lowers linux.resources.pids.limit to the maximum and sets the default where there is no limit: absent, 0 and less than 0 all mean none. " +
		"A sandbox without a limit stays as it is: its one process is the engine's, and the pod's own cgroup has the limit.",
	Since:   "0.1.0",
	Default: policy.ActionRewrite,
	Refs:    []policy.Ref{{Standard: "CIS Docker 1.6", ID: "5.29"}, {Standard: "CIS Kubernetes 1.10", ID: "4.2.13"}},
	Check:   policy.Check[PidsSettings](checkPids),
}

func checkPids(e *policy.Eval, s *PidsSettings) {
	limit := e.Spec.Linux.Resources.Pids.Limit
	unlimited := limit == nil || *limit <= 0
	want := int64(defaultPids)
	if s.Default.Set {
		want = int64(s.Default.Value)
	}
	switch {
	case unlimited && e.Facts.Identity.Kind == "sandbox":
		return
	case unlimited && s.Max.Set:
		want = min(want, int64(s.Max.Value))
	case unlimited:
	case s.Max.Set && *limit > int64(s.Max.Value):
		want = int64(s.Max.Value)
	default:
		return
	}
	f := policy.Finding{
		Pointer: "/linux/resources/pids/limit",
		Found:   "no limit on processes",
		Wanted:  itoa(want),
		Hint:    "give a limit (docker, podman: --pids-limit " + itoa(want) + ")",
	}
	if !unlimited {
		f.Found = itoa(*limit)
		f.Wanted = itoa(want) + " or less"
		f.Hint = "lower the limit (docker, podman: --pids-limit " + itoa(want) + ")"
	}
	e.Rewrite(f, func(spec *specs.Spec) {
		v := want
		spec.Linux.Resources.Pids.Limit = &v
	})
}
