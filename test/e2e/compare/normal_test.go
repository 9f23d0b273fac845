//go:build e2e

package compare

import (
	"regexp"
	"slices"
	"strings"
)

// A normalisation takes away what differs between two calls of the same
// runtime, and nothing else. Every one says why.
type normalisation struct {
	name, reason  string
	where         string // a verb, or the beginning of what was seen; empty: everywhere
	pattern, with string // none: it is done elsewhere, or the calls keep out of its way
}

var normals = []normalisation{
	{"time", "the clock goes on", "", `\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z| ?[+-]\d\d:?\d\d)?( UTC)?`, "<time>"},
	{"pid", "every process has its own; that there is none, 0, stays", "", `("(?:pid|init_process_pid|init_process_start|Pid)": ?)[1-9]\d*`, "${1}<pid>"},
	{"pid file", "as above; it has no newline", "pid-file", `^[1-9]\d*$`, "<pid>"},
	{"pid in /proc", "as above", "", `/proc/\d+/`, "/proc/<pid>/"},
	{"pid in words", "as above", "", `(nsexec(?:-\d)?\[|stage-\d (?:pid )?\(|adding pid |failed to write |pid:? |process )\d+`, "${1}<pid>"},
	{"address", "where Go's stack of a panic is", "", `0xc[0-9a-f]{9}\??`, "<address>"},
	{"cgroup", "runc goes through a container's cgroups in no fixed order, and stops at the first error", "", `(openat2|rmdir|mkdir|open) /sys/fs/cgroup/[a-z_,]+/`, "$1 /sys/fs/cgroup/<controller>/"},
	{"retry", "a cgroup may be busy for an instant after its last process", "", `(?m)^.*Failed to remove cgroup \(will retry\).*\n`, ""},
	{"use", "of memory, as it happens to be", "", `(current usage: |peak usage: )\d+`, "${1}<n>"},
	{"number", "the kernel numbers pipes, sockets and namespaces", "", `\b(pipe|socket|mnt|net|uts|ipc|pid|user|cgroup|time):\[\d+\]`, "$1:[<n>]"},
	{"mount", "the kernel numbers mounts and their devices", "", `(?m)^\d+ \d+ \d+:\d+ (/.*?)(?: (?:shared|master):\d+)* - `, "<n> <n> <n> $1 - "},
	{"terminal", "the next free one", "", `/dev/pts/\d+`, "/dev/pts/<n>"},
	{"engine's id", "podman and the CRI invent one for every container, sandbox and exec", "", `\b([0-9a-f]{64}|[0-9a-f]{12})\b`, "<id>"},
	{"age", "podman tells how long ago", "ps", `Less than a second|\d+ seconds?`, "<time>"},
	{"preemption", "Go's own, which runc passes on when it comes", "debug", `(?m)^.*sending signal to process urgent I/O condition.*\n`, ""},
	{"snapshot", "containerd numbers them", "", `/snapshots/\d+/`, "/snapshots/<n>/"},
	{"task", "pids, and columns as wide as they are", "tasks list", ` +(\d+ +)?`, " "},
	{"task's processes", "pids, and columns as wide as they are", "tasks ps", `(?m)^(PID|\d+) +`, "<pid> "},
	{"metrics", "what a container has used so far, and columns as wide as that", "tasks metrics", ` +(?:(?:\d+|\[[\d ]*\]) *)?`, " "},
	{"labels", "runc makes a list of the annotations, in Go's order of a map: it is sorted", "", "", ""},
	{"closed stdio", "Go opens /dev/null where descriptor 0, 1 or 2 is closed, since 1.21; runc built with an older one goes on without. No session closes them", "", "", ""},
	{"debug order", "two processes log at once: the lines are sorted", "debug", "", ""},
	{"keyring", "a key lives on for a moment after its container, so that one is named afresh each time", "", `-key\d+`, "-key<n>"},
	{"table", "columns are as wide as pids and times", "list", ` +\d* +`, " "},
	{"runtime's path", "argv[0] of the real runtime is its own path, since crun and others choose by it; runc names itself so in usage errors", "", `\S*/runc(: \\*"[a-z]+\\*" requires )`, "runc$1"},
	{"indent", "columns are as wide as pids", "ps", `(?m)^ +`, ""},
	{"processes", "pids, parents, processor use and start times", "ps", `\d+`, "<n>"},
	{"process columns", "columns are as wide as the above", "ps", ` +`, " "},
	{"statistics", "what a container has used so far; limits stay", "events", `("(?:usage|total|percpu|percpu_usercode|percpu_kernelmode|kernel|user|max|failcnt|current|value|periods|throttledPeriods|throttledTime|rss|swap|cache|[a-z_]+)":)(?:\d+|\[[\d,]*\])`, "$1<n>"},
}

var compiled = func() (all []*regexp.Regexp) {
	for _, n := range normals {
		all = append(all, regexp.MustCompile(n.pattern))
	}
	return all
}()

// normal is a text without what may differ.
func normal(verb, what, text string) string {
	for i, n := range normals {
		if n.pattern == "" {
			continue
		}
		if n.where == "" || n.where == verb || strings.HasPrefix(what, n.where) {
			text = compiled[i].ReplaceAllString(text, n.with)
		}
	}
	text = sortLabels(text)
	if verb == "debug" { // two processes log at once
		lines := strings.Split(text, "\n")
		slices.Sort(lines)
		text = strings.Join(lines, "\n")
	}
	return text
}

// sortLabels puts the labels of runc's state.json in order.
func sortLabels(text string) string {
	const begin, end = `"labels":["`, `"]`
	head, rest, found := strings.Cut(text, begin)
	if !found {
		return text
	}
	labels, tail, found := strings.Cut(rest, end)
	if !found {
		return text
	}
	all := strings.Split(labels, `","`)
	slices.Sort(all)
	return head + begin + strings.Join(all, `","`) + end + sortLabels(tail)
}
