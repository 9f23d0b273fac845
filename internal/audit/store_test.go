package audit

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) {
	if path := os.Getenv("RUNWARD_TEST_FULL"); path != "" {
		full(path)
		return
	}
	os.Exit(m.Run())
}

// full writes under a file size limit, which ends a write half-way as a full
// disk does.
func full(path string) {
	var st syscall.Stat_t
	if err := syscall.Stat(path, &st); err != nil {
		panic(err)
	}
	limit := uint64(st.Size) + 100
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: limit}); err != nil {
		panic(err)
	}
	err := Append(Config{Path: path}, &Receipt{})
	if err == nil {
		panic("written")
	}
	os.Stdout.WriteString(err.Error())
}

func TestFullDiskLeavesNoHalfLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "receipts.jsonl")
	if err := Append(Config{Path: path}, &Receipt{}); err != nil {
		t.Fatal(err)
	}
	before, _ := os.ReadFile(path)
	c := exec.Command("/proc/self/exe")
	c.Env = []string{"RUNWARD_TEST_FULL=" + path}
	out, err := c.CombinedOutput()
	if want := "receipts " + path + ": cannot write: no space left on device"; err != nil || string(out) != want {
		t.Errorf("%v, %s, want %s", err, out, want)
	}
	after, _ := os.ReadFile(path)
	if string(before) != string(after) {
		t.Errorf("left %q", after)
	}
}

func TestRefusedFiles(t *testing.T) {
	must := func(t *testing.T, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name string
		make func(t *testing.T, dir, path string) // the directory is there
		want string
	}{
		{
			"symbolic link", func(t *testing.T, dir, path string) { must(t, os.Symlink("/etc/passwd", path)) },
			"cannot open receipts.jsonl: it is a symbolic link; set the path to the real file",
		},
		{
			"head is a symbolic link", func(t *testing.T, dir, path string) { must(t, os.Symlink("/etc/passwd", path+".head")) },
			"cannot open receipts.jsonl.head: it is a symbolic link; set the path to the real file",
		},
		{
			"fifo", func(t *testing.T, dir, path string) { must(t, unix.Mkfifo(path, 0o600)) },
			"cannot use receipts.jsonl: it is not a regular file with one name; move it away",
		},
		{
			"directory", func(t *testing.T, dir, path string) { must(t, os.Mkdir(path, 0o700)) },
			"cannot open receipts.jsonl: is a directory",
		},
		{"two names", func(t *testing.T, dir, path string) {
			must(t, os.WriteFile(path, nil, 0o600))
			must(t, os.Link(path, filepath.Join(dir, "other")))
		}, "cannot use receipts.jsonl: it is not a regular file with one name; move it away"},
		{"others can write", func(t *testing.T, dir, path string) {
			must(t, os.WriteFile(path, nil, 0o600))
			must(t, os.Chmod(path, 0o620))
		}, "cannot use receipts.jsonl: others can write it; chmod go-w"},
		{
			"others can write the directory", func(t *testing.T, dir, path string) { must(t, os.Chmod(dir, 0o770)) },
			"cannot use its directory: others can write it; chmod go-w",
		},
		{"another's", func(t *testing.T, dir, path string) {
			must(t, os.WriteFile(path, nil, 0o600))
			must(t, os.Chown(path, 65534, 65534))
		}, "cannot use receipts.jsonl: it belongs to another user; chown it to root"},
		{
			"another's directory", func(t *testing.T, dir, path string) { must(t, os.Chown(dir, 65534, 65534)) },
			"cannot use its directory: it belongs to another user; chown it to root",
		},
		{"linked directory", func(t *testing.T, dir, path string) {
			must(t, os.Rename(dir, dir+"2"))
			must(t, os.Symlink(dir+"2", dir))
		}, "cannot open the directory (it must not be a symbolic link): not a directory"},
		{"no receipts", func(t *testing.T, dir, path string) {
			must(t, os.WriteFile(path, make([]byte, 17<<20), 0o600))
		}, "cannot read the last receipt: no receipt in its last 8 MiB; move the file away if it is not runward's"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "log")
			path := filepath.Join(dir, "receipts.jsonl")
			must(t, os.Mkdir(dir, 0o700))
			tt.make(t, dir, path)
			err := Append(Config{Path: path}, &Receipt{})
			if err == nil || err.Error() != "receipts "+path+": "+tt.want {
				t.Errorf("got  %v\nwant receipts %s: %s", err, path, tt.want)
			}
		})
	}
	if err := Append(Config{Path: "r.jsonl"}, &Receipt{}); err == nil || !strings.HasSuffix(err.Error(), "not an absolute path") {
		t.Error(err)
	}
}

func TestModes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b", "receipts.jsonl")
	if err := Append(Config{Path: path, Sync: SyncData}, &Receipt{}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{path: 0o600, path + HeadSuffix: 0o600, filepath.Dir(path): 0o750 | os.ModeDir} {
		st, err := os.Stat(name)
		if err != nil || st.Mode() != want {
			t.Errorf("%s: %v, %v, want %v", name, st.Mode(), err, want)
		}
	}
}
