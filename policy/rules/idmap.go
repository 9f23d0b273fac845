package rules

import (
	"math"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// wrongIDs says what is wanted of an idmapped mount whose mapping reaches ids
// that are not the container's; empty where it reaches none.
func wrongIDs(s *specs.Spec, m *specs.Mount) string {
	const wanted = "a mapping within the container's own range of ids"
	for _, o := range m.Options {
		if strings.HasPrefix(o, "idmap=") || strings.HasPrefix(o, "ridmap=") {
			return wanted + ", by uidMappings and gidMappings" // crun's own spelling
		}
	}
	if !mapsWithin(m.UIDMappings, s.Linux.UIDMappings) || !mapsWithin(m.GIDMappings, s.Linux.GIDMappings) {
		return wanted
	}
	return ""
}

// mapsWithin tells whether every host id of a mount's mapping is one of the
// container's. Without a mapping of its own (a user namespace joined by path)
// the least that holds is that no id is the host's root.
func mapsWithin(mount, container []specs.LinuxIDMapping) bool {
	for _, m := range mount {
		last := uint64(m.HostID) + uint64(m.Size) - 1
		if m.Size == 0 || m.HostID == 0 || last > math.MaxUint32-1 || uint64(m.ContainerID)+uint64(m.Size)-1 > math.MaxUint32-1 {
			return false
		}
		inside := len(container) == 0
		for _, c := range container {
			inside = inside || uint64(m.HostID) >= uint64(c.HostID) && last < uint64(c.HostID)+uint64(c.Size)
		}
		if !inside {
			return false
		}
	}
	return true
}
