package host

import (
	"errors"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A parent is the process that called the wrapper, by its executable: a
// process names itself as it likes (comm, argv[0]), but the executable is a file.
type parent struct {
	exe  string   // canonical path
	args []string // of conmon, which two engines use; else nil
	err  string   // why the executable proves nothing
}

func (p parent) name() string { return p.exe[strings.LastIndexByte(p.exe, '/')+1:] }

// readParent looks at a process. Its executable proves something if only root
// could have put it there, or if the caller is rootless and owns all that is
// looked at anyhow.
func readParent(root string, pid int, rootless bool) parent {
	if pid == 0 {
		return parent{err: "it is outside of this PID namespace"}
	}
	dir := root + "/proc/" + strconv.Itoa(pid)
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlink(dir+"/exe", buf)
	if err != nil {
		return parent{err: "its executable cannot be read"}
	}
	p := parent{exe: string(buf[:n])}
	var st unix.Stat_t
	// Through the link: also where a package upgrade has replaced the file since.
	if err := unix.Stat(dir+"/exe", &st); err != nil {
		p.err = "its executable cannot be looked at"
		return p
	}
	if st.Nlink == 0 {
		p.exe = strings.TrimSuffix(p.exe, " (deleted)")
	}
	if !rootless {
		p.err = onlyRoots(root, p.exe, &st)
	}
	if p.name() == "conmon" {
		p.args = readArguments(dir + "/cmdline")
	}
	return p
}

// onlyRoots says what is wrong where others than root could have put the file
// there. Directories that others may write pass if they are sticky: nobody but
// root can move root's files out of those.
func onlyRoots(root, exe string, st *unix.Stat_t) string {
	if st.Uid != 0 || st.Mode&0o022 != 0 {
		return exe + " is not root's alone"
	}
	for i := len(exe) - 1; i > 0; i-- {
		if exe[i] != '/' {
			continue
		}
		var dir unix.Stat_t
		if err := unix.Lstat(root+exe[:i], &dir); err != nil {
			continue // In another mount namespace, or gone with an upgrade; the file itself is root's.
		}
		if dir.Uid != 0 || dir.Mode&0o022 != 0 && dir.Mode&unix.S_ISVTX == 0 {
			return exe[:i] + " is not root's alone"
		}
	}
	return ""
}

// readArguments reads a command line of up to 128 KiB, after which conmon's are
// not to be trusted either.
func readArguments(path string) []string {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	buf := make([]byte, 0, 4096)
	for len(buf) < 128<<10 {
		if len(buf) == cap(buf) {
			buf = append(buf, make([]byte, cap(buf))...)[:len(buf)]
		}
		n, err := unix.Read(fd, buf[len(buf):cap(buf)])
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil
		}
		if n == 0 {
			return strings.Split(strings.TrimSuffix(string(buf), "\x00"), "\x00")
		}
		buf = buf[:len(buf)+n]
	}
	return nil
}
