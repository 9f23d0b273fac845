package rules

import (
	"errors"
	"path"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/policy"
)

// MountsSettings says which file systems may be mounted where.
type MountsSettings struct {
	Allow policy.AllowList `toml:"allow" doc:"mounts as \"type destination\", the destination a glob, for example \"hugetlbfs /dev/hugepages\" or \"bind /proc/meminfo\"; \"default\" is what engines mount"`
}

// Default makes an absent list the safe one.
func (s *MountsSettings) Default() { s.Allow.Default([]string{policy.DefaultItem}) }

// Validate refuses items that match nothing.
func (s *MountsSettings) Validate() error {
	return items(s.Allow.Lists, func(item string) error {
		kind, destination, ok := strings.Cut(item, " ")
		if !ok || kind == "" || !strings.HasPrefix(destination, "/") || path.Clean(destination) != destination {
			return errors.New("mounts.allow: want \"type destination\", for example \"tmpfs /scratch\", found " + quote(item))
		}
		return nil
	})
}

// Mounts bounds what is mounted where.
var Mounts = policy.Rule{
	ID:    "mounts",
	Title: "Only the file systems that containers need, where they belong",
	Doc: "A mount that is not a bind is allowed by its type and destination: proc at /proc, sysfs at /sys, cgroup at /sys/fs/cgroup, devpts at /dev/pts, mqueue at /dev/mqueue, tmpfs. " +
		"Any other needs no capability of the container and reaches the host: a second procfs has no masks, cgroup2, tracefs, bpf and overlay show the host's. " +
		"Nothing may be mounted over or below /proc, /sys and /dev/pts, nor over the device files that runtimes use to mask with: that family of tricks has turned masks into holes (CVE-2021-30465, CVE-2025-31133, CVE-2025-52565, CVE-2025-52881). " +
		"sysfs, and cgroup without a cgroup namespace of the container's own, become read-only. Where bind mounts lead is the rule host_paths'.",
	Since:   "0.1.0",
	Default: policy.ActionRewrite,
	Refs: []policy.Ref{
		{Standard: "PSS baseline", ID: "/proc Mount Type"},
		{Standard: "CIS Docker 1.6", ID: "5.6"},
		{Standard: "CVE", ID: "2025-31133"},
		{Standard: "CVE", ID: "2025-52565"},
		{Standard: "CVE", ID: "2025-52881"},
		{Standard: "CVE", ID: "2021-30465"},
		{Standard: "CVE", ID: "2023-27561"},
	},
	Check: policy.Check[MountsSettings](checkMounts),
}

func checkMounts(e *policy.Eval, s *MountsSettings) {
	for i := range e.Spec.Mounts {
		m := &e.Spec.Mounts[i]
		if wanted := refusedMount(e, s, m); wanted != "" {
			e.Deny(policy.Finding{
				Pointer: index("/mounts", i),
				Found:   describeMount(m),
				Wanted:  wanted,
				Hint:    mountHint(m),
			})
			continue
		}
		checkWritable(e, i)
	}
}

func describeMount(m *specs.Mount) string {
	if isBind(m) {
		return quote(m.Source) + " mounted at " + quote(m.Destination)
	}
	return "a file system of type " + quote(m.Type) + " mounted at " + quote(m.Destination)
}

func mountHint(m *specs.Mount) string {
	switch {
	case !plainDestination(m.Destination):
		return "write the destination as it is meant, from the root and without .. in it"
	case hasString(m.Options, "remount"):
		return "take the option remount out"
	}
	return "take the mount out, or ask the administrator to put " + quote(mountKind(m)+" "+path.Clean(m.Destination)) + " on the list mounts.allow"
}

func plainDestination(d string) bool { return strings.HasPrefix(d, "/") && !hasDotDot(d) }

// mountKind is the type by which lists know a mount.
func mountKind(m *specs.Mount) string {
	switch {
	case isBind(m):
		return "bind"
	case m.Type == "":
		return "none"
	}
	return m.Type
}

// refusedMount says what is wanted in place of a mount; empty where it may be.
func refusedMount(e *policy.Eval, s *MountsSettings, m *specs.Mount) string {
	switch {
	case !plainDestination(m.Destination):
		return `an absolute destination without ".."`
	case hasString(m.Options, "remount"):
		return "no option remount: it changes another mount"
	}
	match := orDefault(
		func(string) bool { return safeMount(e, m) },
		func(item, value string) bool {
			kind, glob, _ := strings.Cut(item, " ")
			haveKind, destination, _ := strings.Cut(value, " ")
			return kind == haveKind && policy.Match(glob, destination)
		})
	if s.Allow.Permits(mountKind(m)+" "+path.Clean(m.Destination), match) {
		return ""
	}
	if !isBind(m) && safeType(m.Type) && !reserved(path.Clean(m.Destination)) {
		return m.Type + " only where engines mount it: " + standardPlace(m.Type)
	}
	if isBind(m) || safeType(m.Type) {
		return "nothing mounted over /proc, /sys, /dev/pts or what is in them, nor over the root or /dev"
	}
	return "only the types proc, sysfs, cgroup, devpts, mqueue and tmpfs"
}

func safeType(kind string) bool { return kind == "tmpfs" || standardPlace(kind) != "" }

// standardPlace is the one destination of a type; empty where there is none.
func standardPlace(kind string) string {
	switch kind {
	case "proc":
		return "/proc"
	case "sysfs":
		return "/sys"
	case "cgroup":
		return "/sys/fs/cgroup"
	case "devpts":
		return "/dev/pts"
	case "mqueue":
		return "/dev/mqueue"
	}
	return ""
}

// safeMount is the safe list.
func safeMount(e *policy.Eval, m *specs.Mount) bool {
	destination := path.Clean(m.Destination)
	if isBind(m) {
		return !reserved(destination) || destination == path.Clean(m.Source) && harmlessDevice(destination) || rootlessSys(e, m)
	}
	if m.Type == "tmpfs" {
		return destination == "/dev" || !reserved(destination)
	}
	if m.Type == "overlay" {
		return !reserved(destination) && storageOverlay(e.Facts, m.Options)
	}
	return standardPlace(m.Type) == destination && destination != ""
}

// reserved are the destinations that are the runtime's own.
func reserved(destination string) bool {
	for _, tree := range []string{"/proc", "/sys", "/dev/pts"} {
		if within(destination, tree) {
			return true
		}
	}
	switch destination {
	case "/", "/dev", "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty", "/dev/console", "/dev/ptmx", "/dev/fd":
		return true
	}
	return false
}

// harmlessDevice are devices whose file may be mounted.
func harmlessDevice(p string) bool {
	switch p {
	case "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty":
		return true
	}
	return false
}

// rootlessSys is how a rootless engine that shares the host's network gives a
// container /sys: it cannot mount sysfs.
func rootlessSys(e *policy.Eval, m *specs.Mount) bool {
	return e.Facts.Rootless && path.Clean(m.Destination) == "/sys" && m.Source == "/sys" && readOnly(m.Options)
}

// checkWritable makes read-only what of the kernel's must be.
func checkWritable(e *policy.Eval, i int) {
	m := &e.Spec.Mounts[i]
	if isBind(m) || readOnly(m.Options) || m.Type != "sysfs" && m.Type != "cgroup" {
		return
	}
	found := "a writable " + m.Type + " at " + quote(m.Destination)
	if m.Type == "cgroup" {
		for n := range e.Spec.Linux.Namespaces {
			if ns := &e.Spec.Linux.Namespaces[n]; ns.Type == specs.CgroupNamespace && ns.Path == "" {
				return // what it can write is its own
			}
		}
		found += " without a cgroup namespace of the container's own"
	}
	e.Rewrite(policy.Finding{
		Pointer: index("/mounts", i),
		Found:   found,
		Wanted:  "a read-only one",
		Hint:    "run it without --privileged; where it writes control groups, with --cgroupns=private",
	}, func(s *specs.Spec) { s.Mounts[i].Options = onlyRead(s.Mounts[i].Options) })
}

// storageOverlay tells whether an overlay is the builder's own: of layers in the
// engine's storage. Only builds have such mounts; their users cannot name the layers.
func storageOverlay(f *policy.Facts, options []string) bool {
	if f.Identity.Kind != "build" {
		return false
	}
	lower := false
	for _, o := range options {
		key, value, _ := strings.Cut(o, "=")
		lower = lower || key == "lowerdir"
		switch {
		case strings.Contains(o, ","):
			return false // the kernel reads two options there
		case !strings.Contains(key, "dir") && !strings.Contains(value, "/"):
			continue
		}
		for dir := range strings.SplitSeq(value, ":") {
			if hasDotDot(dir) || !inLayerStorage(path.Clean(dir)) {
				return false
			}
		}
	}
	return lower
}

func inLayerStorage(dir string) bool {
	for _, glob := range []string{
		"/var/lib/docker/overlay2/**", "/var/lib/docker/containerd/**/snapshots/**", "/var/lib/buildkit/**/snapshots/**",
		"/var/lib/containerd/*snapshotter*/snapshots/**", "/var/lib/containers/storage/overlay/**",
	} {
		if policy.Match(glob, dir) {
			return true
		}
	}
	return false
}
