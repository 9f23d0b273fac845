package attest

import (
	"errors"
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/runward/runward/internal/owner"
)

// held are the controllers of cgroup v1 that a container's processes must be
// in a cgroup of.
var held = [...]string{"memory", "cpu", "pids", "devices", "freezer", "cpuset", "blkio", "hugetlb"}

// group finds the container's cgroup in the path of one of its processes.
func (e *Expected) group(root, at string) (string, bool) {
	for _, name := range e.Cgroups {
		if strings.HasPrefix(name, "/") {
			if name = path.Join(root, name); below(at, name) {
				return name, true
			}
			continue
		}
		if i := strings.Index(at+"/", "/"+name+"/"); i >= 0 {
			return at[:i+1+len(name)], true
		}
	}
	return "", false
}

// strayed tells in which hierarchies a process is not in the container's
// cgroup, as text: controller and path; and whether it is in any.
func (n *Node) strayed(p *Process, want *Expected) (out []string, in bool) {
	check := func(controller string) {
		at, ok := p.Cgroups[controller]
		if !ok {
			return
		}
		if _, ok := want.group(n.Hierarchies[controller].Root, at); ok {
			in = true
			return
		}
		if controller != "" {
			controller += ":"
		}
		out = append(out, controller+at)
	}
	v1 := false
	for _, controller := range held {
		if n.v1(controller) {
			v1 = true
			check(controller)
		}
	}
	if !v1 {
		check("")
	}
	return out, in
}

// within tells whether a process is in any cgroup of the container's.
func (n *Node) within(p *Process, want *Expected) bool {
	_, in := n.strayed(p, want)
	return in
}

// place is where the container's cgroup of a controller is: its directory, and
// whether it is of cgroup v2. "" where there is none.
func (n *Node) place(p *Process, want *Expected, controller string) (dir string, v2 bool) {
	hierarchy := controller
	if !n.v1(controller) {
		hierarchy, v2 = "", true
	}
	root := n.Hierarchies[hierarchy].Root
	group, ok := want.group(root, p.Cgroups[hierarchy])
	if ok {
		return n.dir(hierarchy, group), v2
	}
	for _, name := range want.Cgroups { // the process was moved away from it
		if strings.HasPrefix(name, "/") && name != "/" {
			dir := n.dir(hierarchy, path.Join(root, name))
			if _, err := os.Lstat(dir + "/cgroup.procs"); err == nil {
				return dir, v2
			}
		}
	}
	return "", v2
}

// members lists the processes of the container's cgroup and of those below it.
func (n *Node) members(o *Observed, want *Expected) ([]int, error) {
	for _, controller := range held {
		if dir, v2 := n.place(&o.Init, want, controller); dir != "" {
			var pids []int
			err := walk(dir, 0, func(dir string) error {
				text, err := readText(unix.AT_FDCWD, dir+"/cgroup.procs")
				if v2 && errors.Is(err, unix.EOPNOTSUPP) { // threaded: listed further up
					return nil
				}
				for line := range strings.Lines(text) {
					if pid := atoi(strings.TrimSuffix(line, "\n")); pid > 0 {
						pids = append(pids, pid)
					}
				}
				return err
			})
			return pids, err
		}
	}
	return nil, errors.New("its cgroup is not to be found")
}

// walk calls f with a cgroup and those below it. What is removed meanwhile is
// no error.
func walk(dir string, depth int, f func(string) error) error {
	if err := f(dir); err != nil && !gone(err) && !errors.Is(err, unix.ENODEV) {
		return errors.New(dir + ": " + owner.Reason(err))
	}
	if depth > 64 {
		return errors.New(dir + ": the cgroups below it are nested too deep")
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !gone(err) && !errors.Is(err, unix.ENODEV) {
		return errors.New(dir + ": " + owner.Reason(err))
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := walk(dir+"/"+e.Name(), depth+1, f); err != nil {
				return err
			}
		}
	}
	return nil
}

// numbers lists the directories of processes in procfs.
func numbers(fd int) ([]string, error) {
	var pids []string
	buf := make([]byte, 32<<10)
	for {
		n, err := unix.Getdents(fd, buf)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			return pids, nil
		}
		var names []string
		_, _, names = unix.ParseDirent(buf[:n], -1, nil)
		for _, name := range names {
			if atoi(name) > 0 {
				pids = append(pids, name)
			}
		}
	}
}

// atoi reads a process id; 0 is none.
func atoi(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// Groups are the directories of the container's cgroup in the freezer of cgroup
// v1 and in cgroup v2; "" where it has none there.
func (n *Node) Groups(o *Observed, want *Expected) (freezer, unified string) {
	if n.v1("freezer") {
		freezer, _ = n.place(&o.Init, want, "freezer")
	}
	unified, _ = n.place(&o.Init, want, "")
	return freezer, unified
}
