package rules

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/policy"
)

// PlatformsSettings has no settings: the table switches the rule on.
type PlatformsSettings struct{}

// Platforms takes out what is about another platform than Linux.
var Platforms = policy.Rule{
	ID:    "platforms",
	Title: "Only the linux section counts",
	Doc: "The section vm names a hypervisor, a kernel and an image of the host's that runtimes with virtual machines start as root: it is taken out. " +
		"No runtime for Linux reads windows, solaris, zos and freebsd, and no engine writes them; they are reported. So are personality flags, which weaken the container's own address space.",
	Since:   "0.1.0",
	Default: policy.ActionRewrite,
	Refs:    []policy.Ref{{Standard: "runtime-spec", ID: "config-vm"}},
	Check:   policy.Check[PlatformsSettings](checkPlatforms),
}

func checkPlatforms(e *policy.Eval, _ *PlatformsSettings) {
	s := e.Spec
	const hint = "take the section out of the container's configuration"
	if s.VM != nil {
		e.Rewrite(policy.Finding{
			Pointer: "/vm", Found: "a virtual machine with the hypervisor " + quote(s.VM.Hypervisor.Path) + " and the kernel " + quote(s.VM.Kernel.Path),
			Wanted: "the runtime's own configuration", Hint: hint,
		}, func(s *specs.Spec) { s.VM = nil })
	}
	for _, p := range [...]struct {
		name  string
		given bool
	}{{"windows", s.Windows != nil}, {"solaris", s.Solaris != nil}, {"zos", s.ZOS != nil}, {"freebsd", s.FreeBSD != nil}} {
		if p.given {
			e.Report(policy.Finding{Pointer: "/" + p.name, Found: "a section for another platform", Wanted: "none", Hint: hint})
		}
	}
	if p := s.Linux.Personality; p != nil && len(p.Flags) > 0 {
		e.Report(policy.Finding{
			Pointer: "/linux/personality/flags", Found: "personality flags, which weaken the container's own address space",
			Wanted: "none", Hint: "take linux.personality out of the container's configuration",
		})
	}
}
