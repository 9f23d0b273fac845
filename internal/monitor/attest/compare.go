package attest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/runward/runward/policy"
)

// Compare names what is wider than expected, and what could not be observed,
// in a fixed order. base is nil at the first look.
func (n *Node) Compare(want *Expected, got *Observed, base *Baseline) []Difference {
	c := &comparison{node: n, want: want, got: got, base: base}
	c.unread(0, want.Unread)
	c.unread(0, got.Unread)
	c.unread(0, got.Limits.Unread)
	c.init()
	c.maps("uid_map", got.UIDMap, want.UIDMap)
	c.maps("gid_map", got.GIDMap, want.GIDMap)
	c.mounts()
	c.limits()
	for i := range got.Others {
		c.other(&got.Others[i])
	}
	if got.Left > 0 {
		c.add(Difference{Field: "processes", Got: "not observed: " + strconv.Itoa(got.Left) + " more processes, for their number", Want: "all of them", Severity: Info, Unread: true})
	}
	return c.all
}

// A comparison collects differences.
type comparison struct {
	node *Node
	want *Expected
	got  *Observed
	base *Baseline
	all  []Difference
}

func (c *comparison) add(d Difference) { c.all = append(c.all, d) }

func (c *comparison) unread(pid int, list []Unread) {
	for _, u := range list {
		c.add(Difference{Field: u.Field, PID: pid, Got: "not observed: " + u.Why, Want: "that it can be observed", Severity: Info, Unread: true})
	}
}

// init compares the first process.
func (c *comparison) init() {
	p := &c.got.Init
	c.unread(p.PID, p.Unread)
	if p.read("cgroup") {
		if out, _ := c.node.strayed(p, c.want); len(out) > 0 {
			c.add(Difference{Field: "cgroup", PID: p.PID, Got: strings.Join(out, ", "), Want: strings.Join(c.want.Cgroups, " or "), Severity: Critical})
		}
	}
	for _, ns := range c.want.Namespaces {
		c.namespace(p, ns)
	}
	c.held(p, &c.want.Init)
	c.score(p, &c.want.Init)
}

// namespace compares one of the first process's.
func (c *comparison) namespace(p *Process, want Namespace) {
	d := Difference{Field: "namespace." + namespaceTypes[want.Kind], PID: p.PID, Severity: Critical}
	ino := p.Namespaces[want.Kind]
	switch {
	case !p.read(d.Field):
		return
	case ino == 0:
		d.Got, d.Want, d.Severity, d.Unread = "not observed: this kernel shows none", "one of its own", Info, true
	case want.Path == "" && c.node.host(want.Kind, ino):
		d.Got, d.Want = "the host's", "one of its own"
	case want.Path != "":
		named := c.got.Named[want.Path]
		if c.base != nil && c.base.Named[want.Path] != 0 {
			named = c.base.Named[want.Path] // what the path led to when the container joined it
		}
		switch {
		case named == 0:
			d.Got, d.Want, d.Severity, d.Unread = "not observed: "+want.Path+" leads to nothing any more", "the one of "+want.Path, Info, true
		case named != ino:
			d.Got, d.Want = strconv.FormatUint(ino, 10), strconv.FormatUint(named, 10)+", the one of "+want.Path
		default:
			return
		}
	default:
		return
	}
	c.add(d)
}

// read tells whether a field of the process could be observed.
func (p *Process) read(field string) bool {
	return !slices.ContainsFunc(p.Unread, func(u Unread) bool {
		return u.Field == field || u.Field == "process" && strings.HasPrefix(u.Why, "its line")
	})
}

// other compares a process that is not the first. One that came in from outside
// is one difference, whatever else it may do.
func (c *comparison) other(p *Process) {
	if !p.Inside && (p.Runtime || p.Young) {
		return // the runtime, on its way to be the container's process, or watching over it
	}
	if p.Outside {
		c.add(Difference{
			Field: "process.outside", PID: p.PID, Severity: Critical,
			Got:  strconv.Quote(p.Name) + " in the container's mount namespace and none of its cgroups" + p.powers() + p.whose(),
			Want: "only processes that the container or its runtime started",
		})
		return
	}
	c.unread(p.PID, p.Unread)
	if out, _ := c.node.strayed(p, c.want); len(out) > 0 && p.read("cgroup") {
		c.add(Difference{Field: "cgroup", PID: p.PID, Got: strings.Join(out, ", "), Want: strings.Join(c.want.Cgroups, " or "), Severity: Critical})
	}
	for _, ns := range c.want.Namespaces {
		if ino := p.Namespaces[ns.Kind]; ns.Kind != nsTime && ino != c.got.Init.Namespaces[ns.Kind] && ino != 0 && c.node.host(ns.Kind, ino) {
			c.add(Difference{Field: "namespace." + namespaceTypes[ns.Kind], PID: p.PID, Got: "the host's", Want: "the container's, or one below it", Severity: Critical})
		}
	}
	if own := c.got.Init.Namespaces[nsUser]; p.Namespaces[nsUser] != own && own != 0 && p.Namespaces[nsUser] != 0 && !p.Nested && !c.node.host(nsUser, p.Namespaces[nsUser]) {
		c.add(Difference{Field: "namespace.user", PID: p.PID, Got: "one that is not below the container's", Want: "the container's, or one below it", Severity: Critical})
	}
	c.held(p, &c.want.Joined)
	c.score(p, &c.want.Joined)
}

// powers says what a process has that the usual container's has not.
func (p *Process) powers() string {
	text := ", capabilities " + fmt.Sprintf("%x", p.Capabilities[capEffective])
	if p.Seccomp == 0 {
		text += ", no seccomp filter"
	}
	return text
}

// whose says which login a process goes back to.
func (p *Process) whose() string {
	text := ", user " + strconv.FormatUint(uint64(p.UIDs[0]), 10)
	if p.Login != noLogin {
		text += ", logged in as user " + strconv.FormatUint(uint64(p.Login), 10) + " in session " + strconv.FormatUint(uint64(p.Session), 10)
	}
	return text
}

// held compares what a process may do.
func (c *comparison) held(p *Process, h *Held) {
	if !p.read("status") {
		return
	}
	if h.Capabilities != nil && !p.Nested {
		for set, got := range p.Capabilities {
			if more := got &^ h.Capabilities[set]; more != 0 {
				c.add(Difference{
					Field: "capabilities." + capSetNames[set], PID: p.PID, Severity: Critical,
					Got: "also " + capabilityNames(more), Want: "at most " + capabilityNames(h.Capabilities[set]),
				})
			}
		}
	}
	if h.NoNewPrivs && !p.NoNewPrivs {
		c.add(Difference{Field: "no_new_privileges", PID: p.PID, Got: "not set", Want: "set", Severity: Critical})
	}
	if h.Seccomp {
		switch {
		case p.Seccomp == 0:
			c.add(Difference{Field: "seccomp", PID: p.PID, Got: "no filter", Want: "a filter", Severity: Critical})
		case p.Seccomp == 2 && p.Filters == 0:
			c.add(Difference{Field: "seccomp", PID: p.PID, Got: "a mode without a filter", Want: "a filter", Severity: Critical})
		}
	}
	c.identity(p, h)
	c.label(p, h)
	for _, name := range rlimitNames {
		if most, ok := h.Rlimits[name[1]]; ok {
			c.rlimit(p, name[1], most)
		}
	}
}

func capabilityNames(set uint64) string {
	var names []string
	for i, name := range policy.CapabilityNames {
		if set&(1<<i) != 0 {
			names = append(names, strings.TrimPrefix(name, "CAP_"))
		}
		set &^= 1 << i
	}
	if set != 0 {
		names = append(names, fmt.Sprintf("%x", set))
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, " ")
}

// identity compares users and groups.
func (c *comparison) identity(p *Process, h *Held) {
	switch {
	case p.Nested:
		return
	case h.UID != nil:
		c.allEqual(p, "user.uid", p.UIDs, *h.UID)
		c.allEqual(p, "user.gid", p.GIDs, *h.GID)
		for _, g := range p.Groups {
			if h.Groups != nil && !slices.Contains(h.Groups, g) {
				c.add(Difference{Field: "user.groups", PID: p.PID, Got: "also group " + strconv.FormatUint(uint64(g), 10), Want: "at most " + fmt.Sprint(h.Groups), Severity: Warning})
				break
			}
		}
		return
	case h.NotUID != nil && slices.Contains(p.UIDs[:], *h.NotUID):
		c.add(Difference{Field: "user.uid", PID: p.PID, Got: strconv.FormatUint(uint64(*h.NotUID), 10) + ", the container's root", Want: "another user", Severity: Critical})
		return
	}
	if c.want.OwnUsers && p.Namespaces[nsUser] == c.got.Init.Namespaces[nsUser] {
		c.mapped(p, "user.uid", p.UIDs, c.got.UIDMap)
		c.mapped(p, "user.gid", p.GIDs, c.got.GIDMap)
	}
}

func (c *comparison) allEqual(p *Process, field string, ids [4]uint32, want uint32) {
	for _, id := range ids {
		if id != want {
			c.add(Difference{Field: field, PID: p.PID, Got: fmt.Sprint(ids), Want: strconv.FormatUint(uint64(want), 10) + " alone", Severity: Critical})
			return
		}
	}
}

// mapped finds users of the host that the container's user namespace has not.
func (c *comparison) mapped(p *Process, field string, ids [4]uint32, maps []IDMap) {
	for _, id := range ids {
		if len(maps) > 0 && !slices.ContainsFunc(maps, func(m IDMap) bool { return id >= m.Outside && id-m.Outside < m.Size }) {
			c.add(Difference{Field: field, PID: p.PID, Got: strconv.FormatUint(uint64(id), 10) + " of the host", Want: "one that its user namespace maps", Severity: Critical})
			return
		}
	}
}

// label compares what AppArmor or SELinux confines a process by. A profile may
// have children, and hand over to them.
func (c *comparison) label(p *Process, h *Held) {
	for _, l := range [...]struct {
		field, want string
		on          bool
	}{{"apparmor", h.AppArmor, c.node.AppArmor}, {"selinux", h.SELinux, c.node.SELinux}} {
		name, mode, _ := strings.Cut(p.Label, " (")
		d := Difference{Field: l.field, PID: p.PID, Got: strconv.Quote(p.Label), Want: l.want, Severity: Critical}
		switch {
		case l.want == "" || !p.read("label"):
			continue
		case !l.on:
			d.Got, d.Severity, d.Unread = "not observed: the kernel does not have it on", Info, true
		case l.field == "selinux" && p.Label == l.want:
			continue
		case l.field == "apparmor" && mode != "complain)" && (name == l.want || strings.HasPrefix(name, l.want+"//")):
			continue
		}
		c.add(d)
	}
}

// rlimit compares a limit: the soft one may be raised up to the hard one.
func (c *comparison) rlimit(p *Process, name string, most Rlimit) {
	got, ok := p.Rlimits[name]
	field := "rlimit." + strings.ToLower(strings.TrimPrefix(name, "RLIMIT_"))
	switch {
	case !p.read("rlimit"):
	case !ok:
		c.add(Difference{Field: field, PID: p.PID, Got: "not observed: this kernel shows none", Want: strconv.FormatUint(most.Hard, 10), Severity: Info, Unread: true})
	case got.Hard > most.Hard || got.Soft > most.Hard:
		c.add(Difference{Field: field, PID: p.PID, Got: strconv.FormatUint(max(got.Hard, got.Soft), 10), Want: "at most " + strconv.FormatUint(most.Hard, 10), Severity: Warning})
	}
}

// score compares how soon the kernel ends a process when memory is short.
func (c *comparison) score(p *Process, h *Held) {
	lowest := h.OOMScoreAdj
	if h.OwnScore && c.base != nil && (lowest == nil || *lowest < c.base.OOMScoreAdj) {
		lowest = &c.base.OOMScoreAdj
	}
	if lowest != nil && p.OOMScoreAdj < *lowest && p.read("oom_score_adj") {
		c.add(Difference{Field: "oom_score_adj", PID: p.PID, Got: strconv.Itoa(p.OOMScoreAdj), Want: "at least " + strconv.Itoa(*lowest), Severity: Warning})
	}
}

// maps compares the maps of a user namespace of the container's own.
func (c *comparison) maps(field string, got, want []IDMap) {
	if !c.want.OwnUsers || got == nil {
		return
	}
	order := func(a, b IDMap) int { return int(int64(a.Inside) - int64(b.Inside)) }
	got, want = slices.SortedFunc(slices.Values(got), order), slices.SortedFunc(slices.Values(want), order)
	if !slices.Equal(got, want) {
		c.add(Difference{Field: field, Got: fmt.Sprint(got), Want: fmt.Sprint(want), Severity: Critical})
	}
}
