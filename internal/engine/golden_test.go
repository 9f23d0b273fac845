package engine

import (
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "rewrite what the cases in testdata want")

func paths(root string) *System {
	return &System{
		Root: root, Runward: "/usr/bin/runward", Links: "/usr/libexec/runward/links",
		State: "/var/lib/runward/engines", Settings: "/etc/runward/runward.toml",
		Programs: []string{"/usr/bin"}, Configs: map[string]string{},
	}
}

// under is a system of the test's own with these files, and programs in /usr/bin.
func under(t *testing.T, files map[string]string, programs ...string) *System {
	t.Helper()
	s := paths(t.TempDir())
	for _, dir := range []string{"usr/bin", "usr/libexec", "var/lib", "etc"} {
		if err := os.MkdirAll(filepath.Join(s.Root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range append(programs, "runward") {
		put(t, s, "/usr/bin/"+name, "#!/bin/sh\n", 0o755)
	}
	for name, text := range files {
		put(t, s, name, text, 0o640)
	}
	return s
}

func put(t *testing.T, s *System, path, text string, mode fs.FileMode) {
	t.Helper()
	at := filepath.Join(s.Root, path)
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// tree is all there is of a system: files with mode and text, links, directories.
func tree(t *testing.T, s *System) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(s.Root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(path, s.Root)
		info, err := d.Info()
		if err != nil {
			return err
		}
		switch {
		case d.IsDir():
			all[name+"/"] = ""
		case d.Type()&fs.ModeSymlink != 0:
			target, err := os.Readlink(path)
			all[name] = "-> " + target + "\n"
			return err
		default:
			text, err := os.ReadFile(path)
			all[name] = info.Mode().String() + "\n" + string(text)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func equalTrees(t *testing.T, got, want map[string]string) {
	t.Helper()
	for name, text := range want {
		if has, ok := got[name]; !ok || has != text {
			t.Errorf("%s is\n%s\nwant\n%s", name, has, text)
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s is left", name)
		}
	}
}

func apply(t *testing.T, plan *Plan, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if plan == nil {
		return
	}
	if _, err := plan.Apply(false); err != nil {
		t.Fatal(err)
	}
}

// The cases are systems before, and what configure makes of them in each mode.
// Everywhere a second configure changes nothing, from every mode leads a way to every
// other, and unconfigure leaves what was there before.
func TestGolden(t *testing.T) {
	cases, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatal("no cases", err)
	}
	for _, path := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) { golden(t, path) })
	}
}

func golden(t *testing.T, path string) {
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]string{}
	for line := range strings.Lines(string(archive.Comment)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
			said[key] = value
		}
	}
	e := Find(said["engine"])
	if e == nil {
		t.Fatalf("no engine %q", said["engine"])
	}
	before := map[string]string{}
	wants := map[string]string{}
	kept := archive.Files[:0]
	for _, f := range archive.Files {
		if name, ok := strings.CutPrefix(f.Name, "before"); ok {
			before[name] = string(f.Data)
			kept = append(kept, f)
		} else {
			wants[f.Name] = string(f.Data)
		}
	}
	got := map[string]string{}
	modes := strings.Fields(said["modes"])
	if len(modes) == 0 {
		modes = Modes()
	}
	for _, mode := range modes {
		s := under(t, before, strings.Fields(said["programs"])...)
		first := tree(t, s)
		r := &Request{Mode: Mode(mode), Names: strings.Fields("runward " + said["handlers"])}
		for _, other := range append(modes, mode) { // from every other mode too
			plan, err := e.Configure(s, &Request{Mode: Mode(other), Names: r.Names})
			apply(t, plan, err)
		}
		plan, err := e.Configure(s, r)
		if err != nil {
			t.Fatal(err)
		}
		if !plan.Empty() {
			t.Errorf("%s: a second configure changes %v", mode, plan.Steps)
		}
		if len(plan.Notes) > 0 {
			got[mode+"/notes"] = strings.Join(plan.Notes, "\n") + "\n"
		}
		for name, text := range tree(t, s) {
			if strings.HasPrefix(name, s.State) || strings.HasSuffix(name, "/") || first[name] == text {
				continue
			}
			if _, rest, ok := strings.Cut(text, "\n"); ok && !strings.HasPrefix(text, "-> ") {
				text = rest
			}
			got[mode+name] = text
		}
		st, err := e.Status(s)
		if err != nil {
			t.Fatal(err)
		}
		if !st.Registered || st.IsDefault != (Mode(mode) != Register) || len(st.Problems) > 0 {
			t.Errorf("%s: status %+v", mode, st)
		}
		plan, err = e.Unconfigure(s, false)
		apply(t, plan, err)
		last := tree(t, s)
		delete(last, s.State+"/") // of the lock, which Lock removes
		delete(last, filepath.Dir(s.State)+"/")
		equalTrees(t, last, first)
	}
	if *update {
		archive.Files = kept
		for _, name := range sortedNames(got) {
			archive.Files = append(archive.Files, txtar.File{Name: name, Data: []byte(got[name])})
		}
		if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	for _, name := range slices.Concat(sortedNames(wants), sortedNames(got)) {
		if got[name] != wants[name] {
			t.Errorf("%s is\n%s\nwant\n%s", name, got[name], wants[name])
		}
	}
}
