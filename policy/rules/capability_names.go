package rules

import (
	"errors"
	"strconv"
	"strings"

	"github.com/runward/runward/internal/nearest"
	"github.com/runward/runward/policy"
)

// engineCapabilities are what Docker and containerd give by default: the list
// of the Pod Security Standards' baseline, and CAP_NET_RAW.
var engineCapabilities = []string{
	"CAP_AUDIT_WRITE", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_MKNOD",
	"CAP_NET_BIND_SERVICE", "CAP_NET_RAW", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT",
}

// validCapabilities refuses a list with a name that no kernel has.
func validCapabilities(key string, list policy.AllowList) error {
	for _, l := range list.Lists {
		for _, item := range l.Items {
			near := item
			if n := policy.CapabilityNumber(item); n >= 0 {
				near = policy.CapabilityNames[n]
			}
			if err := oneOf(key, near, policy.CapabilityNames[:]); err != nil {
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
