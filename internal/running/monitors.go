package running

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/runward/runward/internal/owner"
	"github.com/runward/runward/internal/state"
)

// A monitor is the process that an engine leaves with a container: containerd's
// shim or conmon.
type monitor struct {
	program   string // containerd-shim-runc-v2, conmon
	pid       int
	id        string
	name      string // conmon's -n
	namespace string // of containerd
	bundle    string
	pidfile   string // of conmon
	user      uint32 // that it runs as
}

func (m *monitor) shim() bool { return m.program != "conmon" && m.bundle != "" }

// monitors finds them. A process may call itself what it likes: what it says
// only leads to places that are read as any other.
func (f *finder) monitors(proc string) []monitor {
	var all []monitor
	if proc == "" {
		return nil
	}
	for _, name := range f.directories(proc) {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		line, err := os.ReadFile(filepath.Join(proc, name, "cmdline"))
		if err != nil || len(line) == 0 { // it has ended, or is the kernel's
			continue
		}
		args := strings.Split(strings.TrimSuffix(string(line), "\x00"), "\x00")
		switch program := filepath.Base(args[0]); {
		case strings.HasPrefix(program, "containerd-shim"):
			m := monitor{program: program, pid: pid, id: value(args, "-id", "--id"), namespace: value(args, "-namespace", "--namespace")}
			m.bundle, err = os.Readlink(filepath.Join(proc, name, "cwd"))
			m.user = ownerOf(filepath.Join(proc, name))
			if err == nil && m.id != "" && !strings.HasSuffix(m.bundle, " (deleted)") {
				all = append(all, m)
			}
		case program == "conmon":
			m := monitor{
				program: program, pid: pid, id: value(args, "-c", "--cid"), name: value(args, "-n", "--name"),
				bundle: value(args, "-b", "--bundle"), pidfile: value(args, "-p", "--container-pidfile"), user: ownerOf(filepath.Join(proc, name)),
			}
			if m.bundle != "" && value(args, "-e", "--exec") == "" && value(args, "--exec-process-spec") == "" {
				all = append(all, m)
			}
		}
	}
	return all
}

// value is what follows an option.
func value(args []string, names ...string) string {
	for i := 1; i < len(args); i++ {
		for _, name := range names {
			if args[i] == name && i+1 < len(args) {
				return args[i+1]
			}
		}
	}
	return ""
}

// monitored holds against what was found that a process watches over a container.
func (f *finder) monitored(m monitor) {
	i, known := f.byBundle[canonical(m.bundle)]
	switch {
	case known && i >= 0:
		if f.Containers[i].Name == "" {
			f.Containers[i].Name = m.name
		}
		return
	case known:
		return
	}
	c := Container{ID: m.id, Name: m.name, Namespace: m.namespace, Bundle: m.bundle, User: m.user}
	if _, err := os.Stat(filepath.Join(m.bundle, "config.json")); err != nil {
		if _, ended := state.ReadStat(m.pid); ended != nil {
			return // meanwhile
		}
		// Another mount namespace: a rootless user's.
		c.Problem = "process " + strconv.Itoa(m.pid) + " (" + m.program + ") watches over it, but its bundle " + m.bundle + " cannot be read from here: " + owner.Reason(err)
		f.Containers = append(f.Containers, c)
		return
	}
	runs := true
	if pid, err := readPID(m.pidfile); err == nil {
		c.PID, runs = pid, (&state.Seen{PID: pid}).Running()
	}
	f.add(c, runs)
}
