package attest

import (
	"errors"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/runward/runward/internal/owner"
	"github.com/runward/runward/internal/state"
)

// A reader reads one process through its directory in procfs, which stays the
// one of that process whatever becomes of its number.
type reader struct {
	fd  int
	pid int
}

// openProcess opens the process that has the number and started then; start 0
// is whoever has it. ErrGone where there is none.
func openProcess(pid int, start uint64) (*reader, uint64, error) {
	fd, err := unix.Open("/proc/"+strconv.Itoa(pid), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if gone(err) {
		return nil, 0, ErrGone
	}
	if err != nil {
		return nil, 0, errors.New("process " + strconv.Itoa(pid) + " cannot be looked at: " + owner.Reason(err))
	}
	r := &reader{fd, pid}
	began, err := r.start()
	if err == nil && start != 0 && began != start {
		err = ErrGone
	}
	if err != nil {
		r.close()
		return nil, 0, err
	}
	return r, began, nil
}

func (r *reader) close() { _ = unix.Close(r.fd) } // nothing was written

// start reads when the process started; ErrGone where it has ended.
func (r *reader) start() (uint64, error) {
	text, err := readText(r.fd, "stat")
	if gone(err) {
		return 0, ErrGone
	}
	if err != nil {
		return 0, errors.New("/proc/" + strconv.Itoa(r.pid) + "/stat cannot be read: " + owner.Reason(err))
	}
	st, err := state.ParseStat([]byte(text))
	if err == nil && (st.State == 'Z' || st.State == 'X') {
		err = ErrGone
	}
	return st.Start, err
}

func gone(err error) bool { return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH) }

// process reads what is asked of every process. Only that it ended is an error.
func (r *reader) process(n *Node, began uint64) (Process, error) {
	p := Process{PID: r.pid, Start: began, Login: noLogin, Session: noLogin}
	note := func(field string, err error) {
		if err != nil {
			p.Unread = append(p.Unread, Unread{field, owner.Reason(err)})
		}
	}
	text, err := readText(r.fd, "status")
	if err == nil {
		err = parseStatus(text, &p)
	}
	note("status", err)
	for i, name := range namespaceFiles {
		ino, err := namespaceAt(r.fd, "ns/"+name)
		if errors.Is(err, unix.ENOENT) { // not in this kernel, or the process has ended
			continue
		}
		note("namespace."+namespaceTypes[i], err)
		p.Namespaces[i] = ino
	}
	if text, err = readText(r.fd, "cgroup"); err == nil {
		p.Cgroups, err = parseCgroups(text)
	}
	note("cgroup", err)
	if text, err = readText(r.fd, "limits"); err == nil {
		p.Rlimits, err = parseRlimits(text)
	}
	note("rlimit", err)
	if text, err = readText(r.fd, "oom_score_adj"); err == nil {
		p.OOMScoreAdj, err = strconv.Atoi(strings.TrimSpace(text))
	}
	note("oom_score_adj", err)
	if n.AppArmor || n.SELinux {
		p.Label, err = r.label()
		note("label", err)
	}
	p.Login, p.Session = r.login("loginuid"), r.login("sessionid")
	p.Young = n.young(began)
	p.Rooted = r.rooted()
	if now, err := r.start(); err != nil || now != began {
		return p, ErrGone
	}
	return p, nil
}

const noLogin = 1<<32 - 1

// login reads a number of the audit subsystem's, which a kernel may lack.
func (r *reader) login(file string) uint32 {
	text, err := readText(r.fd, file)
	if err != nil {
		return noLogin
	}
	id, err := strconv.ParseUint(strings.TrimSpace(text), 10, 32)
	if err != nil {
		return noLogin
	}
	return uint32(id)
}

// label reads what AppArmor or SELinux says of the process.
func (r *reader) label() (string, error) {
	for _, name := range [...]string{"attr/apparmor/current", "attr/current"} { // before Linux 5.1 the second alone
		text, err := readText(r.fd, name)
		if err == nil && (text != "" || name == "attr/current") {
			return strings.TrimRight(text, "\n\x00"), nil
		}
		if err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EINVAL) {
			return "", err
		}
	}
	return "", errors.New("the kernel says none")
}

// rooted tells whether the root directory is the mount namespace's own.
func (r *reader) rooted() bool {
	var buf [8]byte
	n, err := unix.Readlinkat(r.fd, "root", buf[:])
	return err == nil && string(buf[:n]) == "/"
}

// program tells on which mount the process's program is, and what file it is.
func (r *reader) program() (mount uint64, id fileID, err error) {
	var st unix.Statx_t
	const want = unix.STATX_MNT_ID | unix.STATX_INO
	if err := unix.Statx(r.fd, "exe", unix.AT_STATX_DONT_SYNC, want, &st); err != nil {
		return 0, fileID{}, err
	}
	if st.Mask&unix.STATX_MNT_ID == 0 {
		return 0, fileID{}, errors.New("the kernel does not tell mounts (before 5.8)")
	}
	return st.Mnt_id, fileID{unix.Mkdev(st.Dev_major, st.Dev_minor), st.Ino}, nil
}

// place says whose the process's program is, where mounts has the container's
// mounts by id.
func (r *reader) place(n *Node, mounts map[int]bool, p *Process) {
	mount, id, err := r.program()
	if err != nil {
		p.Unread = append(p.Unread, Unread{"program", owner.Reason(err)})
		return
	}
	p.Inside = mounts[int(mount)]
	p.Runtime = n.runtimes[id]
}

// young tells whether what started then did so within the last seconds, in
// which a runtime may still be at making of it what it is to be.
func (n *Node) young(start uint64) bool {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		return false
	}
	const ticks, seconds = 100, 5 // USER_HZ is 100 on every architecture that has containers
	return start+seconds*ticks >= uint64(now.Sec)*ticks
}

// nested tells whether the process is in a user namespace below the one with
// that inode number.
func (r *reader) nested(container uint64) bool {
	fd, err := unix.Openat(r.fd, "ns/user", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	for range 33 { // the kernel allows 32 levels
		if err != nil {
			return false
		}
		parent, e := unix.IoctlRetInt(fd, nsGetParent)
		_ = unix.Close(fd)
		if e != nil {
			return false
		}
		var st unix.Stat_t
		err = unix.Fstat(parent, &st)
		fd = parent
		if err == nil && st.Ino == container {
			_ = unix.Close(fd)
			return true
		}
	}
	_ = unix.Close(fd)
	return false
}

const nsGetParent = 0xb702 // NS_GET_PARENT, ioctl_ns(2)
