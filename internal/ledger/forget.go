package ledger

import (
	"errors"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/runward/runward/internal/state"
)

// Forget removes the entry of a container that the runtime is about to delete.
// It runs before the runtime does, because after execve nobody is left to see
// how that ends, so it judges as the runtime will: the entry goes if the
// deletion is forced, if the container is not there, or if its state says that
// the runtime will delete it. On any doubt the entry stays, for the next delete
// or for Sweep. Should the runtime fail all the same, later verbs find no entry
// and are held to that.
func Forget(dir, root, id string, force bool) error {
	root = canonical(root)
	e, err := get(dir, root, id)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil
	case err != nil && !force:
		return &opError{"forget", id, dir, err}
	}
	if force || ended(e) {
		return Delete(dir, root, id)
	}
	return nil
}

// ended tells whether an unforced delete of the runtime would succeed, or the
// container is gone already and nobody is creating it.
func ended(e *Entry) bool {
	creating := state.Alive(e.Creator, e.CreatorStart) // before the look at the state: a creator that is gone has made it, if ever
	switch readState(e.Root, e.ID) {
	case stateAbsent:
		return !creating && ownState(e.Runtime)
	case stateStopped, stateCreated:
		return true
	default:
		return false
	}
}

// sweepAge spares what is new and has its creator in another PID namespace,
// where we cannot see whether it lives, and a Put's temporary file.
const sweepAge = 10 * time.Minute

// Sweep removes the entries, of those it looks at (most at most, from a place
// that changes with every call), whose container and creator are both gone, and
// what a killed Put left. It returns how many it removed.
func Sweep(dir string, now time.Time, most int) (int, error) {
	fd, err := openDir(dir)
	if errors.Is(err, unix.ENOENT) {
		return 0, nil
	}
	if err != nil {
		return 0, &opError{"sweep", "(all)", dir, err}
	}
	defer unix.Close(fd)
	if err := lock(fd); err != nil { // a Put must not come between the look and the removal
		return 0, &opError{"sweep", "(all)", dir, err}
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	removed := 0
	start := int(uint64(now.UnixNano()/1000) % uint64(max(len(files), 1))) // unsigned: a clock may be before 1970
	for i := range min(most, len(files)) {
		name := files[(start+i)%len(files)].Name()
		var st unix.Stat_t
		if unix.Fstatat(fd, name, &st, unix.AT_SYMLINK_NOFOLLOW) != nil || !garbage(fd, name, now.Sub(time.Unix(st.Mtim.Unix())) >= sweepAge) {
			continue
		}
		if err := unix.Unlinkat(fd, name, 0); err == nil {
			removed++
		}
	}
	return removed, nil
}

func garbage(fd int, name string, old bool) bool {
	if strings.HasPrefix(name, tempPrefix) {
		return old
	}
	if !isEntry(name) {
		return false
	}
	e, err := load(fd, name)
	if err != nil || !ownState(e.Runtime) || state.Alive(e.Creator, e.CreatorStart) || hasState(e.Root, e.ID) {
		return false
	}
	ours, err := pidNamespace()
	return old || err == nil && e.CreatorNS == ours
}
