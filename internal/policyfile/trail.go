package policyfile

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"sort"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/runward/runward/internal/owner"
)

// A trail is what a set was read from: every directory that was listed or
// that guards another, every file, every place where there was none, and the
// program that read them. As long as each is what it was, reading them again
// gives the same set.
type trail struct {
	began  time.Time // no earlier than what is recorded was looked at
	listed []witness // directories whose names matter
	files  []witness
	absent []string // where nothing may be, not even a symbolic link to nothing
	nodirs []string // where no directory may be
	doubt  bool     // something was seen that cannot be relied upon later
}

// A witness is a path and what was there.
type witness struct {
	path string
	stamp
}

// A stamp tells whether a file is the same, and unchanged: nobody can set a
// ctime, and whatever changes content, name, owner or mode sets it to now.
type stamp struct {
	dev, ino     uint64
	size         uint64
	mtime, ctime int64 // nanoseconds since 1970
	mode, uid    uint32
}

// sameGuard tells whether a directory on the way is the same one and as safe.
// Its times do not count: others come and go in /run.
func (s *stamp) sameGuard(o *stamp) bool {
	return s.dev == o.dev && s.ino == o.ino && s.mode == o.mode && s.uid == o.uid
}

// list notes an open directory, before its names are read.
func (t *trail) list(dir string, f *os.File) {
	if t != nil {
		t.listed = append(t.listed, t.at(dir, f))
	}
}

// read notes an open file, before its text is read.
func (t *trail) read(path string, f *os.File) {
	if t != nil {
		t.files = append(t.files, t.at(path, f))
	}
}

// noDir notes that there is no directory at path.
func (t *trail) noDir(path string) {
	if t != nil {
		t.nodirs = append(t.nodirs, path)
	}
}

// nothing notes that there is nothing at path.
func (t *trail) nothing(path string) {
	if t != nil {
		t.absent = append(t.absent, path)
	}
}

func (t *trail) at(path string, f *os.File) witness {
	w := witness{path: path}
	empty := [1]byte{}
	if errno := statx(int(f.Fd()), &empty[0], unix.AT_EMPTY_PATH, &w.stamp); errno != 0 {
		t.doubt = true
	}
	t.doubt = t.doubt || !settled(&w.stamp, t.began) || !local(int(f.Fd()))
	return w
}

// program is the running program's own file: another build reads policies
// another way, and must not trust this one's reading.
const program = "/proc/self/exe"

// seal notes what is only known at the end, and tells whether the trail can be
// relied upon.
func (t *trail) seal(dirs owner.Dirs) (guards []witness, ok bool) {
	f, err := os.Open(program)
	if err != nil {
		return nil, false
	}
	defer f.Close()
	t.read(program, f)
	for dir := range dirs {
		w := witness{path: dir}
		name := append([]byte(dir), 0)
		// Whether it is safe was checked before: what is recorded is checked again.
		if statx(unix.AT_FDCWD, &name[0], 0, &w.stamp) != 0 || !guarded(&w.stamp) {
			return nil, false
		}
		guards = append(guards, w)
	}
	sort.Slice(guards, func(i, j int) bool { return guards[i].path < guards[j].path })
	return guards, !t.doubt
}

// guarded is owner.Check for a stamp.
func guarded(s *stamp) bool {
	if s.uid != 0 && int(s.uid) != os.Geteuid() {
		return false
	}
	return s.mode&0o022 == 0 || s.mode&syscall.S_IFMT == syscall.S_IFDIR && s.mode&syscall.S_ISVTX != 0
}

// settled tells whether the file had been left alone for long enough before
// reading began that any change since then shows in its ctime. Clocks of file
// systems tick: a change within the same tick as the last one before would
// hide behind it. A future ctime is never settled: the clock was set back.
func settled(s *stamp, began time.Time) bool {
	tick := 100 * time.Millisecond // kernels tick at least every 10 ms
	if s.ctime%int64(time.Second) == 0 {
		tick = 3 * time.Second // a file system that counts seconds, or every other one
	}
	return s.ctime < began.Add(-tick).UnixNano()
}

// local tells whether the file system answers for its files at once and by
// itself: network and user file systems answer from caches of their own.
func local(fd int) bool {
	var st unix.Statfs_t
	if unix.Fstatfs(fd, &st) != nil {
		return false
	}
	switch uint32(st.Type) {
	case unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.TMPFS_MAGIC, unix.RAMFS_MAGIC,
		unix.OVERLAYFS_SUPER_MAGIC, unix.F2FS_SUPER_MAGIC, unix.SQUASHFS_MAGIC, unix.EROFS_SUPER_MAGIC_V1, zfsMagic, bcachefsMagic:
		return true
	}
	return false
}

const (
	zfsMagic      = 0x2fc12fc1
	bcachefsMagic = 0xca451a4e
)

// statx fills in a stamp. path ends with a NUL byte. It neither allocates nor
// tells Go's scheduler: it is asked a thousand times in a row.
func statx(dir int, path *byte, flags int, s *stamp) syscall.Errno {
	var st unix.Statx_t
	_, _, errno := syscall.RawSyscall6(unix.SYS_STATX, uintptr(dir), uintptr(unsafe.Pointer(path)),
		uintptr(flags), unix.STATX_BASIC_STATS, uintptr(unsafe.Pointer(&st)), 0)
	*s = stamp{
		dev: unix.Mkdev(st.Dev_major, st.Dev_minor), ino: st.Ino, size: st.Size,
		mtime: st.Mtime.Sec*1e9 + int64(st.Mtime.Nsec), ctime: st.Ctime.Sec*1e9 + int64(st.Ctime.Nsec),
		mode: uint32(st.Mode), uid: st.Uid,
	}
	if errno == 0 && st.Mask&unix.STATX_BASIC_STATS != unix.STATX_BASIC_STATS {
		return syscall.ENOTSUP
	}
	return errno
}

// appendTrail appends what unchanged reads: the guards, the directories that
// were listed, each with the files in it, the other files, and the gaps.
func appendTrail(b []byte, t *trail, guards []witness) []byte {
	b = appendWitnesses(b, without(guards, t.listed))
	files := t.files
	b = appendUint(b, uint64(len(t.listed)))
	for _, dir := range t.listed {
		var in, rest []witness
		for _, f := range files {
			if filepath.Dir(f.path) == dir.path {
				in = append(in, witness{filepath.Base(f.path), f.stamp})
			} else {
				rest = append(rest, f)
			}
		}
		b = appendWitnesses(appendWitness(b, dir), in)
		files = rest
	}
	b = appendWitnesses(b, files)
	for _, paths := range [...][]string{t.nodirs, t.absent} {
		b = appendUint(b, uint64(len(paths)))
		for _, path := range paths {
			b = appendString(b, path+"\x00")
		}
	}
	return b
}

// without returns the guards that are not listed too, where more is compared.
func without(guards, listed []witness) []witness {
	var out []witness
	for _, g := range guards {
		twice := false
		for _, l := range listed {
			twice = twice || l.path == g.path
		}
		if !twice {
			out = append(out, g)
		}
	}
	return out
}

func appendWitnesses(b []byte, all []witness) []byte {
	b = appendUint(b, uint64(len(all)))
	for _, w := range all {
		b = appendWitness(b, w)
	}
	return b
}

func appendWitness(b []byte, w witness) []byte {
	b = appendString(b, w.path+"\x00")
	for _, n := range [...]uint64{w.dev, w.ino, w.size, uint64(w.mtime), uint64(w.ctime), uint64(w.mode)<<32 | uint64(w.uid)} {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	return b
}

const stampSize = 6 * 8

func (r *reader) stamp() (s stamp) {
	b := r.bytes(stampSize)
	if b == nil {
		return s
	}
	at := func(i int) uint64 { return binary.LittleEndian.Uint64(b[i*8:]) }
	owner := at(5)
	return stamp{dev: at(0), ino: at(1), size: at(2), mtime: int64(at(3)), ctime: int64(at(4)), mode: uint32(owner >> 32), uid: uint32(owner)}
}

// path reads a path and returns it with the NUL byte at its end.
func (r *reader) path() *byte {
	b := r.bytes(r.uint())
	if len(b) == 0 || b[len(b)-1] != 0 {
		r.fail()
		return new(byte)
	}
	return &b[0]
}

// unchanged reads what appendTrail wrote and tells whether everything on it is
// as it was.
func (r *reader) unchanged() bool {
	var is stamp
	for n := r.uint(); n > 0 && !r.bad; n-- {
		path, was := r.path(), r.stamp()
		if statx(unix.AT_FDCWD, path, 0, &is) != 0 || !is.sameGuard(&was) {
			return false
		}
	}
	for n := r.uint(); n > 0 && !r.bad; n-- {
		if !r.unchangedDir() {
			return false
		}
	}
	return r.unchangedFiles(unix.AT_FDCWD) &&
		r.stillNothing(0) && r.stillNothing(unix.AT_SYMLINK_NOFOLLOW) && !r.bad
}

func (r *reader) unchangedDir() bool {
	path, was := r.path(), r.stamp()
	cwd := unix.AT_FDCWD
	fd, _, errno := syscall.RawSyscall6(syscall.SYS_OPENAT, uintptr(cwd), uintptr(unsafe.Pointer(path)),
		unix.O_PATH|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0, 0, 0)
	if errno != 0 {
		return false
	}
	var is stamp
	same := statx(int(fd), new(byte), unix.AT_EMPTY_PATH, &is) == 0 && is == was && r.unchangedFiles(int(fd))
	_ = syscall.Close(int(fd)) // nothing was written
	return same
}

// unchangedFiles looks at one file after the other: several threads at once
// are no sooner done, starting them takes as long.
func (r *reader) unchangedFiles(dir int) bool {
	var is stamp
	for n := r.uint(); n > 0 && !r.bad; n-- {
		path, was := r.path(), r.stamp()
		if statx(dir, path, 0, &is) != 0 || is != was {
			return false
		}
	}
	return !r.bad
}

func (r *reader) stillNothing(flags int) bool {
	var is stamp
	for n := r.uint(); n > 0 && !r.bad; n-- {
		if statx(unix.AT_FDCWD, r.path(), flags, &is) != syscall.ENOENT {
			return false
		}
	}
	return !r.bad
}

// anew is a trail of another reading.
func (t *trail) anew() *trail {
	if t == nil {
		return nil
	}
	return &trail{began: time.Now()}
}
