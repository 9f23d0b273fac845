package host

import (
	"errors"
	"strconv"
	"strings"

	"github.com/runward/runward/policy"
	"golang.org/x/sys/unix"
)

// A resolver answers policy.Facts.Lookup. Each path and each directory is
// looked at once, so that the rules of one evaluation see one world.
type resolver struct {
	bundle string
	self   string // this process's directory in procfs
	files  map[string]policy.File
	dirs   map[string]policy.Dir
}

func newResolver(bundle string) *resolver {
	return &resolver{
		bundle: bundle,
		self:   strconv.Itoa(unix.Getpid()),
		files:  make(map[string]policy.File),
		dirs:   make(map[string]policy.Dir),
	}
}

// Lookup resolves a path as the runtime will: a relative one from the bundle,
// and every link and ".." by the kernel, so that no reading of the path of ours
// can differ from the kernel's. The file itself is not opened (O_PATH): devices
// do nothing, FIFOs do not block, and what is not mounted yet (autofs) stays
// unmounted. A file system whose server does not answer blocks here as it would
// block the runtime.
func (r *resolver) Lookup(path string) policy.File {
	if f, ok := r.files[path]; ok {
		return f
	}
	f := r.behind(r.resolve(path))
	r.files[path] = f
	return f
}

func (r *resolver) resolve(path string) policy.File {
	switch {
	case path == "":
		return unresolved(path, "the path is empty")
	case strings.IndexByte(path, 0) >= 0:
		return unresolved(path, "the path has a NUL byte in it")
	case path[0] != '/':
		if hasDotDot(path) { // runc cleans the text first, crun asks the kernel.
			return unresolved(path, `runtimes disagree on where ".." in a relative path leads`)
		}
		path = r.bundle + "/" + path
	}
	fd, met, err := openPath(path)
	switch {
	case errors.Is(err, unix.ENOENT):
		return r.missing(path)
	case err != nil:
		return unresolved(path, reason(err))
	}
	defer unix.Close(fd)
	return r.describe(path, fd, met)
}

// describe says what an open path leads to.
func (r *resolver) describe(path string, fd int, met way) policy.File {
	var st unix.Stat_t
	var fs unix.Statfs_t
	if err := unix.Fstat(fd, &st); err != nil {
		return unresolved(path, reason(err))
	}
	if err := unix.Fstatfs(fd, &fs); err != nil {
		return unresolved(path, reason(err))
	}
	f := policy.File{
		Path: path, Type: fileType(st.Mode), Dev: st.Dev, Ino: st.Ino, UID: st.Uid, GID: st.Gid,
		Mode: st.Mode & 0o7777, FS: int64(fs.Type), Magic: met == magical,
	}
	if f.Type == policy.CharDevice || f.Type == policy.BlockDevice {
		f.Rdev = st.Rdev
	}
	if met != straight || !isClean(path) {
		canonical, err := descriptorPath(fd)
		if err != nil {
			return unresolved(path, reason(err))
		}
		f.Path = canonical
	}
	if met == magical {
		r.unmark(&f, path)
	}
	f.Magic = f.Magic || r.ownProc(f.Path)
	if f.Path[0] != '/' { // "pipe:[1]", "anon_inode:[eventfd]"
		f.Err = "it leads to " + f.Path + ", which is in no directory"
		return f
	}
	if st.Nlink == 0 && strings.HasSuffix(f.Path, " (deleted)") {
		f.Err = "it was deleted while it was looked at"
		return f
	}
	f.Parents, f.Err = r.parents(f.Path)
	return f
}

// missing finds the deepest directory that exists on the way to a missing file.
// A symbolic link that leads nowhere is followed: what is created through it
// would lie where it points.
func (r *resolver) missing(path string) policy.File {
	rest, magic := "", false
	for links := 0; links < 40; { // 40: MAXSYMLINKS
		dir, name := split(path)
		if name == ".." {
			return unresolved(path, `".." follows something that is missing`)
		}
		fd, met, err := openPath(dir)
		magic = magic || met == magical
		if errors.Is(err, unix.ENOENT) {
			path, rest = dir, join(name, rest)
			continue
		}
		if err != nil {
			return unresolved(path, reason(err))
		}
		above := r.describe(dir, fd, met)
		target, err := readlink(fd, name)
		_ = unix.Close(fd) // Only looked at.
		switch {
		case above.Err != "":
			return unresolved(path, above.Err)
		case above.Type != policy.Directory:
			return unresolved(path, reason(unix.ENOTDIR))
		case err == nil && target != "":
			links++
			if target[0] != '/' {
				target = above.Path + "/" + target
			}
			path, rest = strings.TrimSuffix(target+"/"+rest, "/"), ""
		default:
			return policy.File{
				Path:    strings.TrimSuffix(above.Path, "/") + "/" + join(name, rest),
				Type:    policy.Missing,
				Parents: append(above.Parents[:len(above.Parents):len(above.Parents)], directory(&above)),
				Magic:   magic || above.Magic,
			}
		}
	}
	return unresolved(path, reason(unix.ELOOP))
}

// parents looks at every directory above a canonical path. They are not links,
// unless somebody changes them right now.
func (r *resolver) parents(path string) ([]policy.Dir, string) {
	if path == "/" {
		return nil, ""
	}
	list := make([]policy.Dir, 0, strings.Count(path, "/"))
	for i := range len(path) {
		if path[i] != '/' {
			continue
		}
		dir, ok := r.dirs[path[:max(i, 1)]]
		if !ok {
			name := path[:max(i, 1)]
			var st unix.Stat_t
			err := unix.Lstat(name, &st)
			if err != nil || st.Mode&unix.S_IFMT != unix.S_IFDIR {
				return nil, "it moved while it was looked at"
			}
			dir = policy.Dir{Path: name, Dev: st.Dev, Ino: st.Ino, UID: st.Uid, GID: st.Gid, Mode: st.Mode & 0o7777}
			r.dirs[name] = dir
		}
		list = append(list, dir)
	}
	return list, ""
}

func directory(f *policy.File) policy.Dir {
	return policy.Dir{Path: f.Path, Dev: f.Dev, Ino: f.Ino, UID: f.UID, GID: f.GID, Mode: f.Mode}
}

func unresolved(path, why string) policy.File { return policy.File{Path: path, Err: why} }

func fileType(mode uint32) policy.FileType {
	switch mode & unix.S_IFMT {
	case unix.S_IFDIR:
		return policy.Directory
	case unix.S_IFREG:
		return policy.Regular
	case unix.S_IFSOCK:
		return policy.Socket
	case unix.S_IFCHR:
		return policy.CharDevice
	case unix.S_IFBLK:
		return policy.BlockDevice
	case unix.S_IFIFO:
		return policy.Fifo
	}
	return policy.Other
}

// reason gives an errno in words that engines do not search a message for.
func reason(err error) string {
	switch {
	case errors.Is(err, unix.ELOOP):
		return "its symbolic links lead in a circle"
	case errors.Is(err, unix.ENAMETOOLONG):
		return "the path is too long"
	case errors.Is(err, unix.ENOTDIR):
		return "a part of the path is not a directory"
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return "uid " + strconv.Itoa(unix.Geteuid()) + " may not look at it"
	case errors.Is(err, unix.ENOENT):
		return "it was removed while it was looked at"
	}
	if errno, ok := errors.AsType[unix.Errno](err); ok {
		return "it cannot be looked at (errno " + strconv.Itoa(int(errno)) + ")"
	}
	return "it cannot be looked at"
}
