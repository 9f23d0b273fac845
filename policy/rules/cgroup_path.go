package rules

import (
	"path"
	"strings"
	"unicode"

	"github.com/runward/runward/policy"
)

// CgroupPathSettings says in which control groups containers may run.
type CgroupPathSettings struct {
	Allow policy.AllowList `toml:"allow" doc:"values of linux.cgroupsPath, as globs: \"/docker/**\" or \"machine.slice:libpod:*\"; \"default\" is any that is not the host's own"`
}

// Default makes an absent list the safe one.
func (s *CgroupPathSettings) Default() { s.Allow.Default([]string{policy.DefaultItem}) }

// CgroupPath refuses the host's control groups.
var CgroupPath = policy.Rule{
	ID:    "cgroup_path",
	Title: "The container runs in a control group of its own",
	Doc: "linux.cgroupsPath must not be the root of the hierarchy, nor lead out of its parent with .., nor be a slice, a service or a scope of the host's: " +
		"the container's limits would be set on those, and stopping it would stop them. Any other parent is allowed, as --cgroup-parent gives it.",
	Since:   "0.1.0",
	Default: policy.ActionDeny,
	Refs:    []policy.Ref{{Standard: "CIS Docker 1.6", ID: "2.10"}, {Standard: "CIS Docker 1.6", ID: "5.25"}},
	Check:   policy.Check[CgroupPathSettings](checkCgroupPath),
}

func checkCgroupPath(e *policy.Eval, s *CgroupPathSettings) {
	p := e.Spec.Linux.CgroupsPath
	if p == "" {
		return // the runtime makes one of the container's id
	}
	wanted := hostCgroup(p)
	if wanted == "" && s.Allow.Permits(p, orDefault(func(string) bool { return true }, policy.Match)) {
		return
	}
	if wanted == "" {
		wanted = "only control groups on the list cgroup_path.allow: " + listed(s.Allow)
	}
	e.Deny(policy.Finding{
		Pointer: "/linux/cgroupsPath",
		Found:   "the control group " + quote(p),
		Wanted:  wanted,
		Hint:    "take out --cgroup-parent, or give a group of the containers' own",
	})
}

// hostCgroup says what is wanted in place of a path to one of the host's
// groups; empty where it is none. A path with two colons is systemd's: slice,
// prefix and name, of which a name that ends in .slice is the unit itself.
func hostCgroup(p string) string {
	if strings.ContainsFunc(p, unicode.IsControl) {
		return "a path without control characters"
	}
	for part := range strings.FieldsFuncSeq(p, func(r rune) bool { return r == '/' || r == ':' }) {
		if part == ".." {
			return `a path without ".."`
		}
	}
	slice, rest, systemd := strings.Cut(p, ":")
	if prefix, name, ok := strings.Cut(rest, ":"); systemd && ok {
		switch {
		case slice == "-.slice":
			return "a slice below the root of the hierarchy"
		case strings.Contains(slice, "/") || strings.ContainsAny(prefix+name, "/:"):
			return "slice:prefix:name without / in it"
		case name == "" || hostUnit(name):
			return "a unit of the container's own, not one of systemd's"
		}
		return ""
	}
	last := path.Base(path.Clean("/" + p))
	if last == "/" || hostUnit(last) || path.Dir(path.Clean("/"+p)) == "/" && ownedGroup(last) {
		return "a group below the containers' own, not the host's " + quote(path.Clean("/"+p))
	}
	return ""
}

// hostUnit tells whether a group's name is that of a systemd unit that has
// other processes: only scopes are made for a single container.
func hostUnit(name string) bool {
	return strings.HasSuffix(name, ".slice") || strings.HasSuffix(name, ".service") || strings.HasSuffix(name, ".socket") ||
		strings.HasSuffix(name, ".mount") || name == "init.scope" || strings.HasPrefix(name, "session-") && strings.HasSuffix(name, ".scope")
}

// ownedGroup tells whether a group right below the root holds other containers.
func ownedGroup(name string) bool {
	switch name {
	case "docker", "kubepods", "kubelet", "libpod_parent", "machine", "system", "user", "init":
		return true
	}
	return false
}
