package ledger

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"github.com/runward/runward/internal/owner"
)

const dirFlags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC

// openDir opens the ledger's directory and refuses one that others could have
// written to. A missing one is unix.ENOENT.
func openDir(dir string) (int, error) {
	fd, err := unix.Open(dir, dirFlags, 0)
	switch {
	case err == nil:
	case errors.Is(err, unix.ELOOP), errors.Is(err, unix.ENOTDIR):
		return -1, errors.New("it is a symbolic link or no directory; move it away")
	default:
		return -1, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return -1, err
	}
	if err := private(st.Uid, st.Mode); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// lock keeps others out of the directory until fd is closed; with LOCK_NB it
// does not wait for them.
func lock(fd, how int) error {
	for {
		if err := unix.Flock(fd, how); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// private refuses what others could have written.
func private(uid, mode uint32) error {
	if uid != uint32(os.Geteuid()) {
		return errors.New("it belongs to another user; remove it")
	}
	if mode&0o022 != 0 {
		return errors.New("others can write it; remove it")
	}
	return nil
}

// An opError is one line: which container, where, what went wrong. Without an
// id it is about all.
type opError struct {
	what, id, dir string
	err           error
}

func (e *opError) Error() string {
	about := " the decision about container " + e.id
	if e.id == "" {
		about = " the decisions about containers"
	}
	return e.what + about + " in " + e.dir + ": " + owner.Reason(e.err)
}

func (e *opError) Unwrap() error { return e.err }
