package host

import (
	"strings"

	"github.com/runward/runward/policy"
	"golang.org/x/sys/unix"
)

// unmark takes the mark from the two kinds of magic link that are named on
// purpose, /proc/PID/ns/* and another process's /proc/PID/exe, if the way to
// the link itself, which may begin with symbolic links, has no magic in it.
// Where a namespace is in no file system, its path is the link's.
func (r *resolver) unmark(f *policy.File, path string) {
	for range 40 {
		dir, name := split(path)
		fd, met, err := openPath(dir)
		if err != nil {
			return
		}
		at, err := descriptorPath(fd)
		target, notLink := readlink(fd, name)
		proc := isProc(fd)
		_ = unix.Close(fd) // Only looked at.
		switch {
		case err != nil || notLink != nil || met == magical:
			return
		case !proc || ordinaryInProc(target):
			if target == "" || target[0] != '/' {
				target = at + "/" + target
			}
			path = target
		case f.FS == unix.NSFS_MAGIC && last(at, 0) == "ns":
			f.Magic = false
			f.Path = at + "/" + name
			return
		default:
			f.Magic = name != "exe" || r.ownProc(at)
			return
		}
	}
}

// ownProc tells whether a canonical path lies in this process's directory of
// procfs, where the runtime, or its child, finds its own. Namespaces are the
// exception: the runtime starts in ours.
func (r *resolver) ownProc(path string) bool {
	before, after, found := strings.Cut(path+"/", "/"+r.self+"/")
	if !found || strings.HasPrefix(after, "ns/") || inTask(after) {
		return false
	}
	return isFilesystem(before+"/"+r.self, unix.PROC_SUPER_MAGIC)
}

// inTask tells whether a path in a process's directory is a thread's namespace.
func inTask(path string) bool {
	thread, found := strings.CutPrefix(path, "task/")
	_, rest, _ := strings.Cut(thread, "/")
	return found && strings.HasPrefix(rest, "ns/")
}
