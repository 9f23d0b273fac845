package rules

import (
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/policy"
)

// nodeRules let the device nodes of config.json be used, all of which are
// permitted by now.
func nodeRules(nodes []specs.LinuxDevice) []specs.LinuxDeviceCgroup {
	var rules []specs.LinuxDeviceCgroup
	for i := range nodes {
		major, minor := nodes[i].Major, nodes[i].Minor
		if kind := nodeKind(&nodes[i]); kind == "b" || kind == "c" {
			rules = append(rules, specs.LinuxDeviceCgroup{Allow: true, Type: kind, Major: &major, Minor: &minor, Access: "rw"})
		}
	}
	return rules
}

// checkDeviceRules judges what the device cgroup's rules end up allowing. Where
// no rule speaks of a device, runtimes differ and cgroup v1 inherits: that
// counts as allowed.
func checkDeviceRules(e *policy.Eval, s *DevicesSettings) {
	rules := e.Spec.Linux.Resources.Devices
	var excess []string
	var keep []int
	for _, start := range []deviceRange{{'b', anyNumber, anyNumber, "rwm"}, {'c', anyNumber, anyNumber, "rwm"}} {
		if len(rules) == 0 && e.Facts.Rootless {
			break // engines leave it out there: it is not theirs to set, and nobody can make a node
		}
		if !deniedBy(rules, start) {
			excess = append(excess, "everything that no rule denies")
			break
		}
	}
	for i := range rules {
		if !rules[i].Allow {
			if r, whole := rangeOf(&rules[i]); whole && (r.kind == 'b' || r.kind == 'c') {
				keep = append(keep, i)
			}
			continue
		}
		r, _ := rangeOf(&rules[i])
		switch {
		case s.permits(r):
			keep = append(keep, i)
		case !deniedBy(rules[i+1:], r):
			excess = append(excess, r.String())
		}
	}
	if len(excess) == 0 {
		return
	}
	e.Rewrite(policy.Finding{
		Pointer: "/linux/resources/devices",
		Found:   "the device cgroup allows " + strings.Join(excess, ", "),
		Wanted:  "deny everything first, then allow what is on the list devices.allow",
		Hint:    "take --device-cgroup-rule, --device and --privileged out, or ask the administrator to allow the device",
	}, func(spec *specs.Spec) {
		r := spec.Linux.Resources
		rules := []specs.LinuxDeviceCgroup{{Allow: false, Access: "rwm"}}
		for _, i := range keep {
			rules = append(rules, r.Devices[i])
		}
		if len(r.Devices) == 0 { // Podman's, with a user namespace: the devices that it gives work by no rule
			rules = append(rules, nodeRules(spec.Linux.Devices)...)
		}
		r.Devices = rules
	})
}

// rangeOf reads a rule as runtimes do where they agree: without a type or with
// type a it is about everything, whatever its numbers; without a number, or
// with -1, about every number. An allow rule without access counts as full
// access. It is not whole where runtimes may read it as about less: a deny
// rule of that kind counts for nothing.
func rangeOf(rule *specs.LinuxDeviceCgroup) (r deviceRange, whole bool) {
	r = deviceRange{kind: 'a', major: anyNumber, minor: anyNumber, access: rule.Access}
	whole = true
	numbered := rule.Major != nil && *rule.Major != anyNumber || rule.Minor != nil && *rule.Minor != anyNumber
	switch rule.Type {
	case "b":
		r.kind = 'b'
	case "c", "u":
		r.kind = 'c'
	case "", "a":
		whole = !numbered
		numbered = false
	default:
		whole = false
	}
	if numbered {
		if rule.Major != nil {
			r.major = max(*rule.Major, anyNumber)
		}
		if rule.Minor != nil {
			r.minor = max(*rule.Minor, anyNumber)
		}
	}
	if strings.Trim(r.access, "rwm") != "" || r.access == "" {
		r.access, whole = "rwm", false
	}
	return r, whole
}

// deniedBy tells whether one of the rules takes all of r away again.
func deniedBy(rules []specs.LinuxDeviceCgroup, r deviceRange) bool {
	for i := range rules {
		if rules[i].Allow {
			continue
		}
		if deny, whole := rangeOf(&rules[i]); whole && deny.contains(r) {
			return true
		}
	}
	return false
}
