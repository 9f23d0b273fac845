//go:build e2e

package e2e

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/test/e2e/lab"
)

// limited gives a container limits that quotas count.
func limited(memory, pids int64) func(*specs.Spec) {
	return func(s *specs.Spec) {
		s.Linux.Resources.Memory = &specs.LinuxMemory{Limit: &memory}
		s.Linux.Resources.Pids = &specs.LinuxPids{Limit: &pids}
	}
}

// inUse is what runwardctl quota says of the node's memory, in MiB, and of its containers.
func inUse(t *testing.T, n *lab.Node) (mebibytes, containers int64) {
	t.Helper()
	out := n.Runwardctl("quota", "--output", "json")
	var report struct {
		Groups []struct {
			By         string `json:"by"`
			Memory     struct{ Used int64 }
			Containers struct{ Used int64 }
		} `json:"groups"`
	}
	if err := json.Unmarshal([]byte(out.Stdout), &report); err != nil {
		t.Fatalf("%v: %s%s", err, out.Stdout, out.Stderr)
	}
	for _, g := range report.Groups {
		if g.By == "node" {
			return g.Memory.Used >> 20, g.Containers.Used
		}
	}
	return 0, 0
}

// eightAtATime does something with each of so many.
func eightAtATime(count int, do func(i int)) {
	next := make(chan int)
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	for i := range count {
		next <- i
	}
	close(next)
	workers.Wait()
}

const quotaOfTen = "version = 1\nname = 'test'\n[quota]\nmemory = { node = '160MiB' }\n"

// 40 creates, 8 at a time, of which 10 fit: exactly 10 start. A container that
// is deleted makes room for one, also behind runward's back.
func TestQuotaManyAtOnce(t *testing.T) {
	n := lab.NewNode(t)
	n.Policy("10-test.toml", quotaOfTen)
	bundles := make([]*lab.Container, 40)
	for i := range bundles {
		bundles[i] = lab.Bundle(t, "sleep 1000", limited(16<<20, 20))
	}
	runs := make([]bool, len(bundles))
	try := func(i int) {
		b := bundles[i]
		out := b.Do(n.Runward, "create", "--bundle", b.Dir, b.ID)
		if runs[i] = out.Code == 0; !runs[i] && !strings.Contains(out.Stderr, "of memory in the node: ") {
			t.Errorf("%d: exit code %d, %s", i, out.Code, out.Stderr)
		}
	}
	count := func(want int) {
		t.Helper()
		var yes []int
		for i := range runs {
			if runs[i] {
				yes = append(yes, i)
			}
		}
		mebibytes, containers := inUse(t, n)
		if len(yes) != want || mebibytes != 16*int64(want) || containers != int64(want) {
			t.Fatalf("%d run, %d MiB of %d containers count; want %d", len(yes), mebibytes, containers, want)
		}
	}
	again := func() {
		eightAtATime(len(bundles), func(i int) {
			if !runs[i] {
				try(i)
			}
		})
	}
	again()
	count(10)

	deleted := 0
	for i := range runs { // some through runward, some behind its back, some that ended first
		if !runs[i] || deleted == 6 {
			continue
		}
		b, runtime := bundles[i], n.Runward
		if deleted%2 == 0 {
			runtime = lab.Runc(t)
		}
		if deleted < 2 {
			do(t, b, n.Runward, "start", b.ID)
		}
		do(t, b, runtime, "delete", "--force", b.ID)
		runs[i] = false
		deleted++
	}
	count(4)
	again()
	count(10)

	// Not one more by run either, and nothing is left of one that is refused.
	b := lab.Bundle(t, "true", limited(16<<20, 20))
	if out := b.Try(n.Runward); out.Code != 1 || !strings.Contains(out.Stderr, "quota /linux/resources/memory/limit: found 176MiB of memory in the node: 160MiB in use and 16MiB more, wanted 160MiB or less together; hint: ") {
		t.Errorf("run: exit code %d, %s", out.Code, out.Stderr)
	}
	if _, err := os.Stat(filepath.Join(b.Root, b.ID)); err == nil {
		t.Error("a refused container has a state")
	}
	if text := n.Runwardctl("quota"); text.Code != 0 || !strings.Contains(text.Stdout, "160MiB of 160MiB") {
		t.Errorf("exit code %d, %s%s", text.Code, text.Stdout, text.Stderr)
	}
}

// Creates are killed at any moment, 8 at a time, before and after the runtime
// has taken their place: what counts afterwards is what has a state, and no
// more than fits was ever let through.
func TestQuotaKilledAtRandom(t *testing.T) {
	n := lab.NewNode(t)
	n.Policy("10-test.toml", quotaOfTen)
	const count = 40
	bundles := make([]*lab.Container, count)
	for i := range bundles {
		bundles[i] = lab.Bundle(t, "sleep 1000", limited(16<<20, 20))
	}
	killed := make([]bool, count)
	within := [...]int{40_000, 300_000} // microseconds: some early, some let through
	eightAtATime(count, func(i int) {
		b := bundles[i]
		cmd := exec.Command(n.Runward, "--root", b.Root, "create", "--bundle", b.Dir, b.ID)
		cmd.WaitDelay = time.Second
		if err := cmd.Start(); err != nil {
			t.Error(err)
			return
		}
		timer := time.AfterFunc(time.Duration(rand.IntN(within[i%2]))*time.Microsecond, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait() // the exit code is not the point
		timer.Stop()
		killed[i] = cmd.ProcessState.ExitCode() == -1
	})
	lives, kills := 0, 0
	for i, b := range bundles {
		if killed[i] {
			kills++
		}
		if _, err := os.Stat(filepath.Join(b.Root, b.ID)); err == nil {
			lives++
		}
	}
	mebibytes, containers := inUse(t, n)
	if lives > 10 || containers != int64(lives) || mebibytes != 16*int64(lives) {
		t.Errorf("%d have a state, %d count with %d MiB", lives, containers, mebibytes)
	}
	t.Logf("%d killed, %d have a state", kills, lives)
	if kills < 5 {
		t.Error("too few were killed")
	}
	for _, b := range bundles {
		do(t, b, n.Runward, "delete", "--force", b.ID)
	}
	if mebibytes, containers := inUse(t, n); mebibytes != 0 || containers != 0 {
		t.Errorf("all are deleted, and %d count with %d MiB", containers, mebibytes)
	}
	for range 10 { // all of the quota is free again, and no lock is left
		b := lab.Bundle(t, "sleep 1000", limited(16<<20, 20))
		do(t, b, n.Runward, "create", "--bundle", b.Dir, b.ID)
	}
}

// A kill at every call: the next container, which needs all of the quota, finds
// it free.
func TestQuotaKilledAtEveryStep(t *testing.T) {
	n := faultNode(t)
	n.Policy("10-test.toml", "version = 1\nname = 'test'\n[no_new_privileges]\n[quota]\nmemory = { node = '16MiB' }\n")
	b, other := lab.Bundle(t, "true", limited(16<<20, 20)), lab.Bundle(t, "true", limited(16<<20, 20))
	original, kept := readFile(t, filepath.Join(b.Dir, "config.json")), readFile(t, filepath.Join(other.Dir, "config.json"))
	// How often each is called varies: with Go's threads, with what is there.
	least := map[string]int{"openat": 5, "write": 2, "renameat": 1, "flock": 1}
	for _, kind := range []string{"openat", "write", "renameat", "flock", "unlinkat", "ftruncate"} {
		step := 1
		for ; ; step++ {
			b.WriteSpec([]byte(original))
			_, _, hit := inject(t, n, b, kind, "signal=KILL", step)
			if !hit {
				break
			}
			_ = os.Remove(filepath.Join(other.Dir, "started"))
			again(t, n, other, kept)
		}
		if step-1 < least[kind] {
			t.Errorf("%s: only %d kills: strace injects nothing", kind, step-1)
		}
		t.Logf("%s: %d kills", kind, step-1)
	}
}

// The runtime does not inherit the lock: who comes next need not wait for it.
func TestQuotaLockEnds(t *testing.T) {
	n := lab.NewNode(t)
	runtime := filepath.Join(n.Dir, "witness")
	must(t, os.WriteFile(runtime, []byte("#!/bin/sh\nflock -n '"+filepath.Join(n.Dir, "run/ledger")+"' true && echo free >'"+n.Dir+"/lock'\n"), 0o755))
	n.Settings("[runtime]\npath = '" + runtime + "'\n")
	n.Policy("10-test.toml", quotaOfTen)
	b := lab.Bundle(t, "true", limited(16<<20, 20))
	for _, args := range [][]string{{"create", "--bundle", b.Dir, b.ID}, {"update", "--memory", "8388608", b.ID}} {
		_ = os.Remove(filepath.Join(n.Dir, "lock"))
		if out := b.Do(n.Runward, args...); out.Code != 0 || readFileOr(filepath.Join(n.Dir, "lock"), "held") != "free\n" {
			t.Errorf("%s: exit code %d, the lock is held; %s", args[0], out.Code, out.Stderr)
		}
	}
}

// An update that raises a limit beyond the quota is refused; one that lowers it
// makes room, and one that the runtime could not do counts for what is in force.
func TestQuotaHoldsUpdates(t *testing.T) {
	n := lab.NewNode(t)
	n.Policy("10-test.toml", "version = 1\nname = 'test'\n[quota]\nmemory = { node = '160MiB' }\npids = { node = 100 }\n")
	a := sleeping(t, n, limited(64<<20, 20))
	b := sleeping(t, n, limited(64<<20, 20))
	update := func(c *lab.Container, refused string, args ...string) {
		t.Helper()
		out := c.Do(n.Runward, append(append([]string{"update"}, args...), c.ID)...)
		if (refused == "") != (out.Code == 0) || !strings.Contains(out.Stderr, refused) {
			t.Errorf("%v: exit code %d, %s", args, out.Code, out.Stderr)
		}
	}
	memory := func(want int64) {
		t.Helper()
		if got, _ := inUse(t, n); got != want {
			t.Errorf("%d MiB count, want %d", got, want)
		}
	}
	update(a, "quota /memory/limit: found 161MiB of memory in the node: 64MiB in use and 97MiB more", "--memory", "97m")
	update(a, "quota /memory/limit: found no limit on memory", "--memory", "-1")
	update(a, "quota /pids/limit: found 101 processes in the node: 20 in use and 81 more", "--pids-limit", "81")
	memory(128)
	if text := groupFile(t, a, "memory", "memory.limit_in_bytes", "memory.max"); text != strconv.Itoa(64<<20) {
		t.Errorf("a refused update took hold: %s", text)
	}
	update(a, "", "--memory", "96m")
	memory(160)
	update(b, "quota /memory/limit", "--memory", "65m")
	update(b, "", "--memory", "32m")
	memory(128)
	update(a, "", "--memory", "128m") // what b gave back
	memory(160)
	update(a, "", "--cpu-share", "100") // no matter of a quota
	c := lab.Bundle(t, "true", limited(1<<20, 20))
	if out := c.Try(n.Runward); out.Code != 1 || !strings.Contains(out.Stderr, "161MiB of memory") {
		t.Errorf("exit code %d, %s", out.Code, out.Stderr)
	}

	// Until the runtime has lowered a limit the old one counts, also for a create
	// meanwhile; and no second update comes between. It fails: the old counts on.
	fails, fifo := filepath.Join(n.Dir, "fails"), filepath.Join(n.Dir, "fifo")
	must(t, syscall.Mkfifo(fifo, 0o600))
	must(t, os.WriteFile(fails, []byte("#!/bin/sh\nread -r line <'"+fifo+"'\nexit 3\n"), 0o755))
	n.Settings("[runtime]\npath = '" + fails + "'\n")
	slow := exec.Command(n.Runward, "--root", a.Root, "update", "--memory", "16m", a.ID)
	must(t, slow.Start())
	open, err := os.OpenFile(fifo, os.O_WRONLY, 0) // waits until the runtime reads
	must(t, err)
	memory(160)
	update(a, "another update of this container is under way", "--memory", "17m")
	n.Settings("")
	if out := c.Try(n.Runward); out.Code != 1 || !strings.Contains(out.Stderr, "161MiB of memory") {
		t.Errorf("while a limit is lowered: exit code %d, %s", out.Code, out.Stderr)
	}
	must(t, open.Close())
	if err := slow.Wait(); slow.ProcessState.ExitCode() != 3 {
		t.Fatal(err)
	}
	memory(160)

	// Behind runward's back, and then through it: what is in force counts.
	do(t, a, lab.Runc(t), "update", "--memory", "48m", a.ID)
	update(a, "", "--memory", "40m")
	memory(72)
}

// An exception lets a container pass a quota; in audit mode all pass, and the
// receipt says what would have been.
func TestQuotaExceptionAndAudit(t *testing.T) {
	n := lab.NewNode(t)
	b := lab.Bundle(t, "true")
	for _, c := range []struct {
		policy, done string
		code         int
	}{
		{"", "denied", 1},
		{"[[exception]]\nrules = ['quota']\nmatch = { handler = ['runward'] }\nreason = 'agent'\n", "excepted", 0},
	} {
		n.Policy("10-test.toml", quotaOfTen+c.policy)
		out := b.Try(n.Runward)
		if f := n.Receipt(b.ID).Findings; out.Code != c.code || len(f) != 1 || f[0].Done != c.done || f[0].Rule != "quota" {
			t.Errorf("exit code %d, %+v, want %s; %s", out.Code, f, c.done, out.Stderr)
		}
	}
	n.Policy("10-test.toml", strings.Replace(quotaOfTen, "name", "mode = 'audit'\nname", 1))
	out := b.Try(n.Runward)
	if f := n.Receipt(b.ID).Findings; out.Code != 0 || len(f) != 1 || f[0].Done != "would-deny" {
		t.Errorf("exit code %d, %+v; %s", out.Code, f, out.Stderr)
	}
}
