package ledger

import (
	"errors"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/runward/runward/internal/state"
	"github.com/runward/runward/policy"
)

// Living returns the entries of the containers that live or are being created,
// in no order. One that cannot be read is an error: what it claims is not known.
func (h *Held) Living() ([]*Entry, error) {
	all, err := living(h.fd, h.dir)
	if err != nil {
		return nil, &opError{"add up", "(all)", h.dir, err}
	}
	for _, e := range all {
		if h.settle(e) {
			_ = h.replace(e) // else it is settled the next time
		}
	}
	return all, nil
}

// Living is Held.Living of a ledger that others may change meanwhile, for
// looking only. A missing one is empty.
func Living(dir string) ([]*Entry, error) {
	fd, err := openDir(dir)
	if errors.Is(err, unix.ENOENT) {
		return nil, nil
	}
	if err != nil {
		return nil, &opError{"add up", "(all)", dir, err}
	}
	h := &Held{dir, fd}
	defer h.Release()
	all, err := living(fd, dir)
	if err != nil {
		return nil, &opError{"add up", "(all)", dir, err}
	}
	for _, e := range all {
		h.settle(e)
	}
	return all, nil
}

func living(fd int, dir string) ([]*Entry, error) {
	names, err := entryNames(fd)
	if err != nil {
		return nil, err
	}
	all := make([]*Entry, 0, len(names))
	now := time.Now()
	for _, name := range names {
		e, err := load(fd, name)
		switch {
		case errors.Is(err, unix.ENOENT): // deleted meanwhile
		case err != nil:
			return nil, errors.New(name + ": " + err.Error())
		case hasState(e.Root, e.ID) || !gone(e, oldFile(fd, name, now)):
			all = append(all, e)
		}
	}
	return all, nil
}

// entryNames lists the files of entries in an open directory.
func entryNames(fd int) ([]string, error) {
	if _, err := unix.Seek(fd, 0, unix.SEEK_SET); err != nil {
		return nil, err
	}
	var names []string
	buf := make([]byte, 32<<10)
	for {
		n, err := unix.ReadDirent(fd, buf)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return nil, err
		case n == 0:
			return slices.DeleteFunc(names, func(name string) bool { return !isEntry(name) }), nil
		}
		_, _, names = unix.ParseDirent(buf[:n], -1, names)
	}
}

// oldFile tells whether a file was written longer than sweepAge ago.
func oldFile(fd int, name string, now time.Time) bool {
	var st unix.Stat_t
	return unix.Fstatat(fd, name, &st, unix.AT_SYMLINK_NOFOLLOW) == nil && now.Sub(time.Unix(st.Mtim.Unix())) >= sweepAge
}

// settle replaces the larger of two claims by what is in force, where the
// process that was to change it is gone: whether it did, nobody was left to
// say. Where that cannot be told the larger one stays.
func (h *Held) settle(e *Entry) bool {
	if e.Updater == nil || state.Alive(e.Updater.PID, e.Updater.Start) {
		return false
	}
	ours, err := pidNamespace()
	if err != nil || ours != e.Updater.NS {
		return false
	}
	now, err := state.Load(e.Runtime, e.Root, e.ID)
	if err != nil {
		return false
	}
	e.Claim, e.Updater = InForce(&now.Ceiling), nil
	return true
}

// InForce is what a container claims by the limits that its runtime's state says.
func InForce(c *policy.Ceiling) policy.Claim {
	amount := func(n *int64) int64 {
		if n == nil {
			return 0
		}
		return *n
	}
	return policy.Claim{Memory: amount(c.Memory), CPU: amount(c.CPU), Pids: amount(c.Pids)}
}

// Used sums what entries claim in the group of a grouping that a container is
// in, but for the container itself.
func Used(all []*Entry, by, engine string, identity *policy.Identity, root, id string) policy.Usage {
	root = canonical(root)
	group := policy.Group(by, engine, identity)
	var sum policy.Usage
	for _, e := range all {
		if policy.Group(by, e.Engine, &e.Identity) == group && (e.ID != id || e.Root != root) {
			sum.Add(e.Claim)
		}
	}
	return sum
}
