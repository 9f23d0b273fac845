package rules

import (
	"strconv"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/policy"
)

// checkMappings judges the mappings of a user namespace that the container has.
// Rootless, ids on the host's side are the owner's own namespace's, where 0 is
// the owner.
func checkMappings(e *policy.Eval) {
	l := e.Spec.Linux
	joined := false
	for _, ns := range l.Namespaces {
		joined = joined || ns.Type == specs.UserNamespace && ns.Path != ""
	}
	checkIDs(e, "/linux/uidMappings", "user", l.UIDMappings, joined)
	checkIDs(e, "/linux/gidMappings", "group", l.GIDMappings, joined)
}

func checkIDs(e *policy.Eval, at, kind string, maps []specs.LinuxIDMapping, joined bool) {
	const hint = "let the engine choose the mapping (kubernetes: hostUsers: false, podman: --userns=auto, docker: userns-remap)"
	deny := func(at, found, wanted string) {
		e.Deny(policy.Finding{Pointer: at, Found: found, Wanted: wanted, Hint: hint})
	}
	// Without a mapping crun maps the host's root into a new namespace.
	if len(maps) == 0 && !joined && !e.Facts.Rootless {
		deny(at, "a user namespace without a mapping of "+kind+" ids", "a mapping that leaves out the host's id 0")
	}
	for i, m := range maps {
		at := at + "/" + strconv.Itoa(i)
		const ids = 1 << 32
		switch {
		case m.Size == 0:
			continue // the kernel refuses it
		case m.HostID == 0 && !e.Facts.Rootless:
			deny(at, kind+" id "+strconv.FormatUint(uint64(m.ContainerID), 10)+" in the container is the host's root", "a mapping that leaves out the host's id 0")
		case uint64(m.HostID)+uint64(m.Size) > ids || uint64(m.ContainerID)+uint64(m.Size) > ids:
			deny(at, kind+" ids "+mappingText(m)+" run beyond the last id", "a range that ends at 4294967295 or before")
		}
		for _, o := range maps[:i] {
			if overlap(m.HostID, m.Size, o.HostID, o.Size) || overlap(m.ContainerID, m.Size, o.ContainerID, o.Size) {
				deny(at, kind+" ids "+mappingText(m)+" overlap "+mappingText(o), "ranges that do not overlap")
				break
			}
		}
	}
}

// overlap tells whether two ranges share an id.
func overlap(a, aSize, b, bSize uint32) bool {
	return uint64(a) < uint64(b)+uint64(bSize) && uint64(b) < uint64(a)+uint64(aSize)
}

func mappingText(m specs.LinuxIDMapping) string {
	n := func(v uint32) string { return strconv.FormatUint(uint64(v), 10) }
	return n(m.ContainerID) + " to " + n(m.HostID) + " (" + n(m.Size) + ")"
}
