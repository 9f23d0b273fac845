package rules

import (
	"strconv"
	"strings"

	"github.com/runward/runward/policy"
)

// SELinuxSettings bound the two SELinux labels.
type SELinuxSettings struct {
	Types      policy.AllowList `toml:"types" doc:"types a process may have, as globs; without it the Pod Security baseline's: container_t, container_init_t, container_kvm_t, container_engine_t"`
	MountTypes policy.AllowList `toml:"mount_types" doc:"types that mounts may be labelled with, as globs; without it those of container files"`
	Required   policy.Flag      `toml:"required" doc:"refuse a process without a label where SELinux is on"`
}

// SELinux keeps containers in the domains that confine them.
var SELinux = policy.Rule{
	ID:    "selinux",
	Title: "SELinux confines the container",
	Doc: `process.selinuxLabel and linux.mountLabel must have one of the allowed types, no user or role of
their own, and a level that does not reach other containers' categories (no range, five categories at most): spc_t and the like switch SELinux off. Labels are judged also where
SELinux is off, where runtimes refuse them anyway; that is reported. A process without a label where SELinux is
on runs in the engine's domain; that is reported, or refused where required says so: a label cannot be invented, its level belongs to the engine.`,
	Since:   "0.1.0",
	Exec:    true,
	Default: policy.ActionDeny,
	Refs: []policy.Ref{
		{Standard: "PSS baseline", ID: "SELinux"}, {Standard: "CIS Docker 1.6", ID: "5.3"},
	},
	Check: policy.Check[SELinuxSettings](checkSELinux),
}

// Default fills in the types of the standard, and container-selinux's file types.
func (s *SELinuxSettings) Default() {
	s.Types.Default([]string{"container_t", "container_init_t", "container_kvm_t", "container_engine_t"})
	s.MountTypes.Default([]string{
		"container_file_t", "container_ro_file_t", "container_share_t", "container_var_lib_t", "svirt_sandbox_file_t", "svirt_lxc_file_t",
	})
}

const (
	selinuxHint   = "take seLinuxOptions out of the securityContext (docker, podman: --security-opt label=)"
	maxCategories = 5 // engines give a container two
)

func checkSELinux(e *policy.Eval, s *SELinuxSettings) {
	process, mount := e.Spec.Process.SelinuxLabel, e.Spec.Linux.MountLabel
	if !e.Facts.SELinux && (process != "" || mount != "") {
		at := "/process/selinuxLabel"
		if process == "" {
			at = "/linux/mountLabel"
		}
		e.Report(policy.Finding{
			Pointer: at, Found: "an SELinux label where SELinux is off", Wanted: "no label: runtimes refuse to start with one",
			Hint: "switch SELinux off in the engine's configuration too",
		})
	}
	checkLabel(e, "/process/selinuxLabel", process, "system_r", s.Types)
	checkLabel(e, "/linux/mountLabel", mount, "object_r", s.MountTypes)
	if e.Facts.SELinux && process == "" && !joins(e) {
		f := policy.Finding{
			Pointer: "/process/selinuxLabel", Found: "no SELinux label: the container runs in the engine's domain",
			Wanted: "a label with the type " + s.Types.String(), Hint: "take out --security-opt label=disable, and switch SELinux on in the engine's configuration",
		}
		if s.Required.On {
			e.Deny(f)
		} else {
			e.Report(f)
		}
	}
}

// checkLabel judges user:role:type[:level].
func checkLabel(e *policy.Eval, at, label, role string, types policy.AllowList) {
	if label == "" {
		return
	}
	deny := func(found, wanted string) {
		e.Deny(policy.Finding{Pointer: at, Found: found, Wanted: wanted, Hint: selinuxHint})
	}
	parts := strings.SplitN(label, ":", 4)
	if len(parts) < 3 || strings.ContainsAny(label, " \t\n\x00") {
		deny("the SELinux label "+strconv.Quote(label), "user:role:type:level")
		return
	}
	if parts[0] != "system_u" && parts[0] != "unconfined_u" {
		deny("the SELinux user "+strconv.Quote(parts[0]), "system_u, which the engine writes")
	}
	if parts[1] != role {
		deny("the SELinux role "+strconv.Quote(parts[1]), role+", which the engine writes")
	}
	if !types.Permits(parts[2], policy.Match) {
		deny("the SELinux type "+strconv.Quote(parts[2]), "one of "+types.String())
	}
	if len(parts) == 4 && wideLevel(parts[3]) {
		deny("the SELinux level "+strconv.Quote(parts[3])+", which reaches other containers' files", "a level with the container's own categories, such as s0:c1,c2")
	}
}

// wideLevel tells whether a level has a range of sensitivities or categories,
// or more categories than a container needs.
func wideLevel(level string) bool {
	low, high, ranged := strings.Cut(level, "-")
	if ranged && low != high {
		return true
	}
	_, categories, _ := strings.Cut(low, ":")
	return strings.Contains(categories, ".") || strings.Count(categories, ",") >= maxCategories
}
