//go:build e2e

package compare

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/test/e2e/lab"
)

// A sitting is a session in one way. Directories, ids and files are the same in
// all of them: the place is emptied in between.
type sitting struct {
	*testing.T
	rig    *rig
	id     string
	dir    string // everything below it is looked at after every call
	bundle string
	state  string // --root
	out    string // what calls print, outside of dir
	global []string
	steps  []*step
	later  []func()
	logged map[string]int // how much of each log was looked at

	signals int // that the container has been sent and tells of
}

func newSitting(t *testing.T, r *rig) *sitting {
	t.Helper()
	dir := filepath.Join(r.node.Dir, "session")
	s := &sitting{
		T: t, rig: r, id: "compare-" + strings.TrimPrefix(filepath.Base(r.node.Dir), "lab"), dir: dir,
		bundle: filepath.Join(dir, "bundle"), state: filepath.Join(dir, "state"), out: filepath.Join(r.node.Dir, "out"),
		logged: map[string]int{},
	}
	s.global = []string{"--root", s.state, "--log", filepath.Join(dir, "log.json"), "--log-format", "json"}
	s.wipe()
	for _, d := range []string{s.bundle, s.out} {
		must(t, os.MkdirAll(d, 0o755))
	}
	lab.Try(t, "", nil, "cp", "-a", r.rootfs, filepath.Join(s.bundle, "rootfs"))
	return s
}

func (s *sitting) wipe() {
	s.Helper()
	for _, d := range []string{s.dir, s.out} {
		must(s, os.RemoveAll(d))
	}
}

// settle reads, of every call whose output went to a file, all that is there:
// a container may have gone on to write after the call.
func (s *sitting) settle() {
	for _, f := range s.later {
		f()
	}
	s.later = nil
}

// end takes away what is left of the session.
func (s *sitting) end() {
	s.Helper()
	for _, id := range strings.Fields(s.plainly("list", "--quiet").Stdout) {
		s.plainly("delete", "--force", id)
	}
	s.wipe()
}

// plainly calls plain runc, unseen.
func (s *sitting) plainly(args ...string) lab.Result {
	s.Helper()
	return lab.Try(s, "", nil, s.rig.runc, append([]string{"--root", s.state}, args...)...)
}

// config writes the bundle's config.json: a shell that runs script.
func (s *sitting) config(script string, edits ...func(*specs.Spec)) {
	s.Helper()
	spec := lab.DefaultSpec(script)
	spec.Linux.CgroupsPath = "/" + s.id
	for _, edit := range edits {
		edit(spec)
	}
	raw, err := json.MarshalIndent(spec, "", "\t")
	must(s, err)
	s.raw(string(raw))
}

func (s *sitting) raw(config string) {
	s.Helper()
	must(s, os.WriteFile(filepath.Join(s.bundle, "config.json"), []byte(config), 0o644))
}

// until waits for a container to be in a state.
func (s *sitting) until(status string) {
	s.Helper()
	var r lab.Result
	if !lab.Within(20*time.Second, 5*time.Millisecond, func() bool {
		r = s.plainly("state", s.id)
		return strings.Contains(r.Stdout, `"status": "`+status+`"`)
	}) {
		s.Fatalf("%s is not %s: %s%s", s.id, status, r.Stdout, r.Stderr)
	}
}

// asleep creates and starts a container that waits to be killed.
func (s *sitting) asleep(edits ...func(*specs.Spec)) {
	s.Helper()
	s.config("sleep 1000", edits...)
	s.runc("run", "--detach", "--bundle", s.bundle, s.id)
}

// limits adds what the container's cgroups hold it to.
func (s *sitting) limits() {
	s.Helper()
	paths := s.cgroups()
	seen := map[string]bool{}
	var b strings.Builder
	for _, dir := range paths {
		for _, name := range limitFiles {
			file := filepath.Join(dir, name)
			if raw, err := os.ReadFile(file); err == nil && !seen[file] {
				seen[file] = true
				b.WriteString(file + ": " + string(raw))
			}
		}
	}
	lines := strings.SplitAfter(b.String(), "\n")
	slices.Sort(lines)
	if len(seen) == 0 {
		s.Fatalf("no limit can be read below %v", paths)
	}
	s.last().see("limits", strings.Join(lines, ""))
}

// limitFiles are of cgroup v1 and v2.
var limitFiles = []string{
	"memory.limit_in_bytes", "memory.soft_limit_in_bytes", "memory.memsw.limit_in_bytes", "memory.swappiness",
	"cpu.shares", "cpu.cfs_quota_us", "cpu.cfs_period_us", "cpu.rt_runtime_us", "cpuset.cpus", "cpuset.mems",
	"pids.max", "blkio.weight", "blkio.bfq.weight", "devices.list", "freezer.state",
	"memory.max", "memory.low", "memory.swap.max", "cpu.max", "cpu.weight", "io.weight", "io.bfq.weight", "cgroup.freeze",
}

func (s *sitting) last() *step { return s.steps[len(s.steps)-1] }

// printed waits until what a call has started has printed a text n times.
func (s *sitting) printed(call int, text string, n int) {
	s.Helper()
	var raw []byte
	if !lab.Within(20*time.Second, 2*time.Millisecond, func() bool {
		var err error
		raw, err = os.ReadFile(filepath.Join(s.out, fmt.Sprintf("%d.stdout", call)))
		must(s, err)
		return strings.Count(string(raw), text) >= n
	}) {
		s.Fatalf("what was started printed %q fewer than %d times: %q", text, n, raw)
	}
}
