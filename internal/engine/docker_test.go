package engine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A name is found wherever it lies, also where two reads meet.
func TestHolds(t *testing.T) {
	file := filepath.Join(t.TempDir(), "dockerd")
	const block = 1 << 20
	for _, at := range []int{0, 1, block - len(buildkitRunc), block - 5, block, 2*block - 9, 3 * block} {
		text := strings.Repeat("D", at) + buildkitRunc + strings.Repeat("D", block/3)
		for want, text := range map[bool]string{true: text, false: strings.Replace(text, "RUNC", "runc", 1)} {
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if got, err := holds(file, buildkitRunc); got != want || err != nil {
				t.Errorf("at %d: %v, %v, want %v", at, got, err, want)
			}
		}
	}
	if _, err := holds(file+".gone", buildkitRunc); err == nil {
		t.Error("no error of a file that is missing")
	}
}
