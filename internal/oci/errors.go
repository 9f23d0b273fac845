package oci

import (
	"errors"
	"strconv"

	"golang.org/x/sys/unix"
)

// An Error says in one line which bundle, what is wrong with it, and what to do.
//
// The text of an errno is not part of it: engines search a runtime's output for
// such phrases and turn them into exit codes that mean something else. The
// errno itself is there for errors.Is.
type Error struct {
	Bundle string
	What   string
	Hint   string // may be empty
	Cause  error  // may be nil
}

func (e *Error) Error() string {
	s := "bundle " + printable(e.Bundle) + ": " + e.What
	if e.Hint != "" {
		s += ": " + e.Hint
	}
	return s
}

func (e *Error) Unwrap() error { return e.Cause }

func (b *Bundle) error(what, hint string, cause error) error {
	return &Error{Bundle: b.path, What: what, Hint: hint, Cause: cause}
}

func (b *Bundle) openError(err error) error {
	const hint = "pass the bundle directory's own path"
	switch {
	case errors.Is(err, unix.ELOOP):
		return b.error("its path ends in a symbolic link, or leads through a link of procfs", hint, err)
	case errors.Is(err, unix.ENOTDIR):
		return b.error("it is a file or a symbolic link, not a directory", hint, err)
	case errors.Is(err, unix.ENOENT):
		return b.error("it is missing", "pass the path of a directory with a config.json in it", err)
	}
	return b.error("it "+reason(err), "", err)
}

// reason gives an errno in words that no engine looks for.
func reason(err error) string {
	switch {
	case errors.Is(err, unix.ENOENT):
		return "is missing"
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return "may not be used by uid " + number(uint32(unix.Geteuid()))
	case errors.Is(err, unix.ELOOP):
		return "is a symbolic link"
	case errors.Is(err, unix.ENOTDIR):
		return "is below something that is not a directory"
	case errors.Is(err, unix.ENAMETOOLONG):
		return "has too long a name"
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return "finds no room left in its file system"
	case errors.Is(err, unix.EROFS):
		return "is in a read-only file system"
	case errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE):
		return "cannot be opened, too many files are open"
	case errors.Is(err, unix.EIO):
		return "cannot be reached, its disk reports an error"
	}
	if errno, ok := errors.AsType[unix.Errno](err); ok {
		return "cannot be used (errno " + strconv.Itoa(int(errno)) + ")"
	}
	return "cannot be used (" + err.Error() + ")"
}

// printable keeps a message on one line whatever a path contains.
func printable(path string) string {
	for i := range len(path) {
		if path[i] < ' ' || path[i] == 0x7f {
			return strconv.Quote(path)
		}
	}
	return path
}
