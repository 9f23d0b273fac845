package rules

import (
	"strings"

	"github.com/runward/runward/policy"
)

// UnifiedSettings says which files of its control group a container may set.
type UnifiedSettings struct {
	Allow policy.AllowList `toml:"allow" doc:"file names, as globs, for example \"memory.high\"; \"default\" is every file of a controller's but the limits that have fields of their own"`
}

// Default makes an absent list the safe one.
func (s *UnifiedSettings) Default() { s.Allow.Default([]string{policy.DefaultItem}) }

// Unified bounds linux.resources.unified.
var Unified = policy.Rule{
	ID:    "unified",
	Title: "No second way to set the limits",
	Doc: "linux.resources.unified is written into the control group's files as it stands, after everything else: memory.max there undoes the limit that the field memory.limit gives. " +
		"Refused are names with / in them, the files of the group itself (cgroup.*), and those of limits that have fields of their own; what the kubelet writes (memory.oom.group, memory.min, memory.high) stays.",
	Since:   "0.1.0",
	Default: policy.ActionDeny,
	Refs:    []policy.Ref{{Standard: "runtime-spec", ID: "config-linux: unified"}, {Standard: "CIS Docker 1.6", ID: "5.11"}},
	Check:   policy.Check[UnifiedSettings](checkUnified),
}

func checkUnified(e *policy.Eval, s *UnifiedSettings) {
	match := orDefault(safeUnified, policy.Match)
	for _, name := range names(e.Spec.Linux.Resources.Unified) {
		value := e.Spec.Linux.Resources.Unified[name]
		f := policy.Finding{
			Pointer: member("/linux/resources/unified", name),
			Found:   quote(name) + " = " + quote(value),
			Hint:    "give limits by their own options (podman: --memory, --cpus, --pids-limit in place of --cgroup-conf)",
		}
		switch {
		case !plainFile(name):
			f.Wanted = "a file name of a controller's, as memory.high"
		case !s.Allow.Permits(name, match):
			f.Wanted = "only files on the list unified.allow"
		default:
			continue
		}
		e.Deny(f)
	}
}

// plainFile tells whether the name is CONTROLLER.FILE, of lower-case letters,
// digits, _ and dots.
func plainFile(name string) bool {
	for i := 0; i < len(name); i++ {
		if c := name[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' && c != '.' {
			return false
		}
	}
	controller, file, ok := strings.Cut(name, ".")
	return ok && controller != "" && file != ""
}

func safeUnified(name string) bool {
	switch name {
	case "memory.max", "memory.swap.max", "cpu.max", "cpu.max.burst", "pids.max":
		return false
	}
	return !strings.HasPrefix(name, "cgroup.")
}
