package rules

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/policy"
)

// What execve(2) makes of a process and a file: capabilities(7), and in the
// kernel security/commoncap.c and fs/namei.c. Ids are the host's: nothing here
// speaks of a container with a user namespace.

// creds are a process as it is when the runtime executes its program.
type creds struct {
	uid, gid uint32
	groups   []uint32
	noGains  bool // no_new_privs

	bounding, permitted, effective, inheritable, ambient uint64
}

const (
	capDACOverride   = 1 << 1
	capDACReadSearch = 1 << 2

	setuid   = 0o4000
	setgid   = 0o2000
	anyExec  = 0o111
	mayExec  = 1 // also: search a directory
	mayWrite = 2
	mayRead  = 4
	groupRun = 0o010
)

func credsOf(p *specs.Process) creds {
	c := creds{
		uid: p.User.UID, gid: p.User.GID, groups: p.User.AdditionalGids, noGains: p.NoNewPrivileges,
		bounding: policy.CapabilitySet(p.Capabilities.Bounding), permitted: policy.CapabilitySet(p.Capabilities.Permitted),
		inheritable: policy.CapabilitySet(p.Capabilities.Inheritable),
	}
	c.effective = policy.CapabilitySet(p.Capabilities.Effective) & c.permitted
	c.ambient = policy.CapabilitySet(p.Capabilities.Ambient) & c.permitted & c.inheritable
	return c
}

// may tells whether the process has access to a file or directory.
func (c *creds) may(uid, gid, mode uint32, dir bool, want uint32) bool {
	bits := mode
	switch {
	case c.uid == uid:
		bits = mode >> 6
	case c.isIn(gid):
		bits = mode >> 3
	}
	switch {
	case bits&want == want:
		return true
	case c.effective&capDACOverride != 0:
		return dir || want&mayExec == 0 || mode&anyExec != 0
	case c.effective&capDACReadSearch != 0:
		return want&mayWrite == 0 && (dir || want == mayRead)
	}
	return false
}

func (c *creds) isIn(gid uint32) bool {
	if c.gid == gid {
		return true
	}
	for _, g := range c.groups {
		if g == gid {
			return true
		}
	}
	return false
}

// reaches tells whether the process may search every directory above a file.
func (c *creds) reaches(f *policy.InnerFile) bool {
	for _, d := range f.Parents {
		if !c.may(d.UID, d.GID, d.Mode, true, mayExec) {
			return false
		}
	}
	return true
}

// becomes gives the user and group that the program's set-id bits make of the
// process, were there no no_new_privs.
func (c *creds) becomes(f *policy.InnerFile) (uid, gid uint32) {
	uid, gid = c.uid, c.gid
	if f.NoSuid {
		return uid, gid
	}
	if f.Mode&setuid != 0 {
		uid = f.UID
	}
	if f.Mode&setgid != 0 && f.Mode&groupRun != 0 {
		gid = f.GID
	}
	return uid, gid
}

// exec is the process after execve of a program; started is false where the
// kernel refuses because the program's capabilities are beyond the bounding set.
func (c *creds) exec(f *policy.InnerFile) (after creds, started bool) {
	caps := f.Caps
	if f.NoSuid {
		caps = policy.FileCaps{}
	}
	after = *c
	permitted := caps.Permitted&c.bounding | caps.Inheritable&c.inheritable
	if caps.Effective && caps.Permitted&^permitted != 0 {
		return after, false
	}
	effective := caps.Effective
	uid, gid := c.becomes(f)
	if c.noGains {
		uid, gid = c.uid, c.gid
	}
	hasCaps := caps.Permitted|caps.Inheritable != 0
	// Root has all that the bounding set has; but a program with capabilities
	// of its own that is set-user-id root gives another user only those.
	if (uid == 0 || c.uid == 0) && (!hasCaps || c.uid == 0) {
		permitted = c.bounding | c.inheritable
		effective = effective || uid == 0
	}
	if c.noGains {
		permitted &= c.permitted
	}
	if hasCaps || uid != c.uid || gid != c.gid {
		after.ambient = 0
	}
	after.uid, after.gid = uid, gid
	after.permitted = permitted | after.ambient
	after.effective = after.ambient
	if effective {
		after.effective = after.permitted
	}
	return after, true
}
