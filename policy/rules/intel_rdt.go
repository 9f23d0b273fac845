package rules

import (
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/policy"
)

// IntelRdtSettings has no settings: the table switches the rule on.
type IntelRdtSettings struct{}

// IntelRdt leaves the processor's cache and bandwidth to the node.
var IntelRdt = policy.Rule{
	ID:    "intel_rdt",
	Title: "Shares of cache and memory bandwidth are the node's to give",
	Doc: "linux.intelRdt writes the resctrl file system: its schemas set how much cache and memory bandwidth a class has, for everything on the node in that class, and a name that is no class's makes one, of which a processor has few. " +
		"Joining a class that closID names is left to the node's configuration; schemas, and a class without a name, are taken out; a closID that leads elsewhere is refused.",
	Since:   "0.1.0",
	Default: policy.ActionRewrite,
	Refs:    []policy.Ref{{Standard: "runtime-spec", ID: "config-linux: intelRdt"}},
	Check:   policy.Check[IntelRdtSettings](checkIntelRdt),
}

func checkIntelRdt(e *policy.Eval, _ *IntelRdtSettings) {
	r := e.Spec.Linux.IntelRdt
	if r == nil {
		return
	}
	f := policy.Finding{
		Pointer: "/linux/intelRdt", Found: "the class of service " + quote(r.ClosID), Wanted: "a class that the node has",
		Hint: "take the class of service out of the container's configuration",
	}
	switch schemas := r.L3CacheSchema != "" || r.MemBwSchema != "" || len(r.Schemata) > 0; {
	case r.ClosID == "." || r.ClosID == ".." || strings.ContainsAny(r.ClosID, "/\n"):
		f.Wanted = "the name of a class, without /"
		e.Deny(f)
	case r.ClosID == "":
		f.Found = "a class of service of its own"
		e.Rewrite(f, func(s *specs.Spec) { s.Linux.IntelRdt = nil })
	case schemas:
		f.Found = "schemas for the class of service " + quote(r.ClosID)
		e.Rewrite(f, func(s *specs.Spec) {
			r := s.Linux.IntelRdt
			r.L3CacheSchema, r.MemBwSchema, r.Schemata = "", "", nil
		})
	}
}
