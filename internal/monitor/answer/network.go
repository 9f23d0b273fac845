package answer

import (
	"errors"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/runward/runward/internal/owner"
)

// A Network is what is in force on a container's network.
type Network string

const (
	NetworkOpen   Network = "open"
	NetworkEgress Network = "egress cut" // nothing goes out but replies
	NetworkCut    Network = "cut"        // nothing goes in, out or through, not even to itself
	NetworkPartly Network = "partly cut" // part of a cut was taken away: with CAP_NET_ADMIN a container can
)

// Reach says what else a cut concerns, and what it leaves open.
type Reach struct {
	Sharing []int    // processes in the same network namespace, but in none of the container's cgroups
	Open    []string // ways that stay open, for a person
}

// CutNetwork stops every packet into, out of and through the container's
// network namespace, on every device and for every protocol. Sockets that have
// no network, those of AF_UNIX, stay as they are.
//
// A container in the host's network namespace is refused. One that shares its
// namespace with other containers, as those of a pod do, is refused unless
// shared is set, and then all of them are cut off.
func CutNetwork(t *Target, shared bool) (Reach, error) { return cut(t, NetworkCut, shared) }

// CutEgress lets the container answer whoever connects to it, and itself
// connect to nobody but itself. What is open to elsewhere is cut off too.
func CutEgress(t *Target, shared bool) (Reach, error) { return cut(t, NetworkEgress, shared) }

// Restore takes away what CutNetwork and CutEgress put in force, and nothing
// else.
func Restore(t *Target) error {
	ns, err := t.network()
	if err != nil {
		return err
	}
	defer ns.close()
	if err := ns.remove(); err != nil {
		return errors.New("restore the network: " + owner.Reason(err))
	}
	now, err := ns.state()
	if err == nil && now != NetworkOpen {
		err = errors.New("it is still " + string(now))
	}
	if err != nil {
		return errors.New("restore the network: " + owner.Reason(err))
	}
	return nil
}

func cut(t *Target, how Network, shared bool) (Reach, error) {
	var r Reach
	ns, err := t.network()
	if err != nil {
		return r, err
	}
	defer ns.close()
	if ns.host {
		return r, errors.New("the container is in the host's network namespace: cutting that would cut off the node; freeze the container instead")
	}
	if r.Sharing, err = t.sharing(ns.ino); err != nil {
		return r, err
	}
	if len(r.Sharing) > 0 && !shared {
		return r, errors.New("the container shares its network namespace with " + strconv.Itoa(len(r.Sharing)) +
			" processes of others, such as process " + strconv.Itoa(r.Sharing[0]) + ": say that they are to be cut off too, or freeze the container instead")
	}
	if err := ns.put(how); err != nil {
		return r, errors.New("cut the network: " + owner.Reason(err) + "; it is as before; freeze the container instead")
	}
	if now, err := ns.state(); err != nil || now != how {
		return r, errors.New("cut the network: it was put in force and is " + string(now))
	}
	r.Open = ns.open
	return r, nil
}

// A netns is a container's network namespace.
type netns struct {
	fd      int
	ino     uint64
	host    bool
	devices []string
	open    []string // what put could not close
}

func (n *netns) close() { _ = unix.Close(n.fd) }

// network opens the namespace through the first process's directory in procfs,
// so that it is that process's.
func (t *Target) network() (*netns, error) {
	proc, err := unix.Open("/proc/"+strconv.Itoa(t.PID), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, ErrGone
	}
	defer func() { _ = unix.Close(proc) }()
	if err := t.alive(); err != nil {
		return nil, err
	}
	fd, err := unix.Openat(proc, "ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, errors.New("the container's network namespace cannot be opened: " + owner.Reason(err))
	}
	n := &netns{fd: fd}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		n.close()
		return nil, err
	}
	n.ino = st.Ino
	n.host = isNetwork("/proc/1/ns/net", n.ino) || isNetwork("/proc/self/ns/net", n.ino)
	if n.devices, err = devices(proc); err != nil {
		n.close()
		return nil, errors.New("the container's network devices cannot be listed: " + owner.Reason(err))
	}
	return n, nil
}

func isNetwork(path string, ino uint64) bool {
	var st unix.Stat_t
	return unix.Stat(path, &st) == nil && st.Ino == ino
}

// devices lists the network devices in the namespace of a process.
func devices(proc int) ([]string, error) {
	fd, err := unix.Openat(proc, "net/dev", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), "net/dev")
	defer func() { _ = file.Close() }()
	text := make([]byte, 1<<20)
	n, err := owner.ReadSome(fd, text)
	if err != nil {
		return nil, err
	}
	var names []string
	for line := range strings.Lines(string(n)) {
		if name, _, found := strings.Cut(line, ":"); found && !strings.Contains(name, "|") {
			names = append(names, strings.TrimSpace(name))
		}
	}
	return names, nil
}

// sharing lists the processes in a network namespace that are in none of the
// container's cgroups.
func (t *Target) sharing(ino uint64) ([]int, error) {
	own := map[int]bool{t.PID: true}
	for _, dir := range [...]string{t.Freezer, t.Unified} {
		if dir == "" {
			continue
		}
		pids, err := members(dir)
		if err != nil {
			return nil, err
		}
		for _, pid := range pids {
			own[pid] = true
		}
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var others []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err == nil && !own[pid] && isNetwork("/proc/"+e.Name()+"/ns/net", ino) {
			others = append(others, pid)
		}
	}
	return others, nil
}
