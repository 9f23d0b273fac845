package ledger

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"github.com/runward/runward/internal/state"
	"github.com/runward/runward/policy"
)

// Living returns the heads of the entries (what comes before Bundle) of the
// containers that live or are being created, in no order. One that cannot be
// read is an error: what it claims is not known.
func (h *Held) Living() ([]*Entry, error) {
	all, err := living(h.fd, loadHead)
	if err != nil {
		return nil, &opError{"add up", "", h.dir, err}
	}
	for _, e := range all {
		if e.Updater != nil {
			if settled, err := h.Get(e.Root, e.ID); err == nil {
				e.Claim, e.Updater = settled.Claim, settled.Updater
			}
		}
	}
	return all, nil
}

// Living is Held.Living, with whole entries, of a ledger that others may change
// meanwhile: for looking only. A missing one is empty.
func Living(dir string) ([]*Entry, error) {
	fd, err := openDir(dir)
	if errors.Is(err, unix.ENOENT) {
		return nil, nil
	}
	if err != nil {
		return nil, &opError{"add up", "", dir, err}
	}
	defer unix.Close(fd)
	all, err := living(fd, load)
	if err != nil {
		return nil, &opError{"add up", "", dir, err}
	}
	for _, e := range all {
		settle(e)
	}
	return all, nil
}

func living(fd int, read func(fd int, name string) (*Entry, error)) ([]*Entry, error) {
	names, err := readNames(fd)
	if err != nil {
		return nil, err
	}
	all := make([]*Entry, 0, len(names))
	now, seen := time.Now(), states{}
	for _, name := range names {
		if !isEntry(name) {
			continue
		}
		e, err := read(fd, name)
		switch {
		case errors.Is(err, unix.ENOENT): // deleted meanwhile
		case err != nil:
			return nil, errors.New(name + ": " + err.Error())
		case seen.has(e.Root, e.ID) || !gone(e, oldFile(fd, name, now)):
			all = append(all, e)
		}
	}
	return all, nil
}

// states are the containers that runtimes have directories of, by root: reading
// a root once is cheaper than asking for each container.
type states map[string]map[string]bool

// has tells whether there was a directory. Where there was none, one may have
// been made since.
func (s states) has(root, id string) bool {
	ids, ok := s[root]
	if !ok {
		ids = map[string]bool{}
		s[root] = ids
		fd, err := unix.Open(root, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return false
		}
		defer unix.Close(fd)
		names, _ := readNames(fd) // what is missing is asked for
		for _, name := range names {
			ids[name] = true
		}
	}
	return ids[id]
}

// readNames lists what is in an open directory, from its beginning.
func readNames(fd int) ([]string, error) {
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
			return names, nil
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
func settle(e *Entry) bool {
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
