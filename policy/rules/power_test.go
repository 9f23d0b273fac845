package rules_test

import (
	"path"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// more says what b gives a container that a does not; empty: nothing. Both are
// what policies made of orig. Values that orig lacks are defaults, of which the
// first policy's counts: there it is enough that b has one where a has.
func more(orig, a, b *specs.Spec) string {
	for _, compare := range []func(orig, a, b *specs.Spec) string{
		moreCapabilities, moreEnvironment, moreOfNode, moreNamespaces, moreFiles, moreLimits, moreProcess, moreCalls, moreDevices, moreNames,
	} {
		if what := compare(orig, a, b); what != "" {
			return what
		}
	}
	return ""
}

func subset(b, a []string) bool {
	for _, s := range b {
		if !slices.Contains(a, s) {
			return false
		}
	}
	return true
}

func moreCapabilities(_, a, b *specs.Spec) string {
	x, y := a.Process.Capabilities, b.Process.Capabilities
	for i, sets := range [][2][]string{
		{x.Bounding, y.Bounding},
		{x.Effective, y.Effective},
		{x.Permitted, y.Permitted},
		{x.Inheritable, y.Inheritable},
		{x.Ambient, y.Ambient},
	} {
		if !subset(sets[1], sets[0]) {
			return "capabilities, set " + string(rune('0'+i))
		}
	}
	return ""
}

func moreNamespaces(_, a, b *specs.Spec) string {
	for _, have := range a.Linux.Namespaces {
		if !slices.ContainsFunc(b.Linux.Namespaces, func(ns specs.LinuxNamespace) bool {
			return ns.Type == have.Type && (ns.Path == have.Path || ns.Path == "")
		}) {
			return "namespace " + string(have.Type)
		}
	}
	return ""
}

func moreFiles(_, a, b *specs.Spec) string {
	if a.Root.Path != b.Root.Path || a.Root.Readonly && !b.Root.Readonly {
		return "root file system"
	}
	if len(b.Mounts) > len(a.Mounts) {
		return "mounts"
	}
	for i, m := range b.Mounts {
		was := a.Mounts[i]
		if m.Source != was.Source || m.Destination != was.Destination || m.Type != was.Type {
			return "another mount at " + m.Destination
		}
		if m.Type == "cgroup" && ownCgroup(b) {
			continue // what it can write is its own
		}
		if slices.Contains(was.Options, "ro") && !slices.Contains(was.Options, "rw") && (!slices.Contains(m.Options, "ro") || slices.Contains(m.Options, "rw")) {
			return "a writable " + m.Destination
		}
		for _, o := range []string{"shared", "rshared", "dev", "suid", "exec"} {
			if slices.Contains(m.Options, o) && !slices.Contains(was.Options, o) {
				return "option " + o + " at " + m.Destination
			}
		}
	}
	for _, p := range append(slices.Clone(a.Linux.MaskedPaths), a.Linux.ReadonlyPaths...) {
		if !slices.Contains(b.Linux.MaskedPaths, p) && !slices.Contains(b.Linux.ReadonlyPaths, p) {
			return "uncovered " + p
		}
	}
	shared := func(s string) bool { return strings.HasSuffix(s, "shared") }
	if shared(b.Linux.RootfsPropagation) && !shared(a.Linux.RootfsPropagation) {
		return "propagation"
	}
	return ""
}

func ownCgroup(s *specs.Spec) bool {
	return slices.Contains(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.CgroupNamespace})
}

func moreEnvironment(_, a, b *specs.Spec) string {
	if !subset(b.Process.Env, a.Process.Env) {
		return "environment"
	}
	return ""
}

// moreOfNode compares what is taken from the node's disks, huge pages and clocks.
func moreOfNode(_, a, b *specs.Spec) string {
	for clock := range b.Linux.TimeOffsets {
		if _, ok := a.Linux.TimeOffsets[clock]; !ok {
			return "clock " + clock
		}
	}
	flags := func(s *specs.Spec) int {
		if s.Linux.Personality == nil {
			return 0
		}
		return len(s.Linux.Personality.Flags)
	}
	x, y := a.Process.IOPriority, b.Process.IOPriority
	switch {
	case a.Linux.MemoryPolicy == nil && b.Linux.MemoryPolicy != nil:
		return "memory policy"
	case flags(b) > flags(a):
		return "personality"
	case x != nil && y != nil && x.Class == y.Class && y.Priority < x.Priority:
		return "I/O priority"
	}
	for _, limit := range a.Linux.Resources.HugepageLimits {
		if !slices.ContainsFunc(b.Linux.Resources.HugepageLimits, func(l specs.LinuxHugepageLimit) bool {
			return l.Pagesize == limit.Pagesize && l.Limit <= limit.Limit
		}) {
			return "huge pages of " + limit.Pagesize
		}
	}
	return moreIO(a.Linux.Resources.BlockIO, b.Linux.Resources.BlockIO)
}

func moreIO(a, b *specs.LinuxBlockIO) string {
	switch {
	case a == nil:
		return ""
	case b == nil:
		return "input and output"
	case a.Weight != nil && (b.Weight == nil || *b.Weight > *a.Weight):
		return "weight of input and output"
	}
	for _, lists := range [][2][]specs.LinuxThrottleDevice{
		{a.ThrottleReadBpsDevice, b.ThrottleReadBpsDevice},
		{a.ThrottleWriteBpsDevice, b.ThrottleWriteBpsDevice},
		{a.ThrottleReadIOPSDevice, b.ThrottleReadIOPSDevice},
		{a.ThrottleWriteIOPSDevice, b.ThrottleWriteIOPSDevice},
	} {
		for _, t := range lists[0] {
			if t.Rate > 0 && !slices.ContainsFunc(lists[1], func(o specs.LinuxThrottleDevice) bool {
				return o.Major == t.Major && o.Minor == t.Minor && o.Rate > 0 && o.Rate <= t.Rate
			}) {
				return "input and output of a disk"
			}
		}
	}
	return ""
}

// beyond compares two limits, of which nil and no more than 0 are none.
func beyond(orig, a, b *int64) bool {
	set := func(v *int64) bool { return v != nil && *v > 0 }
	switch {
	case !set(a):
		return false
	case !set(b):
		return true
	case !set(orig):
		return false // a default
	}
	return *b > *a
}

func moreLimits(orig, a, b *specs.Spec) string {
	o, x, y := orig.Linux.Resources, a.Linux.Resources, b.Linux.Resources
	switch {
	case beyond(o.Memory.Limit, x.Memory.Limit, y.Memory.Limit):
		return "memory"
	case beyond(o.Memory.Swap, x.Memory.Swap, y.Memory.Swap):
		return "swap"
	case beyond(o.Pids.Limit, x.Pids.Limit, y.Pids.Limit):
		return "processes"
	case beyond(o.CPU.Quota, quota(x.CPU), quota(y.CPU)):
		return "processors"
	case x.CPU.RealtimeRuntime == nil && y.CPU.RealtimeRuntime != nil:
		return "real-time bandwidth"
	}
	for i, r := range b.Process.Rlimits {
		if i < len(a.Process.Rlimits) && (r.Soft > a.Process.Rlimits[i].Soft || r.Hard > a.Process.Rlimits[i].Hard) && r.Type == a.Process.Rlimits[i].Type {
			return "rlimit " + r.Type
		}
	}
	if len(a.Process.Rlimits) > len(b.Process.Rlimits) {
		return "rlimits"
	}
	for name, value := range y.Unified {
		if x.Unified[name] != value {
			return "unified"
		}
	}
	return ""
}

// quota is processor time in millionths of a processor.
func quota(c *specs.LinuxCPU) *int64 {
	if c.Quota == nil || *c.Quota <= 0 {
		return nil
	}
	period := uint64(100_000)
	if c.Period != nil && *c.Period > 0 {
		period = *c.Period
	}
	v := int64(float64(*c.Quota) / float64(period) * 1e6)
	return &v
}

func moreProcess(_, a, b *specs.Spec) string {
	x, y := a.Process, b.Process
	switch {
	case x.NoNewPrivileges && !y.NoNewPrivileges:
		return "new privileges"
	case x.User.UID != 0 && y.User.UID == 0:
		return "root"
	case !slices.Contains(x.User.AdditionalGids, 0) && slices.Contains(y.User.AdditionalGids, 0):
		return "root's group"
	case x.ApparmorProfile != "" && x.ApparmorProfile != "unconfined" && (y.ApparmorProfile == "" || y.ApparmorProfile == "unconfined"):
		return "AppArmor"
	case x.SelinuxLabel != y.SelinuxLabel || a.Linux.MountLabel != b.Linux.MountLabel:
		return "SELinux label"
	case x.Scheduler == nil && y.Scheduler != nil, x.IOPriority == nil && y.IOPriority != nil:
		return "priority"
	case y.OOMScoreAdj != nil && x.OOMScoreAdj != nil && *y.OOMScoreAdj < *x.OOMScoreAdj:
		return "OOM score"
	case a.VM == nil && b.VM != nil, a.Linux.IntelRdt == nil && b.Linux.IntelRdt != nil:
		return "hypervisor or cache"
	}
	return ""
}

// calls are the system calls that a filter lets through, with conditions or
// without; nil: any.
func calls(s *specs.LinuxSeccomp) map[string]bool {
	if s == nil || !refusing(s.DefaultAction) {
		return nil
	}
	out := map[string]bool{}
	for _, rule := range s.Syscalls {
		for _, name := range rule.Names {
			if !refusing(rule.Action) {
				out[name] = true
			}
		}
	}
	return out
}

func refusing(a specs.LinuxSeccompAction) bool {
	switch a {
	case specs.ActErrno, specs.ActKill, specs.ActKillProcess, specs.ActKillThread, specs.ActTrap:
		return true
	default:
		return false
	}
}

func moreCalls(_, a, b *specs.Spec) string {
	x, y := calls(a.Linux.Seccomp), calls(b.Linux.Seccomp)
	if x == nil {
		return ""
	}
	if y == nil {
		return "any system call"
	}
	for name := range y {
		if !x[name] {
			return "system call " + name
		}
	}
	return ""
}

func moreDevices(_, a, b *specs.Spec) string {
	if len(b.Linux.Devices) > len(a.Linux.Devices) || len(b.Linux.NetDevices) > len(a.Linux.NetDevices) {
		return "devices"
	}
	for _, kind := range []string{"b", "c"} {
		for _, n := range [][2]int64{{1, 1}, {1, 3}, {8, 0}, {8, 1}, {10, 229}, {10, 237}} {
			for _, access := range []string{"r", "w"} {
				if opens(b, kind, n, access) && !opens(a, kind, n, access) {
					return "device " + kind + access
				}
			}
		}
	}
	return ""
}

// opens plays the device rules in order; where none speaks the device is open.
func opens(s *specs.Spec, kind string, n [2]int64, access string) bool {
	open := true
	for _, r := range s.Linux.Resources.Devices {
		every := r.Type == "" || r.Type == "a"
		fits := func(have *int64, want int64) bool { return every || have == nil || *have == -1 || *have == want }
		if (every || r.Type == kind || r.Type == "u" && kind == "c") && fits(r.Major, n[0]) && fits(r.Minor, n[1]) && (strings.Contains(r.Access, access) || r.Access == "" && r.Allow) {
			open = r.Allow
		}
	}
	return open
}

// monitorHook is where the drawn nodes have runward's own hook.
const monitorHook = "/usr/libexec/runward/runward-hook"

// withoutMonitor leaves out what runward adds itself, which gives the
// container nothing.
func withoutMonitor(hooks []specs.Hook) []specs.Hook {
	return slices.DeleteFunc(slices.Clone(hooks), func(h specs.Hook) bool { return h.Path == monitorHook })
}

// moreNames compares what only ever is taken out.
func moreNames(_, a, b *specs.Spec) string {
	for name, value := range b.Linux.Sysctl {
		if was, ok := a.Linux.Sysctl[name]; !ok || was != value {
			return "sysctl " + name
		}
	}
	for name, value := range b.Annotations {
		if was, ok := a.Annotations[name]; !ok || was != value {
			return "annotation " + name
		}
	}
	x, y := a.Hooks, b.Hooks
	for _, lists := range [][2][]specs.Hook{
		//lint:ignore SA1019 engines still use prestart
		{x.Prestart, y.Prestart},
		{x.CreateRuntime, y.CreateRuntime},
		{x.CreateContainer, y.CreateContainer},
		{x.StartContainer, y.StartContainer},
		{x.Poststart, y.Poststart},
		{x.Poststop, y.Poststop},
	} {
		lists[0], lists[1] = withoutMonitor(lists[0]), withoutMonitor(lists[1])
		for i, h := range lists[1] {
			if i >= len(lists[0]) || path.Clean(h.Path) != path.Clean(lists[0][i].Path) {
				return "hook " + h.Path
			}
		}
	}
	return ""
}
