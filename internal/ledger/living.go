package ledger

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"github.com/runward/runward/internal/state"
	"github.com/runward/runward/policy"
)

// Living returns the heads of the entries of the containers that live or are
// being created, in no order. An entry that cannot be read is an error: what it
// claims is not known.
func (h *Held) Living() ([]Head, error) {
	all, err := h.living()
	if err != nil {
		return nil, &opError{"add up", "", h.dir, err}
	}
	return all, nil
}

func (h *Held) living() ([]Head, error) {
	files, err := readDir(h.fd)
	if err != nil {
		return nil, err
	}
	all, err := h.heads(files)
	if err != nil {
		return nil, err
	}
	now, seen, living := time.Now(), states{}, all[:0]
	for _, head := range all {
		if !seen.has(head.Root, head.ID) && gone(&head, oldFile(h.fd, head.file.name, now)) {
			continue
		}
		if head.updating {
			if e, err := h.Get(head.Root, head.ID); err == nil { // which settles it
				head.Claim = e.Claim
			}
		}
		living = append(living, head)
	}
	return living, nil
}

// Living returns the entries of the containers that live or are being created,
// as Held.Living, while others may change the ledger: for looking only. A
// missing one is empty.
func Living(dir string) ([]*Entry, error) {
	fd, err := openDir(dir)
	if errors.Is(err, unix.ENOENT) {
		return nil, nil
	}
	if err != nil {
		return nil, &opError{"add up", "", dir, err}
	}
	defer unix.Close(fd)
	all, err := living(fd)
	if err != nil {
		return nil, &opError{"add up", "", dir, err}
	}
	return all, nil
}

func living(fd int) ([]*Entry, error) {
	files, err := readDir(fd)
	if err != nil {
		return nil, err
	}
	var all []*Entry
	now := time.Now()
	for _, f := range files {
		if !isEntry(f.name) {
			continue
		}
		e, err := load(fd, f.name)
		if errors.Is(err, unix.ENOENT) { // deleted meanwhile
			continue
		}
		if err != nil {
			return nil, errors.New(f.name + ": " + err.Error())
		}
		if head := e.Head(); !gone(&head, oldFile(fd, f.name, now)) {
			settle(e)
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
		files, _ := readDir(fd) // what is missing is asked for
		for _, f := range files {
			ids[f.name] = true
		}
	}
	return ids[id]
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

// Used sums what containers claim in the group of a grouping that one is in,
// but for that one itself.
func Used(all []Head, by, engine string, identity *policy.Identity, root, id string) policy.Usage {
	root = canonical(root)
	group := policy.Group(by, engine, identity)
	var sum policy.Usage
	for i := range all {
		h := &all[i]
		if policy.Group(by, h.Engine, &policy.Identity{Namespace: h.Namespace, User: h.User}) == group && (h.ID != id || h.Root != root) {
			sum.Add(h.Claim)
		}
	}
	return sum
}
