package sample

import (
	"errors"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/runward/runward/internal/owner"
)

// A Source is the files of one container.
type Source struct {
	id      string
	process int // /proc/PID, open
	net     netns

	v2memory, v2cpu, v2io bool // which version counts it

	memory, memoryStat, memoryMax, swap, oom file
	cpu, cpuStat, quota, period              file
	pids, pidsMax, pidsEvents                file
	cpuPressure, memoryPressure, ioPressure  file
	io, ioCount                              file
}

// Open finds the files of a container from its first process. It returns
// ErrGone if that has ended. What the kernel has not is left out of samples,
// and said by Notes. The id is the container's own: it tells its cgroup from
// those that were made in it.
func (n *Node) Open(id string, pid int) (*Source, error) {
	// The directory stays this process's, whoever gets its number later.
	process, err := unix.Open(procOf(pid), unix.O_DIRECTORY|unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, goneOr(err, "process of container "+id)
	}
	s := &Source{id: id, process: process}
	cgroup, err := n.at(process, "cgroup")
	if err == nil {
		err = n.openAll(s, append([]byte(nil), cgroup...))
	}
	if err == nil {
		s.net, err = networkOf("/proc/self/fd/" + strconv.Itoa(process))
	}
	if err != nil {
		n.Close(s)
		return nil, goneOr(err, "container "+id)
	}
	return s, nil
}

// openAll opens the files of every controller, whichever version has it.
func (n *Node) openAll(s *Source, cgroup []byte) error {
	unified := n.dir("", cgroup, s.id)
	pick := func(controller, file string) (dir string, v2 bool) {
		if d := n.dir(controller, cgroup, s.id); d != "" {
			return d, false
		}
		if unified == "" || !present(unified+"/"+file) {
			return "", false
		}
		return unified, true
	}
	var err error
	try := func(f *file, dir, name string) {
		if err != nil {
			return
		}
		var e error
		*f, e = n.open(dir, name)
		switch {
		case e == nil:
		case gone(e) && present(dir):
			n.note("this kernel has no " + name + " for containers: what it holds is not watched")
		default:
			err = e
		}
	}

	memory, v2 := pick("memory", "memory.current")
	s.v2memory = v2
	if v2 {
		try(&s.memory, memory, "memory.current")
		try(&s.memoryMax, memory, "memory.max")
		try(&s.oom, memory, "memory.events")
		if present(memory + "/memory.swap.current") {
			try(&s.swap, memory, "memory.swap.current")
		}
	} else {
		try(&s.memory, memory, "memory.usage_in_bytes")
		try(&s.oom, memory, "memory.oom_control")
	}
	try(&s.memoryStat, memory, "memory.stat")

	cpu, v2 := pick("cpu", "cpu.stat")
	s.v2cpu = v2
	try(&s.cpuStat, cpu, "cpu.stat")
	if v2 {
		if present(cpu + "/cpu.max") { // else the controller is not enabled
			try(&s.quota, cpu, "cpu.max")
		}
	} else {
		try(&s.quota, cpu, "cpu.cfs_quota_us")
		try(&s.period, cpu, "cpu.cfs_period_us")
		try(&s.cpu, n.dir("cpuacct", cgroup, s.id), "cpuacct.usage")
	}

	pids, _ := pick("pids", "pids.current")
	try(&s.pids, pids, "pids.current")
	try(&s.pidsMax, pids, "pids.max")
	try(&s.pidsEvents, pids, "pids.events")

	try(&s.cpuPressure, unified, "cpu.pressure")
	try(&s.memoryPressure, unified, "memory.pressure")
	try(&s.ioPressure, unified, "io.pressure")

	io, v2 := pick("blkio", "io.stat")
	s.v2io = v2
	if v2 {
		try(&s.io, io, "io.stat")
	} else {
		try(&s.io, io, "blkio.throttle.io_service_bytes_recursive")
		try(&s.ioCount, io, "blkio.throttle.io_serviced_recursive")
	}
	n.noteMissing(s)
	return err
}

// noteMissing says what no cgroup of the container's own counts.
func (n *Node) noteMissing(s *Source) {
	for _, part := range []struct {
		f    file
		what string
	}{
		{s.memory, "memory"}, {s.cpuStat, "processor time"}, {s.pids, "tasks"}, {s.cpuPressure, "pressure"}, {s.io, "disk"},
	} {
		if part.f.path == "" {
			n.note("some containers have no cgroup of their own, or no controller in it, that counts " + part.what + ": it is not watched there (first seen: container " + s.id + ")")
		}
	}
}

// at reads a file of a process whose directory is open.
func (n *Node) at(process int, name string) ([]byte, error) {
	fd, err := unix.Openat(process, name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	text, err := n.fill(fd)
	if closed := unix.Close(fd); err == nil {
		err = closed
	}
	return text, err
}

// Close ends the source. The network namespace is then counted with another
// container that shares it.
func (n *Node) Close(s *Source) {
	for _, f := range s.all() {
		n.close(f)
	}
	if s.process >= 0 {
		_ = unix.Close(s.process) // nothing was written
		s.process = -1
	}
	if n.counted[s.net] == s.id {
		delete(n.counted, s.net)
	}
}

func (s *Source) all() []*file {
	return []*file{
		&s.memory, &s.memoryStat, &s.memoryMax, &s.swap, &s.oom, &s.cpu, &s.cpuStat, &s.quota, &s.period,
		&s.pids, &s.pidsMax, &s.pidsEvents, &s.cpuPressure, &s.memoryPressure, &s.ioPressure, &s.io, &s.ioCount,
	}
}

// Read takes a sample. It returns ErrGone if the container has ended, also in
// the middle, together with what could still be read: a cgroup outlives its last
// process until the engine removes it, and says whether that was killed.
func (n *Node) Read(s *Source, now time.Time) (*Sample, error) {
	r := &Sample{Time: now}
	for _, part := range []func(*Source, *Sample) error{n.readMemory, n.readCPU, n.readPids, n.readPressure, n.readDisk, n.readNetwork} {
		if err := part(s, r); err != nil {
			return r, goneOr(err, "container "+s.id)
		}
	}
	return r, nil
}

func goneOr(err error, what string) error {
	if gone(err) {
		return ErrGone
	}
	return errors.New(what + " cannot be watched: " + owner.Reason(err))
}

func present(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
