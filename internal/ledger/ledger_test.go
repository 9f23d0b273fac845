package ledger

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/internal/state"
	"pgregory.net/rapid"

	"github.com/runward/runward/policy"
)

func entry(root, id string) *Entry {
	caps, memory := []string{"CAP_CHOWN", "CAP_KILL"}, int64(1<<30)
	return &Entry{
		ID: id, Root: root, Bundle: "/run/b", Runtime: "runc", Engine: "containerd", Handler: "runward",
		Identity: policy.Identity{Kind: "container", Pod: "p", Labels: map[string]string{"a": "b", "c": "\n"}},
		Created:  1700000000, Receipt: "01ARYZ6S41", Policy: "sha256:1", Config: "sha256:2", Enforced: true,
		Ceiling: policy.Ceiling{Capabilities: &caps, NoNewPrivileges: true, UID: 7, Memory: &memory},
	}
}

func dirs(t testing.TB) (dir, root string) {
	t.Helper()
	base := t.TempDir()
	root = filepath.Join(base, "root")
	must(t, os.Mkdir(root, 0o700))
	return filepath.Join(base, "run", "containers"), root
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func has(t testing.TB, dir, root, id string) bool {
	t.Helper()
	_, err := Get(dir, root, id)
	if err != nil && !errors.Is(err, ErrNotFound) {
		t.Fatal(err)
	}
	return err == nil
}

func TestPutGetDelete(t *testing.T) {
	dir, root := dirs(t)
	e := entry(root, "web")
	must(t, Put(dir, e))
	got, err := Get(dir, root, "web")
	must(t, err)
	if !reflect.DeepEqual(got, e) {
		t.Errorf("\nput %+v\ngot %+v", e, got)
	}
	if _, err := Get(dir, root, "other"); !errors.Is(err, ErrNotFound) ||
		err.Error() != "read the decision about container other in "+dir+": no decision is kept for this container" {
		t.Error(err)
	}
	if has(t, dir, "/other", "web") {
		t.Error("the same id under another root is another container")
	}
	st, err := os.Stat(dir)
	must(t, err)
	if st.Mode().Perm() != 0o700 {
		t.Error(st.Mode())
	}
	must(t, Delete(dir, root, "web"))
	must(t, Delete(dir, root, "web"))
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Error("a file is left", left, err)
	}
	if has(t, dir, root, "web") {
		t.Error("not deleted")
	}
}

func TestRootByAnotherName(t *testing.T) {
	dir, root := dirs(t)
	link := root + "-link"
	must(t, os.Symlink(root, link))
	must(t, Put(dir, entry(link+"/later/", "a")))
	if !has(t, dir, root+"/x/../later", "a") {
		t.Error("not found by the root's real path")
	}
}

// Every field is set, so that one that the encoding forgets fails.
func TestEveryFieldIsKept(t *testing.T) {
	e := new(Entry)
	v := reflect.ValueOf(e).Elem()
	for i := range v.NumField() {
		switch f := v.Field(i); f.Kind() {
		case reflect.String:
			f.SetString("s\"")
		case reflect.Int, reflect.Int64:
			f.SetInt(Version)
		case reflect.Uint64:
			f.SetUint(1<<64 - 1)
		case reflect.Bool:
			f.SetBool(true)
		}
	}
	full := entry("/r", "x")
	e.Identity, e.Ceiling = full.Identity, full.Ceiling
	e.Claim, e.Updater = policy.Claim{Memory: 1 << 62, CPU: 2, Pids: 3}, &Process{PID: 1, Start: 1<<64 - 1, NS: 3}
	e.Asked = &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: ptr(int64(5))}}
	data, err := encode(e)
	must(t, err)
	back, err := decode(data)
	if err != nil || !reflect.DeepEqual(back, e) {
		t.Errorf("%v\nput %+v\ngot %+v", err, e, back)
	}
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Errorf("%s is not tried", v.Type().Field(i).Name)
		}
	}
}

// No two containers share a file, no id leaves the directory.
func TestNames(t *testing.T) {
	seen := map[string][2]string{}
	rapid.Check(t, func(t *rapid.T) {
		root := "/" + rapid.SampledFrom([]string{"a", "b", "run/runc"}).Draw(t, "root")
		id := string(rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "id"))
		name, err := fileName(root, id)
		if bad := id == "" || id == "." || id == ".." || strings.ContainsAny(id, "/\x00"); bad != (err != nil) {
			t.Fatalf("%q: %v", id, err)
		}
		if err != nil {
			return
		}
		if len(name) > 255 || strings.ContainsAny(name, "/\x00\n") || !isEntry(name) {
			t.Fatalf("name %q", name)
		}
		if was, ok := seen[name]; ok && was != [2]string{root, id} {
			t.Fatalf("%q and %q are both %s", was, id, name)
		}
		seen[name] = [2]string{root, id}
	})
	for _, id := range []string{"..", "../x", "a/b", "", "a\x00"} {
		err := Put("/nowhere", entry("/run/runc", id))
		if err == nil || !strings.HasSuffix(err.Error(), ": not a container id") {
			t.Errorf("%q: %v", id, err)
		}
	}
	if _, err := Get("/nowhere", "run/runc", "x"); err == nil || !strings.HasSuffix(err.Error(), ": root run/runc is not an absolute path") {
		t.Error(err)
	}
}

func TestRefused(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(dir, file string) error
		want   string
	}{
		{"linked directory", func(dir, _ string) error {
			must(t, os.Rename(dir, dir+"2"))
			return os.Symlink(dir+"2", dir)
		}, "it is a symbolic link or no directory; move it away"},
		{"others can write the directory", func(dir, _ string) error { return os.Chmod(dir, 0o770) }, "others can write it; remove it"},
		{"another's directory", func(dir, _ string) error { return os.Chown(dir, 65534, 0) }, "it belongs to another user; remove it"},
		{"another's entry", func(_, file string) error { return os.Chown(file, 65534, 0) }, "it belongs to another user; remove it"},
		{"others can write the entry", func(_, file string) error { return os.Chmod(file, 0o602) }, "others can write it; remove it"},
		{"a fifo", func(_, file string) error {
			must(t, os.Remove(file))
			return unix.Mkfifo(file, 0o600)
		}, "it is no regular file, or too large"},
		{"empty", func(_, file string) error { return os.Truncate(file, 0) }, "line 1, column 1: document is empty"},
		{"another version", func(_, file string) error { return os.WriteFile(file, []byte(`{"version":2}`), 0o600) }, "version 2 is not known here"},
		{"another container's", func(_, file string) error {
			return os.WriteFile(file, []byte(`{"version":1,"id":"b","root":"/r"}`), 0o600)
		}, "it is the one about container b of /r"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir, root := dirs(t)
			must(t, Put(dir, entry(root, "a")))
			name, err := fileName(root, "a")
			must(t, err)
			must(t, tt.change(dir, filepath.Join(dir, name)))
			e, err := Get(dir, root, "a")
			if want := "read the decision about container a in " + dir + ": " + tt.want; e != nil || err == nil || err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		})
	}
}

// A second create of the same container does not get at the first's ceiling.
func TestPutKeepsTheLiving(t *testing.T) {
	dir, root := dirs(t)
	name, err := fileName(root, "a")
	must(t, err)
	store := func(creator int, start uint64) {
		e := entry(root, "a")
		e.Version, e.Creator, e.CreatorStart = Version, creator, start
		data, err := encode(e)
		must(t, err)
		must(t, os.MkdirAll(dir, 0o700))
		must(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	other, err := state.ReadStat(os.Getppid())
	must(t, err)

	store(os.Getppid(), other.Start)
	if err := Put(dir, entry(root, "a")); !errors.Is(err, ErrExists) {
		t.Errorf("another create is under way: %v", err)
	}
	store(os.Getppid(), other.Start+1)
	if err := Put(dir, entry(root, "a")); err != nil {
		t.Errorf("the creator is gone, its pid another's: %v", err)
	}
	if err := Put(dir, entry(root, "a")); err != nil {
		t.Errorf("a second try by the same process: %v", err)
	}
	must(t, os.Mkdir(filepath.Join(root, "a"), 0o711))
	if err := Put(dir, entry(root, "a")); !errors.Is(err, ErrExists) {
		t.Errorf("the container exists: %v", err)
	}
	must(t, Delete(dir, root, "a"))
	if err := Put(dir, entry(root, "a")); !errors.Is(err, ErrExists) {
		t.Errorf("the container exists, without an entry: %v", err)
	}
}

func TestSweep(t *testing.T) {
	dir, root := dirs(t)
	now := time.Now()
	old := now.Add(-time.Hour)
	add := func(id, runtime string, creator int, mtime time.Time) {
		e := entry(root, id)
		e.Runtime = runtime
		must(t, Put(dir, e))
		name, err := fileName(root, id)
		must(t, err)
		e.Creator = creator
		if strings.HasPrefix(id, "elsewhere") {
			e.CreatorNS++
		}
		data, err := encode(e)
		must(t, err)
		must(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
		must(t, os.Chtimes(filepath.Join(dir, name), mtime, mtime))
	}
	const gone = 1 << 29
	add("lives", "runc", gone, old)
	must(t, os.Mkdir(filepath.Join(root, "lives"), 0o711))
	add("elsewhere-new", "runc", gone, now)
	add("elsewhere-gone", "runc", gone, old)
	add("new-gone", "runc", gone, now)
	add("creating", "runc", os.Getpid(), old)
	add("unknown-runtime", "runsc", gone, old)
	add("gone", "runc", gone, old)
	temp := filepath.Join(dir, tempPrefix+"x")
	must(t, os.WriteFile(temp, nil, 0o600))
	must(t, os.Chtimes(temp, old, old))
	must(t, os.WriteFile(filepath.Join(dir, "not-ours"), nil, 0o600))
	must(t, os.Chtimes(filepath.Join(dir, "not-ours"), old, old))

	if n, err := Sweep(dir, now, 0); n != 0 || err != nil {
		t.Error(n, err)
	}
	n, err := Sweep(dir, now, 100)
	must(t, err)
	if n != 4 || has(t, dir, root, "gone") || has(t, dir, root, "new-gone") || has(t, dir, root, "elsewhere-gone") {
		t.Errorf("swept %d", n)
	}
	entries, err := List(dir)
	must(t, err)
	if len(entries) != 4 {
		t.Errorf("%d entries left", len(entries))
	}
	if _, err := os.Stat(filepath.Join(dir, "not-ours")); err != nil {
		t.Error(err)
	}
	if n, err := Sweep(dir+"x", now, 9); n != 0 || err != nil {
		t.Error(n, err)
	}
}

// Entries come and go, 8 at a time.
func TestManyAtATime(t *testing.T) {
	dir, root := dirs(t)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 50 {
				id := strconv.Itoa(w) + "-" + strconv.Itoa(i)
				if err := Put(dir, entry(root, id)); err != nil {
					t.Error(err)
				}
				if _, err := Get(dir, root, id); err != nil {
					t.Error(err)
				}
				if err := Delete(dir, root, id); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Error("something is left", left, err)
	}
}

func FuzzDecode(f *testing.F) {
	data, err := encode(entry("/r", "x"))
	must(f, err)
	f.Add(data)
	f.Add([]byte(`{"version":1,"ceiling":{"capabilities":null}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := decode(data)
		if err != nil {
			return
		}
		again, err := encode(e)
		must(t, err)
		back, err := decode(again)
		if err != nil || back.Version != Version {
			t.Errorf("%v: %s", err, again)
		}
	})
}

func shm(b *testing.B) (dir, root string) {
	base, err := os.MkdirTemp("/dev/shm", "ledger")
	must(b, err)
	b.Cleanup(func() { os.RemoveAll(base) })
	return filepath.Join(base, "containers"), base
}

func BenchmarkPut(b *testing.B) {
	dir, root := shm(b)
	for b.Loop() {
		must(b, Put(dir, entry(root, "a")))
	}
}

func BenchmarkPutDelete(b *testing.B) {
	dir, root := shm(b)
	for b.Loop() {
		must(b, Put(dir, entry(root, "a")))
		must(b, Delete(dir, root, "a"))
	}
}

func BenchmarkGet(b *testing.B) {
	dir, root := shm(b)
	must(b, Put(dir, entry(root, "a")))
	for b.Loop() {
		if _, err := Get(dir, root, "a"); err != nil {
			b.Fatal(err)
		}
	}
}

// A running container of runc's, whose state is 60 KB.
func BenchmarkForget(b *testing.B) {
	dir, root := shm(b)
	must(b, Put(dir, entry(root, "a")))
	must(b, os.Mkdir(filepath.Join(root, "a"), 0o700))
	self, err := state.ReadStat(os.Getpid())
	must(b, err)
	must(b, os.WriteFile(filepath.Join(root, "a", "state.json"), []byte(`{"id":"a","init_process_pid":`+strconv.Itoa(os.Getpid())+
		`,"init_process_start":`+strconv.FormatUint(self.Start, 10)+`,"x":"`+strings.Repeat("x", 60000)+`"}`), 0o600))
	for b.Loop() {
		must(b, Forget(dir, root, "a", false))
	}
	if !has(b, dir, root, "a") {
		b.Error("forgotten")
	}
}

// 200 old entries whose containers live: what a create would pay to sweep 4.
func BenchmarkSweep(b *testing.B) {
	dir, root := shm(b)
	for i := range 200 {
		must(b, Put(dir, entry(root, strconv.Itoa(i))))
		must(b, os.Mkdir(filepath.Join(root, strconv.Itoa(i)), 0o700))
	}
	now := time.Now().Add(time.Hour)
	for b.Loop() {
		if n, err := Sweep(dir, now, 4); n != 0 || err != nil {
			b.Fatal(n, err)
		}
	}
}
