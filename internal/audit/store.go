package audit

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// HeadSuffix is appended to the path of the receipts for that of the head.
const HeadSuffix = ".head"

// A store is the opened and locked file of receipts.
type store struct {
	path           string
	dir, head, log int
	size           int64 // of the log
	ino            uint64
}

// openStore opens the directory, locks the head, and only then opens the file:
// what the path names under the lock is what every writer agrees on, whatever
// rotation did before.
func openStore(path string) (*store, error) {
	s := &store{path: path, dir: -1, head: -1, log: -1}
	if !filepath.IsAbs(path) {
		return nil, s.fail("open", errors.New("not an absolute path"))
	}
	for _, step := range []func() error{s.openDir, s.openHead, s.openLog} {
		if err := step(); err != nil {
			s.close()
			return nil, err
		}
	}
	return s, nil
}

func (s *store) close() {
	for _, fd := range []int{s.log, s.head, s.dir} { // the head last but one: that unlocks
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}

func (s *store) openDir() error {
	dir := filepath.Dir(s.path)
	const flags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	fd, err := unix.Open(dir, flags, 0)
	if errors.Is(err, unix.ENOENT) {
		if err := os.MkdirAll(dir, 0o750); err != nil {
			return s.fail("create the directory", err)
		}
		fd, err = unix.Open(dir, flags, 0)
	}
	if err != nil {
		return s.fail("open the directory (it must not be a symbolic link)", err)
	}
	s.dir = fd
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return s.fail("stat the directory", err)
	}
	return s.private("its directory", &st)
}

// openHead opens and locks the head.
func (s *store) openHead() error {
	name := filepath.Base(s.path) + HeadSuffix
	for {
		var err error
		if s.head, _, err = s.openFile(name, unix.O_RDWR); err != nil {
			return err
		}
		if err := lock(s.head); err != nil {
			return s.fail("lock", err)
		}
		var held, named unix.Stat_t
		if err := unix.Fstat(s.head, &held); err != nil {
			return s.fail("stat the head", err)
		}
		err = unix.Fstatat(s.dir, name, &named, unix.AT_SYMLINK_NOFOLLOW)
		if err == nil && named.Ino == held.Ino && named.Dev == held.Dev {
			return nil
		}
		unix.Close(s.head) // someone took it away while we waited
	}
}

func (s *store) openLog() error {
	fd, st, err := s.openFile(filepath.Base(s.path), unix.O_RDWR|unix.O_APPEND)
	s.log, s.size, s.ino = fd, st.Size, st.Ino
	return err
}

// openFile opens or creates a regular file that only its owner can write.
func (s *store) openFile(name string, flags int) (int, unix.Stat_t, error) {
	var st unix.Stat_t
	// O_NONBLOCK: a fifo must be refused, not waited for.
	fd, err := unix.Openat(s.dir, name, flags|unix.O_CREAT|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOCTTY, 0o600)
	if errors.Is(err, unix.ELOOP) {
		err = errors.New("it is a symbolic link; set the path to the real file")
	}
	if err != nil {
		return -1, st, s.fail("open "+name, err)
	}
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return -1, st, s.fail("stat "+name, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG || st.Nlink != 1 {
		unix.Close(fd)
		return -1, st, s.fail("use "+name, errors.New("it is not a regular file with one name; move it away"))
	}
	if err := s.private(name, &st); err != nil {
		unix.Close(fd)
		return -1, st, err
	}
	return fd, st, nil
}

// private refuses what another user owns or can write.
func (s *store) private(what string, st *unix.Stat_t) error {
	if st.Uid != uint32(os.Geteuid()) {
		return s.fail("use "+what, errors.New("it belongs to another user; chown it to root"))
	}
	if st.Mode&0o022 != 0 {
		return s.fail("use "+what, errors.New("others can write it; chmod go-w"))
	}
	return nil
}

// rotated finds the file by its inode under another name beside ours, and
// reads what it ends in.
func (s *store) rotated(ino uint64) (end, bool) {
	base := filepath.Base(s.path)
	entries, err := os.ReadDir(filepath.Dir(s.path))
	if err != nil {
		return end{}, false
	}
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), base) {
			continue
		}
		var st unix.Stat_t
		if unix.Fstatat(s.dir, entry.Name(), &st, unix.AT_SYMLINK_NOFOLLOW) != nil || st.Ino != ino || st.Mode&unix.S_IFMT != unix.S_IFREG {
			continue
		}
		fd, err := unix.Openat(s.dir, entry.Name(), unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err != nil {
			return end{}, false
		}
		defer unix.Close(fd)
		e, err := readEnd(fd, st.Size)
		return e, err == nil && e.last.Seq > 0
	}
	return end{}, false
}

// lock takes the exclusive lock, in turn with others, within lockWait.
func lock(fd int) error {
	err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
	if !errors.Is(err, unix.EWOULDBLOCK) {
		return err
	}
	// The waiter has its own descriptor: after a timeout this one is closed and
	// its number may be used again.
	own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() {
		err := unix.Flock(own, unix.LOCK_EX)
		for errors.Is(err, unix.EINTR) {
			err = unix.Flock(own, unix.LOCK_EX)
		}
		unix.Close(own) // the lock stays with fd, or ends with both
		done <- err
	}()
	timeout := time.NewTimer(lockWait)
	defer timeout.Stop()
	select {
	case err := <-done:
		return err
	case <-timeout.C:
		return errors.New("another process has held the lock for " + lockWait.String() + "; find it with fuser(1)")
	}
}

// A storeError is one line: where, what, and what went wrong.
type storeError struct {
	path, what string
	err        error
}

func (e *storeError) Error() string {
	return "receipts " + e.path + ": cannot " + e.what + ": " + e.err.Error()
}

func (e *storeError) Unwrap() error { return e.err }

func (s *store) fail(what string, err error) error { return &storeError{s.path, what, err} }
