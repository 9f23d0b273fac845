package rules

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/policy"
)

// dangerousCalls are refused in a custom profile unless the default profile,
// specialised to the capabilities that remain, lets them through. Not here, since
// engines' own profiles have them: io_uring_*, syslog, query_module, chroot,
// name_to_handle_at, move_pages, migrate_pages and the memory policy calls. Sorted.
var dangerousCalls = [...]string{
	"_sysctl", "acct", "add_key", "afs_syscall", "bdflush", "bpf", "clock_settime", "clock_settime64", "clone", "clone3",
	"create_module", "delete_module", "fanotify_init", "finit_module", "fsconfig", "fsmount", "fsopen", "fspick",
	"get_kernel_syms", "init_module", "ioperm", "iopl", "kcmp", "kexec_file_load", "kexec_load", "keyctl",
	"lookup_dcookie", "mount", "mount_setattr", "move_mount", "nfsservctl",
	"open_by_handle_at", "open_tree", "open_tree_attr", "perf_event_open", "personality", "pidfd_getfd", "pivot_root",
	"process_madvise", "process_vm_readv", "process_vm_writev", "ptrace", "quotactl", "quotactl_fd",
	"reboot", "request_key", "setdomainname", "sethostname", "setns", "settimeofday", "stime", "swapoff", "swapon",
	"sysfs", "umount", "umount2", "unshare", "uselib", "userfaultfd", "ustat", "vhangup", "vm86", "vm86old",
}

// containersCalls are those of them that the default profile of Podman,
// Buildah and CRI-O lets through whatever the capabilities (containers-common
// 0.50), so that containers can make containers. Sorted.
var containersCalls = [...]string{
	"clone", "clone3", "fsconfig", "fsmount", "fsopen", "fspick", "keyctl", "mount", "mount_setattr", "move_mount",
	"open_tree", "pidfd_getfd", "pivot_root", "process_vm_readv", "process_vm_writev", "ptrace", "reboot", "setns",
	"umount", "umount2", "unshare",
}

// lets returns the calls that a filter which refuses by default lets through
// and should not, each once, in the profile's order.
func (n *seccompNode) lets(e *policy.Eval, sc *specs.LinuxSeccomp, strict bool) []string {
	var open []string
	containers := e.Facts.Engine == "podman" || e.Facts.Engine == "buildah" || e.Facts.Engine == "cri-o"
	for i := range sc.Syscalls {
		call := &sc.Syscalls[i]
		if refuses(call.Action) {
			continue
		}
		for _, name := range call.Names {
			if n.wrong(name, call.Args, containers, strict) && !inList(open, name) {
				open = append(open, name)
			}
		}
	}
	return open
}

// narrow returns the profile's rules without what it lets through and should
// not. A call that it let through whatever the arguments is let through as the
// default profile does, if that has conditions for it.
func (n *seccompNode) narrow(e *policy.Eval, sc *specs.LinuxSeccomp, strict bool) []specs.LinuxSyscall {
	var out []specs.LinuxSyscall
	var partly []string // calls to let through under the default's conditions
	containers := e.Facts.Engine == "podman" || e.Facts.Engine == "buildah" || e.Facts.Engine == "cri-o"
	for i := range sc.Syscalls {
		call := sc.Syscalls[i]
		if !refuses(call.Action) {
			var names []string
			for _, name := range call.Names {
				switch {
				case !n.wrong(name, call.Args, containers, strict):
					names = append(names, name)
				case len(call.Args) == 0 && !inList(partly, name) && !n.forbids(name):
					partly = append(partly, name)
				}
			}
			call.Names = names
		}
		if len(call.Names) > 0 {
			out = append(out, call)
		}
	}
	for _, name := range partly {
		out = append(out, n.rulesFor(name)...)
	}
	return out
}

// rulesFor are the default profile's rules for one call.
func (n *seccompNode) rulesFor(name string) []specs.LinuxSyscall {
	var out []specs.LinuxSyscall
	for i := range mobyGroups {
		g := &mobyGroups[i]
		if !sortedHas(g.names, name) || !n.holds(g, false) {
			continue
		}
		out = append(out, g.rule([]string{name}))
	}
	return out
}

// refusedCalls are those that a profile refuses by name, whatever the arguments.
func refusedCalls(sc *specs.LinuxSeccomp) []string {
	if sc == nil {
		return nil
	}
	var names []string
	for i := range sc.Syscalls {
		if call := &sc.Syscalls[i]; refuses(call.Action) && len(call.Args) == 0 {
			names = append(names, call.Names...)
		}
	}
	return names
}

func (n *seccompNode) wrong(name string, args []specs.LinuxSeccompArg, containers, strict bool) bool {
	if n.forbids(name) {
		return true
	}
	if !strict {
		if !sortedHas(dangerousCalls[:], name) || containers && sortedHas(containersCalls[:], name) {
			return false
		}
	}
	return !n.permits(name, args)
}
