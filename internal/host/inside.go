package host

import (
	"encoding/binary"
	"errors"
	"strconv"
	"strings"

	"github.com/runward/runward/policy"
	"golang.org/x/sys/unix"
)

// An insider answers policy.Facts.Inside. What it walks is the container's to
// arrange, now and while it looks: nothing here follows a path in any other way
// than with openat2 below the root (CVE-2024-0132 and its family did), files
// are opened without being opened for reading (O_PATH), and only what then
// proves to be a regular file is read.
type insider struct {
	bundle string
	files  map[[2]string]policy.InnerFile
}

func newInsider(bundle string) *insider {
	return &insider{bundle: bundle, files: make(map[[2]string]policy.InnerFile)}
}

// headSize is what the kernel reads of a program to know what it is.
const headSize = 256

// Inside is policy.Facts.Inside.
func (in *insider) Inside(root, path string) policy.InnerFile {
	key := [2]string{root, path}
	f, ok := in.files[key]
	if !ok {
		f = in.look(root, path)
		in.files[key] = f
	}
	return f
}

func (in *insider) look(root, path string) policy.InnerFile {
	if root == "" || root[0] != '/' {
		root = in.bundle + "/" + root
	}
	dir, err := openFollow(root)
	if err != nil {
		return policy.InnerFile{Path: path, Err: reason(err)}
	}
	defer func() { _ = unix.Close(dir) }() // only looked at
	f, err := lookBelow(dir, path)
	if err != nil {
		return policy.InnerFile{Path: path, Err: reason(err)}
	}
	return f
}

func lookBelow(root int, path string) (policy.InnerFile, error) {
	f := policy.InnerFile{Path: path}
	fd, err := openBelow(root, path, unix.RESOLVE_NO_SYMLINKS)
	if errors.Is(err, unix.ELOOP) {
		f.Links = true
		fd, err = openBelow(root, path, 0)
	}
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return f, nil
	}
	if err != nil {
		return f, err
	}
	defer func() { _ = unix.Close(fd) }() // only looked at
	if f.Path, err = pathBelow(root, fd); err != nil {
		return f, err
	}
	if err := describeInner(fd, &f); err != nil {
		return f, err
	}
	for i := range len(f.Path) {
		if f.Path[i] != '/' || f.Path == "/" {
			continue
		}
		dir, acl, err := parentBelow(root, f.Path[:max(i, 1)])
		if err != nil {
			return f, err
		}
		f.Parents, f.ACL = append(f.Parents, dir), f.ACL || acl
	}
	return f, nil
}

// openBelow opens what a path leads to in the container that has this root.
func openBelow(root int, path string, resolve uint64) (int, error) {
	how := unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS | resolve,
	}
	fd, err := unix.Openat2(root, path, &how)
	for tries := 0; tries < 8 && (errors.Is(err, unix.EINTR) || errors.Is(err, unix.EAGAIN)); tries++ {
		fd, err = unix.Openat2(root, path, &how) // EAGAIN: a ".." was moved meanwhile
	}
	return fd, err
}

// pathBelow is the canonical path of an open file, from the root.
func pathBelow(root, fd int) (string, error) {
	above, err := descriptorPath(root)
	if err != nil {
		return "", err
	}
	full, err := descriptorPath(fd)
	if err != nil {
		return "", err
	}
	path, ok := strings.CutPrefix(full, strings.TrimSuffix(above, "/"))
	if path == "" {
		path = "/"
	}
	if !ok || path[0] != '/' {
		return "", unix.ENOENT // it was moved out of the root meanwhile
	}
	return path, nil
}

func parentBelow(root int, path string) (dir policy.Dir, acl bool, err error) {
	fd, err := openBelow(root, path, unix.RESOLVE_NO_SYMLINKS)
	if err != nil {
		return dir, false, err
	}
	defer func() { _ = unix.Close(fd) }() // only looked at
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return dir, false, err
	}
	acl, err = hasACL(fd)
	return policy.Dir{UID: st.Uid, GID: st.Gid, Mode: st.Mode & 0o7777}, acl, err
}

func describeInner(fd int, f *policy.InnerFile) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	f.Type, f.UID, f.GID, f.Mode = fileType(st.Mode), st.Uid, st.Gid, st.Mode&0o7777
	var err error
	if f.ACL, err = hasACL(fd); err != nil || f.Type != policy.Regular {
		return err
	}
	var fs unix.Statfs_t
	if err := unix.Fstatfs(fd, &fs); err != nil {
		return err
	}
	f.NoSuid = fs.Flags&unix.ST_NOSUID != 0
	if f.Caps, err = fileCaps(fd); err != nil {
		return err
	}
	f.Head, err = head(fd)
	return err
}

// again names an open file anew: calls that O_PATH does not allow reach by it
// the same file, whatever its path leads to by now.
func again(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }

// head reads the first bytes. Neither a lease that somebody holds on the file
// nor anything else makes it wait.
func head(fd int) (string, error) {
	in, err := unix.Open(again(fd), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	defer func() { _ = unix.Close(in) }() // only read from
	var buf [headSize]byte
	n, err := unix.Pread(in, buf[:], 0)
	if err != nil {
		return "", err
	}
	return string(buf[:n]), nil
}

func hasACL(fd int) (bool, error) {
	n, err := unix.Getxattr(again(fd), "system.posix_acl_access", nil)
	if absent(err) {
		return false, nil
	}
	return n > 0, err
}

// absent tells an extended attribute that is not there.
func absent(err error) bool { return errors.Is(err, unix.ENODATA) || errors.Is(err, unix.EOPNOTSUPP) }

// fileCaps reads struct vfs_ns_cap_data of linux/capability.h. Revision 3 with
// a root id other than 0 is for the user namespace of that id, and none here.
func fileCaps(fd int) (policy.FileCaps, error) {
	var buf [64]byte
	n, err := unix.Getxattr(again(fd), "security.capability", buf[:])
	if absent(err) {
		return policy.FileCaps{}, nil
	}
	if err != nil {
		return policy.FileCaps{}, err
	}
	return parseFileCaps(buf[:n]), nil
}

func parseFileCaps(b []byte) policy.FileCaps {
	le := binary.LittleEndian
	if len(b) < 12 {
		return policy.FileCaps{}
	}
	magic := le.Uint32(b)
	c := policy.FileCaps{Effective: magic&1 != 0}
	switch size := len(b); {
	case magic>>24 == 1 && size == 12:
		c.Permitted, c.Inheritable = uint64(le.Uint32(b[4:])), uint64(le.Uint32(b[8:]))
	case magic>>24 == 2 && size == 20, magic>>24 == 3 && size == 24 && le.Uint32(b[20:]) == 0:
		c.Permitted = uint64(le.Uint32(b[4:])) | uint64(le.Uint32(b[12:]))<<32
		c.Inheritable = uint64(le.Uint32(b[8:])) | uint64(le.Uint32(b[16:]))<<32
	default:
		return policy.FileCaps{}
	}
	return c
}
