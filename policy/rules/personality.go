package rules

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/policy"
)

// PersonalitySettings says which execution domains a container may have.
type PersonalitySettings struct {
	Domains policy.AllowList `toml:"domains" doc:"execution domains: LINUX, LINUX32; left out: both"`
}

var personalityDomains = [...]string{string(specs.PerLinux), string(specs.PerLinux32)}

// Default makes an absent list the one that every runtime knows.
func (s *PersonalitySettings) Default() { s.Domains.Default(personalityDomains[:]) }

// Validate refuses domains that runtimes do not know.
func (s *PersonalitySettings) Validate() error {
	return items(s.Domains.Lists, func(item string) error { return oneOf("domains", item, personalityDomains[:]) })
}

// Personality takes out the flags that weaken a process's address space.
var Personality = policy.Rule{
	ID:    "personality",
	Title: "The kernel treats the container's processes as ordinary ones",
	Doc: "The flags of linux.personality switch protections off (ADDR_NO_RANDOMIZE, READ_IMPLIES_EXEC, MMAP_PAGE_ZERO) and outlive every exec: they are taken out; runc ignores them, other runtimes need not. " +
		"A domain that is not on the list is refused, since a program that asks for one expects another uname. LINUX32, which 32-bit builds on a 64-bit node use, stays.",
	Since:   "0.1.0",
	Default: policy.ActionRewrite,
	Refs:    []policy.Ref{{Standard: "runtime-spec", ID: "config-linux: personality"}, {Standard: "NIST SP 800-53", ID: "SI-16"}},
	Check:   policy.Check[PersonalitySettings](checkPersonality),
}

func checkPersonality(e *policy.Eval, s *PersonalitySettings) {
	p := e.Spec.Linux.Personality
	if p == nil {
		return
	}
	if domain := string(p.Domain); !s.Domains.Permits(domain, equal) {
		e.Deny(policy.Finding{
			Pointer: "/linux/personality/domain", Found: "the execution domain " + quote(domain), Wanted: oneOfThese(s.Domains),
			Hint: "take linux.personality out of the container's configuration",
		})
	}
	if len(p.Flags) > 0 {
		e.Rewrite(policy.Finding{
			Pointer: "/linux/personality/flags", Found: "personality flags, which weaken the container's own address space", Wanted: "none",
			Hint: "take the flags out of linux.personality",
		}, func(s *specs.Spec) { s.Linux.Personality.Flags = nil })
	}
}

func equal(item, value string) bool { return item == value }
