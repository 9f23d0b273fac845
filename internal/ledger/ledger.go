package ledger

import (
	"errors"
	"math/rand/v2"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/runward/runward/internal/owner"
	"github.com/runward/runward/internal/state"
)

const tempPrefix = ".new-"

// Put keeps the entry, in dir, which is created (0700) if missing. It replaces
// one that a container left behind, and returns ErrExists if the container
// exists or is being created. It fills in Version, Root (without symbolic
// links) and the creator.
func Put(dir string, e *Entry) error {
	h, err := hold(dir)
	if err != nil {
		return &opError{"keep", e.ID, dir, err}
	}
	defer h.Release()
	return h.Put(e)
}

// put is Put in a directory that is locked.
func put(fd int, e *Entry) error {
	e.Version = Version
	e.Root = canonical(e.Root)
	name, err := fileName(e.Root, e.ID)
	if err != nil {
		return err
	}
	self, err := thisProcess()
	if err != nil {
		return err
	}
	e.Creator, e.CreatorStart, e.CreatorNS = self.PID, self.Start, self.NS
	data, err := encode(e)
	if err != nil {
		return err
	}
	if hasState(e.Root, e.ID) || underWay(fd, name, e) {
		return ErrExists
	}
	return write(fd, name, data)
}

func thisProcess() (Process, error) {
	p := Process{PID: os.Getpid()}
	self, err := state.ReadStat(p.PID)
	if err != nil {
		return p, err
	}
	p.Start = self.Start
	p.NS, err = pidNamespace()
	return p, err
}

func write(fd int, name string, data []byte) error {
	temp := tempPrefix + strconv.FormatUint(rand.Uint64(), 36)
	file, err := unix.Openat(fd, temp, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	n, err := unix.Write(file, data)
	if err == nil && n < len(data) {
		err = unix.ENOSPC
	}
	if closed := unix.Close(file); err == nil {
		err = closed
	}
	if err == nil {
		// Rename: whoever reads sees the old entry or the whole new one.
		err = unix.Renameat(fd, temp, fd, name)
	}
	if err != nil {
		unix.Unlinkat(fd, temp, 0) // the error to report is the first
	}
	return err
}

// underWay tells whether another process is at creating the same container.
func underWay(fd int, name string, e *Entry) bool {
	old, err := load(fd, name)
	if err != nil {
		return false // none, or none that anybody could use
	}
	mine := old.Creator == e.Creator && old.CreatorStart == e.CreatorStart
	return !mine && state.Alive(old.Creator, old.CreatorStart)
}

// Get returns the entry of a container, or ErrNotFound. One that cannot be
// read, or is another container's, is another error.
func Get(dir, root, id string) (*Entry, error) {
	e, err := get(dir, canonical(root), id)
	if err != nil {
		return nil, &opError{"read", id, dir, err}
	}
	return e, nil
}

func get(dir, root, id string) (*Entry, error) {
	fd, err := openDir(dir)
	if errors.Is(err, unix.ENOENT) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	return getAt(fd, root, id)
}

func getAt(fd int, root, id string) (*Entry, error) {
	name, err := fileName(root, id)
	if err != nil {
		return nil, err
	}
	e, err := load(fd, name)
	if errors.Is(err, unix.ENOENT) {
		return nil, ErrNotFound
	}
	if err == nil && (e.ID != id || e.Root != root) {
		return nil, errors.New("it is the one about container " + e.ID + " of " + e.Root)
	}
	return e, err
}

func load(fd int, name string) (*Entry, error) {
	data, err := owner.ReadAt(fd, name, maxEntry+1, maxEntry+1, private)
	if err != nil {
		return nil, err
	}
	return decode(data)
}

// Delete removes a container's entry. An absent one is no error.
func Delete(dir, root, id string) error {
	if err := remove(dir, canonical(root), id); err != nil {
		return &opError{"remove", id, dir, err}
	}
	return nil
}

func remove(dir, root, id string) error {
	name, err := fileName(root, id)
	if err != nil {
		return err
	}
	fd, err := openDir(dir)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.Unlinkat(fd, name, 0); err != nil && !errors.Is(err, unix.ENOENT) {
		return err
	}
	return nil
}

// List returns all entries, by file name, and those that cannot be read as one
// joined error.
func List(dir string) ([]*Entry, error) {
	fd, err := openDir(dir)
	if errors.Is(err, unix.ENOENT) {
		return nil, nil
	}
	if err != nil {
		return nil, &opError{"list", "", dir, err}
	}
	defer unix.Close(fd)
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var entries []*Entry
	var errs []error
	for _, f := range files {
		if !isEntry(f.Name()) {
			continue
		}
		e, err := load(fd, f.Name())
		switch {
		case err == nil:
			entries = append(entries, e)
		case !errors.Is(err, unix.ENOENT): // deleted meanwhile
			errs = append(errs, &opError{"read", "(file " + f.Name() + ")", dir, err})
		}
	}
	return entries, errors.Join(errs...)
}
