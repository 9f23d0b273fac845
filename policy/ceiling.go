package policy

import (
	"sort"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// A Ceiling is what a container may never exceed after it was created: exec
// and update are held to it. A nil field is not held.
type Ceiling struct {
	// Capabilities are those that the container was left with, in any set.
	Capabilities *[]string `json:"capabilities,omitempty"`

	NoNewPrivileges bool    `json:"no_new_privileges,omitempty"` // must be set
	NonRoot         bool    `json:"non_root,omitempty"`          // user id 0 is refused
	UserNamespace   *uint32 `json:"user_namespace,omitempty"`    // the host\'s id of the container\'s root; nil: its root is the host\'s
	UID             uint32  `json:"uid"`                         // as created
	GID             uint32  `json:"gid"`
	Seccomp         bool    `json:"seccomp,omitempty"`  // a filter must stay in force
	AppArmor        string  `json:"apparmor,omitempty"` // the profile as created; empty: none
	SELinux         string  `json:"selinux,omitempty"`  // the label as created; empty: none
	Memory          *int64  `json:"memory,omitempty"`   // bytes
	CPU             *int64  `json:"cpu,omitempty"`      // thousandths of a processor
	Pids            *int64  `json:"pids,omitempty"`
	OOMScoreAdj     *int64  `json:"oom_score_adj,omitempty"` // lowest

	// Input and output a second, by disk ("8:0"); and the largest weight.
	ReadBytes  map[string]int64 `json:"read_bytes,omitempty"`
	WriteBytes map[string]int64 `json:"write_bytes,omitempty"`
	ReadCalls  map[string]int64 `json:"read_operations,omitempty"`
	WriteCalls map[string]int64 `json:"write_operations,omitempty"`
	IOWeight   *int64           `json:"io_weight,omitempty"`

	Hugepages map[string]int64 `json:"hugepages,omitempty"` // bytes, by the size of a page in bytes

	Asked *Asked `json:"asked,omitempty"` // at create, where policy gave less; nil: nowhere

	Monitor *MonitorTerms `json:"monitor,omitempty"` // what the monitor is to do; nil: nothing
}

// Asked is what an engine asked for at create and did not get. Engines believe
// that they did, and repeat it with every update of anything else. The members
// are those of linux.resources; nil: as asked, or not asked for.
type Asked struct {
	Memory *int64  `json:"memory,omitempty"` // memory.limit
	Swap   *int64  `json:"swap,omitempty"`   // memory.swap
	Pids   *int64  `json:"pids,omitempty"`   // pids.limit
	Quota  *int64  `json:"quota,omitempty"`  // cpu.quota
	Period *uint64 `json:"period,omitempty"` // cpu.period, where quota is another
}

// askedFor compares the resources that the engine wrote with those that policy
// left.
func askedFor(wrote, left *specs.LinuxResources) *Asked {
	a := &Asked{
		Memory: other(wrote.Memory.Limit, left.Memory.Limit),
		Swap:   other(wrote.Memory.Swap, left.Memory.Swap),
		Pids:   other(wrote.Pids.Limit, left.Pids.Limit),
		Quota:  other(wrote.CPU.Quota, left.CPU.Quota),
	}
	if a.Quota != nil {
		a.Period = wrote.CPU.Period
	}
	if *a == (Asked{}) {
		return nil
	}
	return a
}

// other is what was asked for, where it is not what was given.
func other(asked, given *int64) *int64 {
	if asked == nil || *asked == 0 || given != nil && *given == *asked {
		return nil
	}
	return asked
}

// MonitorTerms are what policy asks of the node's monitor about one container.
type MonitorTerms struct {
	Required     bool   `json:"required,omitempty"` // it was created only because the monitor knew of it
	OnDifference string `json:"on_difference"`      // one of Answers: what to do where the kernel has it otherwise than it was created
}

// A Limiter is a rule's settings that bound the container also after create.
type Limiter interface {
	// Limit lowers the ceiling to what the settings allow.
	Limit(c *Ceiling)
}

func ceiling(e *Eval) Ceiling {
	p := e.Spec.Process
	c := Ceiling{
		NoNewPrivileges: p.NoNewPrivileges,
		UID:             p.User.UID,
		GID:             p.User.GID,
		Seccomp:         e.Spec.Linux.Seccomp != nil,
		AppArmor:        p.ApparmorProfile,
		SELinux:         p.SelinuxLabel,
	}
	c.UserNamespace = mappedRoot(e.Spec)
	if len(e.active) == 0 {
		return Ceiling{UID: c.UID, GID: c.GID, UserNamespace: c.UserNamespace} // nothing is enforced
	}
	caps := append([]string{}, p.Capabilities.Bounding...)
	for _, set := range [][]string{p.Capabilities.Effective, p.Capabilities.Permitted, p.Capabilities.Inheritable, p.Capabilities.Ambient} {
		for _, name := range set {
			if !contains(caps, name) {
				caps = append(caps, name)
			}
		}
	}
	sort.Strings(caps)
	c.Capabilities = &caps
	for _, settings := range e.active {
		if l, ok := settings.(Limiter); ok {
			l.Limit(&c)
		}
	}
	c.Asked = askedFor(e.orig.typed.Linux.Resources, e.Spec.Linux.Resources)
	return c
}

// mappedRoot returns the host's id of the container's root, where it has a
// user namespace that says.
func mappedRoot(s *specs.Spec) *uint32 {
	for _, ns := range s.Linux.Namespaces {
		if ns.Type != specs.UserNamespace {
			continue
		}
		for _, m := range s.Linux.UIDMappings {
			if m.ContainerID == 0 && m.Size > 0 {
				return &m.HostID
			}
		}
	}
	return nil
}
