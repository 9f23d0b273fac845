package rules

import (
	"errors"
	"sort"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/policy"
)

// An idRange is ids of the host's that are a container's from 0 on.
type idRange struct{ first, size uint32 }

// parseIDRange reads "first:size", as /etc/subuid has it after the name.
func parseIDRange(text string) (idRange, error) {
	first, size, ok := strings.Cut(text, ":")
	from, err := strconv.ParseUint(first, 10, 32)
	many, err2 := strconv.ParseUint(size, 10, 32)
	switch {
	case !ok || err != nil || err2 != nil:
		return idRange{}, errors.New("host_ids: want the first id and how many, as \"100000:65536\", found " + quote(text))
	case from < 65536:
		return idRange{}, errors.New("host_ids: want ids from 65536 on, those below are the host's own users', found " + quote(text))
	case many == 0 || from+many > maxID+1:
		return idRange{}, errors.New("host_ids: want at least 1 id and none beyond 4294967294, found " + quote(text))
	}
	return idRange{uint32(from), uint32(many)}, nil
}

func (r idRange) has(id uint32) bool { return id >= r.first && id-r.first < r.size }

func (r idRange) mapping() []specs.LinuxIDMapping {
	return []specs.LinuxIDMapping{{ContainerID: 0, HostID: r.first, Size: r.size}}
}

// addUserNamespace gives the container a user namespace, or refuses it with
// what stands against that.
func addUserNamespace(e *policy.Eval, f policy.Finding, ids idRange) {
	a := &adding{e: e, ids: ids}
	for _, check := range []func() (pointer, why string){a.runtime, a.namespaces, a.users, a.sysctls, a.devices, a.root, a.mounts} {
		if pointer, why := check(); why != "" {
			f.Pointer = pointer
			f.Found += ", and none can be added: " + why
			e.Deny(f)
			return
		}
	}
	f.Wanted = "a user namespace in which id 0 is the host's " + strconv.FormatUint(uint64(ids.first), 10)
	e.Rewrite(f, func(s *specs.Spec) {
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
		s.Linux.UIDMappings, s.Linux.GIDMappings = ids.mapping(), ids.mapping()
		for _, i := range a.mapped {
			s.Mounts[i].UIDMappings, s.Mounts[i].GIDMappings = ids.mapping(), ids.mapping()
		}
	})
}

// adding looks for what stands against a user namespace. Its checks give where
// and why; no why where there is nothing.
type adding struct {
	e        *policy.Eval
	ids      idRange
	features policy.Features
	mapped   []int // mounts to be mapped
}

func (a *adding) runtime() (pointer, why string) {
	const at = "/linux/namespaces"
	if a.e.Facts.Features == nil || a.e.Facts.Lookup == nil {
		return at, "what the runtime and the node can do is not known here"
	}
	a.features = a.e.Facts.Features()
	switch {
	case a.features.Err != "":
		return at, a.features.Err
	case !a.features.UserNamespace:
		return at, "the runtime makes no user namespaces"
	case a.e.Facts.Verb == "restore":
		return at, "a checkpoint keeps the ids that it was made with"
	case a.e.Facts.Identity.Kind == "sandbox":
		return at, "a pod's containers join its sandbox's namespaces, so the engine has to choose"
	}
	return "", ""
}

// namespaces holds that the new user namespace owns every other: what is not
// its own the container may not configure or mount.
func (a *adding) namespaces() (pointer, why string) {
	l := a.e.Spec.Linux
	for i, ns := range l.Namespaces {
		switch {
		case ns.Path != "":
			return index("/linux/namespaces", i), "the " + string(ns.Type) + " namespace is joined, another user namespace owns it"
		case ns.Type == specs.TimeNamespace:
			return index("/linux/namespaces", i), "it has a time namespace"
		}
	}
	for _, kind := range [...]specs.LinuxNamespaceType{specs.PIDNamespace, specs.NetworkNamespace, specs.IPCNamespace, specs.UTSNamespace, specs.MountNamespace} {
		if !makesNamespace(l, kind) {
			return "/linux/namespaces", "the " + string(kind) + " namespace is the host's"
		}
	}
	if len(l.UIDMappings)+len(l.GIDMappings) > 0 {
		return "/linux/uidMappings", "there are mappings already, without a namespace for them"
	}
	return "", ""
}

func (a *adding) users() (pointer, why string) {
	u := a.e.Spec.Process.User
	beyond := func(id uint32) string {
		return "id " + strconv.FormatUint(uint64(id), 10) + " is not among the " + strconv.FormatUint(uint64(a.ids.size), 10) + " of host_ids"
	}
	switch {
	case u.UID >= a.ids.size:
		return "/process/user/uid", "user " + beyond(u.UID)
	case u.GID >= a.ids.size:
		return "/process/user/gid", "group " + beyond(u.GID)
	}
	for i, gid := range u.AdditionalGids {
		if gid >= a.ids.size {
			return index("/process/user/additionalGids", i), "group " + beyond(gid)
		}
	}
	return "", ""
}

func makesNamespace(l *specs.Linux, kind specs.LinuxNamespaceType) bool {
	for _, ns := range l.Namespaces {
		if ns.Type == kind {
			return true
		}
	}
	return false
}

// sysctls lets through what root of a user namespace may set on every kernel;
// ping_group_range names groups, which have to be mapped.
func (a *adding) sysctls() (pointer, why string) {
	var names []string
	for name := range a.e.Spec.Linux.Sysctl {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if dotted := strings.ReplaceAll(name, "/", "."); !strings.HasPrefix(dotted, "net.") || dotted == "net.ipv4.ping_group_range" {
			return member("/linux/sysctl", name), "the sysctl " + quote(name) + " cannot be set in one"
		}
	}
	return "", ""
}

// devices holds that others may use the host's device files: in a user
// namespace runtimes mount those in place of making some.
func (a *adding) devices() (pointer, why string) {
	for i, d := range a.e.Spec.Linux.Devices {
		at := a.e.Facts.Lookup(d.Path)
		if at.Err != "" || at.Type != policy.CharDevice || at.Mode&6 != 6 {
			return index("/linux/devices", i), "the device " + quote(d.Path) + " is not there for everybody on the host"
		}
	}
	return "", ""
}

// root holds that the container's ids reach the root file system and can live
// with whom its files belong to.
func (a *adding) root() (pointer, why string) {
	const at = "/root/path"
	name := a.e.Spec.Root.Path
	if name == "" {
		name = a.e.Facts.Bundle
	}
	dir := a.e.Facts.Lookup(name)
	if dir.Err != "" || dir.Magic || dir.Type != policy.Directory {
		return at, "the root file system cannot be looked at"
	}
	for _, d := range dir.Parents {
		if !a.process(0).may(d.UID, d.GID, d.Mode, true, mayExec) {
			return at, "the directory " + quote(d.Path) + " above the root file system is closed to user " + strconv.FormatUint(uint64(a.ids.first), 10)
		}
	}
	if dir.UID == a.ids.first && a.ids.has(dir.GID) {
		return "", "" // it was made for these ids
	}
	if !a.e.Spec.Root.Readonly {
		return at, "the root file system belongs to user " + strconv.FormatUint(uint64(dir.UID), 10) + " and is writable, which root in the container could not write"
	}
	if a.e.Facts.Inside == nil {
		return at, "the root file system cannot be looked at"
	}
	c := a.process(a.e.Spec.Process.User.UID)
	c.gid = a.ids.first + a.e.Spec.Process.User.GID
	finder := newFinder(a.e)
	finder.resolveMounts()
	switch p := finder.find(c); p.state {
	case programStarts:
		return "", ""
	case programRefused:
		return "/process/args/0", "the program, " + p.refuse
	default:
		return "/process/args/0", "it cannot be told whether others may run the program"
	}
}

// process is a process of the container as the host's files see it: its
// capabilities do not count for what is not the range's.
func (a *adding) process(uid uint32) *creds {
	return &creds{uid: a.ids.first + uid, gid: a.ids.first, noGains: true}
}

// mounts holds that what is mounted can be used, and notes what has to be mapped.
func (a *adding) mounts() (pointer, why string) {
	for i := range a.e.Spec.Mounts {
		m := &a.e.Spec.Mounts[i]
		if !isBind(m) {
			if !safeType(m.Type) && m.Type != "cgroup2" {
				return index("/mounts", i), "a file system of type " + quote(m.Type) + " cannot be mounted in one"
			}
			continue
		}
		if why := a.bind(i, m); why != "" {
			return index("/mounts", i), quote(m.Source) + ", mounted at " + quote(m.Destination) + ", " + why
		}
	}
	return "", ""
}

func (a *adding) bind(i int, m *specs.Mount) (why string) {
	from := a.e.Facts.Lookup(m.Source)
	owner := "belongs to user " + strconv.FormatUint(uint64(from.UID), 10)
	switch {
	case len(m.UIDMappings)+len(m.GIDMappings) > 0:
		return "has a mapping already"
	case from.Err != "" || from.Magic || from.Type == policy.Missing:
		return "cannot be looked at"
	case a.ids.has(from.UID) && a.ids.has(from.GID):
		return ""
	case from.Type != policy.Regular && from.Type != policy.Directory:
		if from.Mode&6 == 6 {
			return "" // a device or socket for everybody
		}
		return owner + " and is not for everybody"
	case a.features.IDMap && idMapped(from.FS, a.e.Facts.Kernel):
		a.mapped = append(a.mapped, i)
		return ""
	case !readOnly(m.Options):
		return owner + " and is writable, and runtime, kernel or file system do not map its ids"
	case from.Mode&4 == 0 || from.Type == policy.Directory && from.Mode&1 == 0:
		return owner + " and is not readable by others, and runtime, kernel or file system do not map its ids"
	}
	return ""
}

// idMapped tells whether the kernel maps the ids of mounts of a file system,
// by its statfs type: mount_setattr(2), "ID-mapped mounts".
func idMapped(fs int64, kernel [2]int) bool {
	since := [2]int{}
	switch fs {
	case 0xEF53, 0x58465342, 0x4d44: // ext4, xfs, vfat
		since = [2]int{5, 12}
	case 0x9123683E: // btrfs
		since = [2]int{5, 15}
	case 0x01021994: // tmpfs
		since = [2]int{6, 3}
	default:
		return false
	}
	return kernel[0] > since[0] || kernel[0] == since[0] && kernel[1] >= since[1]
}
