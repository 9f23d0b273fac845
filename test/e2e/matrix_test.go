//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/test/e2e/lab"
	"github.com/runward/runward/test/e2e/matrix"
)

// A matrixSubject is an engine with one cgroup driver, as the matrix uses it, with
// runward as its runtime. It names containers; where it has none that stay, as a
// build, keep is nil. What it cannot do at all is nil too, and its own words to
// that are in lacks.
type matrixSubject struct {
	row, version string

	run    func(name, script string, ask ask) lab.Result
	keep   func(name string) lab.Result // runs staying(name)
	exec   func(name, script string) lab.Result
	update func(name string, memory int64) lab.Result
	remove func(name string) lab.Result
	lacks  map[string]func() lab.Result
	around string // why the engine is known to go around runward; empty: it does not
	cannot string // the engine's own word, without runward; empty: it can
}

// What a container asks for.
type ask int

const (
	ordinary ask = iota
	tooMuch      // a directory of the host's, or its network where there are no volumes
)

// The matrix's policies: one that has nothing against an ordinary container, and
// one that takes things away from every container. The lab's pods are on the
// node's network.
const (
	matrixAllows = `version = 1
name = "matrix"
[host_paths]
[namespaces]
host = ["uts", "cgroup"]
[[exception]]
rules = ["namespaces"]
match = { engine = ["containerd"], namespace = ["default"] }
allow = { host = ["network", "uts"] }
reason = "no CNI in the lab"
`
	matrixRewrites = matrixAllows + `[no_new_privileges]
[seccomp]
[apparmor]
[capabilities]
allow = ["CAP_CHOWN"]
[pids]
max = 77
`
	matrixLimits = matrixRewrites + `[memory]
max = "64MiB"
`
)

// What a container sees of itself, on one line, and what it is to be under matrixRewrites.
const (
	looking = `f() { sed -n "s/^$1:[[:space:]]*//p" /proc/self/status; }; g() { cat /sys/fs/cgroup/$1 /sys/fs/cgroup/$2 2>/dev/null | head -n 1; }; ` +
		`echo "inside: CapEff=$(f CapEff) NoNewPrivs=$(f NoNewPrivs) Seccomp=$(f Seccomp) pids.max=$(g pids.max pids/pids.max) ` +
		`memory.max=$(g memory.max memory/memory.limit_in_bytes) AppArmor=$(cat /proc/self/attr/apparmor/current 2>/dev/null)"`
	reduced = "CapEff=0000000000000001 NoNewPrivs=1 Seccomp=2 "

	matrixMemory = 32 << 20 // what update asks for, within the bound
)

// staying is a command that stays, and can be found by its arguments.
func staying(name string) []string { return []string{"sh", "-c", "sleep 100000; :", name} }

// saw is what looking printed; engines put words of their own before it.
func saw(out lab.Result) string {
	return strings.TrimSpace(regexp.MustCompile(`CapEff=[0-9a-f]{16} [^"\n]*`).FindString(out.Stdout + out.Stderr))
}

func TestMatrix(t *testing.T) {
	n := lab.NewNode(t)
	file := os.Getenv("RUNWARD_MATRIX")
	m := &matrixRun{node: n, cgroup: cgroupVersion(), noMemory: noMemory(t), record: func(t *testing.T, c *matrix.Cell) {
		t.Helper()
		if file != "" {
			must(t, matrix.Append(file, c))
		}
	}}
	for _, program := range []string{"runc", "crun"} {
		for _, driver := range []string{lab.Cgroupfs, lab.Systemd} {
			m.combine(t, program, driver)
		}
	}
	if os.Getenv("RUNWARD_MATRIX_CELLS") == "few" {
		m.thin()
	}
	matrixContainerd(t, m)
	matrixOlderContainerd(t, m)
	matrixDocker(t, m)
	matrixPodman(t, m)
	matrixBuildah(t, m)
}

// A matrixRun is the matrix on one machine.
type matrixRun struct {
	node   *lab.Node
	cgroup string
	behind []behind

	noMemory string // why there are no limits on memory; empty: there are
	record   func(*testing.T, *matrix.Cell)
}

// behind is a runtime that stands behind runward, with a cgroup driver.
type behind struct {
	path, says, driver string
	cannot             string // the runtime's own word, without runward; empty: it can
}

func cgroupVersion() string {
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		return "v2"
	}
	if _, err := os.Stat("/sys/fs/cgroup/unified/cgroup.controllers"); err == nil {
		return "v1 hybrid"
	}
	return "v1"
}

// combine tries a runtime by itself: what it cannot do here alone is not asked
// of it behind runward.
func (m *matrixRun) combine(t *testing.T, program, driver string) {
	t.Helper()
	b := behind{path: lab.Tool(t, program), driver: driver}
	b.says = program + " " + versionOf(t, b.path)
	var flags []string
	alone := lab.Bundle(t, "true", func(s *specs.Spec) {
		if driver == lab.Systemd {
			flags, s.Linux.CgroupsPath = []string{"--systemd-cgroup"}, "system.slice:lab:"+filepath.Base(filepath.Dir(s.Linux.CgroupsPath+"x/"))
		}
	})
	root := filepath.Join(alone.Dir, "state")
	out := lab.Try(t, alone.Dir, nil, b.path, append(flags, "--root", root, "run", "--bundle", alone.Dir, alone.ID)...)
	if out.Code != 0 {
		words := strings.TrimSpace(out.Stderr)
		if msg := regexp.MustCompile(`msg="(.*)"$`).FindStringSubmatch(words); msg != nil {
			words = msg[1]
		}
		b.cannot = program + " alone says: " + words
	}
	m.behind = append(m.behind, b)
}

// thin leaves each runtime one driver, where it has two.
func (m *matrixRun) thin() {
	for i := range m.behind {
		b := &m.behind[i]
		kept := strings.HasPrefix(b.says, "runc") == (b.driver == lab.Systemd)
		for _, other := range m.behind {
			if !kept && other.says == b.says && other.driver != b.driver && other.cannot == "" {
				b.cannot = "left out of the short matrix"
			}
		}
	}
}

// noMemory tries runc by itself with a limit on memory: on cgroup v1 kernels may
// lack the controller. Empty: it can.
func noMemory(t *testing.T) string {
	t.Helper()
	alone := lab.Bundle(t, "true", func(s *specs.Spec) {
		s.Linux.Resources.Memory = &specs.LinuxMemory{Limit: ptr(int64(2 * matrixMemory))}
	})
	out := alone.Try(lab.Runc(t))
	if out.Code == 0 {
		return ""
	}
	return "runc alone, with a limit on memory, says: " + strings.TrimSpace(out.Stderr)
}

func versionOf(t *testing.T, program string) string {
	t.Helper()
	out := lab.Try(t, "", nil, program, "--version")
	found := regexp.MustCompile(`\d+\.\d+(\.\d+)?[^\s,]*`).FindString(out.Stdout)
	if found == "" {
		t.Fatalf("%s --version says %q %s", program, out.Stdout, out.Stderr)
	}
	return strings.TrimSuffix(found, "+unknown")
}

// with starts engines of one driver, and puts each through every runtime that
// can; rows and version are theirs where they are not even started.
func (m *matrixRun) with(t *testing.T, name, driver string, rows []string, version string, start func(t *testing.T) []*matrixSubject) {
	t.Helper()
	t.Run(strings.ReplaceAll(name, " ", "_")+"/"+driver, func(t *testing.T) {
		var subjects []*matrixSubject
		for _, b := range m.behind {
			if b.driver != driver {
				continue
			}
			if b.cannot != "" {
				for _, row := range rows {
					m.record(t, &matrix.Cell{Row: row, Engine: version, Runtime: b.says, Cgroup: m.cgroup, Driver: driver, NotRun: b.cannot})
				}
				continue
			}
			if subjects == nil {
				subjects = start(t)
			}
			m.node.Settings("[runtime]\npath = '" + b.path + "'\n")
			for _, s := range subjects {
				if s.cannot != "" {
					m.record(t, &matrix.Cell{Row: s.row, Engine: s.version, Runtime: b.says, Cgroup: m.cgroup, Driver: driver, NotRun: s.cannot})
					continue
				}
				t.Run(strings.ReplaceAll(s.row, " ", "_")+"/"+filepath.Base(b.path), func(t *testing.T) {
					began := time.Now()
					c := &cell{t: t, n: m.node, s: s, noMemory: m.noMemory, cell: &matrix.Cell{Row: s.row, Engine: s.version, Runtime: b.says, Cgroup: m.cgroup, Driver: driver}}
					c.fill(lab.Name())
					m.record(t, c.cell)
					t.Logf("%.1f s", time.Since(began).Seconds())
				})
			}
		}
	})
}

// A cell is being filled.
type cell struct {
	t    *testing.T
	n    *lab.Node
	s    *matrixSubject
	cell *matrix.Cell

	noMemory string
}

// rewrites is the policy that takes things away, as far as the kernel can.
func (c *cell) rewrites() string {
	if c.noMemory != "" {
		return matrixRewrites
	}
	return matrixLimits
}

func (c *cell) fill(name string) {
	n := c.n
	if c.s.around != "" {
		c.around(name)
		return
	}
	n.Policy("10-matrix.toml", matrixAllows)
	before := len(n.Receipts())
	out := c.s.run(name+"-a", looking, ordinary)
	verdict, _ := c.judged(before)
	c.check("allowed", saw(out) != "" && verdict == "allow", saw(out), out, verdict)

	n.Policy("10-matrix.toml", c.rewrites())
	before = len(n.Receipts())
	out = c.s.run(name+"-b", looking, ordinary)
	verdict, _ = c.judged(before)
	inside := saw(out)
	// Where the engine mounts no cgroups the limit is read of the one that stays.
	limited := strings.Contains(inside, "pids.max=77 ") || c.s.keep != nil && strings.Contains(inside, "pids.max= ")
	c.check("rewritten", strings.HasPrefix(inside, reduced) && limited && verdict == "rewrite", inside, out, verdict)
	c.cell.AppArmor = profileOf(inside)

	before = len(n.Receipts())
	out = c.s.run(name+"-c", looking, tooMuch)
	verdict, id := c.judged(before)
	words := says(out)
	refused := out.Code != 0 && saw(out) == "" && verdict == "deny" && strings.Contains(words, "receipt "+id+")")
	c.check("denied", refused && regexp.MustCompile(`runward: (host_paths|namespaces) /.*: found .*; hint: `).MatchString(words), words, out, verdict)

	c.life(name + "-d")
	if !lab.Within(2*time.Minute, 50*time.Millisecond, func() bool { return len(n.Kept()) == 0 }) {
		c.fail("deleted", "runward still keeps "+strings.Join(n.Kept(), " "))
	}
}

// around shows that what the engine starts is not judged at all.
func (c *cell) around(name string) {
	c.n.Policy("10-matrix.toml", c.rewrites())
	before := len(c.n.Receipts())
	out := c.s.run(name, looking, tooMuch)
	inside := saw(out)
	c.cell.AppArmor = profileOf(inside)
	if inside == "" || strings.HasPrefix(inside, reduced) || len(c.n.Receipts()) != before {
		c.t.Errorf("it does not go around runward: %d receipts, %+v", len(c.n.Receipts())-before, out)
		return
	}
	c.cell.Around = c.s.around + ": no receipt, and inside " + inside
}

// profileOf is the AppArmor profile in what looking printed.
func profileOf(inside string) string {
	if _, profile, _ := strings.Cut(inside, "AppArmor="); profile != "" {
		return profile
	}
	return "off"
}

// life is of a container that stays, from exec to its deletion.
func (c *cell) life(name string) {
	if c.s.keep != nil {
		out := c.s.keep(name)
		file, limit := groupOf(name, "pids", "pids.max", "pids.max")
		if systemd := strings.Contains(file, ".slice/") && strings.Contains(file, ".scope"); out.Code != 0 || limit != "77" || systemd != (c.cell.Driver == lab.Systemd) {
			c.fail("rewritten", fmt.Sprintf("exit code %d, %s is %q: %s", out.Code, file, limit, out.Stderr))
		} else if check := c.cell.Check("rewritten"); check != nil {
			check.Inside += "; " + file + " is " + limit
		}
	}
	if c.s.exec == nil {
		c.lacks("exec'd")
	} else {
		out := c.s.exec(name, looking)
		c.check("exec'd", out.Code == 0 && strings.HasPrefix(saw(out), reduced), saw(out), out, "")
	}
	switch {
	case c.s.update == nil:
		c.lacks("updated")
	case c.noMemory != "":
		c.cell.Checks = append(c.cell.Checks, matrix.Check{Column: "updated", Result: matrix.None, Says: c.noMemory})
	default:
		c.updated(name)
	}
	out := lab.Result{}
	if c.s.remove != nil {
		out = c.s.remove(name)
	}
	_, left := groupOf(name, "pids", "pids.max", "pids.max")
	c.check("deleted", out.Code == 0 && left == "", "", out, left)
}

// updated asks for memory within policy's bound and beyond it.
func (c *cell) updated(name string) {
	out := c.s.update(name, matrixMemory)
	inside := saw(out) // of an engine whose update and exec are one
	if inside == "" {
		file, limit := groupOf(name, "memory", "memory.limit_in_bytes", "memory.max")
		inside = file + " is memory.max=" + limit + " "
	}
	beyond := c.s.update(name, 4*matrixMemory)
	words := says(beyond)
	ok := out.Code == 0 && strings.Contains(inside, fmt.Sprintf("memory.max=%d ", matrixMemory)) &&
		beyond.Code != 0 && strings.Contains(words, "runward: ceiling /memory/limit: found a memory limit of 128MiB, wanted at most 64MiB")
	c.check("updated", ok, inside, lab.Result{Code: beyond.Code, Stdout: out.Stderr, Stderr: beyond.Stderr + beyond.Stdout}, "")
	if ok {
		c.cell.Check("updated").Says = words
	}
}

// judged is the verdict about the container that was begun last, and its
// receipt, of those after the first ones; of all that were begun the one that is
// not allowed.
func (c *cell) judged(after int) (verdict, id string) {
	for _, r := range c.n.Receipts()[after:] {
		if r.Verb == "exec" || r.Verb == "update" || verdict != "" && r.Verdict == "allow" {
			continue
		}
		verdict, id = r.Verdict, r.ID
	}
	return verdict, id
}

// says is the line with runward's words, as the engine shows it.
func says(out lab.Result) string {
	for line := range strings.Lines(out.Stderr + "\n" + out.Stdout) {
		if strings.Contains(line, "runward: ") {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

func (c *cell) check(column string, ok bool, inside string, out lab.Result, verdict string) {
	c.t.Helper()
	check := matrix.Check{Column: column, Result: matrix.Held, Inside: inside}
	if column == "denied" {
		check.Inside, check.Says = "", inside
	}
	c.cell.Checks = append(c.cell.Checks, check)
	if !ok {
		c.fail(column, fmt.Sprintf("inside %q, verdict %q, exit code %d: %s%s", inside, verdict, out.Code, out.Stderr, out.Stdout))
	}
}

func (c *cell) fail(column, why string) {
	c.t.Helper()
	c.t.Errorf("%s: %s", column, why)
	if check := c.cell.Check(column); check != nil {
		check.Result, check.Says = matrix.Failed, why
	}
}

// lacks records that the engine has no such thing, by its own word.
func (c *cell) lacks(column string) {
	c.t.Helper()
	ask := c.s.lacks[column]
	if ask == nil {
		c.t.Fatalf("%s: neither done nor shown to be lacking", column)
	}
	out := ask()
	words := regexp.MustCompile(`(?i)(No help topic for|unknown (docker )?command)[^\n]*|is not a docker command[^\n]*`).FindString(out.Stderr + out.Stdout)
	c.cell.Checks = append(c.cell.Checks, matrix.Check{Column: column, Result: matrix.None, Says: c.s.row + ": " + words})
	if words == "" {
		c.fail(column, fmt.Sprintf("exit code %d: %s%s", out.Code, out.Stderr, out.Stdout))
	}
}

// groupOf finds the process of staying(name) and gives a file of its cgroup, and
// what it holds.
func groupOf(name, controller, v1, v2 string) (file, text string) {
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, line := range lines {
		if readFileOr(line, "") != strings.Join(staying(name), "\x00")+"\x00" {
			continue
		}
		for entry := range strings.Lines(readFileOr(filepath.Join(filepath.Dir(line), "cgroup"), "")) {
			part := strings.SplitN(strings.TrimSpace(entry), ":", 3)
			if part[1] == controller {
				file = filepath.Join("/sys/fs/cgroup", controller, part[2], v1)
				break
			}
			if part[0] == "0" {
				file = filepath.Join("/sys/fs/cgroup", part[2], v2)
			}
		}
	}
	return file, strings.TrimSpace(readFileOr(file, ""))
}
