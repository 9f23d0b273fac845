package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/runward/runward/policy/rules"
)

func TestPagesAreCurrent(t *testing.T) {
	files, err := pages()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		have, err := os.ReadFile(filepath.Join("../../../packaging/man", name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(have, want) {
			t.Errorf("packaging/man/%s is not as the code would make it: run make generate and read the diff", name)
		}
		for _, place := range []string{"{SETTINGS}", "{KEYS}", "{SELECTORS}", "{EXCEPTIONS}", "{RULES}"} {
			if bytes.Contains(have, []byte(place)) {
				t.Errorf("packaging/man/%s: nothing stands for %s", name, place)
			}
		}
	}
	for i := range rules.All {
		if id := rules.All[i].ID; !bytes.Contains(files["runward-policy.5"], []byte(".SS "+id+"\n")) {
			t.Errorf("runward-policy(5) has no rule %s", id)
		}
	}
}
