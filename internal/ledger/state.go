package ledger

import (
	"bytes"
	"errors"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/runward/runward/internal/jsondoc"
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

type state uint8

const (
	stateUnknown state = iota // running, paused, or not to be told
	stateAbsent
	stateStopped
	stateCreated // runc: deleted without force, its init is killed
)

// maxState bounds a state file. runc's holds the whole configuration.
const maxState = 16 << 20

// readState reads what the runtime keeps about a container as runc's and
// crun's own delete do: stopped means that the init process, by pid and start
// time, is gone or a zombie; created that it still waits on the exec fifo.
func readState(root, id string) state {
	fd, err := unix.Open(filepath.Join(root, id), dirFlags, 0)
	if errors.Is(err, unix.ENOENT) {
		return stateAbsent
	}
	if err != nil {
		return stateUnknown
	}
	defer unix.Close(fd)
	pid, start, ok := runcInit(fd, id)
	runc := ok
	if !ok {
		pid, start, ok = crunInit(fd)
	}
	switch {
	case !ok:
		return stateUnknown
	case !alive(pid, start):
		return stateStopped
	case runc && unix.Faccessat(fd, "exec.fifo", unix.F_OK, 0) == nil:
		return stateCreated
	default:
		return stateUnknown
	}
}

// runcInit reads the init process from state.json. runc writes the two numbers
// before all else, and the rest is long; only if they are not there is the
// whole document read.
func runcInit(fd int, id string) (pid int, start uint64, ok bool) {
	data, err := readFile(fd, "state.json", 512, maxState, false)
	if err != nil {
		return 0, 0, false
	}
	head := jsondoc.AppendQuote([]byte(`{"id":`), id)
	if rest, found := bytes.CutPrefix(data, append(head, `,"init_process_pid":`...)); found {
		number, rest, _ := bytes.Cut(rest, []byte(`,"init_process_start":`))
		ticks, _, found := bytes.Cut(rest, []byte{','})
		if found {
			return initProcess(string(number), string(ticks))
		}
	}
	if data, err = readFile(fd, "state.json", maxState, maxState, false); err != nil {
		return 0, 0, false
	}
	return initOf(data, "init_process_pid", "init_process_start")
}

func crunInit(fd int) (pid int, start uint64, ok bool) {
	data, err := readFile(fd, "status", maxState, maxState, false)
	if err != nil {
		return 0, 0, false
	}
	return initOf(data, "pid", "process-start-time")
}

func initOf(data []byte, pidKey, startKey string) (pid int, start uint64, ok bool) {
	doc, err := jsondoc.Parse(data, jsondoc.Limits{Bytes: maxState, Depth: 64})
	if err != nil || doc.Root().Kind() != jsondoc.Object {
		return 0, 0, false
	}
	p, s := doc.Root().Get(pidKey), doc.Root().Get(startKey)
	if p.Kind() != jsondoc.Number || s.Kind() != jsondoc.Number {
		return 0, 0, false
	}
	return initProcess(p.NumberText(), s.NumberText())
}

func initProcess(number, ticks string) (pid int, start uint64, ok bool) {
	pid, err1 := strconv.Atoi(number)
	start, err2 := strconv.ParseUint(ticks, 10, 64)
	return pid, start, err1 == nil && err2 == nil && pid > 0 && start > 0
}

// A procStat is what tells one process from a later one with the same pid.
type procStat struct {
	state byte
	start uint64 // clock ticks since boot
}

func readStat(pid int) (procStat, error) {
	fd, err := unix.Open("/proc/"+strconv.Itoa(pid)+"/stat", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return procStat{}, err
	}
	defer unix.Close(fd)
	data, err := readSome(fd, make([]byte, 1024))
	if err != nil {
		return procStat{}, err
	}
	// The name is in parentheses and may contain any byte; proc(5) counts the
	// state as field 3 and the start as field 22.
	fields := bytes.Fields(data[bytes.LastIndexByte(data, ')')+1:])
	if len(fields) < 20 {
		return procStat{}, unix.EINVAL
	}
	start, err := strconv.ParseUint(string(fields[19]), 10, 64)
	return procStat{state: fields[0][0], start: start}, err
}

// alive tells whether the process that started then still runs. Where that
// cannot be told, it does.
func alive(pid int, start uint64) bool {
	st, err := readStat(pid)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH) {
		return false
	}
	return err != nil || st.start == start && st.state != 'Z' && st.state != 'X'
}

// pidNamespace returns the inode of our PID namespace.
func pidNamespace() (uint64, error) {
	var st unix.Stat_t
	err := unix.Stat("/proc/self/ns/pid", &st)
	return st.Ino, err
}
