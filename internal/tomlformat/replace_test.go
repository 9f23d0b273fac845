package tomlformat

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReplace(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "p.toml")
	if err := os.WriteFile(file, []byte("old"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := Replace(file, []byte("other"), []byte("new")); err == nil || !strings.HasSuffix(err.Error(), " was changed meanwhile: it is left as it is") {
		t.Errorf("another text: %v", err)
	}
	if err := Replace(file, []byte("old"), []byte("new")); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "new" || info.Mode().Perm() != 0o640 {
		t.Errorf("%q, mode %v, %v", text, info.Mode(), err)
	}
	link := filepath.Join(dir, "link.toml")
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	if err := Replace(link, []byte("new"), []byte("newer")); err == nil || err.Error() != link+" is no regular file" {
		t.Errorf("a link: %v", err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, ".fmt-*")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}
