package sample

import (
	"errors"

	"golang.org/x/sys/unix"
)

// maxFile bounds what is read of one file: net/dev of a namespace with some
// hundred interfaces is the longest.
const maxFile = 64 << 10

// A file is one that is read at every pass. It is kept open, which makes a
// pass one system call a file, as long as the node may keep one more open.
type file struct {
	path string // empty: there is none
	fd   int    // -1: opened at every pass
}

// open finds out whether the file is there, and keeps it open where it can.
func (n *Node) open(dir, name string) (file, error) {
	if dir == "" {
		return file{}, nil
	}
	f := file{path: dir + "/" + name, fd: -1}
	fd, err := unix.Open(f.path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return file{}, err
	}
	if n.files >= n.maxFiles {
		return f, unix.Close(fd)
	}
	n.files++
	f.fd = fd
	return f, nil
}

// read gives the file as it is now, valid until the next read.
func (n *Node) read(f *file) ([]byte, error) {
	fd := f.fd
	if fd < 0 {
		var err error
		if fd, err = unix.Open(f.path, unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
			return nil, err
		}
		defer func() { _ = unix.Close(fd) }() // nothing was written
	}
	return n.fill(fd)
}

// fill reads a file from its beginning: the kernel makes these anew then.
func (n *Node) fill(fd int) ([]byte, error) {
	for size := 0; size < len(n.buffer); {
		got, err := unix.Pread(fd, n.buffer[size:], int64(size))
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return nil, err
		case got == 0:
			return n.buffer[:size], nil
		}
		size += got
		if size < 4096 && n.buffer[size-1] == '\n' {
			return n.buffer[:size], nil // whole: what is shorter than a page comes in one piece
		}
	}
	return nil, unix.EFBIG
}

func (n *Node) close(f *file) {
	if f.path != "" && f.fd >= 0 {
		_ = unix.Close(f.fd) // nothing was written
		n.files--
	}
	*f = file{}
}

// gone tells whether an error means that the container has ended: its cgroup
// was removed, or its process is no more.
func gone(err error) bool {
	return errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH)
}
