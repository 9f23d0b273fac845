package rules

import (
	"path"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/policy"
)

// CgroupMountsSettings says where a container may write control groups.
type CgroupMountsSettings struct {
	Writable policy.AllowList `toml:"writable" doc:"destinations, as globs, at which the container's own control groups may be written, with a cgroup namespace of its own: \"/sys/fs/cgroup\"; left out: none"`
}

// Default makes an absent list the empty one.
func (s *CgroupMountsSettings) Default() { s.Writable.Default([]string{}) }

// CgroupMounts keeps containers from writing control groups.
var CgroupMounts = policy.Rule{
	ID:    "cgroup_mounts",
	Title: "Control groups are read-only",
	Doc: "Mounts of type cgroup and cgroup2, and bind mounts of the host's below /sys/fs/cgroup, become read-only, also where the container has a cgroup namespace of its own, which the rule mounts lets pass: " +
		"on version 1 release_agent is a way to the host, on version 2 a container that may write its groups can make any number of them. What reads its own limits, as Java does, goes on to. " +
		"systemd in a container (podman --systemd, kind) writes them: name /sys/fs/cgroup in writable. A recursive bind mount of a hierarchy whose groups are mounts of their own (version 1) is refused, since read-only does not reach those. A bind mount of what is above, /sys or /, is the rule host_paths'.",
	Since:   "0.1.0",
	Default: policy.ActionRewrite,
	Refs:    []policy.Ref{{Standard: "CVE", ID: "2022-0492"}, {Standard: "MITRE ATT&CK", ID: "T1611"}, {Standard: "CIS Docker 1.6", ID: "5.25"}},
	Check:   policy.Check[CgroupMountsSettings](checkCgroupMounts),
}

// The statfs types of control groups (linux/magic.h).
const (
	cgroupFS  = 0x27e0eb
	cgroup2FS = 0x63677270
)

func checkCgroupMounts(e *policy.Eval, s *CgroupMountsSettings) {
	for i := range e.Spec.Mounts {
		m := &e.Spec.Mounts[i]
		bind, whole := isBind(m), true
		switch {
		case bind:
			var groups bool
			if groups, whole = cgroupSource(e.Facts, m.Source); !groups {
				continue
			}
		case m.Type != "cgroup" && m.Type != "cgroup2":
			continue
		case ownCgroups(e.Spec) && s.Writable.Permits(path.Clean("/"+m.Destination), policy.Match):
			continue
		}
		f := policy.Finding{
			Pointer: index("/mounts", i), Found: "writable control groups at " + quote(m.Destination), Wanted: "read-only ones",
			Hint: "run it without --privileged and without a volume of /sys/fs/cgroup; for systemd in the container ask the administrator to allow it in cgroup_mounts.writable",
		}
		switch {
		case bind && !whole && (hasString(m.Options, "rbind") || !hasString(m.Options, "bind")):
			f.Found, f.Wanted = "the host's control groups at "+quote(m.Destination)+", with the mounts below them", "none"
			e.Deny(f)
		case !readOnly(m.Options):
			e.Rewrite(f, func(s *specs.Spec) { s.Mounts[i].Options = onlyRead(s.Mounts[i].Options) })
		}
	}
}

// cgroupSource tells whether a bind mount's source is control groups, and
// whether they are one file system, without other mounts in it.
func cgroupSource(f *policy.Facts, source string) (groups, whole bool) {
	p := path.Clean(source)
	if f.Lookup != nil {
		file := f.Lookup(source)
		if file.Type != policy.Missing && (file.FS == cgroupFS || file.FS == cgroup2FS) {
			return true, true
		}
		if file.Path != "" {
			p = file.Path
		}
	}
	return within(p, "/sys/fs/cgroup"), f.CgroupV2 && p == "/sys/fs/cgroup"
}

// ownCgroups tells whether the container has a new cgroup namespace.
func ownCgroups(s *specs.Spec) bool {
	for _, ns := range s.Linux.Namespaces {
		if ns.Type == specs.CgroupNamespace && ns.Path == "" {
			return true
		}
	}
	return false
}
