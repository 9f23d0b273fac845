// Package attest proves that the kernel holds a container to what was decided
// about it: Expect says from its config.json and the ledger what must be in
// force, Observe reads from procfs and the cgroups what is, and Compare, which
// is pure, names what is wider than it should be.
//
// What a process may do to itself is no difference: dropping capabilities,
// setting no_new_privs, adding a seccomp filter, lowering a limit, raising its
// oom_score_adj, a user namespace of its own. What cannot be read is a
// difference that says so, and never silence.
package attest

import (
	"errors"
	"strings"
)

// Severity is how much a difference matters.
type Severity string

const (
	Info     Severity = "info"     // could not be observed, or what the container was allowed to do itself
	Warning  Severity = "warning"  // wider than it should be
	Critical Severity = "critical" // wider in what keeps the container away from the host
)

// A Difference is one thing that the kernel shows otherwise than it must.
type Difference struct {
	// Field is what differs: a word, and after '.' or ':' which of these
	// (capabilities.effective, mounts:/proc/sys).
	Field    string   `json:"field"`
	PID      int      `json:"pid,omitempty"` // the process's; 0: the container's as a whole
	Got      string   `json:"got"`           // for a person
	Want     string   `json:"want"`          // for a person
	Severity Severity `json:"severity"`
	Unread   bool     `json:"unread,omitempty"` // Got says why it could not be observed
}

// Check is the word of the field: capabilities, mounts, memory.
func (d *Difference) Check() string {
	if end := strings.IndexAny(d.Field, ".:"); end >= 0 {
		return d.Field[:end]
	}
	return d.Field
}

func (d *Difference) String() string {
	return d.Field + ": " + d.Got + ", want " + d.Want
}

// ErrGone is what Observe returns when the process has ended, or another one
// has its number.
var ErrGone = errors.New("the process has ended")

// Namespaces as procfs calls them (/proc/PID/ns), in a fixed order.
const (
	nsMount = iota
	nsPID
	nsNet
	nsIPC
	nsUTS
	nsUser
	nsCgroup
	nsTime
	nsCount
)

var namespaceFiles = [nsCount]string{"mnt", "pid", "net", "ipc", "uts", "user", "cgroup", "time"}

// The five sets of capabilities, in the order of proc(5).
const (
	capInheritable = iota
	capPermitted
	capEffective
	capBounding
	capAmbient
	capSets
)

var capSetNames = [capSets]string{"inheritable", "permitted", "effective", "bounding", "ambient"}
