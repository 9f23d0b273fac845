package owner

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestRead(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "f")
	if err := os.WriteFile(file, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	if text, err := Read(file, 4); err != nil || string(text) != "text" {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := Read(file, 3); err == nil || err.Error() != "it is larger than 3 bytes" {
		t.Errorf("too large: %v", err)
	}
	if _, err := Read(dir, 9); err == nil || err.Error() != "it is not a regular file" {
		t.Errorf("a directory: %v", err)
	}
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(fifo, 9); err == nil || err.Error() != "it is not a regular file" {
		t.Errorf("a FIFO: %v", err)
	}
	if _, err := Read(filepath.Join(dir, "no"), 9); !os.IsNotExist(err) || Reason(err) != "it is missing" {
		t.Errorf("missing: %v", err)
	}
}

// A directory that others may write is fine only if it is sticky, and every
// one above counts.
func TestDirs(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "a/b")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		mode os.FileMode
		want string
	}{
		{0o755, ""}, {0o777 | os.ModeSticky, ""}, {0o777, "a is writable by others"}, {0o775, "a is writable by others"},
	} {
		if err := os.Chmod(filepath.Join(top, "a"), c.mode); err != nil {
			t.Fatal(err)
		}
		err := Dirs{}.Check(dir)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%v: got %v, want %q", c.mode, err, c.want)
		}
	}
}
