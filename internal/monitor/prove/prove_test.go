package prove

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/runward/runward/internal/ledger"
	"github.com/runward/runward/internal/monitor/attest"
)

// What is kept of a container is that one's, and goes with it.
func TestKept(t *testing.T) {
	dir := t.TempDir()
	p, err := New(dir)
	if err != nil {
		t.Fatal(err)
	}
	a, b := &ledger.Entry{ID: "a", Root: "/r", Receipt: "1"}, &ledger.Entry{ID: "b", Root: "/r", Receipt: "2"}
	for _, e := range []*ledger.Entry{a, b} {
		if err := p.keep(e, &attest.Baseline{OOMScoreAdj: 7}); err != nil {
			t.Fatal(err)
		}
	}
	if got := p.read(a); got == nil || got.OOMScoreAdj != 7 {
		t.Errorf("read %+v", got)
	}
	if got := p.read(&ledger.Entry{ID: "a", Root: "/r", Receipt: "3"}); got != nil {
		t.Error("it is another container's of the same id")
	}
	if err := os.WriteFile(filepath.Join(dir, "torn.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	gone, err := p.Left([]ledger.File{{Entry: b}})
	if err != nil || len(gone) != 1 || gone[0].ID != "a" {
		t.Errorf("gone are %+v, %v", gone, err)
	}
	if p.read(a) != nil || p.read(b) == nil {
		t.Error("the wrong one was dropped")
	}
	if err := p.Forget(b); err != nil {
		t.Fatal(err)
	}
	if err := p.Forget(b); err != nil {
		t.Errorf("again: %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left are %v, %v", left, err)
	}
}
