package census

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/runward/runward/internal/owner"
)

// Processes reads all processes below proc (/proc), and the node's own
// namespaces. Only of the first process in a mount namespace all is read. A
// process that ends meanwhile is left out.
func Processes(proc string) (Host, []Process, error) {
	host, err := readHost(proc)
	if err != nil {
		return host, nil, err
	}
	dir, err := os.Open(proc)
	if err != nil {
		return host, nil, errors.New(proc + " cannot be read: " + owner.Reason(err))
	}
	names, err := dir.Readdirnames(-1)
	if closed := dir.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return host, nil, errors.New(proc + " cannot be listed: " + owner.Reason(err))
	}
	var all []Process
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if p, ok := read(proc+"/"+name, pid, &host); ok {
			all = append(all, p)
		}
	}
	for _, p := range leaders(host, all) {
		p.detail(proc+"/"+strconv.Itoa(p.PID), &host)
	}
	return host, all, nil
}

// readHost takes the namespaces of the first process, or of a kernel thread,
// which has them too: not everybody may look at the first.
func readHost(proc string) (Host, error) {
	for _, of := range []string{"/1", "/2", "/self"} {
		h := Host{Mount: inode(proc + of + "/ns/mnt"), PIDs: inode(proc + of + "/ns/pid"), User: inode(proc + of + "/ns/user")}
		root, ok := place(proc + of + "/root")
		if h.Mount != 0 && h.PIDs != 0 && ok {
			h.Root = root
			return h, nil
		}
	}
	return Host{}, errors.New("the node's own namespaces cannot be looked at: run it as root on the node itself")
}

func read(dir string, pid int, host *Host) (Process, bool) {
	p := Process{PID: pid, Mount: inode(dir + "/ns/mnt")}
	if p.Mount == 0 {
		return p, false // it has ended, or may not be looked at
	}
	text, err := os.ReadFile(dir + "/stat")
	if err != nil || !p.stat(text) {
		return p, false
	}
	if p.Mount == host.Mount && makesContainers(p.Name) {
		p.Exe, _ = os.Readlink(dir + "/exe") // only to guess the engine of what is below
	}
	return p, true
}

// makesContainers tells whether a name is one of those that engineOf asks for.
func makesContainers(name string) bool {
	for _, beginning := range []string{"conmon", "containerd", "docker", "podman", "crio", "build", "lx", "incus", "systemd-nsp", "apptainer"} {
		if strings.HasPrefix(name, beginning) {
			return true
		}
	}
	return false
}

// detail reads what is asked of a process that may be a container's first. A
// kernel thread has no Exe.
func (p *Process) detail(dir string, host *Host) {
	var err error
	if p.Exe, err = os.Readlink(dir + "/exe"); err != nil {
		return
	}
	p.PIDs, p.User = inode(dir+"/ns/pid"), inode(dir+"/ns/user")
	if p.PIDs != host.PIDs {
		p.Parent = parentSpace(dir + "/ns/pid")
	}
	if p.User != host.User {
		p.Owner = ownerOf(dir + "/ns/user")
	}
	p.Root, _ = place(dir + "/root")
	if text, err := os.ReadFile(dir + "/cgroup"); err == nil {
		p.Cgroup = cgroupOf(text)
	}
	if text, err := os.ReadFile(dir + "/mountinfo"); err == nil {
		p.Pivoted = rootMounted(text)
	}
}

// stat reads name, parent and start (proc(5)).
func (p *Process) stat(text []byte) bool {
	open, end := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
	if open < 0 || end < open {
		return false
	}
	fields := bytes.Fields(text[end+1:])
	if len(fields) < 20 || fields[0][0] == 'Z' || fields[0][0] == 'X' {
		return false
	}
	var err1, err2 error
	p.Name = string(text[open+1 : end])
	p.PPID, err1 = strconv.Atoi(string(fields[1]))
	p.Start, err2 = strconv.ParseUint(string(fields[19]), 10, 64)
	return err1 == nil && err2 == nil
}

// cgroupOf is the path that an engine named: in version 1 the unified
// hierarchy may be left at the top.
func cgroupOf(text []byte) string {
	best := "/"
	for line := range strings.Lines(string(text)) {
		_, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		_, path, found := strings.Cut(rest, ":")
		if found && len(path) > len(best) {
			best = path
		}
	}
	return best
}

// rootMounted tells whether the root directory is a mount of the namespace: a
// chroot's is not, what pivot_root made is.
func rootMounted(mountinfo []byte) bool {
	for line := range strings.Lines(string(mountinfo)) {
		if fields := strings.Fields(line); len(fields) > 4 && fields[4] == "/" {
			return true
		}
	}
	return false
}

// inode is the number in a link such as "mnt:[4026531841]"; 0: it cannot be read.
func inode(link string) uint64 {
	text, err := os.Readlink(link)
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(text, "[")
	n, err := strconv.ParseUint(strings.TrimSuffix(rest, "]"), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func place(path string) (Place, bool) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return Place{}, false
	}
	return Place{st.Dev, st.Ino}, true
}

// parentSpace is the PID namespace around one (ioctl_ns(2)); 0: not known.
func parentSpace(path string) uint64 {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0
	}
	defer func() { _ = unix.Close(fd) }() // nothing was written
	parent, err := unix.IoctlRetInt(fd, unix.NS_GET_PARENT)
	if err != nil {
		return 0
	}
	defer func() { _ = unix.Close(parent) }() // the same
	var st unix.Stat_t
	if unix.Fstat(parent, &st) != nil {
		return 0
	}
	return st.Ino
}

// ownerOf is the user who made a user namespace.
func ownerOf(path string) uint32 {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0
	}
	defer func() { _ = unix.Close(fd) }() // nothing was written
	uid, err := unix.IoctlGetUint32(fd, unix.NS_GET_OWNER_UID)
	if err != nil {
		return 0
	}
	return uid
}
