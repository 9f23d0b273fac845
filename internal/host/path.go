package host

import (
	"errors"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A way is what was met on the way to an open file.
type way uint8

const (
	straight way = iota // no link at all
	linked              // symbolic links
	magical             // a magic link of procfs
)

// openPath opens whatever a path leads to, without doing anything to it. Most
// paths have no link, and of those the kernel need not be asked where they lead.
func openPath(path string) (fd int, met way, err error) {
	fd, err = openResolve(path, unix.RESOLVE_NO_SYMLINKS)
	if errors.Is(err, unix.ELOOP) {
		met = linked
		fd, err = openResolve(path, unix.RESOLVE_NO_MAGICLINKS)
	}
	switch {
	case errors.Is(err, unix.ELOOP): // A magic link, or a circle.
		met = magical
		fd, err = openFollow(path)
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EPERM): // Before Linux 5.6, and below seccomp filters of that time.
		met = linked
		if fd, err = openFollow(path); err == nil && walksThroughMagic(path) {
			met = magical
		}
	}
	return fd, met, err
}

func openResolve(path string, resolve uint64) (int, error) {
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: resolve}
	return retryOpen(func() (int, error) { return openat2(unix.AT_FDCWD, path, &how) })
}

// openat2 is replaced in tests by what an old kernel answers.
var openat2 = unix.Openat2

func openFollow(path string) (int, error) {
	return retryOpen(func() (int, error) { return unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0) })
}

func retryOpen(open func() (int, error)) (int, error) {
	for {
		if fd, err := open(); !errors.Is(err, unix.EINTR) {
			return fd, err
		}
	}
}

// walksThroughMagic does by hand what RESOLVE_NO_MAGICLINKS does: it follows a
// path name by name and looks at each link that lies in procfs. It says yes
// when in doubt.
func walksThroughMagic(path string) bool {
	dir, rest := "/", path
	for links := 0; links < 40; {
		name, after, _ := strings.Cut(strings.TrimLeft(rest, "/"), "/")
		if name == "" {
			return false
		}
		fd, err := openFollow(dir)
		if err != nil {
			return true
		}
		target, err := readlink(fd, name)
		proc := isProc(fd)
		_ = unix.Close(fd) // Only looked at.
		switch {
		case err != nil: // Not a link.
			dir, rest = dir+"/"+name, after
		case proc && !ordinaryInProc(target):
			return true
		default:
			links++
			if target != "" && target[0] == '/' {
				dir = "/"
			}
			rest = target + "/" + after
		}
	}
	return true
}

// ordinaryInProc tells the links of procfs that are text (self, thread-self,
// mounts, net) from the magic ones, whose text is a path or "net:[1]".
func ordinaryInProc(target string) bool {
	first, _, _ := strings.Cut(target, "/")
	return first == "self" || isNumber(first)
}

func isProc(fd int) bool {
	var fs unix.Statfs_t
	return unix.Fstatfs(fd, &fs) == nil && fs.Type == unix.PROC_SUPER_MAGIC
}

// descriptorPath asks the kernel for the canonical path of an open file.
func descriptorPath(fd int) (string, error) {
	var buf [unix.PathMax]byte
	n, err := unix.Readlink("/proc/self/fd/"+strconv.Itoa(fd), buf[:])
	if err != nil {
		return "", err
	}
	if n <= 0 {
		return "", unix.ENOENT
	}
	return string(buf[:n]), nil
}

// readlink reads a link below a directory.
func readlink(dir int, name string) (string, error) {
	var buf [unix.PathMax]byte
	n, err := unix.Readlinkat(dir, name, buf[:])
	if err != nil {
		return "", err
	}
	return string(buf[:n]), nil
}

// split cuts the last name off an absolute path, by its text. "." is no name.
func split(path string) (dir, name string) {
	for {
		path = strings.TrimRight(path, "/")
		i := strings.LastIndexByte(path, '/')
		if i < 0 {
			return "/", ""
		}
		if name := path[i+1:]; name != "." {
			return path[:max(i, 1)], name
		}
		path = path[:i]
	}
}

func join(name, rest string) string {
	switch {
	case rest == "":
		return name
	case name == "":
		return rest
	}
	return name + "/" + rest
}

// isClean tells whether a path's text is what the kernel would call it, if no
// name in it is a link.
func isClean(path string) bool {
	if path == "/" {
		return true
	}
	for name := range strings.SplitSeq(path[1:], "/") {
		if name == "" || name == "." || name == ".." {
			return false
		}
	}
	return true
}

// hasDotDot tells whether ".." is one of a path's names.
func hasDotDot(path string) bool {
	for name := range strings.SplitSeq(path, "/") {
		if name == ".." {
			return true
		}
	}
	return false
}
