// Package owner checks that files which decide over containers are root's.
package owner

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// Check says that something is root's (or, for a rootless runward, the user's)
// and that nobody else may write it. A sticky directory may be writable by
// others: nobody can replace in it what is another's.
func Check(what string, info fs.FileInfo) error {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return errors.New(what + ": its owner is not known")
	}
	return check(what, st)
}

func check(what string, st *syscall.Stat_t) error {
	if st.Uid != 0 && int(st.Uid) != os.Geteuid() {
		return errors.New(what + " belongs to user " + strconv.Itoa(int(st.Uid)) + ", not to root: chown root it, or remove it")
	}
	if st.Mode&0o022 != 0 && (st.Mode&syscall.S_IFMT != syscall.S_IFDIR || st.Mode&syscall.S_ISVTX == 0) {
		return errors.New(what + " is writable by others than its owner: chmod go-w it")
	}
	return nil
}

// Dirs checks directories and all that are above them, each once.
type Dirs map[string]error

// Check checks one directory and all that are above it.
func (d Dirs) Check(dir string) error {
	if err, ok := d[dir]; ok {
		return err
	}
	d[dir] = d.check(dir)
	return d[dir]
}

func (d Dirs) check(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return errors.New("directory " + dir + " cannot be read: " + Reason(err))
	}
	if err := Check("directory "+dir, info); err != nil {
		return err
	}
	if parent := filepath.Dir(dir); parent != dir {
		return d.Check(parent)
	}
	return nil
}

// Reason words an error of the file system without the phrases that engines
// take for exit codes ("permission denied" is 126 to Docker).
func Reason(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "it is missing"
	case errors.Is(err, fs.ErrPermission):
		return "user " + strconv.Itoa(os.Geteuid()) + " may not read it"
	}
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno.Error()
	}
	return err.Error()
}

// Read returns the content of a regular file of at most limit bytes that is
// root's. It reads by descriptor, without the poller that os would start: every
// call of every verb reads the node's settings.
func Read(path string, limit int64) ([]byte, error) {
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = syscall.Close(fd) }() // nothing was written
	var st syscall.Stat_t
	if err := syscall.Fstat(fd, &st); err != nil {
		return nil, err
	}
	switch {
	case st.Mode&syscall.S_IFMT != syscall.S_IFREG:
		return nil, errors.New("it is not a regular file")
	case st.Size > limit:
		return nil, errors.New("it is larger than " + strconv.FormatInt(limit, 10) + " bytes")
	}
	if err := check(path, &st); err != nil {
		return nil, err
	}
	text, err := ReadSome(fd, make([]byte, st.Size))
	if err == nil && int64(len(text)) < st.Size {
		err = errors.New("it changed while it was read")
	}
	return text, err
}
