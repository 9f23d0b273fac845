package rules

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/policy"
)

// MemoryPolicySettings says how a container may choose where its memory is.
type MemoryPolicySettings struct {
	Modes policy.AllowList `toml:"modes" doc:"modes of set_mempolicy; left out: MPOL_DEFAULT, MPOL_LOCAL"`
}

var memoryModes = [...]string{
	string(specs.MpolDefault), string(specs.MpolBind), string(specs.MpolInterleave), string(specs.MpolWeightedInterleave),
	string(specs.MpolPreferred), string(specs.MpolPreferredMany), string(specs.MpolLocal),
}

// Default makes an absent list the one that takes memory where the process runs.
func (s *MemoryPolicySettings) Default() {
	s.Modes.Default([]string{string(specs.MpolDefault), string(specs.MpolLocal)})
}

// Validate refuses modes that the kernel does not have.
func (s *MemoryPolicySettings) Validate() error {
	return items(s.Modes.Lists, func(item string) error { return oneOf("modes", item, memoryModes[:]) })
}

// MemoryPolicy leaves the placement of memory to the node.
var MemoryPolicy = policy.Rule{
	ID:    "memory_policy",
	Title: "The node says where memory is taken from",
	Doc: "linux.memoryPolicy (runtime-spec 1.3) binds a container's memory to NUMA nodes of its choice: with MPOL_BIND one container fills the memory beside another's processors while the rest of the node has plenty. " +
		"A mode that is not on the list is taken out, and the container takes memory where it runs, as without; nothing stops working, it may be slower. " +
		"linux.resources.cpu.mems, which the kubelet's memory manager sets, is not touched.",
	Since:   "0.1.0",
	Default: policy.ActionRewrite,
	Refs:    []policy.Ref{{Standard: "runtime-spec 1.3", ID: "config-linux: memoryPolicy"}, {Standard: "NIST SP 800-190", ID: "4.4.3"}},
	Check:   policy.Check[MemoryPolicySettings](checkMemoryPolicy),
}

func checkMemoryPolicy(e *policy.Eval, s *MemoryPolicySettings) {
	p := e.Spec.Linux.MemoryPolicy
	if p == nil || s.Modes.Permits(string(p.Mode), equal) {
		return
	}
	e.Rewrite(policy.Finding{
		Pointer: "/linux/memoryPolicy", Found: "the memory policy " + quote(string(p.Mode)) + " on nodes " + quote(p.Nodes),
		Wanted: oneOfThese(s.Modes), Hint: "take linux.memoryPolicy out of the container's configuration",
	}, func(s *specs.Spec) { s.Linux.MemoryPolicy = nil })
}
