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
	if st.Uid != 0 && int(st.Uid) != os.Geteuid() {
		return errors.New(what + " belongs to user " + strconv.Itoa(int(st.Uid)) + ", not to root: chown root it, or remove it")
	}
	if st.Mode&0o022 != 0 && !(info.IsDir() && st.Mode&syscall.S_ISVTX != 0) {
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
