package rules

// knownCall tells whether some processor's Linux has a system call of this name.
func knownCall(name string) bool {
	for i := range mobyGroups {
		if sortedHas(mobyGroups[i].names, name) {
			return true
		}
	}
	return sortedHas(dangerousCalls[:], name) || sortedHas(otherCalls[:], name)
}

// otherCalls are the calls that neither the default profile nor dangerousCalls
// names, of every processor (golang.org/x/sys v0.49.0, and old ones). Sorted.
var otherCalls = [...]string{
	"arch_specific_syscall", "break", "cachectl", "execv", "file_getattr", "file_setattr", "ftime", "getdomainname",
	"getpagesize", "getpmsg", "gtty", "idle", "io_uring_enter", "io_uring_register", "io_uring_setup", "kern_features",
	"listns", "lock", "memory_ordering", "migrate_pages", "move_pages", "mpx", "multiplexer", "nice", "oldfstat",
	"oldlstat", "oldolduname", "oldstat", "olduname", "pciconfig_iobase", "pciconfig_read", "pciconfig_write",
	"perfctr", "prof", "profil", "putpmsg", "query_module", "readdir", "reserved177", "reserved193", "reserved221",
	"reserved82", "rseq_slice_yield", "rtas", "s390_guarded_storage", "s390_sthyi", "sched_get_affinity",
	"sched_set_affinity", "security", "sgetmask", "sigaction", "signal", "sigpending", "sigsuspend", "spu_create",
	"spu_run", "ssetmask", "stty", "subpage_prot", "switch_endian", "sys_debug_setcontext", "syscall", "syscall_mask",
	"sysmips", "timerfd", "tuxcall", "ulimit", "unused109", "unused150", "unused18", "unused28", "unused59", "unused84",
	"uprobe", "utrap_install", "vserver",
}
