package rules

import (
	"errors"
	"strconv"
	"strings"

	"github.com/runward/runward/internal/nearest"
	"github.com/runward/runward/policy"
)

// capabilityNames are the kernel's capabilities by number (capability.h, Linux 5.9 and later).
var capabilityNames = [...]string{
	"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID",
	"CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN",
	"CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE",
	"CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE", "CAP_SYS_TIME",
	"CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL", "CAP_SETFCAP",
	"CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ",
	"CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
}

// engineCapabilities are what Docker and containerd give by default: the list
// of the Pod Security Standards' baseline, and CAP_NET_RAW.
var engineCapabilities = []string{
	"CAP_AUDIT_WRITE", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_MKNOD",
	"CAP_NET_BIND_SERVICE", "CAP_NET_RAW", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT",
}

// capabilityNumber reads a capability's name as the most lenient runtime does:
// crun takes any case, and names without CAP_. -1: no such capability.
func capabilityNumber(name string) int {
	for i, known := range capabilityNames {
		if equalFoldASCII(name, known) || equalFoldASCII(name, known[len("CAP_"):]) {
			return i
		}
	}
	return -1
}

// capabilitySet is the set of those names that are capabilities, as bits.
func capabilitySet(names []string) uint64 {
	var set uint64
	for _, name := range names {
		if n := capabilityNumber(name); n >= 0 {
			set |= 1 << n
		}
	}
	return set
}

func equalFoldASCII(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		x, y := a[i], b[i]
		if x != y && (x|0x20 != y|0x20 || x|0x20 < 'a' || x|0x20 > 'z') {
			return false
		}
	}
	return true
}

// validCapabilities refuses a list with a name that no kernel has.
func validCapabilities(key string, list policy.AllowList) error {
	for _, l := range list.Lists {
		for _, item := range l.Items {
			near := item
			if n := capabilityNumber(item); n >= 0 {
				near = capabilityNames[n]
			}
			if err := oneOf(key, near, capabilityNames[:]); err != nil {
				return err
			}
			if near != item {
				return errors.New(key + ": " + strconv.Quote(item) + " is not known; did you mean " + strconv.Quote(near) + "?")
			}
		}
	}
	return nil
}

// oneOf refuses an item that is not among the known ones, and names the nearest.
func oneOf(key, item string, known []string) error {
	if inList(known, item) {
		return nil
	}
	msg := key + ": " + strconv.Quote(item) + " is not known"
	if near := nearest.Word(item, known); near != "" {
		msg += "; did you mean " + strconv.Quote(near) + "?"
	} else if len(known) < 10 {
		msg += "; known are " + strings.Join(known, ", ")
	}
	return errors.New(msg)
}
