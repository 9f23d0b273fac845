package archtest

import (
	"go/parser"
	"go/token"
	"testing"
)

// planted is a package of one file, for a test of a check.
func planted(t *testing.T, path, text string) *pkg {
	t.Helper()
	fset := token.NewFileSet()
	tree, err := parser.ParseFile(fset, path+"/planted.go", text, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return &pkg{path: path, name: tree.Name.Name, files: []*file{{name: path + "/planted.go", ast: tree, fset: fset}}}
}
