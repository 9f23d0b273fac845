package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/runward/runward"

// wrapper is the program that every verb of every container pays for.
const wrapper = "cmd/runward"

// hook is the program that runtimes run three times for every container.
const hook = "cmd/runward-hook"

// A pkg is one folder with Go files.
type pkg struct {
	path  string // below the module, as "policy/rules"
	name  string // the package clause
	files []*file
}

// A file is one Go file, for whichever platform.
type file struct {
	name string // below the module
	test bool   // _test.go
	ast  *ast.File
	fset *token.FileSet
}

// forTests tells whether the package only serves tests: its name says so, as
// httptest's does, or it is below test/.
func (p *pkg) forTests() bool {
	return strings.HasSuffix(p.path, "test") && !strings.HasSuffix(p.path, "/attest") || strings.HasPrefix(p.path, "test/")
}

// imports returns what the files that are not tests import.
func (p *pkg) imports() []string {
	var all []string
	for _, f := range p.files {
		if !f.test {
			all = append(all, f.imports()...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (f *file) imports() []string {
	var all []string
	for _, spec := range f.ast.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err == nil { // the parser has seen to that
			all = append(all, name)
		}
	}
	return all
}

// at says where in the module a node stands.
func (f *file) at(n ast.Node) string {
	return f.name + ":" + strconv.Itoa(f.fset.Position(n.Pos()).Line)
}

// load parses every package below root but for testdata and other modules. It
// reads each file itself, so that go test runs the tests again when one changes.
func load(root string) ([]*pkg, error) {
	byPath := map[string]*pkg{}
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if rel != "." && foreign(name, entry.Name()) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		f, err := parse(name, rel)
		if err != nil {
			return err
		}
		dir := path.Dir(rel)
		if byPath[dir] == nil {
			byPath[dir] = &pkg{path: dir, name: f.ast.Name.Name}
		}
		byPath[dir].files = append(byPath[dir].files, f)
		return nil
	})
	var all []*pkg
	for _, p := range byPath {
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b *pkg) int { return strings.Compare(a.path, b.path) })
	return all, err
}

func foreign(dir, base string) bool {
	if base == "testdata" || base == "bin" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
		return true
	}
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}

func parse(name, rel string) (*file, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	fset := token.NewFileSet()
	tree, err := parser.ParseFile(fset, rel, text, parser.SkipObjectResolution|parser.ParseComments)
	if err != nil {
		return nil, fmt.Errorf("parse %s: %w", rel, err)
	}
	return &file{name: rel, test: strings.HasSuffix(rel, "_test.go"), ast: tree, fset: fset}, nil
}

// moduleSource is the module as it stands.
func moduleSource(t *testing.T) []*pkg {
	t.Helper()
	all, err := load(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// linked returns the module's own packages that a program is made of.
func linked(all []*pkg, program string) map[string]bool {
	byPath := map[string]*pkg{}
	for _, p := range all {
		byPath[p.path] = p
	}
	in := map[string]bool{}
	var add func(string)
	add = func(name string) {
		p := byPath[name]
		if p == nil || in[name] {
			return
		}
		in[name] = true
		for _, imported := range p.imports() {
			if ours, ok := strings.CutPrefix(imported, module+"/"); ok {
				add(ours)
			}
		}
	}
	add(program)
	return in
}

// report fails the test with every complaint.
func report(t *testing.T, complaints []string) {
	t.Helper()
	for _, c := range complaints {
		t.Error(c)
	}
}
