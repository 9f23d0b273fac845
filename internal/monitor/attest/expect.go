package attest

import (
	"errors"
	"path"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/internal/audit"
	"github.com/runward/runward/internal/jsondoc"
	"github.com/runward/runward/internal/ledger"
	"github.com/runward/runward/internal/oci"
	"github.com/runward/runward/policy"
)

// An Expected is what must be in force for a container.
type Expected struct {
	Init   Held // the first process
	Joined Held // every other: what exec is held to

	OwnUsers       bool // it has a user namespace of its own, with these maps
	UIDMap, GIDMap []IDMap
	Namespaces     []Namespace
	Cgroups        []string // names of its cgroup: absolute, or the end of it

	RootReadOnly bool
	SharedRoot   bool // mounts in it may be seen elsewhere
	Mounts       []WantMount
	Masked       []string
	ReadOnly     []string
	Admin        bool // it was given CAP_SYS_ADMIN, and may change its mounts itself

	Resources Resources

	Unread []Unread
}

// Held is what a process may be at most. A nil field is not held.
type Held struct {
	Capabilities *[capSets]uint64
	NoNewPrivs   bool
	Seccomp      bool
	UID, GID     *uint32  // where it cannot change them; as the host numbers them
	Groups       []uint32 // the most that it is in, where UID and GID are held and this is not nil
	NotUID       *uint32  // it may not be this one
	AppArmor     string   // ""; not held
	SELinux      string
	Rlimits      map[string]Rlimit
	OOMScoreAdj  *int // lowest
	OwnScore     bool // OOMScoreAdj is not given: it stays what it was, at least
}

// A Namespace is one that the container does not share with the host: one of
// its own, or the one that a path names.
type Namespace struct {
	Kind int
	Path string
}

// A WantMount is a mount of config.json that none of the later ones hides.
type WantMount struct {
	Point  string
	Flags  Flags
	Shared bool // mounts below it may be seen elsewhere
	Slave  bool // mounts from elsewhere may come up below it
	Cgroup bool // of type cgroup: with cgroup v1 a tmpfs with a mount for each controller
}

var namespaceTypes = [nsCount]string{"mount", "pid", "network", "ipc", "uts", "user", "cgroup", "time"}

// Config reads the config.json of a container as its runtime did: from the
// bundle, which must be root's, and with the digest that was kept at create.
func Config(e *ledger.Entry) ([]byte, error) {
	bundle, err := oci.Open(e.Bundle)
	if err != nil {
		return nil, err
	}
	defer bundle.Close()
	raw, err := bundle.ReadSpec()
	if err != nil {
		return nil, err
	}
	if audit.Digest(raw) != e.Config {
		return nil, errors.New(bundle.Path() + "/config.json is not the one that the runtime read")
	}
	return raw, nil
}

// Expect says what must be in force, by the config.json that the runtime read
// and by what was kept at create and at updates since. entry is nil for a
// container that runward did not create; config is nil where it cannot be read
// (see Unread), and then only the ceiling speaks.
func Expect(config []byte, entry *ledger.Entry) (*Expected, error) {
	e := &Expected{}
	if entry != nil && entry.Enforced {
		e.Joined = ofCeiling(&entry.Ceiling)
	}
	if config == nil {
		e.Init = e.Joined
		e.Unread = append(e.Unread, Unread{"config.json", "it cannot be read, or is not what the runtime read: only the ceiling is compared"})
		if entry != nil {
			e.Cgroups = []string{entry.ID}
		}
		return e, nil
	}
	parsed, err := policy.ParseSpec(config)
	if err != nil {
		return nil, err
	}
	s := parsed.View()
	e.namespaces(s)
	noSets, err := withoutCapabilities(config)
	if err != nil {
		return nil, err
	}
	e.process(s, noSets, entry)
	e.mounts(s)
	id := ""
	if entry != nil {
		id = entry.ID
	}
	e.Cgroups = cgroupNames(s.Linux.CgroupsPath, id, rootless(entry))
	e.Resources = resourcesOf(s, entry)
	return e, nil
}

func rootless(entry *ledger.Entry) bool { return entry != nil && entry.Identity.User != "" }

// withoutCapabilities tells whether config.json has no capabilities section:
// what that means depends on the version of the runtime.
func withoutCapabilities(config []byte) (bool, error) {
	doc, err := jsondoc.Parse(config, jsondoc.DefaultLimits())
	if err != nil {
		return false, err
	}
	return !doc.Root().Get("process").Get("capabilities").Exists(), nil
}

// ofCeiling is what exec is held to.
func ofCeiling(c *policy.Ceiling) Held {
	var h Held
	if c.Capabilities != nil {
		all := policy.CapabilitySet(*c.Capabilities)
		h.Capabilities = &[capSets]uint64{all, all, all, all, all}
	}
	h.NoNewPrivs, h.Seccomp = c.NoNewPrivileges, c.Seccomp
	h.AppArmor, h.SELinux = confining(c.AppArmor), c.SELinux
	if c.OOMScoreAdj != nil {
		lowest := int(*c.OOMScoreAdj)
		h.OOMScoreAdj = &lowest
	}
	if c.NonRoot && h.NoNewPrivs && h.lacks("CAP_SETUID") {
		root := uint32(0)
		if c.UserNamespace != nil {
			root = *c.UserNamespace
		}
		h.NotUID = &root
	}
	return h
}

// confining is the name of an AppArmor profile, "" for the one that does not
// confine.
func confining(profile string) string {
	if profile == "unconfined" {
		return ""
	}
	return profile
}

// lacks tells whether a process can never come to have a capability.
func (h *Held) lacks(name string) bool {
	if h.Capabilities == nil {
		return false
	}
	bit := uint64(1) << policy.CapabilityNumber(name)
	for _, set := range h.Capabilities {
		if set&bit != 0 {
			return false
		}
	}
	return true
}

// namespaces fills in which ones the container must have, and the maps.
func (e *Expected) namespaces(s *specs.Spec) {
	for _, ns := range s.Linux.Namespaces {
		kind := slices.Index(namespaceTypes[:], string(ns.Type))
		if kind < 0 {
			continue
		}
		e.Namespaces = append(e.Namespaces, Namespace{kind, ns.Path})
		if kind == nsUser && ns.Path == "" {
			e.OwnUsers = true
			e.UIDMap, e.GIDMap = mapping(s.Linux.UIDMappings), mapping(s.Linux.GIDMappings)
		}
	}
}

func mapping(list []specs.LinuxIDMapping) []IDMap {
	var maps []IDMap
	for _, m := range list {
		if m.Size > 0 {
			maps = append(maps, IDMap{m.ContainerID, m.HostID, m.Size})
		}
	}
	return maps
}

// has tells whether the container does not share the host's.
func (e *Expected) has(kind int) bool {
	return slices.ContainsFunc(e.Namespaces, func(n Namespace) bool { return n.Kind == kind })
}

// process fills in what the first process is held to. What it can make of what
// it is given is never more than it may have.
func (e *Expected) process(s *specs.Spec, noSets bool, entry *ledger.Entry) {
	p, h := s.Process, &e.Init
	if noSets {
		h.Capabilities = e.Joined.Capabilities
	} else {
		h.Capabilities = reachable(p.Capabilities, p.NoNewPrivileges)
	}
	h.NoNewPrivs = p.NoNewPrivileges
	h.Seccomp = filters(s.Linux.Seccomp)
	h.AppArmor, h.SELinux = confining(p.ApparmorProfile), p.SelinuxLabel
	mayRaise := !h.lacks("CAP_SYS_RESOURCE") && !e.has(nsUser)
	if !mayRaise {
		h.Rlimits = map[string]Rlimit{}
		for _, l := range p.Rlimits {
			h.Rlimits[l.Type] = Rlimit{l.Soft, l.Hard}
		}
		h.OwnScore = p.OOMScoreAdj == nil
		h.OOMScoreAdj = p.OOMScoreAdj
	}
	if h.OOMScoreAdj == nil {
		h.OOMScoreAdj = e.Joined.OOMScoreAdj
	}
	e.ids(s, rootless(entry))
	e.Admin = !h.lacks("CAP_SYS_ADMIN")
	e.Joined.Seccomp = e.Joined.Seccomp && h.Seccomp // exec gets the container's filter, where there is one
	if e.Joined.Capabilities != nil && h.Capabilities != nil {
		both := *e.Joined.Capabilities // a process is the first one's child, or exec's
		for i := range both {
			both[i] |= h.Capabilities[i]
		}
		e.Joined.Capabilities = &both
	}
}

// ids holds the first process to its user and groups where it can change
// neither.
func (e *Expected) ids(s *specs.Spec, rootless bool) {
	p, h := s.Process, &e.Init
	if !h.NoNewPrivs || !h.lacks("CAP_SETUID") || !h.lacks("CAP_SETGID") || e.has(nsUser) && !e.OwnUsers {
		return
	}
	uid, ok := e.outside(e.UIDMap, p.User.UID)
	gid, ok2 := e.outside(e.GIDMap, p.User.GID)
	if !ok || !ok2 {
		return
	}
	h.UID, h.GID = &uid, &gid
	if _, keeps := s.Annotations["run.oci.keep_original_groups"]; keeps || rootless {
		return
	}
	h.Groups = []uint32{gid}
	for _, g := range p.User.AdditionalGids {
		if out, ok := e.outside(e.GIDMap, g); ok {
			h.Groups = append(h.Groups, out)
		}
	}
}

// outside gives the host's number of a user or group of the container's.
func (e *Expected) outside(maps []IDMap, id uint32) (uint32, bool) {
	if !e.OwnUsers {
		return id, true
	}
	for _, m := range maps {
		if id >= m.Inside && id-m.Inside < m.Size {
			return m.Outside + (id - m.Inside), true
		}
	}
	return 0, false
}

// reachable is what a process that starts with these sets can come to have. As
// root it gets by executing a program all that is in its bounding set, unless
// no_new_privs is set (capabilities(7)).
func reachable(c *specs.LinuxCapabilities, noNewPrivs bool) *[capSets]uint64 {
	bounding, permitted := policy.CapabilitySet(c.Bounding), policy.CapabilitySet(c.Permitted)
	inheritable, effective := policy.CapabilitySet(c.Inheritable), policy.CapabilitySet(c.Effective)
	ambient := policy.CapabilitySet(c.Ambient)
	all := bounding | permitted | inheritable | effective | ambient
	if !noNewPrivs {
		return &[capSets]uint64{all, all, all, bounding, all}
	}
	most := permitted | effective | ambient
	return &[capSets]uint64{all, most, most, bounding, most}
}

// filters tells whether a seccomp section makes runtimes set a filter: one with
// nothing but architectures does not.
func filters(s *specs.LinuxSeccomp) bool {
	return s != nil && (s.DefaultAction != "" || len(s.Syscalls) > 0)
}

// cgroupNames are the names that a cgroup can have by cgroupsPath, which is a
// path, or slice:prefix:name for systemd.
func cgroupNames(at, id string, rootless bool) []string {
	var names []string
	add := func(name string) {
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if at == "" {
		for _, name := range [...]string{id, "runc-" + id + ".scope", "crun-" + id + ".scope", "libcrun-" + id + ".scope"} {
			if id != "" {
				add(name)
			}
		}
		return names
	}
	clean := path.Clean("/" + at)
	if !strings.HasPrefix(at, "/") || rootless { // below the runtime's own cgroup
		clean = strings.TrimPrefix(clean, "/")
	}
	if parts := strings.Split(at, ":"); len(parts) == 3 {
		if strings.HasSuffix(parts[2], ".slice") {
			add(parts[2])
		} else {
			if parts[1] != "" {
				add(parts[1] + "-" + parts[2] + ".scope")
			}
			add(parts[2] + ".scope")
		}
	}
	add(clean)
	return names
}
