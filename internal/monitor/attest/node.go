package attest

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/runward/runward/internal/owner"
)

// A Node is what is the same for all containers. Read it anew from time to
// time: programs are installed, modules are loaded.
type Node struct {
	// Namespaces are the host's, each by its inode numbers: the first process's,
	// and this one's, which a service manager may have put into others.
	Namespaces [nsCount][]uint64

	Hierarchies map[string]Hierarchy // by controller of cgroup v1; "" is cgroup v2
	AppArmor    bool                 // it confines
	SELinux     bool

	runtimes map[fileID]bool
}

// A Hierarchy is where cgroups are mounted.
type Hierarchy struct {
	Point string // in the file system
	Root  string // the cgroup that is mounted there, "/" but in a container
}

type fileID struct{ dev, ino uint64 }

// programs are the runtimes and engines that may be in a container's cgroup or
// namespaces for a moment, or for as long as the container lives (conmon).
var programs = [...]string{
	"runc", "crun", "youki", "runsc", "kata-runtime", "conmon", "conmonrs", "runward", "containerd-shim-runc-v2", "containerd-shim-runward-v2",
	"dockerd", "podman", "crio", "nvidia-container-runtime", "nvidia-container-runtime.real",
}

var programDirs = [...]string{
	"/usr/bin", "/usr/sbin", "/bin", "/sbin", "/usr/local/bin", "/usr/local/sbin", "/usr/libexec/podman", "/usr/libexec/crio", "/usr/lib/cri-o-runc/sbin",
	"/opt/runward/current/bin", "/snap/docker/current/bin", "/var/lib/rancher/k3s/data/current/bin",
}

// ReadNode looks at the node. more are paths of further runtimes than those
// that are known by name, such as the configured one.
func ReadNode(more ...string) (*Node, error) {
	n := &Node{Hierarchies: map[string]Hierarchy{}, runtimes: map[fileID]bool{}}
	for i, name := range namespaceFiles {
		for _, process := range [...]string{"1", "self"} {
			if ino, err := namespaceAt(unix.AT_FDCWD, "/proc/"+process+"/ns/"+name); err == nil {
				n.Namespaces[i] = append(n.Namespaces[i], ino)
			}
		}
	}
	text, err := readText(unix.AT_FDCWD, "/proc/self/mountinfo")
	if err == nil {
		err = n.findHierarchies(text)
	}
	if err != nil {
		return nil, errors.New("where cgroups are mounted cannot be read: " + owner.Reason(err))
	}
	enabled, err := readText(unix.AT_FDCWD, "/sys/module/apparmor/parameters/enabled")
	n.AppArmor = err == nil && strings.HasPrefix(enabled, "Y")
	_, err = os.Lstat("/sys/fs/selinux/enforce")
	n.SELinux = err == nil
	for _, dir := range programDirs {
		for _, name := range programs {
			n.addRuntime(filepath.Join(dir, name))
		}
	}
	for _, path := range more {
		n.addRuntime(path)
	}
	return n, nil
}

func (n *Node) addRuntime(path string) {
	var st unix.Stat_t
	if unix.Stat(path, &st) == nil {
		n.runtimes[fileID{st.Dev, st.Ino}] = true
	}
}

// findHierarchies finds where each controller is mounted, first come first.
func (n *Node) findHierarchies(mountinfo string) error {
	for line := range strings.Lines(mountinfo) {
		m, ok := parseMount(strings.TrimSuffix(line, "\n"))
		if !ok {
			return errors.New("/proc/self/mountinfo: a line is no mount")
		}
		h := Hierarchy{Point: m.Point, Root: m.Root}
		switch m.FS {
		case "cgroup2":
			n.addHierarchy("", h)
		case "cgroup":
			_, options, _ := strings.Cut(line, " - ")
			if fields := strings.Fields(options); len(fields) == 3 {
				for option := range strings.SplitSeq(fields[2], ",") {
					n.addHierarchy(option, h)
				}
			}
		}
	}
	return nil
}

func (n *Node) addHierarchy(controller string, h Hierarchy) {
	if _, before := n.Hierarchies[controller]; !before && controller != "rw" && controller != "ro" {
		n.Hierarchies[controller] = h
	}
}

// v1 tells whether a controller is in a hierarchy of cgroup v1.
func (n *Node) v1(controller string) bool {
	_, ok := n.Hierarchies[controller]
	return ok
}

// dir is where a cgroup is in the file system; "" where it is not to be seen.
func (n *Node) dir(controller, path string) string {
	h, ok := n.Hierarchies[controller]
	if !ok || !below(path, h.Root) {
		return ""
	}
	return h.Point + "/" + strings.TrimPrefix(strings.TrimPrefix(path, h.Root), "/")
}

// host tells whether a namespace is the host's.
func (n *Node) host(kind int, ino uint64) bool {
	for _, own := range n.Namespaces[kind] {
		if own == ino {
			return true
		}
	}
	return false
}

// namespaceAt reads the inode number of a namespace from its link, which is
// net:[4026531833].
func namespaceAt(dir int, path string) (uint64, error) {
	var buf [64]byte
	n, err := unix.Readlinkat(dir, path, buf[:])
	if err != nil {
		return 0, err
	}
	_, number, _ := strings.Cut(string(buf[:n]), ":[")
	return strconv.ParseUint(strings.TrimSuffix(number, "]"), 10, 64)
}

// maxText bounds what is read of a file of the kernel's: a mount namespace may
// have 100,000 mounts (fs.mount-max), one line each.
const maxText = 64 << 20

// readText reads a file of the kernel's, whose size is not known before.
func readText(dir int, path string) (string, error) {
	fd, err := unix.Openat(dir, path, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	defer func() { _ = unix.Close(fd) }() // it was only read from
	buf := make([]byte, 4<<10)
	for have := 0; ; {
		data, err := owner.ReadSome(fd, buf[have:])
		if err != nil {
			return "", err
		}
		if have += len(data); have < len(buf) {
			return string(buf[:have]), nil
		}
		if have >= maxText {
			return "", errors.New("it is too long")
		}
		buf = append(buf, make([]byte, 3*have)...)
	}
}
