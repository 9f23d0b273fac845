package sample

import (
	"bytes"
	"slices"
	"strings"
)

// A hierarchy is one that is mounted.
type hierarchy struct {
	name string // a controller of version 1; empty: version 2
	dir  string // where it is mounted
}

// hierarchies finds them in mountinfo (proc(5)): the first mount of each that
// shows it from its top.
func hierarchies(mountinfo []byte) []hierarchy {
	var all []hierarchy
	add := func(name, dir string) {
		if !slices.ContainsFunc(all, func(h hierarchy) bool { return h.name == name }) {
			all = append(all, hierarchy{name, dir})
		}
	}
	for line := range strings.Lines(string(mountinfo)) {
		before, after, found := strings.Cut(strings.TrimSuffix(line, "\n"), " - ")
		mount, fs := strings.Fields(before), strings.Fields(after)
		if !found || len(mount) < 5 || len(fs) < 3 || mount[3] != "/" {
			continue
		}
		switch fs[0] {
		case "cgroup2":
			add("", mount[4])
		case "cgroup":
			for _, option := range strings.Split(fs[2], ",") {
				if slices.Contains([]string{"memory", "cpu", "cpuacct", "pids", "blkio"}, option) {
					add(option, mount[4])
				}
			}
		}
	}
	return all
}

// dirOf finds a container's directory in a hierarchy from the cgroup file of
// its first process. What runs in the container may have made cgroups below its
// own and moved there (systemd does): the outermost name that holds the id is
// the container's. Empty: it is in none of its own.
func dirOf(h hierarchy, cgroup []byte, id string) string {
	for len(cgroup) > 0 {
		var line []byte
		line, cgroup, _ = bytes.Cut(cgroup, []byte{'\n'})
		_, rest, _ := bytes.Cut(line, []byte{':'})
		controllers, path, found := bytes.Cut(rest, []byte{':'})
		if !found || !slices.Contains(strings.Split(string(controllers), ","), h.name) {
			continue
		}
		// A path with .. is outside of the cgroup namespace of who asks.
		if p := string(path); p != "/" && strings.HasPrefix(p, "/") && !strings.Contains(p+"/", "/../") {
			return h.dir + upTo(p, id)
		}
		return ""
	}
	return ""
}

// upTo cuts a path after the first name in it that holds the id.
func upTo(path, id string) string {
	if id == "" {
		return path
	}
	at := strings.Index(path, id)
	if at < 0 {
		return path
	}
	if end := strings.IndexByte(path[at:], '/'); end >= 0 && !strings.Contains(id, "/") {
		return path[:at+end]
	}
	return path
}
