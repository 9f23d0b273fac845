package archtest

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestCallsFindsPlanted holds the check against testdata/calls, where each
// line that ends in // want "text" must be complained of with that text, and
// no other line.
func TestCallsFindsPlanted(t *testing.T) {
	all, err := load(filepath.Join("testdata", "calls"))
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 4 {
		t.Fatalf("testdata/calls has %d packages, want 4", len(all))
	}
	got := checkCalls(all, map[string]bool{"hot": true})
	for _, p := range all {
		for _, f := range p.files {
			for at, want := range wants(t, f) {
				i := slices.IndexFunc(got, func(c string) bool { return strings.HasPrefix(c, at+": ") && strings.Contains(c, want) })
				if i < 0 {
					t.Errorf("%s: no complaint has %q", at, want)
					continue
				}
				got = slices.Delete(got, i, i+1)
			}
		}
	}
	for _, c := range got {
		t.Errorf("one too many: %s", c)
	}
}

// wants returns what the file's want comments ask for, by place.
func wants(t *testing.T, f *file) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, group := range f.ast.Comments {
		for _, c := range group.List {
			_, quoted, ok := strings.Cut(c.Text, "// want ")
			if !ok {
				continue
			}
			text, err := strconv.Unquote(quoted)
			if err != nil {
				t.Fatalf("%s: %s: %v", f.at(c), c.Text, err)
			}
			all[f.at(c)] = text
		}
	}
	return all
}

// Every ban is planted somewhere: one that catches nothing guards nothing.
func TestEveryBanIsPlanted(t *testing.T) {
	all, err := load(filepath.Join("testdata", "calls"))
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range bans {
		caught := false
		for _, p := range all {
			for _, f := range p.files {
				caught = caught || b.in.holds(p, f, map[string]bool{"hot": true}) && len(b.uses(f, usesOf(p))) > 0
			}
		}
		if !caught {
			t.Errorf("testdata/calls uses nothing of the ban on %s", strings.Join(b.what, ", "))
		}
	}
}
