//go:build e2e

package e2e

import (
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/test/e2e/lab"
)

// 100 containers, 8 at a time: each as policy wants it, every third refused,
// every decision in an unbroken chain, and nothing left behind.
func TestHundredContainers(t *testing.T) {
	n := lab.NewNode(t)
	n.Policy("10-test.toml", "version = 1\nname = 'test'\nextends = ['baseline']\n[no_new_privileges]\n")
	const count = 100
	bundles := make([]*lab.Container, count)
	for i := range bundles {
		edit := func(*specs.Spec) {}
		if i%3 == 2 {
			edit = without(specs.IPCNamespace)
		}
		bundles[i] = lab.Bundle(t, "grep NoNewPrivs /proc/self/status", edit)
	}
	next := make(chan int)
	var workers sync.WaitGroup
	for range 8 {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for i := range next {
				b := bundles[i]
				create := b.Do(n.Runward, "create", "--bundle", b.Dir, b.ID)
				if i%3 == 2 {
					if create.Code != 1 || !strings.Contains(create.Stderr, "the host's ipc namespace") {
						t.Errorf("%d: exit code %d, %s", i, create.Code, create.Stderr)
					}
					continue
				}
				// The container's output is create's: it has inherited it.
				start := b.Do(n.Runward, "start", b.ID)
				waitStopped(t, b, n.Runward)
				del := b.Do(n.Runward, "delete", b.ID)
				if create.Code+start.Code+del.Code != 0 {
					t.Errorf("%d: %s%s%s", i, create.Stderr, start.Stderr, del.Stderr)
				}
			}
		}()
	}
	for i := range count {
		next <- i
	}
	close(next)
	workers.Wait()

	verdicts := map[string]int{}
	for _, r := range n.Receipts() {
		verdicts[r.Verdict]++
	}
	if verdicts["rewrite"] != 67 || verdicts["deny"] != 33 || len(verdicts) != 2 {
		t.Errorf("verdicts %v", verdicts)
	}
	if out := n.Runwardctl("receipts", "verify"); out.Code != 0 {
		t.Errorf("verify: %s%s", out.Stdout, out.Stderr)
	}
	if kept := n.Kept(); len(kept) != 0 {
		t.Errorf("kept %v", kept)
	}
}

// waitStopped asks for the state until the process has ended; each question is
// a process of its own, so this does not spin.
func waitStopped(t *testing.T, b *lab.Container, runtime string) {
	t.Helper()
	for range 1000 {
		if out := b.Do(runtime, "state", b.ID); out.Code != 0 || strings.Contains(out.Stdout, `"stopped"`) {
			return
		}
	}
	t.Errorf("%s has not stopped", b.ID)
}
