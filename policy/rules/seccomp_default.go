package rules

import (
	"sort"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/policy"
)

//go:generate go run ../../internal/refdoc/seccompgen

// A mobyGroup is one rule of Moby's default profile and when it holds.
type mobyGroup struct {
	names            []string // sorted
	action           specs.LinuxSeccompAction
	errno            uint // 0: the profile's default
	args             []specs.LinuxSeccompArg
	include, exclude mobyFilter
}

// A mobyFilter is a condition. Included are those that have all of the
// capabilities, excluded those that have any.
type mobyFilter struct {
	caps   []string
	arches []string
	kernel [2]int // and later
}

// A mobyArch is a processor, and the architectures that a filter for it covers.
type mobyArch struct {
	goarch, native string
	scmp           []specs.Arch
}

// A seccompNode is what the default profile is specialised to.
type seccompNode struct {
	caps   uint64 // that the container keeps, in its bounding set
	arch   *mobyArch
	kernel [2]int // zero: not known
	forbid policy.Forbid

	refused []string // what the profile before refused, and the one to write goes on refusing
}

func seccompNodeOf(e *policy.Eval, forbid policy.Forbid) seccompNode {
	n := seccompNode{caps: policy.CapabilitySet(e.Spec.Process.Capabilities.Bounding), kernel: e.Facts.Kernel, forbid: forbid}
	for i := range mobyArches {
		if mobyArches[i].goarch == e.Facts.Arch {
			n.arch = &mobyArches[i]
		}
	}
	return n
}

// holds tells whether a group is part of the profile on this node. A kernel
// that is not known counts as newKernel says. On a processor that is not known
// every architecture's calls are named; runtimes skip those they do not have.
func (n *seccompNode) holds(g *mobyGroup, newKernel bool) bool {
	for _, c := range g.exclude.caps {
		if capabilityAllowed(c, n.caps) {
			return false
		}
	}
	if n.arch != nil && inList(g.exclude.arches, n.arch.native) {
		return false
	}
	for _, c := range g.include.caps {
		if !capabilityAllowed(c, n.caps) {
			return false
		}
	}
	if len(g.include.arches) > 0 {
		if n.arch != nil && !inList(g.include.arches, n.arch.native) {
			return false
		}
		// On s390 the flags of clone are its second argument; elsewhere that
		// rule would allow every flag.
		if n.arch == nil && len(g.args) > 0 {
			return false
		}
	}
	if g.include.kernel != [2]int{} {
		if n.kernel == [2]int{} {
			return newKernel
		}
		return n.kernel[0] > g.include.kernel[0] || n.kernel[0] == g.include.kernel[0] && n.kernel[1] >= g.include.kernel[1]
	}
	return true
}

// profile is the default profile for the node, without what the policy
// forbids. It has no flags: runc 1.1 knows too few of them.
func (n *seccompNode) profile() *specs.LinuxSeccomp {
	eperm := uint(1)
	p := &specs.LinuxSeccomp{DefaultAction: specs.ActErrno, DefaultErrnoRet: &eperm}
	if n.arch != nil {
		p.Architectures = append(p.Architectures, n.arch.scmp...)
	}
	for i := range mobyGroups {
		g := &mobyGroups[i]
		if !n.holds(g, false) {
			continue
		}
		if names := n.permitted(g); len(names) > 0 {
			p.Syscalls = append(p.Syscalls, g.rule(names))
		}
	}
	return p
}

// rule is the group's rule for some of its names.
func (g *mobyGroup) rule(names []string) specs.LinuxSyscall {
	call := specs.LinuxSyscall{Names: names, Action: g.action, Args: g.args}
	if g.errno != 0 {
		errno := g.errno
		call.ErrnoRet = &errno
	}
	return call
}

// permitted are the group's names but for those that the policy forbids or the
// profile before refused.
func (n *seccompNode) permitted(g *mobyGroup) []string {
	if len(n.forbid.Lists)+len(n.refused) == 0 || g.action != specs.ActAllow {
		return g.names
	}
	var names []string
	for _, name := range g.names {
		if !n.forbids(name) && !inList(n.refused, name) {
			names = append(names, name)
		}
	}
	return names
}

func (n *seccompNode) forbids(name string) bool {
	if len(n.forbid.Lists) == 0 {
		return false
	}
	_, found := n.forbid.Forbids(name, func(item, value string) bool { return item == value })
	return found
}

// permits tells whether the default profile lets a call through with these
// arguments: with any, or with the same condition, or one that is as narrow.
func (n *seccompNode) permits(name string, args []specs.LinuxSeccompArg) bool {
	for i := range mobyGroups {
		g := &mobyGroups[i]
		if g.action != specs.ActAllow || !sortedHas(g.names, name) || !n.holds(g, true) {
			continue
		}
		if len(g.args) == 0 || sameArgs(g.args, args) || name == "clone" && n.clonesNoNamespace(args) {
			return true
		}
	}
	return false
}

func sortedHas(names []string, name string) bool {
	i := sort.SearchStrings(names, name)
	return i < len(names) && names[i] == name
}

func sameArgs(a, b []specs.LinuxSeccompArg) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// clonesNoNamespace tells whether the condition keeps clone from making any
// namespace that a process may make without a user namespace of its own:
// CLONE_NEWNS, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET. Older profiles leave
// out NEWCGROUP and NEWTIME, which need CAP_SYS_ADMIN in the user namespace.
func (n *seccompNode) clonesNoNamespace(args []specs.LinuxSeccompArg) bool {
	const namespaces = 0x7c020000
	index := uint(0)
	if n.arch != nil && n.arch.native == "s390x" {
		index = 1
	}
	if repeatsArgument(args) {
		return false
	}
	for _, a := range args {
		if a.Index == index && a.Op == specs.OpMaskedEqual && a.Value&namespaces == namespaces && a.ValueTwo&namespaces == 0 {
			return true
		}
	}
	return false
}

// repeatsArgument tells whether two conditions are about one argument: runc
// then takes either, not both.
func repeatsArgument(args []specs.LinuxSeccompArg) bool {
	for i := range args {
		for j := range i {
			if args[i].Index == args[j].Index {
				return true
			}
		}
	}
	return false
}
