package rules

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/policy"
)

// The lowest that the kubelet gives: a guaranteed pod, and the sandbox of any.
const (
	guaranteedOOMScore = -997
	sandboxOOMScore    = -998
)

// OOMScoreAdjSettings bounds process.oomScoreAdj.
type OOMScoreAdjSettings struct {
	Min        policy.Min[policy.Count] `toml:"min" doc:"lowest process.oomScoreAdj; left out: -997, as the kubelet gives a guaranteed pod"`
	SandboxMin policy.Min[policy.Count] `toml:"sandbox_min" doc:"the same for a pod's sandbox; left out: -998, as the kubelet gives it"`
}

// Default sets what the policy leaves out to what the kubelet gives.
func (s *OOMScoreAdjSettings) Default() {
	if !s.Min.Set {
		s.Min = policy.Min[policy.Count]{Value: guaranteedOOMScore, Set: true}
	}
	if !s.SandboxMin.Set {
		s.SandboxMin = policy.Min[policy.Count]{Value: sandboxOOMScore, Set: true}
	}
}

// Limit raises the ceiling's lowest score to what the settings allow.
func (s *OOMScoreAdjSettings) Limit(c *policy.Ceiling) {
	lowest := int64(s.Min.Value) // nobody runs an exec in a sandbox
	if c.OOMScoreAdj == nil || *c.OOMScoreAdj < lowest {
		c.OOMScoreAdj = &lowest
	}
}

// OOMScoreAdj keeps a container from having the kernel kill everything else first.
var OOMScoreAdj = policy.Rule{
	ID:    "oom_score_adj",
	Title: "No container outlives the node's own services when memory runs out",
	Doc: "Raises process.oomScoreAdj to the minimum. -1000 would exempt a process from the kernel's out-of-memory killer, " +
		"so that the node's own services die in its place. An absent value is the engine's own and stays.",
	Since:   "0.1.0",
	Exec:    true,
	Default: policy.ActionRewrite,
	Refs:    []policy.Ref{{Standard: "CIS Docker 1.6", ID: "5.19"}},
	Check:   policy.Check[OOMScoreAdjSettings](checkOOMScoreAdj),
}

func checkOOMScoreAdj(e *policy.Eval, s *OOMScoreAdjSettings) {
	have := e.Spec.Process.OOMScoreAdj
	lowest := int(s.Min.Value)
	if e.Facts.Identity.Kind == "sandbox" {
		lowest = int(s.SandboxMin.Value)
	}
	if have == nil || *have >= lowest {
		return
	}
	e.Rewrite(policy.Finding{
		Pointer: "/process/oomScoreAdj",
		Found:   itoa(int64(*have)),
		Wanted:  itoa(int64(lowest)) + " or more",
		Hint:    "take --oom-score-adj out, or give a value of " + itoa(int64(lowest)) + " or more",
	}, func(spec *specs.Spec) {
		v := lowest
		spec.Process.OOMScoreAdj = &v
	})
}
