package rules

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/policy"
)

// PropagationSettings has none: the rule's table switches it on.
type PropagationSettings struct{}

// Propagation keeps the container's mounts from appearing on the host.
var Propagation = policy.Rule{
	ID:    "propagation",
	Title: "Mounts made in the container stay in it",
	Doc: "A shared linux.rootfsPropagation becomes rprivate, or rslave where a bind mount asks to see what the host mounts later (HostToContainer). " +
		"The propagation of a single bind mount is the rule host_paths'. Storage drivers that need Bidirectional are for an exception.",
	Since:   "0.1.0",
	Default: policy.ActionRewrite,
	Refs:    []policy.Ref{{Standard: "CIS Docker 1.6", ID: "5.20"}},
	Check:   policy.Check[PropagationSettings](checkPropagation),
}

func checkPropagation(e *policy.Eval, _ *PropagationSettings) {
	have := e.Spec.Linux.RootfsPropagation
	if have != "shared" && have != "rshared" {
		return
	}
	want := "rprivate"
	for i := range e.Spec.Mounts {
		o := e.Spec.Mounts[i].Options
		if hasString(o, "slave") || hasString(o, "rslave") {
			want = "rslave"
		}
	}
	e.Rewrite(policy.Finding{
		Pointer: "/linux/rootfsPropagation",
		Found:   quote(have) + ": what the container mounts appears on the host",
		Wanted:  quote(want),
		Hint:    "take mountPropagation: Bidirectional out of the volume mounts (docker, podman: no :shared or :rshared)",
	}, func(s *specs.Spec) { s.Linux.RootfsPropagation = want })
}
