package attest

import (
	"path"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// mounts fills in what must be mounted, and how.
func (e *Expected) mounts(s *specs.Spec) {
	e.RootReadOnly = s.Root.Readonly
	e.SharedRoot = strings.HasSuffix(s.Linux.RootfsPropagation, "shared")
	for i := range s.Mounts {
		m := wantMount(&s.Mounts[i])
		m.Shared = m.Shared || e.SharedRoot
		if m.Point != "/" && !hidden(m.Point, s.Mounts[i+1:]) {
			e.Mounts = append(e.Mounts, m)
		}
	}
	for _, at := range s.Linux.MaskedPaths {
		e.Masked = append(e.Masked, path.Clean("/"+at))
	}
	for _, at := range s.Linux.ReadonlyPaths {
		e.ReadOnly = append(e.ReadOnly, path.Clean("/"+at))
	}
}

// hidden tells whether one of the later mounts lies over a mount point.
func hidden(point string, later []specs.Mount) bool {
	for i := range later {
		if below(point, path.Clean("/"+later[i].Destination)) {
			return true
		}
	}
	return false
}

// wantMount reads a mount's options as runtimes do: of two that contradict each
// other the later one counts.
func wantMount(m *specs.Mount) WantMount {
	w := WantMount{Point: path.Clean("/" + m.Destination), Cgroup: m.Type == "cgroup"}
	for _, option := range m.Options {
		switch option {
		case "rw":
			w.Flags &^= readOnly
		case "suid":
			w.Flags &^= noSuid
		case "dev":
			w.Flags &^= noDev
		case "exec":
			w.Flags &^= noExec
		case "symfollow":
			w.Flags &^= noSymfollow
		case "ro", "nosuid", "nodev", "noexec", "nosymfollow":
			w.Flags |= flagOf(option)
		case "rro", "rnosuid", "rnodev", "rnoexec", "rnosymfollow": // of this mount and of what is below it
			w.Flags |= flagOf(option[1:])
		case "shared", "rshared":
			w.Shared, w.Slave = true, true
		case "slave", "rslave":
			w.Shared, w.Slave = false, true
		case "private", "rprivate", "unbindable", "runbindable":
			w.Shared, w.Slave = false, false
		}
	}
	return w
}
