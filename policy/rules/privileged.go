package rules

import (
	"path"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/policy"
)

// PrivilegedSettings has no settings: the table switches the rule on.
type PrivilegedSettings struct{}

// Privileged refuses what amounts to a privileged container.
var Privileged = policy.Rule{
	ID:    "privileged",
	Title: "Privileged containers are refused",
	Doc: `config.json has no field that says "privileged": engines switch many things off instead, each its own way. A container
counts as privileged when one of its capability sets has ten or more beyond what Docker gives by default, or when three of these
hold: nothing under /proc is effectively masked; the device rules, in order, end up allowing disks; /sys or the host's cgroups are
writable; seccomp is absent or refuses nothing. Each of these is also judged alone, by its own rule.`,
	Since:   "0.1.0",
	Default: policy.ActionDeny,
	Refs: []policy.Ref{
		{Standard: "PSS baseline", ID: "Privileged Containers"},
		{Standard: "CIS Docker 1.6", ID: "5.5"},
		{Standard: "CIS Kubernetes 1.10", ID: "5.2.2"},
		{Standard: "NIST SP 800-190", ID: "4.4.3"},
		{Standard: "MITRE ATT&CK", ID: "T1611"},
	},
	Check: policy.Check[PrivilegedSettings](checkPrivileged),
}

const (
	manyCapabilities = 10 // beyond the default, in one set
	manySigns        = 3
)

func checkPrivileged(e *policy.Eval, _ *PrivilegedSettings) {
	f := policy.Finding{
		Wanted: "a container without the host's powers",
		Hint:   "take out securityContext.privileged: true (docker, podman: --privileged) and ask for the one capability or device that is needed",
	}
	if n := beyondDefault(e.Spec.Process.Capabilities); n >= manyCapabilities {
		f.Pointer, f.Found = "/process/capabilities", "privileged: "+strconv.Itoa(n)+" capabilities beyond the default"
		e.Deny(f)
		return
	}
	var signs []string
	if !effectivelyMasked(e.Spec.Linux.MaskedPaths) {
		signs = append(signs, "nothing under /proc is masked")
	}
	if disksAllowed(e.Spec.Linux.Resources.Devices) {
		signs = append(signs, "disks are allowed")
	}
	if kernelWritable(e.Spec) {
		signs = append(signs, "/sys or the host's cgroups are writable")
	}
	if unconfined(e.Spec.Linux.Seccomp) != "" {
		signs = append(signs, "seccomp refuses nothing")
	}
	if len(signs) >= manySigns {
		f.Pointer, f.Found = "/linux", "privileged: "+strings.Join(signs, ", ")
		e.Deny(f)
	}
}

// beyondDefault counts the capabilities beyond the engines' default of the
// largest set.
func beyondDefault(c *specs.LinuxCapabilities) int {
	usual, most := policy.CapabilitySet(engineCapabilities), 0
	for _, set := range [...][]string{c.Bounding, c.Effective, c.Permitted, c.Inheritable, c.Ambient} {
		n := 0
		for more := policy.CapabilitySet(set) &^ usual; more != 0; more &= more - 1 {
			n++
		}
		most = max(most, n)
	}
	return most
}

// effectivelyMasked tells whether most of what every engine masks is masked.
func effectivelyMasked(masked []string) bool {
	n := 0
	for _, want := range [...]string{"/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/sched_debug", "/sys/firmware"} {
		for _, p := range masked {
			if p = path.Clean(p); p == want || strings.HasPrefix(want, p+"/") {
				n++
				break
			}
		}
	}
	return n >= 3
}

// disksAllowed plays the device rules in order. No rules at all allow
// everything under a runtime that adds none.
func disksAllowed(rules []specs.LinuxDeviceCgroup) bool {
	open := len(rules) == 0
	for _, r := range rules {
		everyKind := r.Type == "" || r.Type == "a"
		if !everyKind && r.Type != "b" {
			continue
		}
		everyMinor := everyKind || r.Minor == nil || *r.Minor < 0
		everyMajor := everyKind || r.Major == nil || *r.Major < 0
		switch {
		case r.Allow && everyMinor && (everyKind || strings.ContainsAny(r.Access, "rw")):
			open = true // every disk, or all of one kind
		case !r.Allow && everyMinor && everyMajor:
			open = false
		}
	}
	return open
}

// kernelWritable tells whether sysfs, or a cgroup file system that is not the
// container's own, is mounted writable.
func kernelWritable(s *specs.Spec) bool {
	ownCgroup := false
	for _, ns := range s.Linux.Namespaces {
		ownCgroup = ownCgroup || ns.Type == specs.CgroupNamespace && ns.Path == ""
	}
	for _, m := range s.Mounts {
		readOnly := false
		for _, o := range m.Options {
			switch o {
			case "ro", "rro":
				readOnly = true
			case "rw", "rrw":
				readOnly = false
			}
		}
		at := path.Clean(m.Destination)
		switch {
		case readOnly:
		case m.Type == "sysfs" || at == "/sys" && m.Type != "tmpfs":
			return true
		case !ownCgroup && (m.Type == "cgroup" || m.Type == "cgroup2"):
			return true
		}
	}
	return false
}
