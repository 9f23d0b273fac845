package policyfile

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/runward/runward/policy/rules"
)

// Who reads the policies while their directory is replaced as a whole, and what
// was there is emptied, gets the one set or the other, or is refused: never some
// of each, and never less.
func TestReplacedWhileRead(t *testing.T) {
	dir := t.TempDir()
	live, spare := filepath.Join(dir, "policy.d"), filepath.Join(dir, "spare")
	fill := func(at, version string, names ...string) error {
		if err := os.Mkdir(at, 0o755); err != nil {
			return err
		}
		var errs error
		for _, name := range names {
			text := "version = 1\nname = '" + version + "-" + name + "'\n"
			errs = errors.Join(errs, os.WriteFile(filepath.Join(at, name+".toml"), []byte(text), 0o644))
		}
		return errs
	}
	sets := [][]string{{"a", "b"}, {"b", "c"}}
	versions := []string{"old", "new"}
	if err := fill(live, "old", sets[0]...); err != nil {
		t.Fatal(err)
	}
	stop, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		for i := 1; ; i++ {
			select {
			case <-stop:
				ended <- nil
				return
			default:
			}
			err := fill(spare, versions[i%2], sets[i%2]...)
			if err == nil {
				err = unix.Renameat2(unix.AT_FDCWD, live, unix.AT_FDCWD, spare, unix.RENAME_EXCHANGE)
			}
			if err == nil {
				err = os.RemoveAll(spare)
			}
			if err != nil {
				ended <- err
				return
			}
		}
	}()
	seen := map[string]int{}
	for range 2000 {
		set, err := Load(Sources{Dirs: []string{live}, Unselected: "deny"}, rules.All)
		if err != nil {
			seen["refused"]++
			continue
		}
		got := ""
		for _, p := range set.Policies {
			got += p.Name + " "
		}
		if got != "old-a old-b " && got != "new-b new-c " {
			t.Fatalf("read %q", got)
		}
		seen[got]++
	}
	close(stop)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if len(seen) < 2 {
		t.Errorf("seen only %v", seen)
	}
}
