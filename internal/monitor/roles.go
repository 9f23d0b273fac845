package monitor

import (
	"errors"
	"net"
	"os/user"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/runward/runward/internal/monitor/settings"
)

// A Role is what somebody may do.
type Role uint8

// The roles, each with all that the ones before may.
const (
	Nobody        Role = iota
	Viewer             // look
	Operator           // attest, freeze, quarantine, release
	Administrator      // kill; report hooks
)

func (r Role) String() string {
	switch r {
	case Viewer:
		return "viewer"
	case Operator:
		return "operator"
	case Administrator:
		return "administrator"
	default:
		return "nobody"
	}
}

// A peer is who is at the other end of a connection, as the kernel says.
type peer struct {
	uid  uint32
	pid  int32
	name string
	role Role
}

// String is how records name it.
func (p *peer) String() string {
	s := "uid " + strconv.FormatUint(uint64(p.uid), 10)
	if p.name != "" {
		s += " (" + p.name + ")"
	}
	return s
}

func peerOf(c net.Conn, m *settings.Monitor) (*peer, error) {
	conn, ok := c.(*net.UnixConn)
	if !ok {
		return nil, errors.New("not a unix socket")
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	var cred *unix.Ucred
	var failed error
	if err := raw.Control(func(fd uintptr) { cred, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); err != nil {
		return nil, err
	}
	if failed != nil {
		return nil, failed
	}
	p := &peer{uid: cred.Uid, pid: cred.Pid}
	var groups []string
	if u, err := user.LookupId(strconv.FormatUint(uint64(cred.Uid), 10)); err == nil { // else it has a number alone
		p.name = u.Username
		groups = groupNames(u)
	}
	p.role = roleOf(p, groups, m)
	return p, nil
}

func groupNames(u *user.User) (names []string) {
	ids, err := u.GroupIds()
	if err != nil {
		return nil // in no group that is known
	}
	for _, id := range ids {
		if g, err := user.LookupGroupId(id); err == nil {
			names = append(names, g.Name)
		}
	}
	return names
}

func roleOf(p *peer, groups []string, m *settings.Monitor) Role {
	if p.uid == 0 {
		return Administrator
	}
	in := func(list []string) bool {
		return slices.ContainsFunc(list, func(who string) bool {
			if group, ok := strings.CutPrefix(who, "@"); ok {
				return slices.Contains(groups, group)
			}
			return p.name != "" && who == p.name
		})
	}
	switch {
	case in(m.Administrators):
		return Administrator
	case in(m.Operators):
		return Operator
	case in(m.Viewers):
		return Viewer
	default:
		return Nobody
	}
}
