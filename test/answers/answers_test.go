// Package answers holds the list of what answers which way around (README.md)
// to what is there.
package answers

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const top = "../.."

// Every row names something that shows it, and all that is named is there.
func TestEveryAnswerIsThere(t *testing.T) {
	raw, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	tests := testsOf(t)
	named := regexp.MustCompile("`(Test[A-Za-z0-9]+|(?:test/cases|policy/rules)/[a-z0-9_.-]+)`")
	for i, line := range strings.Split(string(raw), "\n") {
		cells := strings.Split(line, " | ")
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| ---") || strings.Contains(cells[len(cells)-1], "shown by") {
			continue
		}
		all := named.FindAllStringSubmatch(cells[len(cells)-1], -1)
		if len(all) == 0 {
			t.Errorf("README.md:%d: nothing shows this: %s", i+1, line)
		}
		for _, m := range all {
			if strings.HasPrefix(m[1], "Test") {
				if !tests[m[1]] {
					t.Errorf("README.md:%d: there is no test %s", i+1, m[1])
				}
			} else if _, err := os.Stat(filepath.Join(top, m[1])); err != nil {
				t.Errorf("README.md:%d: %v", i+1, err)
			}
		}
	}
}

// testsOf are the names of all test functions of this module.
func testsOf(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") || strings.Contains(path, "/testdata/") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test") {
				found[f.Name.Name] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
