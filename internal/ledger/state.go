package ledger

import (
	"errors"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/runward/runward/internal/state"
)

// ownState tells the runtimes that keep a container in <root>/<id>.
func ownState(runtime string) bool {
	return runtime == "runc" || runtime == "crun" || runtime == "youki"
}

// hasState tells whether the runtime has, or may have, a directory for the
// container: only its certain absence is an absence.
func hasState(root, id string) bool {
	var st unix.Stat_t
	return !errors.Is(unix.Lstat(filepath.Join(root, id), &st), unix.ENOENT)
}

type phase uint8

const (
	stateUnknown phase = iota // running, paused, or not to be told
	stateAbsent
	stateStopped
	stateCreated // runc: deleted without force, its init is killed
)

// readState reads what the runtime keeps about a container as runc's and
// crun's own delete do: stopped means that the init process, by pid and start
// time, is gone or a zombie; created that it still waits on the exec fifo.
func readState(root, id string) phase {
	fd, err := unix.Open(filepath.Join(root, id), dirFlags, 0)
	if errors.Is(err, unix.ENOENT) {
		return stateAbsent
	}
	if err != nil {
		return stateUnknown
	}
	defer unix.Close(fd)
	pid, start, ok := state.RuncInit(fd, id)
	runc := ok
	if !ok {
		pid, start, ok = state.CrunInit(fd)
	}
	switch {
	case !ok:
		return stateUnknown
	case !state.Alive(pid, start):
		return stateStopped
	case runc && unix.Faccessat(fd, "exec.fifo", unix.F_OK, 0) == nil:
		return stateCreated
	default:
		return stateUnknown
	}
}

// pidNamespace returns the inode of our PID namespace.
func pidNamespace() (uint64, error) {
	var st unix.Stat_t
	err := unix.Stat("/proc/self/ns/pid", &st)
	return st.Ino, err
}
