//go:build e2e

// Package compare holds the same sessions with plain runc, and with runward in
// runc's place where policy only audits: standard output and error, exit codes,
// logs, pid files, the runtime's state and what the container sees of itself
// must be the same. Everything stands at the same path in every way, under the
// same ids, so that little is left that may differ; normal_test.go lists it.
//
//	go test -tags e2e ./test/e2e/compare                every session
//	go test -tags e2e ./test/e2e/compare -args -full    every exit code, spelling and kind of log
//	go test -tags e2e ./test/e2e/compare -args -self    plain runc with itself: what differs here is no fault of runward's
package compare

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/runward/runward/test/e2e/lab"
)

var (
	full = flag.Bool("full", false, "compare every exit code, spelling and kind of log")
	self = flag.Bool("self", false, "compare plain runc with itself")
)

// A way is what stands in runc's place, and how it is set.
type way struct {
	name             string
	settings, policy string
	prepare          func(n *lab.Node) // beyond these
}

// plain is what the others have to equal.
var plain = way{name: "plain runc"}

// audits is every way in which runward promises to change nothing.
var audits = []way{
	{name: "a node that audits", settings: "mode = 'audit'\n", policy: restricted},
	{name: "a policy that audits", policy: "mode = 'audit'\n" + restricted},
}

// restricted would rewrite or refuse nearly every session here.
const restricted = "version = 1\nname = 'test'\nextends = ['restricted']\n"

// A rig is one place for a runtime, and the node that runward has there.
type rig struct {
	node    *lab.Node
	runtime string // a link named runc: to runc or to runward
	runc    string
	rootfs  string // what a bundle's is copied from
	table   table
}

func newRig(t *testing.T) *rig {
	n := lab.NewNode(t)
	r := &rig{node: n, runtime: filepath.Join(n.Dir, "place/runc"), runc: lab.Runc(t), rootfs: filepath.Join(n.Dir, "rootfs")}
	must(t, os.Mkdir(filepath.Dir(r.runtime), 0o755))
	lab.Rootfs(t, r.rootfs)
	return r
}

// arrange puts a way's runtime in place.
func (r *rig) arrange(t *testing.T, w way) {
	t.Helper()
	target := r.node.Runward
	if w.name == plain.name {
		target = r.runc
	}
	r.place(t, target)
	for _, name := range []string{"log", "run"} { // what another way may have put there
		must(t, os.RemoveAll(filepath.Join(r.node.Dir, name)))
	}
	r.node.Settings(w.settings)
	r.node.Policy("10-test.toml", w.policy)
	if w.prepare != nil {
		w.prepare(r.node)
	}
}

func (r *rig) place(t *testing.T, target string) {
	t.Helper()
	must(t, os.RemoveAll(r.runtime))
	must(t, os.Symlink(target, r.runtime))
}

// A session is one sequence of calls, which every way goes through.
type session struct {
	name string
	run  func(s *sitting)
}

// tries is how often a session with an engine is gone through before a
// difference counts. On a busy machine ctr ends before it has copied the last of
// a container's output, or stalls, with plain runc as well: it differs from
// itself now and then, and what is runward's doing differs each time.
var tries = map[string]int{"containerd": 3}

// compare holds the sessions of one engine, and counts them in the table.
func (r *rig) compare(t *testing.T, ways []way, engine string, prepare func(s *sitting), sessions []session) {
	if *self {
		ways = []way{plain}
	}
	for _, x := range sessions {
		t.Run(strings.ReplaceAll(x.name, " ", "_"), func(t *testing.T) {
			want := r.hold(t, plain, prepare, x)
			for _, w := range ways {
				for left := max(tries[engine], 1) - 1; ; left-- {
					var here table
					differences := here.count(engine, want, r.hold(t, w, prepare, x))
					if len(differences) > 0 && left > 0 {
						t.Logf("%s: gone through again, as these differ:\n%s", w.name, strings.Join(differences, "\n"))
						want = r.hold(t, plain, prepare, x)
						continue
					}
					r.table.add(&here)
					for _, d := range differences {
						t.Errorf("%s: %s", w.name, d)
					}
					break
				}
			}
		})
	}
}

// hold goes through a session in one way.
func (r *rig) hold(t *testing.T, w way, prepare func(s *sitting), x session) []*step {
	t.Helper()
	r.arrange(t, w)
	s := newSitting(t, r)
	prepare(s)
	defer s.end()
	x.run(s)
	s.settle()
	return s.steps
}

func TestCompare(t *testing.T) {
	var all table
	t.Run("all", func(t *testing.T) {
		t.Run("runtime", func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			for _, group := range [][]session{creates, runs, terminals, execs, states, updates, others} {
				r.compare(t, audits, "runc", func(*sitting) {}, group)
			}
			all.add(&r.table)
		})
		t.Run("engines", func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			compareContainerd(t, r)
			comparePodman(t, r)
			compareCRI(t, r)
			compareUnwell(t, r)
			all.add(&r.table)
		})
	})
	fmt.Print(all.String())
}

// Where a node audits, nothing that is wrong with runward's own files stops a
// container either.
func compareUnwell(t *testing.T, r *rig) {
	taken := func(name string) func(n *lab.Node) {
		return func(n *lab.Node) { // a file where runward wants a directory
			must(t, os.RemoveAll(filepath.Join(n.Dir, name)))
			must(t, os.WriteFile(filepath.Join(n.Dir, name), nil, 0o644))
		}
	}
	unwell := []way{
		{name: "a broken policy where the node audits", settings: "mode = 'audit'\n", policy: "version = 1\nname = "},
		{name: "no directory for receipts", settings: "mode = 'audit'\n", policy: restricted, prepare: taken("log")},
		{name: "no directory for the ledger", settings: "mode = 'audit'\n", policy: restricted, prepare: taken("run")},
		{name: "off", settings: "mode = 'off'\n", policy: restricted},
	}
	r.compare(t, unwell, "runc, runward unwell", func(*sitting) {}, append(append([]session{}, runs[:1]...), creates[:1]...))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
