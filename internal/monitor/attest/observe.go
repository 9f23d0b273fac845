package attest

import (
	"errors"
	"path"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/runward/runward/internal/owner"
)

// Bounds are what one look at a container may cost.
type Bounds struct {
	Processes int       // looked at besides the first; 0: 256
	Until     time.Time // after it no more are; zero: whatever it takes
}

// Ready tells whether the process executes a program from the container's own
// mounts, and no longer the runtime, which has more rights than the container
// will. A program that is only in memory never looks ready: who waits does so
// for a few seconds and then attests all the same. ErrGone: it has ended, or
// another one has its number.
func Ready(pid int, start uint64) (bool, error) {
	r, _, err := openProcess(pid, start)
	if err != nil {
		return false, err
	}
	defer r.close()
	mounts, err := r.mounts()
	if err != nil {
		return false, r.failed("mountinfo", err)
	}
	mount, _, err := r.program()
	if err != nil {
		return false, r.failed("exe", err)
	}
	return ids(mounts)[int(mount)], nil
}

// failed words why a file of the process could not be read.
func (r *reader) failed(file string, err error) error {
	if _, ended := r.start(); ended != nil {
		return ErrGone
	}
	return errors.New("of the process " + file + " cannot be read: " + owner.Reason(err))
}

func (r *reader) mounts() ([]Mount, error) {
	text, err := readText(r.fd, "mountinfo")
	if err != nil {
		return nil, err
	}
	return parseMounts(text)
}

func ids(mounts []Mount) map[int]bool {
	set := make(map[int]bool, len(mounts))
	for i := range mounts {
		set[mounts[i].ID] = true
	}
	return set
}

// Observe reads what the kernel says of the container whose first process is
// pid and started then (clock ticks since boot). Another process of that
// number is never taken for it: ErrGone. What cannot be read is in Unread.
func (n *Node) Observe(pid int, start uint64, want *Expected, entered Entered, b Bounds) (*Observed, error) {
	r, began, err := openProcess(pid, start)
	if err != nil {
		return nil, err
	}
	defer r.close()
	o := &Observed{Paths: map[string]Path{}, Named: map[string]uint64{}}
	if o.Init, err = r.process(n, began); err != nil {
		return nil, err
	}
	o.UIDMap = o.idMap(r, "uid_map")
	o.GIDMap = o.idMap(r, "gid_map")
	o.Mounts, err = r.mounts()
	o.unread("mounts", err)
	mounts := ids(o.Mounts)
	r.place(n, mounts, &o.Init)
	o.resolve(r, want)
	for _, name := range want.namedNamespaces() {
		o.Named[name] = inodeOf(name)
	}
	n.observeCgroup(o, want)
	n.observeOthers(o, want, mounts, entered, b)
	if now, err := r.start(); err != nil || now != began {
		return nil, ErrGone
	}
	return o, nil
}

func (o *Observed) unread(field string, err error) {
	if err != nil {
		o.Unread = append(o.Unread, Unread{field, owner.Reason(err)})
	}
}

func (o *Observed) idMap(r *reader, file string) []IDMap {
	text, err := readText(r.fd, file)
	var maps []IDMap
	if err == nil {
		maps, err = parseIDMap(text)
	}
	o.unread(file, err)
	return maps
}

func inodeOf(path string) uint64 {
	var st unix.Stat_t
	if unix.Stat(path, &st) != nil {
		return 0
	}
	return st.Ino
}

// resolve looks for what the expectation asks about where mountinfo has no
// mount: it may be missing in this kernel, or be reached by a link. The
// container's file system is only walked, and nothing in it is opened.
func (o *Observed) resolve(r *reader, want *Expected) {
	t := newTree(o.Mounts)
	root := -1
	for _, at := range want.paths() {
		if t.exactly(at) != nil {
			continue
		}
		if root < 0 {
			fd, err := unix.Openat(r.fd, "root", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
			if err != nil {
				o.unread("mounts", err)
				return
			}
			root = fd
			defer func() { _ = unix.Close(fd) }()
		}
		seen, err := look(root, at)
		if err != nil {
			o.unread("mounts:"+at, err)
			continue
		}
		o.Paths[at] = seen
	}
}

// look walks to a path below root, as the container would, and never out of it.
func look(root int, at string) (Path, error) {
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS}
	fd, err := unix.Openat2(root, at, &how)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return Path{}, nil
	}
	if err != nil {
		return Path{}, err
	}
	defer func() { _ = unix.Close(fd) }()
	var st unix.Statx_t
	if err := unix.Statx(fd, "", unix.AT_EMPTY_PATH|unix.AT_STATX_DONT_SYNC, unix.STATX_MNT_ID, &st); err != nil {
		return Path{}, err
	}
	return Path{Exists: true, Mount: int(st.Mnt_id), Top: st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0}, nil
}

// observeOthers reads the processes in the container's cgroup, and those that
// entered its mount namespace from elsewhere.
func (n *Node) observeOthers(o *Observed, want *Expected, mounts map[int]bool, entered Entered, b Bounds) {
	most := b.Processes
	if most == 0 {
		most = 256
	}
	pids, err := n.members(o, want)
	o.unread("processes", err)
	seen := map[int]bool{o.Init.PID: true}
	if own := o.Init.Namespaces[nsMount]; own != 0 && !n.host(nsMount, own) {
		pids = append(pids, entered[own]...)
	}
	for _, pid := range pids {
		if seen[pid] {
			continue
		}
		seen[pid] = true
		if len(o.Others) >= most || !b.Until.IsZero() && time.Now().After(b.Until) {
			o.Left++
			continue
		}
		if p, ok := n.other(pid, o, want, mounts); ok {
			o.Others = append(o.Others, p)
		}
	}
}

// other reads one process; not one that ended.
func (n *Node) other(pid int, o *Observed, want *Expected, mounts map[int]bool) (Process, bool) {
	r, began, err := openProcess(pid, 0)
	if err != nil {
		return Process{}, false
	}
	defer r.close()
	p, err := r.process(n, began)
	if err != nil {
		return Process{}, false
	}
	r.place(n, mounts, &p)
	if own := o.Init.Namespaces[nsUser]; p.Namespaces[nsUser] != own {
		p.Nested = r.nested(own)
	}
	p.Outside = !n.within(&p, want)
	if p.Outside && p.Namespaces[nsMount] != o.Init.Namespaces[nsMount] {
		return Process{}, false // it left both since it was listed
	}
	return p, true
}

// Entered are the processes of the node by the mount namespace that they are
// in. One list serves every container that is looked at within a second.
type Entered map[uint64][]int

// ReadEntered lists them.
func ReadEntered() (Entered, error) {
	fd, err := unix.Open("/proc", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, errors.New("/proc cannot be listed: " + owner.Reason(err))
	}
	defer func() { _ = unix.Close(fd) }()
	pids, err := numbers(fd)
	if err != nil {
		return nil, errors.New("/proc cannot be listed: " + owner.Reason(err))
	}
	all := Entered{}
	for _, pid := range pids {
		if ino, err := namespaceAt(fd, pid+"/ns/mnt"); err == nil { // else it is the kernel's own, or has ended
			all[ino] = append(all[ino], atoi(pid))
		}
	}
	return all, nil
}

// paths are those that the expectation says something about, each once.
func (e *Expected) paths() []string {
	var all []string
	seen := map[string]bool{}
	add := func(at string) {
		at = path.Clean("/" + at)
		if !seen[at] {
			seen[at] = true
			all = append(all, at)
		}
	}
	for _, m := range e.Mounts {
		add(m.Point)
	}
	for _, at := range e.Masked {
		add(at)
	}
	for _, at := range e.ReadOnly {
		add(at)
	}
	return all
}

func (e *Expected) namedNamespaces() []string {
	var all []string
	for _, ns := range e.Namespaces {
		if strings.HasPrefix(ns.Path, "/") {
			all = append(all, ns.Path)
		}
	}
	return all
}
