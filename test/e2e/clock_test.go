//go:build e2e

package e2e

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/runward/runward/internal/audit"
	"github.com/runward/runward/test/e2e/lab"
)

// A clock that goes back: everything that was written before, by the engine, by
// an administrator and by runward, is from tomorrow. Nothing that runs is
// forgotten, nothing old is taken for current, and the chain of receipts holds.
func TestClockGoesBack(t *testing.T) {
	n := lab.NewNode(t)
	const policy = "version = 1\nname = 'test'\nextends = ['baseline']\n[capabilities]\nallow = ['CAP_CHOWN']\n"
	n.Policy("10-test.toml", policy)
	b := sleeping(t, n)
	must(t, audit.Append(audit.Config{Path: filepath.Join(n.Dir, "log/receipts.jsonl")},
		&audit.Receipt{Time: time.Now().Add(24 * time.Hour), Verb: "create", Container: "of-tomorrow"}))
	for _, dir := range []string{n.Dir, b.Dir, b.Root} {
		tomorrow(t, dir)
	}

	const look = "grep -E 'CapBnd' /proc/self/status"
	if out := b.Do(n.Runward, "exec", "--cap", "CAP_SYS_ADMIN", b.ID, "sh", "-c", look); out.Stdout != "CapBnd:\t0000000000000001\n" {
		t.Errorf("exec is not held to the container: %s%s", out.Stdout, out.Stderr)
	}
	other := lab.Bundle(t, look)
	if out := other.Do(n.Runward, "run", "--bundle", other.Dir, other.ID); out.Stdout != "CapBnd:\t0000000000000001\n" {
		t.Errorf("the policy of tomorrow does not hold: %s%s", out.Stdout, out.Stderr)
	}
	n.Policy("10-test.toml", strings.Replace(policy, "CAP_CHOWN", "CAP_KILL", 1)) // the same size, and a day older
	other = lab.Bundle(t, look)
	if out := other.Do(n.Runward, "run", "--bundle", other.Dir, other.ID); out.Stdout != "CapBnd:\t0000000000000020\n" {
		t.Errorf("the policy of now does not hold: %s%s", out.Stdout, out.Stderr)
	}
	if kept := strings.Join(n.Kept(), " "); !strings.Contains(kept, b.ID) {
		t.Errorf("what is kept of the container that runs was swept away: %s", kept)
	}
	if out := n.Runwardctl("receipts", "verify"); out.Code != 0 {
		t.Errorf("verify: %s%s", out.Stdout, out.Stderr)
	}
	for _, verb := range [][]string{{"state", b.ID}, {"kill", b.ID, "KILL"}, {"delete", "--force", b.ID}} {
		if out := b.Do(n.Runward, verb...); out.Code != 0 {
			t.Errorf("%s: %s", verb[0], out.Stderr)
		}
	}
	if kept := strings.Join(n.Kept(), " "); strings.Contains(kept, b.ID) {
		t.Errorf("what was kept of the container that is deleted is still there: %s", kept)
	}
}

// tomorrow dates everything below a directory a day ahead.
func tomorrow(t *testing.T, dir string) {
	t.Helper()
	ahead := time.Now().Add(24 * time.Hour)
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink != 0 {
			return err
		}
		return os.Chtimes(path, ahead, ahead)
	}))
}
