package sample

import (
	"errors"
	"os"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/runward/runward/internal/owner"
)

// ErrGone is what Open and Read return of a container that has ended: nothing
// that need be said.
var ErrGone = errors.New("the container has ended")

// A Node is what the sources of all containers share.
type Node struct {
	hierarchies []hierarchy
	buffer      []byte
	files       int // that are kept open
	maxFiles    int
	host        netns            // the node's own
	counted     map[netns]string // by namespace the container with which it is counted
	noted       map[string]bool
	notes       []string
}

// netns tells one network namespace from another: a device and an inode.
type netns struct{ dev, ino uint64 }

// NewNode finds out where cgroups are mounted. Of all containers together at
// most maxFiles files are kept open, about 16 each; the others are opened at
// every pass, which takes longer.
func NewNode(maxFiles int) (*Node, error) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, errors.New("/proc/self/mountinfo cannot be read: " + owner.Reason(err))
	}
	n := &Node{
		hierarchies: hierarchies(text), maxFiles: maxFiles, buffer: make([]byte, maxFile),
		counted: map[netns]string{}, noted: map[string]bool{},
	}
	if len(n.hierarchies) == 0 {
		return nil, errors.New("no cgroups are mounted: mount cgroup2 at /sys/fs/cgroup")
	}
	n.host, err = networkOf("/proc/1")
	if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) { // an init that may do more than this process
		n.host, err = networkOf("/proc/self")
	}
	if err != nil {
		return nil, errors.New("the node's network namespace cannot be looked at: " + owner.Reason(err))
	}
	return n, nil
}

func networkOf(process string) (netns, error) {
	var st unix.Stat_t
	err := unix.Stat(process+"/ns/net", &st)
	return netns{st.Dev, st.Ino}, err
}

// Notes gives what this kernel or this container has not, each said once in
// the life of the node, and forgets it.
func (n *Node) Notes() []string {
	notes := n.notes
	n.notes = nil
	return notes
}

func (n *Node) note(what string) {
	if !n.noted[what] {
		n.noted[what] = true
		n.notes = append(n.notes, what)
	}
}

// dir finds the container's directory in a hierarchy; "": it has none there.
func (n *Node) dir(name string, cgroup []byte, id string) string {
	i := slices.IndexFunc(n.hierarchies, func(h hierarchy) bool { return h.name == name })
	if i < 0 {
		return ""
	}
	return dirOf(n.hierarchies[i], cgroup, id)
}

func procOf(pid int) string { return "/proc/" + strconv.Itoa(pid) }
