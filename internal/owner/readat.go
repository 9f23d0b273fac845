package owner

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// ReadAt reads a regular file of at most limit bytes in an open directory, or
// its first bytes; a link is not followed, and check may refuse the file by its
// owner and mode.
func ReadAt(dir int, name string, first, limit int64, check func(uid, mode uint32) error) ([]byte, error) {
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ELOOP) {
		return nil, errors.New("it is a symbolic link")
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = unix.Close(fd) }() // nothing was written
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG || st.Size > limit {
		return nil, errors.New("it is no regular file, or too large")
	}
	if err := check(st.Uid, st.Mode); err != nil {
		return nil, err
	}
	size := min(st.Size, first)
	data, err := ReadSome(fd, make([]byte, size))
	if err == nil && int64(len(data)) < size {
		err = errors.New("it changed while it was read")
	}
	return data, err
}

// ReadSome fills buf, or what of it there is.
func ReadSome(fd int, buf []byte) ([]byte, error) {
	for have := 0; ; {
		n, err := syscall.Read(fd, buf[have:])
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return nil, err
		default:
			if have += n; n == 0 || have == len(buf) {
				return buf[:have], nil
			}
		}
	}
}
