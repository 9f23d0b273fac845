package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestLicencesAreCurrent(t *testing.T) {
	files, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		have, err := os.ReadFile(filepath.Join("../../../packaging", name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(have, want) {
			t.Errorf("packaging/%s is not as the modules would make it: run make generate and read the diff", name)
		}
	}
}

// What DEP-5 asks: every licence that a paragraph names has its text.
func TestCopyrightHasEveryText(t *testing.T) {
	all, err := modules(true, "./...")
	if err != nil {
		t.Fatal(err)
	}
	text := string(copyright(all))
	has := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^License: (.*)\n `).FindAllStringSubmatch(text, -1) {
		has[m[1]] = true
	}
	for _, m := range regexp.MustCompile(`(?m)^License: (.*)\n(?:[^ ]|$)`).FindAllStringSubmatch(text, -1) {
		for _, name := range strings.Split(m[1], " and ") {
			if !has[name] {
				t.Errorf("no text of %s", name)
			}
		}
	}
	for _, m := range all {
		if !strings.Contains(text, "\nFiles: vendor/"+m.path+"/*\n") {
			t.Errorf("no paragraph for %s", m.path)
		}
	}
}

// What is linked into the programs may be given away under Apache-2.0's terms.
func TestLinkedLicencesAreKnown(t *testing.T) {
	all, err := modules(false, "./cmd/...")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		for _, name := range m.names() {
			if !slices.Contains([]string{"Apache-2.0", "MIT", "BSD-2-Clause", "BSD-3-Clause"}, name) {
				t.Errorf("%s is under %s: the programs must not hold it", m.path, name)
			}
		}
	}
}

func TestUnknownLicence(t *testing.T) {
	if got := recognise("You may use this on Tuesdays."); got != nil {
		t.Errorf("recognised as %v", got)
	}
}
