//go:build e2e

package e2e

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/internal/monitor/watch"
	"github.com/runward/runward/internal/monitor/watch/alert"
	"github.com/runward/runward/internal/monitor/watch/census"
	"github.com/runward/runward/internal/monitor/watch/normal"
	"github.com/runward/runward/internal/monitor/watch/sample"
	"github.com/runward/runward/internal/running"
	"github.com/runward/runward/test/e2e/lab"
)

// atLimits gives a container with limits that are soon reached.
func atLimits(spec *specs.Spec) {
	memory, pids, quota, period := int64(24<<20), int64(12), int64(5_000), uint64(100_000)
	spec.Linux.Resources.Memory = &specs.LinuxMemory{Limit: &memory, Swap: &memory}
	spec.Linux.Resources.Pids = &specs.LinuxPids{Limit: &pids}
	spec.Linux.Resources.CPU = &specs.LinuxCPU{Quota: &quota, Period: &period}
}

// detached starts a container with plain runc, and gives the pid of its first process.
func detached(t *testing.T, script string, edits ...func(*specs.Spec)) (*lab.Container, int) {
	t.Helper()
	c := lab.Bundle(t, script, edits...)
	pidFile := filepath.Join(t.TempDir(), "pid")
	run := exec.Command(lab.Runc(t), "--root", c.Root, "run", "--detach", "--pid-file", pidFile, "--bundle", c.Dir, c.ID)
	if err := run.Run(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(pidFile)
	must(t, err)
	pid, err := strconv.Atoi(string(text))
	must(t, err)
	return c, pid
}

// passes watches one container until is says that it was so.
func passes(t *testing.T, settings *watch.Settings, c *lab.Container, pid int, what string, is func(*sample.Sample, []alert.Alert) bool) {
	t.Helper()
	node, err := sample.NewNode(64)
	must(t, err)
	all := watch.NewContainers(settings, node, normal.New(settings.Normal))
	must(t, all.Add(c.ID, c.ID, "w", pid))
	for _, note := range node.Notes() {
		t.Errorf("note: %s", note)
	}
	var told []alert.Alert
	lab.Await(t, what, func() bool {
		alerts, _, err := all.Pass(time.Now())
		must(t, err)
		told = append(told, alerts...)
		s, _, _ := all.Last(c.ID)
		return is(s, told)
	})
	all.Remove(time.Now(), c.ID)
}

func toldOf(alerts []alert.Alert, name string) *alert.Alert {
	if i := slices.IndexFunc(alerts, func(a alert.Alert) bool { return a.Name == name }); i >= 0 {
		return &alerts[i]
	}
	return nil
}

// promptly is the settings with alerts at once.
func promptly() *watch.Settings {
	s := watch.Default()
	for _, b := range []*alert.Duration{&s.Thresholds.MemoryPercent.For, &s.Thresholds.CPUThrottledPercent.For, &s.Thresholds.PidsPercent.For} {
		*b = 0
	}
	return &s
}

// What a container is given, the samples say: limits, and what it uses of them.
func TestWatchSample(t *testing.T) {
	c, pid := detached(t, "dd if=/dev/zero of=/dev/shm/x bs=1024k count=8 2>/dev/null; sleep 1000 & sleep 1000 & wait", atLimits)
	passes(t, promptly(), c, pid, "8 MiB are in use by 4 tasks", func(s *sample.Sample, _ []alert.Alert) bool {
		if s == nil || s.Memory.WorkingSet < 8<<20 || s.Pids.Current != 3 {
			return false
		}
		if s.Memory.Limit != 24<<20 || s.Pids.Limit != 12 || s.CPU.Quota != 50 || s.CPU.Usage <= 0 {
			t.Errorf("memory %+v, pids %+v, processors %+v", s.Memory, s.Pids, s.CPU)
		}
		const all = sample.HasMemory | sample.HasOOM | sample.HasCPU | sample.HasThrottling | sample.HasPids |
			sample.HasCPUPressure | sample.HasMemoryPressure | sample.HasIOPressure | sample.HasNetwork | sample.HasDisk
		if s.Has != all {
			t.Errorf("has %b, want %b", s.Has, all)
		}
		return true
	})
}

func TestWatchOOM(t *testing.T) {
	c, pid := detached(t, "while :; do sh -c 'dd if=/dev/zero of=/dev/null bs=100M count=1'; sleep 0.2; done 2>/dev/null", atLimits)
	passes(t, promptly(), c, pid, "a kill for want of memory is told of", func(_ *sample.Sample, told []alert.Alert) bool {
		a := toldOf(told, "oom")
		if a != nil && (a.Severity != alert.Critical || !strings.Contains(a.Message, "process(es) of container "+c.ID+" for want of memory, at its limit of 24 MiB")) {
			t.Errorf("%s: %s", a.Severity, a.Message)
		}
		return a != nil
	})
}

// The kill of the first process is read before the cgroup is removed.
func TestWatchOOMOfFirst(t *testing.T) {
	c, pid := detached(t, "sleep 0.3; exec dd if=/dev/zero of=/dev/null bs=100M count=1", atLimits)
	passes(t, promptly(), c, pid, "the kill of the first process is told of", func(_ *sample.Sample, told []alert.Alert) bool { return toldOf(told, "oom") != nil })
}

func TestWatchThrottled(t *testing.T) {
	c, pid := detached(t, "while :; do :; done", atLimits)
	passes(t, promptly(), c, pid, "throttling is told of", func(_ *sample.Sample, told []alert.Alert) bool {
		a := toldOf(told, "threshold.cpu_throttled_percent")
		return a != nil && a.Phase == alert.Raised && strings.HasPrefix(a.Message, "throttling of container "+c.ID+" is ")
	})
}

func TestWatchPidsAtLimit(t *testing.T) {
	c, pid := detached(t, "for i in 1 2 3 4 5 6 7 8 9 10; do sleep 1000 & done; while :; do sh -c 'sleep 1 & sleep 1 & wait'; done 2>/dev/null", atLimits)
	passes(t, promptly(), c, pid, "tasks near the limit, and refused ones, are told of", func(_ *sample.Sample, told []alert.Alert) bool {
		a := toldOf(told, "threshold.pids_percent")
		return a != nil && strings.Contains(a.Message, "% of the limit, over 80 % of the limit") && toldOf(told, "threshold.pids_refused") != nil
	})
}

// A container that ends in the middle is gone, and no error.
func TestWatchVanishes(t *testing.T) {
	c, pid := detached(t, "sleep 1000", atLimits)
	node, err := sample.NewNode(64)
	must(t, err)
	settings := promptly()
	all := watch.NewContainers(settings, node, normal.New(settings.Normal))
	must(t, all.Add(c.ID, c.ID, "", pid))
	if alerts, gone, err := all.Pass(time.Now()); len(alerts) != 0 || len(gone) != 0 || err != nil {
		t.Fatalf("%v, %v, %v", alerts, gone, err)
	}
	if r := c.Do(lab.Runc(t), "delete", "--force", c.ID); r.Code != 0 {
		t.Fatal(r.Stderr)
	}
	if alerts, gone, err := all.Pass(time.Now()); len(alerts) != 0 || !slices.Equal(gone, []string{c.ID}) || err != nil {
		t.Fatalf("%v, %v, %v", alerts, gone, err)
	}
	if err := all.Add(c.ID, c.ID, "", pid); !errors.Is(err, sample.ErrGone) {
		t.Errorf("added again: %v", err)
	}
}

// counted takes the census twice, as the daemon does on two of its ticks.
func counted(t *testing.T, book *census.Book, places running.Places) (alerts []alert.Alert) {
	t.Helper()
	settings := census.Default()
	for range 2 {
		host, processes, err := census.Processes("/proc")
		must(t, err)
		known := census.KnownOf(running.Find(places).Containers, nil)
		alerts = append(alerts, book.Tell(&settings, time.Now(), census.Take(host, processes, known), func(string) []string { return []string{"a way"} })...)
	}
	return alerts
}

// only leaves what is about one process.
func only(alerts []alert.Alert, pid int) []alert.Alert {
	return slices.DeleteFunc(alerts, func(a alert.Alert) bool { return a.Details["pid"] != strconv.Itoa(pid) })
}

// A container started with plain runc is found though no engine tells of it,
// once; by its state directory it has a name.
func TestCensusRunc(t *testing.T) {
	c, pid := detached(t, "sleep 1000")
	var book census.Book
	nowhere := running.Places{}
	a := one(t, only(counted(t, &book, nowhere), pid), "a container that no engine's files tell of, process "+strconv.Itoa(pid)+" (/bin/busybox) in cgroup /"+c.ID+
		", runs and runward has no entry of it; no engine is recognised: it was started with a runtime itself, or with unshare")
	if a.Name != "census.unknown" || a.Severity != alert.Critical {
		t.Errorf("%s, %s", a.Name, a.Severity)
	}
	if again := only(counted(t, &book, nowhere), pid); len(again) != 0 {
		t.Errorf("told again: %v", again)
	}
	var named census.Book
	one(t, only(counted(t, &named, running.Places{States: []string{c.Root}}), pid), "container "+c.ID+", process "+strconv.Itoa(pid))
}

// What unshares and what changes its root is no container, until it has both
// another root mounted and its own PID namespace.
func TestCensusLegitimate(t *testing.T) {
	root := lab.Dir(t)
	lab.Rootfs(t, root)
	for _, c := range []struct {
		name string
		args []string
	}{
		{"a service's own mounts", []string{"unshare", "--mount", "sleep", "1000"}},
		{"own mounts and PIDs", []string{"unshare", "--mount", "--pid", "--fork", "sleep", "1000"}},
		{"a chroot", []string{"chroot", root, "sleep", "1000"}},
		{"a chroot with its own PIDs", []string{"unshare", "--mount", "--pid", "--fork", "chroot", root, "sleep", "1000"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			command := exec.Command(c.args[0], c.args[1:]...)
			must(t, command.Start())
			t.Cleanup(func() { killTree(t, command) })
			var child int
			lab.Await(t, "it sleeps", func() bool { child = sleeper(command.Process.Pid); return child != 0 })
			var book census.Book
			if told := only(counted(t, &book, running.Places{}), child); len(told) != 0 {
				t.Errorf("told of: %s", told[0].Message)
			}
		})
	}
}

// sleeper finds the process that is sleep: this one, or a child of it.
func sleeper(pid int) int {
	at := strconv.Itoa(pid)
	if line, err := os.ReadFile("/proc/" + at + "/cmdline"); err == nil && strings.HasPrefix(string(line), "sleep\x00") {
		return pid
	}
	children, err := os.ReadFile("/proc/" + at + "/task/" + at + "/children")
	if err != nil {
		return 0
	}
	for _, child := range strings.Fields(string(children)) {
		if n, err := strconv.Atoi(child); err == nil {
			if found := sleeper(n); found != 0 {
				return found
			}
		}
	}
	return 0
}

func killTree(t *testing.T, c *exec.Cmd) {
	t.Helper()
	if child := sleeper(c.Process.Pid); child != 0 && child != c.Process.Pid {
		p, err := os.FindProcess(child)
		must(t, err)
		must(t, p.Kill())
	} else {
		must(t, c.Process.Kill())
	}
	_ = c.Wait() // it was killed
}

// Podman's containers are found with their name and their engine.
func TestCensusPodman(t *testing.T) {
	p := lab.Podman(t, lab.Runc(t))
	name := lab.Name()
	p.Run("--detach", "--name", name, lab.Image, "sleep", "1000")
	var pid int
	r := p.Try("inspect", "--format", "{{.State.Pid}}", name)
	pid, err := strconv.Atoi(strings.TrimSpace(r.Stdout))
	must(t, err)
	var book census.Book
	one(t, only(counted(t, &book, running.Places{Proc: "/proc"}), pid), "("+name+"), process "+strconv.Itoa(pid))
	var blind census.Book
	one(t, only(counted(t, &blind, running.Places{}), pid), "by its looks it is of podman, which has these ways around runward: a way")
}

// How long a pass takes, and the census, is printed.
func TestWatchCost(t *testing.T) {
	c, pid := detached(t, "sleep 1000", atLimits)
	for _, files := range []int{0, 64} {
		node, err := sample.NewNode(files)
		must(t, err)
		s, err := node.Open(c.ID, pid)
		must(t, err)
		const n = 2000
		start := time.Now()
		for range n {
			_, err := node.Read(s, start)
			must(t, err)
		}
		each := time.Since(start) / n
		t.Logf("a sample of one container with at most %d files kept open: %s", files, each)
		if each > 5*time.Millisecond {
			t.Errorf("a pass over 500 containers would take %s", 500*each)
		}
		node.Close(s)
	}
	start := time.Now()
	_, processes, err := census.Processes("/proc")
	must(t, err)
	t.Logf("a census of %d processes: %s", len(processes), time.Since(start))
}
