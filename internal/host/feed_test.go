package host

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/runward/runward/policy"
)

func TestReadFeed(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	a, b := write("a.txt", "one", 0o644), write("b.txt", "two", 0o600)
	write(".c.txt", "hidden", 0o644)
	write("d.old", "old", 0o644)
	got := ReadFeed(dir + "/*.txt")
	if len(got) != 2 || got[0] != (policy.FeedFile{Path: a, Text: "one"}) || got[1] != (policy.FeedFile{Path: b, Text: "two"}) {
		t.Errorf("%+v", got)
	}
	if got := ReadFeed(dir + "/*.list"); len(got) != 0 {
		t.Errorf("nothing matches: %+v", got)
	}
	if got := ReadFeed(dir + "/no/*.list"); len(got) != 0 {
		t.Errorf("no directory: %+v", got)
	}
	fails := func(what, glob, want string) {
		t.Helper()
		if got := ReadFeed(glob); len(got) != 1 || got[0].Text != "" || !strings.Contains(got[0].Err, want) {
			t.Errorf("%s: %+v, want %q", what, got, want)
		}
	}
	fails("missing", dir+"/list", "it is missing")
	fails("a file in place of a directory", a+"/*", "not a directory")
	fails("writable by others", write("e.feed", "", 0o666), "is writable by others than its owner: chmod go-w it")
	theirs := write("f.feed", "", 0o644)
	if err := os.Chown(theirs, 1000, 0); err != nil {
		t.Fatal(err)
	}
	fails("another's", theirs, "belongs to user 1000, not to root")
	if err := os.Symlink(a, filepath.Join(dir, "g.feed")); err != nil {
		t.Fatal(err)
	}
	fails("a link", dir+"/g.feed", "it is a symbolic link")
	if err := os.Mkdir(filepath.Join(dir, "h.feed"), 0o755); err != nil {
		t.Fatal(err)
	}
	fails("a directory", dir+"/h.feed", "it is not a regular file")
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	fails("in a directory that others may write", a, "is writable by others")
}

// A change is seen at once, also one that leaves size and time as they were.
func TestReadFeedIsFresh(t *testing.T) {
	path := filepath.Join(t.TempDir(), "feed")
	for _, text := range []string{"one", "two"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, time.Unix(1, 0), time.Unix(1, 0)); err != nil {
			t.Fatal(err)
		}
		if got := ReadFeed(path); len(got) != 1 || got[0].Text != text {
			t.Errorf("%+v", got)
		}
	}
}
