package specs_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every case is complete, is listed in the README, and the README lists nothing else.
func TestCasesAreComplete(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(readme), "\n## Cases\n")
	if !found {
		t.Fatal("README.md has no heading Cases")
	}
	cases, err := filepath.Glob("*/*/config.json")
	if err != nil {
		t.Fatal(err)
	}
	if len(cases) < 45 {
		t.Errorf("%d captured specs, want at least 45", len(cases))
	}
	for _, spec := range cases {
		dir := filepath.Dir(spec)
		var config struct {
			OCIVersion string
			Linux      *json.RawMessage
		}
		decode(t, spec, &config)
		if config.OCIVersion == "" || config.Linux == nil {
			t.Errorf("%s: no ociVersion or no linux: not what a runtime is handed", spec)
		}
		var facts struct{ Engine, Command string }
		decode(t, filepath.Join(dir, "facts.json"), &facts)
		if facts.Engine != filepath.Dir(dir) || facts.Command == "" {
			t.Errorf("%s/facts.json: engine %q, command %q", dir, facts.Engine, facts.Command)
		}
		row := "\n| " + filepath.Dir(dir) + " | "
		if !strings.Contains(table, "| `"+filepath.Base(dir)+"` |") || !strings.Contains(table, row) {
			t.Errorf("%s is missing in README.md: run test/specs/capture", dir)
		}
	}
	if rows := strings.Count(table, "\n| ") - 2; rows != len(cases) {
		t.Errorf("README.md lists %d cases, there are %d: run test/specs/capture", rows, len(cases))
	}
}

func decode(t *testing.T, file string, into any) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatalf("decode %s: %v", file, err)
	}
}
