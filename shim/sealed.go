package shim

import (
	"errors"
	"strconv"

	"golang.org/x/sys/unix"
)

// firstSealed is the lowest descriptor that the real runtime gets a sealed
// file by: out of the way of what it is told to keep (--preserve-fds counts
// from 3, after LISTEN_FDS).
const firstSealed = 200

// sealed hands data to the real runtime as a file that nobody can change any
// more, and returns its path. What was judged is what the runtime reads; a
// file on disk could be another a moment later. It is the one descriptor that
// outlives execve; the runtimes close what they do not know before they start
// the container's process (CVE-2024-21626).
func sealed(name string, data []byte) (path string, err error) {
	fd, err := unix.MemfdCreate("runward-"+name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return "", errors.New("no memory file for the " + name + " (memfd_create: " + err.Error() + "); runward needs Linux 3.17")
	}
	defer func() { _ = unix.Close(fd) }() // the copy below stays
	for rest := data; len(rest) > 0; {
		n, err := unix.Write(fd, rest)
		if err != nil {
			return "", errors.New("the " + name + " cannot be written to memory: " + err.Error())
		}
		rest = rest[n:]
	}
	if _, err := unix.Seek(fd, 0, 0); err != nil {
		return "", errors.New("the " + name + " in memory: " + err.Error())
	}
	const all = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, all); err != nil {
		return "", errors.New("the " + name + " in memory cannot be sealed: " + err.Error())
	}
	kept, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD, firstSealed)
	if err != nil { // fewer descriptors than that are allowed
		kept, err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD, 50)
	}
	if err != nil {
		return "", errors.New("no descriptor for the " + name + ": " + err.Error() + "; raise the limit on open files")
	}
	return "/proc/self/fd/" + strconv.Itoa(kept), nil
}
