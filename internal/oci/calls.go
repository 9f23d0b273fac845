package oci

import (
	"errors"

	"golang.org/x/sys/unix"
)

// openDirectory opens the bundle directory. Its last name is not followed.
func openDirectory(path string) (int, error) {
	const flags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	return openResolve(unix.AT_FDCWD, path, flags, unix.RESOLVE_NO_MAGICLINKS)
}

// openConfig opens config.json. O_NONBLOCK: a FIFO of that name must not hold
// the engine up.
func openConfig(dir int) (int, error) {
	const flags = unix.O_RDONLY | unix.O_NONBLOCK | unix.O_NOFOLLOW | unix.O_NOCTTY | unix.O_CLOEXEC
	return openResolve(dir, configName, flags, unix.RESOLVE_BENEATH|unix.RESOLVE_NO_SYMLINKS)
}

// openResolve is openat2(2) where there is one. Before Linux 5.6 and below
// seccomp filters of that time it is openat(2), whose O_NOFOLLOW guards the
// last name, which for config.json is the only one.
func openResolve(dir int, path string, flags int, resolve uint64) (int, error) {
	how := unix.OpenHow{Flags: uint64(flags), Resolve: resolve}
	for tries := 0; ; tries++ {
		fd, err := openat2(dir, path, &how)
		if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) {
			fd, err = unix.Openat(dir, path, flags, 0)
		}
		again := errors.Is(err, unix.EINTR) || errors.Is(err, unix.EAGAIN) // EAGAIN: a rename on the way, says openat2(2)
		if !again || tries == 32 {
			return fd, err
		}
	}
}

// openat2 is replaced in tests by what an old kernel answers.
var openat2 = unix.Openat2

func fstat(fd int, st *unix.Stat_t) error {
	return retry(func() error { return unix.Fstat(fd, st) })
}

func fstatat(dir int, name string, st *unix.Stat_t) error {
	return retry(func() error { return unix.Fstatat(dir, name, st, unix.AT_SYMLINK_NOFOLLOW) })
}

func retry(f func() error) error {
	for {
		if err := f(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// descriptorPath asks the kernel where an open descriptor is.
func descriptorPath(fd int) (string, error) {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlink("/proc/self/fd/"+number(uint32(fd)), buf)
	if err != nil {
		return "", err
	}
	return string(buf[:n]), nil
}
