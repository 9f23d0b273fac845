// Package census finds containers that run and that runward did not let start:
// those that engines and runtimes know of, which the ledger does not, and those
// that nobody knows of, by the namespaces of processes alone.
//
// A group of processes is a container by namespaces if it has a mount namespace
// of its own in which another root is mounted (as pivot_root leaves it), and a
// PID namespace of its own, or a cgroup that is not a unit of systemd's. What is
// not:
//
//   - services with PrivateMounts, ProtectSystem and their like, and daemons
//     that unshared their mounts: the root is the node's;
//   - services with RootDirectory or RootImage, snaps, and what chroot makes: the
//     PID namespace is the node's, and the cgroup a unit's;
//   - browsers' sandboxes, bubblewrap, flatpak, unshare by a plain user: the user
//     namespace belongs to a user who is not root, whose containers runward does
//     not bind (they are counted, see Rootless);
//   - kernel threads: they have no program.
package census

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/runward/runward/internal/monitor/watch/alert"
)

// A Process is what the census knows of one.
type Process struct {
	PID, PPID int
	Start     uint64 // in clock ticks since boot
	Name      string // comm
	Exe       string
	Cgroup    string // its path in version 2, else in the hierarchy of version 1 that engines name (pids, memory, name=systemd)
	Mount     uint64 // inode of its mount namespace
	PIDs      uint64 // inode of its PID namespace
	Parent    uint64 // inode of the PID namespace around that; 0: not known
	User      uint64 // inode of its user namespace
	Owner     uint32 // the user who made that; 0 where it is the node's
	Root      Place  // its root directory
	Pivoted   bool   // that is a mount of its own
}

// A Place tells one directory from another.
type Place struct{ Dev, Ino uint64 }

// A Host is what the node itself has.
type Host struct {
	Mount, PIDs, User uint64
	Root              Place
}

// A Known is a container that some engine or runtime knows of.
type Known struct {
	ID, Name, Engine string
	PID              int    // of its first process; 0: not known
	Bundle           string // empty: not known
	User             uint32 // whose engine it is
	Entered          bool   // the ledger has it
}

// A Found is a container that runs past runward.
type Found struct {
	ID      string // as its engine calls it; empty: no engine is known
	Name    string
	Engine  string // or what its cgroup or its parent looks like; empty: nothing tells
	Bundle  string
	Process Process // its first; PID 0: not known
	Within  string  // the id of the container in which it runs; empty: none
	User    uint32  // of a rootless engine, or who made the user namespace
}

// Key tells one finding from another.
func (f *Found) Key() string {
	if f.ID != "" {
		return "id " + f.ID + " " + f.Bundle
	}
	return "pid " + strconv.Itoa(f.Process.PID) + " " + strconv.FormatUint(f.Process.Start, 10)
}

// Take compares processes with what is known. It is pure.
func Take(host Host, processes []Process, known []Known) []Found {
	byPID := map[int]*Process{}
	for i := range processes {
		byPID[processes[i].PID] = &processes[i]
	}
	mounts := map[uint64]*Known{} // mount namespaces of known containers
	spaces := map[uint64]*Known{} // and their PID namespaces
	var all []Found
	for i := range known {
		k := &known[i]
		p := byPID[k.PID]
		if p != nil && p.Mount != host.Mount {
			mounts[p.Mount] = k
			if p.PIDs != 0 && p.PIDs != host.PIDs {
				spaces[p.PIDs] = k
			}
		}
		if !k.Entered {
			f := Found{ID: k.ID, Name: k.Name, Engine: k.Engine, Bundle: k.Bundle, User: k.User}
			if p != nil {
				f.Process = *p
			}
			all = append(all, f)
		}
	}
	for _, p := range leaders(host, processes) {
		if mounts[p.Mount] != nil || !isContainer(host, p) {
			continue
		}
		f := Found{Process: *p, Engine: engineOf(p, byPID), User: p.Owner}
		for space := p.PIDs; space != 0 && space != host.PIDs; space = parentOf(space, processes) {
			if k := spaces[space]; k != nil {
				f.Within = k.ID
				break
			}
		}
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b Found) int {
		return cmp.Or(cmp.Compare(a.Process.PID, b.Process.PID), cmp.Compare(a.ID, b.ID))
	})
	return all
}

// leaders gives the first process of every mount namespace that is not the node's.
func leaders(host Host, processes []Process) []*Process {
	first := map[uint64]*Process{}
	for i := range processes {
		p := &processes[i]
		if p.Mount == 0 || p.Mount == host.Mount {
			continue
		}
		if f := first[p.Mount]; f == nil || cmp.Or(cmp.Compare(p.Start, f.Start), cmp.Compare(p.PID, f.PID)) < 0 {
			first[p.Mount] = p
		}
	}
	var all []*Process
	for _, p := range first {
		all = append(all, p)
	}
	return all
}

// isContainer is the rule that the package's text has.
func isContainer(host Host, p *Process) bool {
	if p.Exe == "" || !p.Pivoted || p.Root == host.Root {
		return false
	}
	return p.PIDs != 0 && p.PIDs != host.PIDs || engineOfCgroup(p.Cgroup) != "" || !inUnit(p.Cgroup)
}

// inUnit tells whether a cgroup is a service's or a session's.
func inUnit(path string) bool {
	return slices.ContainsFunc(strings.Split(path, "/"), func(part string) bool {
		return strings.HasSuffix(part, ".service") || strings.HasSuffix(part, ".scope")
	})
}

// parentOf gives the PID namespace around another, which any process in it tells.
func parentOf(space uint64, processes []Process) uint64 {
	for i := range processes {
		if processes[i].PIDs == space {
			return processes[i].Parent
		}
	}
	return 0
}

// engineOf guesses who made a container, for a person: a cgroup's name and a
// parent's can be chosen by whoever makes them.
func engineOf(p *Process, byPID map[int]*Process) string {
	if engine := engineOfCgroup(p.Cgroup); engine != "" {
		return engine
	}
	for parent, n := byPID[p.PPID], 0; parent != nil && n < 8; parent, n = byPID[parent.PPID], n+1 {
		name := parent.Exe[strings.LastIndexByte(parent.Exe, '/')+1:]
		switch {
		case strings.HasPrefix(name, "containerd-shim"):
			return "containerd"
		case name == "conmon", name == "podman":
			return "podman"
		case name == "crio", name == "dockerd", name == "buildkitd", name == "buildah", name == "lxc-start", name == "lxd", name == "incusd", name == "systemd-nspawn", name == "apptainer":
			return name
		}
	}
	return ""
}

// engineOfCgroup knows the names that engines give.
func engineOfCgroup(path string) string {
	for _, part := range strings.Split(path, "/") {
		switch {
		case strings.HasPrefix(part, "libpod-"), strings.HasPrefix(part, "libpod_"):
			return "podman"
		case strings.HasPrefix(part, "crio-"):
			return "cri-o"
		case strings.HasPrefix(part, "cri-containerd-"), strings.HasPrefix(part, "nerdctl-"):
			return "containerd"
		case strings.HasPrefix(part, "docker-"), part == "docker":
			return "docker"
		case part == "buildkit":
			return "buildkitd"
		case strings.HasPrefix(part, "buildah-"):
			return "buildah"
		case strings.HasPrefix(part, "lxc.payload"), part == "lxc":
			return "lxc"
		case strings.HasPrefix(part, "kubepods"):
			return "kubernetes"
		}
	}
	return ""
}

// Settings are [monitor.census] of runward.toml.
type Settings struct {
	Every  alert.Duration `toml:"every" doc:"how often all processes are looked at; 0s: never"`
	Ignore []string       `toml:"ignore" doc:"programs and cgroups that are not told of, each a path or its beginning with * at the end"`
}

// Default is what holds without settings.
func Default() Settings { return Settings{Every: alert.Duration(time.Minute)} }

// A Book remembers what was told. The zero value has told nothing.
type Book struct {
	told map[string]*seen
}

type seen struct {
	since time.Time
	name  string // of the alert; empty: none was given yet
	text  string
}

// Tell gives one alert for each finding that is new, and one where one has
// ended. A finding is told of when it was there twice: between the runtime's
// first step and the ledger's entry, and between a container's end and its
// record's, none is. around gives the ways around runward that an engine
// leaves open, as runwardctl engine verify lists them.
func (b *Book) Tell(s *Settings, now time.Time, found []Found, around func(engine string) []string) []alert.Alert {
	if b.told == nil {
		b.told = map[string]*seen{}
	}
	var all []alert.Alert
	there := map[string]bool{}
	for i := range found {
		f := &found[i]
		if s.ignores(f) {
			continue
		}
		key := f.Key()
		there[key] = true
		known := b.told[key]
		switch {
		case known == nil:
			b.told[key] = &seen{since: now}
		case known.name == "":
			a := f.alert(now, known.since, around)
			known.name, known.text = a.Name, a.Message
			all = append(all, a)
		}
	}
	for key, known := range b.told {
		if there[key] {
			continue
		}
		if known.name != "" {
			all = append(all, alert.Alert{Time: now, Name: known.name, Phase: alert.Cleared, Severity: alert.Info, Subject: key, Message: "it has ended, or the ledger has it now: " + known.text, Since: known.since})
		}
		delete(b.told, key)
	}
	slices.SortFunc(all, func(a, b alert.Alert) int { return cmp.Compare(a.Subject, b.Subject) })
	return all
}

func (s *Settings) ignores(f *Found) bool {
	return slices.ContainsFunc(s.Ignore, func(pattern string) bool {
		for _, text := range []string{f.Process.Exe, f.Process.Cgroup} {
			stem, open := strings.CutSuffix(pattern, "*")
			if text != "" && (text == pattern || open && strings.HasPrefix(text, stem)) {
				return true
			}
		}
		return false
	})
}

func (f *Found) alert(now, since time.Time, around func(string) []string) alert.Alert {
	p := &f.Process
	a := alert.Alert{
		Time: now, Name: "census.unknown", Phase: alert.Raised, Severity: alert.Critical, Subject: f.Key(), Count: 1, Since: since,
		Got: "no receipt", Want: "a container that runward let start",
		Details: map[string]string{"engine": f.Engine, "bundle": f.Bundle, "within": f.Within},
	}
	if p.PID != 0 {
		a.Details["pid"], a.Details["exe"], a.Details["cgroup"] = strconv.Itoa(p.PID), p.Exe, p.Cgroup
	}
	switch {
	case f.ID != "":
		a.Message = "container " + f.ID
		if f.Name != "" {
			a.Message += " (" + f.Name + ")"
		}
	default:
		a.Message = "a container that no engine's files tell of"
	}
	if p.PID != 0 {
		a.Message += ", process " + strconv.Itoa(p.PID) + " (" + p.Exe + ") in cgroup " + p.Cgroup + ","
	}
	a.Message += " runs and runward has no entry of it"
	switch {
	case f.Within != "":
		a.Name, a.Severity = "census.nested", alert.Info
		a.Message += "; it runs in container " + f.Within + ", and is held by what that one may"
	case f.User != 0:
		a.Name, a.Severity = "census.rootless", alert.Info
		a.Message += "; it is user " + strconv.FormatUint(uint64(f.User), 10) + "'s own, whom runward can only advise"
	case f.Engine == "":
		a.Message += "; no engine is recognised: it was started with a runtime itself, or with unshare"
	default:
		a.Message += "; by its looks it is of " + f.Engine
		if ways := around(f.Engine); len(ways) > 0 {
			a.Message += ", which has these ways around runward: " + strings.Join(ways, "; ")
		}
	}
	return a
}
