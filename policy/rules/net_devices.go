package rules

import (
	"sort"

	"github.com/runward/runward/policy"
)

// NetDevicesSettings says which of the host's network devices may be moved
// into containers.
type NetDevicesSettings struct {
	Allow policy.AllowList `toml:"allow" doc:"names, as globs, of the host's network devices that may be moved into the container; left out: none"`
}

// Default makes an absent list the empty one.
func (s *NetDevicesSettings) Default() { s.Allow.Default([]string{policy.DefaultItem}) }

// NetDevices refuses linux.netDevices.
var NetDevices = policy.Rule{
	ID:    "net_devices",
	Title: "The host's network devices stay on the host",
	Doc: "linux.netDevices (runtime-spec 1.3) takes a network device away from the host and gives it to the container, which then sees and sends raw traffic there. " +
		"Refused unless the device is on the list: a container that was promised a device would not work without.",
	Since:   "0.1.0",
	Default: policy.ActionDeny,
	Refs:    []policy.Ref{{Standard: "runtime-spec 1.3", ID: "config-linux: network devices"}},
	Check:   policy.Check[NetDevicesSettings](checkNetDevices),
}

func checkNetDevices(e *policy.Eval, s *NetDevicesSettings) {
	names := make([]string, 0, len(e.Spec.Linux.NetDevices))
	for name := range e.Spec.Linux.NetDevices {
		names = append(names, name)
	}
	sort.Strings(names)
	match := orDefault(func(string) bool { return false }, policy.Match)
	for _, name := range names {
		if s.Allow.Permits(name, match) {
			continue
		}
		e.Deny(policy.Finding{
			Pointer: member("/linux/netDevices", name),
			Found:   "the host's network device " + quote(name),
			Wanted:  "only devices on the list net_devices.allow: " + listed(s.Allow),
			Hint:    "take the device request out of the pod or container, or ask the administrator to allow the device",
		})
	}
}

// listed is an allow-list for messages, without the word default.
func listed(a policy.AllowList) string {
	text := ""
	for _, l := range a.Lists {
		for _, item := range l.Items {
			if item == policy.DefaultItem {
				continue
			}
			if text != "" {
				text += ", "
			}
			text += item
		}
	}
	if text == "" {
		return "none"
	}
	return text
}
