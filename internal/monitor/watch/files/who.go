package files

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A Who is the process that touched a file, as far as it could be looked at.
type Who struct {
	PID      int
	Start    uint64 // in clock ticks since boot
	Name     string // that it goes by (comm); it can choose it
	Exe      string // its program's file
	Cmdline  string // at most 512 bytes
	UID      int64  // effective; -1: not known
	LoginUID int64  // of the session that it came from, whoever it became since; -1: none, or not known
	Parents  string // the names of those above it: "bash, sshd"
	Host     bool   // it is in the node's mount namespace
	Gone     bool   // it ended before all could be looked at: what was is there
}

// unset is how the kernel writes that there was no login.
const unset = 1<<32 - 1

// whoReader reads processes, each once: a short one that touches several files
// may be gone when the last is told of.
type whoReader struct {
	proc  string // /proc
	host  string // the node's mount namespace
	known map[int]seenWho
}

// newWhoReader finds the node's mount namespace: its first process's, which a
// kernel thread shares. This process may have one of its own.
func newWhoReader(proc string) *whoReader {
	r := &whoReader{proc: proc, known: map[int]seenWho{}}
	for _, of := range []string{"/1", "/2", "/self"} {
		var err error
		if r.host, err = os.Readlink(proc + of + "/ns/mnt"); err == nil {
			break
		}
	}
	return r
}

type seenWho struct {
	who *Who
	at  time.Time
}

// keepWho is how long a process that ended is remembered: its number is not
// given to another one so soon.
const keepWho = 10 * time.Second

// of reads a process. pidfd is one of it, or negative: none.
func (r *whoReader) of(pid, pidfd int, now time.Time) *Who {
	if seen, ok := r.known[pid]; ok && now.Sub(seen.at) < keepWho {
		start, alive := r.start(pid)
		if !alive || start == seen.who.Start && !seen.who.Gone {
			return seen.who
		}
	}
	// The kernel gives numbers in turn: what goes by it now is the one that was
	// meant, unless all others were given since the event. Where the process
	// was another's already when the event was read, its descriptor says so.
	ended := pidfd >= 0 && errors.Is(unix.PidfdSendSignal(pidfd, 0, nil, 0), unix.ESRCH)
	w := &Who{PID: pid, UID: -1, LoginUID: -1, Gone: true}
	if !ended {
		w = r.read(pid)
	}
	if len(r.known) > 1024 {
		clear(r.known)
	}
	r.known[pid] = seenWho{w, now}
	return w
}

func (r *whoReader) read(pid int) *Who {
	w := &Who{PID: pid, UID: -1, LoginUID: -1}
	exe, err := os.Readlink(r.path(pid, "exe")) // first: it may be gone with the next look
	parent := r.status(pid, w)
	start, alive := r.start(pid)
	w.Start = start
	if !alive || err != nil {
		w.Gone = true
		return w
	}
	w.Exe = exe
	if line, err := os.ReadFile(r.path(pid, "cmdline")); err == nil {
		w.Cmdline = printable(line)
	}
	if text, err := os.ReadFile(r.path(pid, "loginuid")); err == nil {
		if uid, err := strconv.ParseInt(string(bytes.TrimSpace(text)), 10, 64); err == nil && uid != unset {
			w.LoginUID = uid
		}
	}
	var names []string
	for range 4 {
		if parent <= 1 {
			break
		}
		p := &Who{}
		next := r.status(parent, p)
		if p.Name == "" {
			break
		}
		names, parent = append(names, p.Name), next
	}
	w.Parents = strings.Join(names, ", ")
	its, err := os.Readlink(r.path(pid, "ns/mnt"))
	w.Host = err == nil && its == r.host
	return w
}

// status reads name, parent and effective user of a process.
func (r *whoReader) status(pid int, w *Who) (parent int) {
	text, err := os.ReadFile(r.path(pid, "status"))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(line, ":")
		fields := strings.Fields(value)
		switch {
		case key == "Name":
			w.Name = printable([]byte(strings.TrimSpace(value)))
		case key == "PPid" && len(fields) == 1:
			parent, _ = strconv.Atoi(fields[0])
		case key == "Uid" && len(fields) == 4:
			w.UID, _ = strconv.ParseInt(fields[1], 10, 64)
		}
	}
	return parent
}

// start reads when a process started, and whether it is there and no zombie.
func (r *whoReader) start(pid int) (uint64, bool) {
	text, err := os.ReadFile(r.path(pid, "stat"))
	if err != nil {
		return 0, false
	}
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(fields) < 20 || fields[0][0] == 'Z' || fields[0][0] == 'X' {
		return 0, false
	}
	start, err := strconv.ParseUint(string(fields[19]), 10, 64)
	return start, err == nil
}

func (r *whoReader) path(pid int, name string) string {
	return r.proc + "/" + strconv.Itoa(pid) + "/" + name
}

// printable makes one line of what a process says of itself.
func printable(b []byte) string {
	b = bytes.TrimRight(b, "\x00")
	if len(b) > 512 {
		b = b[:512]
	}
	text := strings.ReplaceAll(string(b), "\x00", " ")
	quoted := strconv.QuoteToGraphic(text)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}

// String is one line for a person.
func (w *Who) String() string {
	s := "process " + strconv.Itoa(w.PID)
	if w.Gone {
		if w.Name != "" {
			s += " (called " + w.Name + ")"
		}
		return s + ", which ended before more of it could be looked at"
	}
	s += " (" + w.Exe + ")"
	if w.UID >= 0 {
		s += " of user " + strconv.FormatInt(w.UID, 10)
	}
	if w.LoginUID >= 0 && w.LoginUID != w.UID {
		s += ", logged in as user " + strconv.FormatInt(w.LoginUID, 10)
	}
	if w.Parents != "" {
		s += ", started by " + w.Parents
	}
	if !w.Host {
		s += ", in a mount namespace of its own"
	}
	return s
}
