package state

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"github.com/runward/runward/internal/jsondoc"
	"github.com/runward/runward/internal/owner"
)

// MaxFile bounds a file of a runtime's state. runc's holds the whole
// configuration.
const MaxFile = 16 << 20

// openDir opens <root>/<id>. The way to root may have links, as the engine
// wrote it; id is none.
func openDir(root, id string) (int, error) {
	top, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) {
		return -1, ErrNotFound
	}
	if err != nil {
		return -1, errors.New("the state directory cannot be opened: " + owner.Reason(err))
	}
	defer unix.Close(top)
	if err := checkDir(top, "the state directory"); err != nil {
		return -1, err
	}
	dir, err := unix.Openat(top, id, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	switch {
	case errors.Is(err, unix.ENOENT):
		return -1, ErrNotFound
	case errors.Is(err, unix.ELOOP), errors.Is(err, unix.ENOTDIR):
		return -1, errors.New("its directory is a symbolic link or no directory")
	case err != nil:
		return -1, errors.New("its directory cannot be opened: " + owner.Reason(err))
	}
	if err := checkDir(dir, "its directory"); err != nil {
		unix.Close(dir)
		return -1, err
	}
	return dir, nil
}

func checkDir(fd int, what string) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return errors.New(what + " cannot be looked at: " + owner.Reason(err))
	}
	return trusted(what, st.Uid, st.Mode)
}

// trusted says that only root (or, for a rootless runward, the user) can have
// written something.
func trusted(what string, uid, mode uint32) error {
	switch {
	case uid != 0 && uid != uint32(os.Geteuid()):
		return errors.New(what + " does not belong to root")
	case mode&0o022 != 0:
		return errors.New(what + " is writable by others than its owner")
	}
	return nil
}

// readDoc reads a file of the state as one JSON document.
func readDoc(dir int, name string) (jsondoc.Value, error) {
	data, err := owner.ReadAt(dir, name, MaxFile, MaxFile, func(uid, mode uint32) error { return trusted("it", uid, mode) })
	if err != nil {
		return jsondoc.Value{}, errors.New(name + ": " + owner.Reason(err))
	}
	doc, err := jsondoc.Parse(data, jsondoc.Limits{Bytes: MaxFile, Depth: 64})
	if err != nil {
		return jsondoc.Value{}, errors.New(name + ": " + err.Error())
	}
	return doc.Root(), nil
}

// decodeFile reads a file of the state into a struct.
func decodeFile(dir int, name string, into any) error {
	v, err := readDoc(dir, name)
	if err != nil {
		return err
	}
	if err := jsondoc.Decode(v, into); err != nil {
		return errors.New(name + ": " + err.Error())
	}
	return nil
}
