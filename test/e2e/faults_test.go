//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
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

// What runward calls to open or to change anything; a fault is injected into
// each such call in turn, by strace.
var calls = strings.Split("openat,openat2,write,pwrite64,renameat,unlinkat,mkdirat,ftruncate,fchown,fchmod,fsetxattr,flock,memfd_create,mmap", ",")

// inject runs a create with a fault in the step-th call of a kind, and returns
// what came out, and the trace; false where there is no such call. strace lets
// go (-b) when the runtime is executed: its calls are not runward's.
func inject(t *testing.T, n *lab.Node, b *lab.Container, kind, fault string, step int) (lab.Result, string, bool) {
	t.Helper()
	file := filepath.Join(n.Dir, "trace")
	out := lab.Try(t, b.Dir, []string{"BUNDLE=" + b.Dir}, lab.Tool(t, "strace"), "-f", "-qq", "-b", "execve", "-o", file, "-e", "trace=execve,"+strings.Join(calls, ","),
		"-e", fmt.Sprintf("inject=%s:%s:when=%d", kind, fault, step), n.Runward, "--root", b.Root, "create", "--bundle", b.Dir, b.ID)
	raw, err := os.ReadFile(file)
	must(t, err)
	trace := string(raw)
	return out, trace, strings.Contains(trace, "(INJECTED)") || strings.Contains(trace, "killed by SIGKILL")
}

// A stand-in for the runtime that says which config.json it was started with.
// Policy sets noNewPrivileges, the engine did not: without it, what was
// started is unguarded.
const witness = `#!/bin/sh
for last; do :; done
if grep -q '"noNewPrivileges":true' "$BUNDLE/config.json"; then echo guarded; else echo unguarded; fi >"$BUNDLE/started"
`

func faultNode(t *testing.T) *lab.Node {
	n := lab.NewNode(t)
	runtime := filepath.Join(n.Dir, "witness")
	must(t, os.WriteFile(runtime, []byte(witness), 0o755))
	n.Settings("[runtime]\npath = '" + runtime + "'\n")
	n.Policy("10-test.toml", "version = 1\nname = 'test'\n[no_new_privileges]\n")
	return n
}

// wholeConfig fails if config.json is neither what the engine wrote nor what
// policy made of it, and tells which.
func wholeConfig(t *testing.T, b *lab.Container, original string) (rewritten bool) {
	t.Helper()
	now := readFile(t, filepath.Join(b.Dir, "config.json"))
	if now == original {
		return false
	}
	var spec specs.Spec
	if err := json.Unmarshal([]byte(now), &spec); err != nil || !spec.Process.NoNewPrivileges {
		t.Errorf("config.json is neither as written nor as rewritten: %v\n%s", err, now)
	}
	return true
}

// A kill at any call: nothing starts unguarded, no file is half, the chain of
// receipts holds, and the same container can be created again.
func TestKilledAtEveryStep(t *testing.T) {
	n := faultNode(t)
	b := lab.Bundle(t, "true")
	original := readFile(t, filepath.Join(b.Dir, "config.json"))
	kills := 0
	for _, kind := range calls {
		for step := 1; ; step++ {
			b.WriteSpec([]byte(original))
			started := filepath.Join(b.Dir, "started")
			_ = os.Remove(started)
			_, trace, hit := inject(t, n, b, kind, "signal=KILL", step)
			if !hit {
				break
			}
			kills++
			wholeConfig(t, b, original)
			if said, err := os.ReadFile(started); err == nil {
				t.Errorf("killed at %s %d: the container started %s\n%s", kind, step, said, trace)
			}
			// The real runtime has made nothing: the decision is in nobody's way.
			again(t, n, b, original)
		}
	}
	if kills < 30 { // how many varies, with Go's threads and with what is there
		t.Errorf("only %d kills: strace injects nothing", kills)
	}
	t.Logf("killed at each of %d calls", kills)
}

// again creates the same container without a fault, and looks at what is left.
func again(t *testing.T, n *lab.Node, b *lab.Container, original string) {
	t.Helper()
	b.WriteSpec([]byte(original))
	out := lab.Try(t, b.Dir, []string{"BUNDLE=" + b.Dir}, n.Runward, "--root", b.Root, "create", "--bundle", b.Dir, b.ID)
	if out.Code != 0 || readFile(t, filepath.Join(b.Dir, "started")) != "guarded\n" {
		t.Errorf("the same container again: exit code %d, %s", out.Code, out.Stderr)
	}
	if v := n.Runwardctl("receipts", "verify"); v.Code != 0 {
		t.Errorf("the receipts: %s%s", v.Stdout, v.Stderr)
	}
	for _, verb := range []string{"state", "kill", "delete"} {
		if out := lab.Try(t, b.Dir, []string{"BUNDLE=" + b.Dir}, n.Runward, "--root", b.Root, verb, b.ID); out.Code != 0 {
			t.Errorf("%s: exit code %d, %s", verb, out.Code, out.Stderr)
		}
	}
}

// An error of any call: either it does not matter, or the container is refused
// in one line, and the bundle is as it was.
func TestErrorAtEveryStep(t *testing.T) {
	n := faultNode(t)
	b := lab.Bundle(t, "true")
	original := readFile(t, filepath.Join(b.Dir, "config.json"))
	errs, refusals := 0, 0
	for _, kind := range calls[:len(calls)-1] { // without memory Go ends by itself
		for step := 1; ; step++ {
			b.WriteSpec([]byte(original))
			started := filepath.Join(b.Dir, "started")
			_ = os.Remove(started)
			out, trace, hit := inject(t, n, b, kind, "error=ENOSPC", step)
			if !hit {
				break
			}
			errs++
			said, err := os.ReadFile(started)
			switch {
			case err == nil && string(said) != "guarded\n":
				t.Errorf("an error of %s %d: the container started %s\n%s", kind, step, said, trace)
			case err != nil && out.Code == 0:
				t.Errorf("an error of %s %d: nothing started, and nobody was told\n%s", kind, step, trace)
			case err != nil:
				refusals++
				if kind != "write" || out.Stderr != "" { // of the line itself: it is lost, and not half
					wantLine(t, out.Stderr, "runward: ")
				}
				// strace counts for each thread: where Go changed threads, the
				// engine's config.json could not be put back either, and the line says so.
				twice := strings.Count(trace, "(INJECTED)") > 1 && strings.Contains(out.Stderr, "; config.json stays rewritten: ")
				if wholeConfig(t, b, original) && !twice {
					t.Errorf("an error of %s %d: refused, and config.json stays rewritten\n%s%s", kind, step, out.Stderr, trace)
				}
			}
			again(t, n, b, original)
		}
	}
	if refusals < 10 {
		t.Errorf("only %d refusals: strace injects nothing", refusals)
	}
	t.Logf("of %d errors %d were refusals", errs, refusals)
}

// full mounts a file system without room on dir.
func full(t *testing.T, dir string) {
	t.Helper()
	must(t, os.MkdirAll(dir, 0o755))
	must(t, syscall.Mount("full", dir, "tmpfs", 0, "size=4k,nr_inodes=3,mode=755"))
	t.Cleanup(func() { must(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
	_ = os.WriteFile(filepath.Join(dir, "fill"), bytes.Repeat([]byte{'x'}, 1<<20), 0o600) // as far as it goes
}

// A full disk under what runward writes: refused, in words, unless the node's
// settings let containers start without a receipt; a read-only /etc is no fault.
func TestFullDisks(t *testing.T) {
	for _, c := range []struct {
		name, dir, settings string
		starts              bool
	}{
		{"run", "run", "", false},
		{"log", "log", "", false},
		{"log, allowed", "log", "[audit]\non_failure = 'allow'\n", true},
		{"etc read-only", "", "", true},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			n := faultNode(t)
			if c.dir != "" {
				full(t, filepath.Join(n.Dir, c.dir))
			} else {
				etc := filepath.Join(n.Dir, "etc")
				must(t, syscall.Mount(etc, etc, "", syscall.MS_BIND, ""))
				t.Cleanup(func() { must(t, syscall.Unmount(etc, syscall.MNT_DETACH)) })
				must(t, syscall.Mount("", etc, "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
			}
			if c.settings != "" {
				n.Settings("[runtime]\npath = '" + filepath.Join(n.Dir, "witness") + "'\n" + c.settings)
			}
			b := lab.Bundle(t, "true")
			original := readFile(t, filepath.Join(b.Dir, "config.json"))
			out := lab.Try(t, b.Dir, []string{"BUNDLE=" + b.Dir}, n.Runward, "--root", b.Root, "create", "--bundle", b.Dir, b.ID)
			said, err := os.ReadFile(filepath.Join(b.Dir, "started"))
			if c.starts != (err == nil) || err == nil && string(said) != "guarded\n" {
				t.Errorf("started: %q, %v; %s", said, err, out.Stderr)
			}
			if !c.starts {
				wantLine(t, out.Stderr, "runward: ", "nothing was started")
				wholeConfig(t, b, original)
			}
			for _, verb := range []string{"state", "kill", "delete"} {
				if out := lab.Try(t, b.Dir, []string{"BUNDLE=" + b.Dir}, n.Runward, "--root", b.Root, verb, b.ID); out.Code != 0 {
					t.Errorf("%s: exit code %d, %s", verb, out.Code, out.Stderr)
				}
			}
		})
	}
	t.Run("bundle", func(t *testing.T) {
		n := faultNode(t)
		dir := filepath.Join(lab.Dir(t), "bundle")
		must(t, os.MkdirAll(dir, 0o755))
		must(t, syscall.Mount("full", dir, "tmpfs", 0, "size=16k,mode=755"))
		t.Cleanup(func() { must(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
		must(t, os.WriteFile(filepath.Join(dir, "config.json"), []byte(`{"process":{},"linux":{}}`), 0o644))
		_ = os.WriteFile(filepath.Join(dir, "fill"), bytes.Repeat([]byte{'x'}, 1<<20), 0o600) // as far as it goes
		out := lab.Try(t, dir, []string{"BUNDLE=" + dir}, n.Runward, "--root", n.Dir, "create", "--bundle", dir, "x")
		wantLine(t, out.Stderr, "runward: bundle "+dir, "nothing was started")
		if now := readFile(t, filepath.Join(dir, "config.json")); now != `{"process":{},"linux":{}}` {
			t.Errorf("config.json is %q", now)
		}
		if entries, _ := os.ReadDir(dir); len(entries) != 2 {
			t.Errorf("left: %v", entries)
		}
	})
}

// 200 creates at once, while the receipts are rotated and removed under them:
// each is decided and recorded, and what is left of the chain holds.
func TestTwoHundredAtOnce(t *testing.T) {
	n := faultNode(t)
	const count = 200
	config := readFile(t, filepath.Join(lab.Bundle(t, "true").Dir, "config.json"))
	bundles := make([]string, count) // the stand-in needs no root file system
	for i := range bundles {
		bundles[i] = filepath.Join(n.Dir, "bundles", strconv.Itoa(i))
		must(t, os.MkdirAll(bundles[i], 0o755))
		must(t, os.WriteFile(filepath.Join(bundles[i], "config.json"), []byte(config), 0o644))
	}
	receipts := filepath.Join(n.Dir, "log/receipts.jsonl")
	stop, stopped := make(chan struct{}), make(chan struct{})
	rotated := 0
	go func() {
		defer close(stopped)
		look := time.NewTicker(time.Millisecond)
		defer look.Stop()
		for {
			select {
			case <-stop:
				return
			case <-look.C:
			}
			if info, err := os.Stat(receipts); err == nil && info.Size() > 20<<10 {
				rotated++
				if err := os.Rename(receipts, fmt.Sprintf("%s.%d", receipts, 1000-rotated)); err != nil {
					t.Error(err)
				}
			}
		}
	}()
	var all sync.WaitGroup
	for i, dir := range bundles {
		all.Add(1)
		go func() {
			defer all.Done()
			out := lab.Try(t, dir, []string{"BUNDLE=" + dir}, n.Runward, "--root", n.Dir+"/state", "create", "--bundle", dir, "c"+strconv.Itoa(i))
			if out.Code != 0 || readFileOr(filepath.Join(dir, "started"), "") != "guarded\n" {
				t.Errorf("exit code %d, %s", out.Code, out.Stderr)
			}
		}()
	}
	all.Wait()
	close(stop)
	<-stopped
	if rotated < 1 {
		t.Errorf("rotated %d times", rotated)
	}
	out := n.Runwardctl("receipts", "verify", "--output", "json")
	if out.Code != 0 || !strings.Contains(out.Stdout, `"receipts": 200`) && !strings.Contains(out.Stdout, `"receipts":200`) {
		t.Errorf("verify: %s%s", out.Stdout, out.Stderr)
	}
	if kept := n.Kept(); len(kept) != count {
		t.Errorf("%d decisions are kept", len(kept))
	}
}
