package rules

import (
	"errors"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/policy"
)

// IOPrioritySettings bounds process.ioPriority.
type IOPrioritySettings struct {
	Level policy.Min[policy.Count] `toml:"level" doc:"lowest level of the best-effort class, from 0 (first) to 7 (last); left out: 4, as the kernel gives an ordinary process"`
}

const ordinaryIOLevel = 4

// Default makes an absent bound the kernel's ordinary level.
func (s *IOPrioritySettings) Default() {
	if !s.Level.Set {
		s.Level = policy.Min[policy.Count]{Value: ordinaryIOLevel, Set: true}
	}
}

// Validate refuses levels that the kernel does not have.
func (s *IOPrioritySettings) Validate() error {
	if s.Level.Set && (s.Level.Value < 0 || s.Level.Value > 7) {
		return errors.New("level: want 0 to 7, found " + s.Level.Value.String())
	}
	return nil
}

// IOPriority keeps a container's input and output behind the host's.
var IOPriority = policy.Rule{
	ID:    "io_priority",
	Title: "No input and output before the host's own",
	Doc: "process.ioPriority decides whose requests a disk serves first. The real-time class, and one that is not known, are taken out, as by the rule scheduler; " +
		"a best-effort level below the bound is raised to it. The idle class, and levels behind the bound, which make way for others, stay.",
	Since:   "0.1.0",
	Exec:    true,
	Default: policy.ActionRewrite,
	Refs:    []policy.Ref{{Standard: "runtime-spec", ID: "config: process.ioPriority"}, {Standard: "NIST SP 800-190", ID: "4.4.3"}},
	Check:   policy.Check[IOPrioritySettings](checkIOPriority),
}

func checkIOPriority(e *policy.Eval, s *IOPrioritySettings) {
	p := e.Spec.Process.IOPriority
	if p == nil {
		return
	}
	level := int(s.Level.Value)
	f := policy.Finding{Pointer: "/process/ioPriority", Hint: "take the I/O priority out of the container's configuration"}
	switch {
	case p.Class == specs.IOPRIO_CLASS_IDLE:
	case p.Class != specs.IOPRIO_CLASS_BE:
		f.Found, f.Wanted = "the I/O priority class "+quote(string(p.Class)), "IOPRIO_CLASS_BE or IOPRIO_CLASS_IDLE"
		e.Rewrite(f, func(s *specs.Spec) { s.Process.IOPriority = nil })
	case p.Priority < level:
		f.Found, f.Wanted = "level "+itoa(int64(p.Priority))+" of the best-effort class", itoa(int64(level))+" or more"
		e.Rewrite(f, func(s *specs.Spec) { s.Process.IOPriority.Priority = level })
	}
}
