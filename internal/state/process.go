package state

import (
	"bytes"
	"errors"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/runward/runward/internal/owner"
)

// A Stat is what tells one process from a later one with the same pid.
type Stat struct {
	State byte   // R, S, Z, ...
	Start uint64 // clock ticks since boot
}

// ReadStat reads what procfs says of a process.
func ReadStat(pid int) (Stat, error) {
	fd, err := unix.Open("/proc/"+strconv.Itoa(pid)+"/stat", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return Stat{}, err
	}
	defer unix.Close(fd)
	data, err := owner.ReadSome(fd, make([]byte, 1024))
	if err != nil {
		return Stat{}, err
	}
	return ParseStat(data)
}

// ParseStat reads /proc/PID/stat.
func ParseStat(data []byte) (Stat, error) {
	// The name is in parentheses and may contain any byte; proc(5) counts the
	// state as field 3 and the start as field 22.
	fields := bytes.Fields(data[bytes.LastIndexByte(data, ')')+1:])
	if len(fields) < 20 {
		return Stat{}, unix.EINVAL
	}
	start, err := strconv.ParseUint(string(fields[19]), 10, 64)
	return Stat{State: fields[0][0], Start: start}, err
}

// Alive tells whether the process that started then still runs. Where that
// cannot be told, it does.
func Alive(pid int, start uint64) bool {
	st, err := ReadStat(pid)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH) {
		return false
	}
	return err != nil || st.Start == start && st.State != 'Z' && st.State != 'X'
}

// confinement reads the AppArmor profile that a process runs under, "" for
// none: runc keeps none in its state.
func confinement(pid int, start uint64) (string, error) {
	if pid <= 0 || !Alive(pid, start) {
		return "", nil
	}
	for _, name := range []string{"/attr/apparmor/current", "/attr/current"} { // before Linux 5.1 the second alone
		data, err := readSmall("/proc/" + strconv.Itoa(pid) + name)
		switch {
		case err == nil:
			return profile(data), nil
		case errors.Is(err, unix.ESRCH):
			return "", nil
		case errors.Is(err, unix.ENOENT), errors.Is(err, unix.EINVAL): // no such module
		default:
			return "", errors.New("the AppArmor profile of process " + strconv.Itoa(pid) + " cannot be read: " + owner.Reason(err))
		}
	}
	return "", nil
}

// profile takes the name out of "name (enforce)". What is in another form,
// another module's label, is none.
func profile(current []byte) string {
	text := bytes.TrimRight(current, "\n\x00")
	mode := bytes.LastIndex(text, []byte(" ("))
	if mode < 0 || text[len(text)-1] != ')' || string(text[:mode]) == "unconfined" {
		return ""
	}
	return string(text[:mode])
}
