package ledger

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"github.com/runward/runward/internal/state"
)

// A Held ledger is locked: nobody else keeps or sweeps anything in it until it
// is released, or this process ends or executes another program.
type Held struct {
	dir string
	fd  int
}

// Hold locks the ledger in dir, which is created (0700) if missing. It waits
// for whoever has it.
func Hold(dir string) (*Held, error) {
	h, err := hold(dir)
	if err != nil {
		return nil, &opError{"lock", "", dir, err}
	}
	return h, nil
}

func hold(dir string) (*Held, error) {
	fd, err := openDir(dir)
	if errors.Is(err, unix.ENOENT) {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
		fd, err = openDir(dir)
	}
	if err != nil {
		return nil, err
	}
	if err := lock(fd, unix.LOCK_EX); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return &Held{dir, fd}, nil
}

// Release unlocks it. A Held that is nil or released stays so.
func (h *Held) Release() {
	if h != nil && h.fd >= 0 {
		unix.Close(h.fd)
		h.fd = -1
	}
}

// Put is Put in a ledger that is held.
func (h *Held) Put(e *Entry) error {
	if err := put(h.fd, e); err != nil {
		return &opError{"keep", e.ID, h.dir, err}
	}
	return nil
}

// ErrUpdating is what Update returns while another process is at changing the
// limits of the same container.
var ErrUpdating = errors.New("another update of this container is under way; try again when it is done")

// Update keeps another claim of a container, which this process, or the
// program that it executes, is about to give it.
func (h *Held) Update(e *Entry) error {
	if err := h.update(e); err != nil {
		return &opError{"keep", e.ID, h.dir, err}
	}
	return nil
}

func (h *Held) update(e *Entry) error {
	if e.Updater != nil && state.Alive(e.Updater.PID, e.Updater.Start) {
		return ErrUpdating
	}
	self, err := thisProcess()
	if err != nil {
		return err
	}
	e.Updater = &self
	return h.replace(e)
}

// Note keeps an entry whose claim is the same.
func (h *Held) Note(e *Entry) error {
	if err := h.replace(e); err != nil {
		return &opError{"keep", e.ID, h.dir, err}
	}
	return nil
}

func (h *Held) replace(e *Entry) error {
	name, err := fileName(e.Root, e.ID)
	if err != nil {
		return err
	}
	data, err := encode(e)
	if err != nil {
		return err
	}
	return write(h.fd, name, data)
}

// Get is Get in a ledger that is held: nobody else changes the entry until it
// is released.
func (h *Held) Get(root, id string) (*Entry, error) {
	e, err := getAt(h.fd, canonical(root), id)
	if err != nil {
		return nil, &opError{"read", id, h.dir, err}
	}
	if settle(e) {
		_ = h.replace(e) // else it is settled the next time
	}
	return e, nil
}
