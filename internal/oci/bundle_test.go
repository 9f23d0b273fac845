package oci

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const sample = `{"ociVersion":"1.0.2"}`

// bundle makes a directory with a config.json.
func bundle(t *testing.T, config string) string {
	t.Helper()
	dir := filepath.Join(canonical(t, t.TempDir()), "bundle")
	must(t, os.Mkdir(dir, 0o700))
	must(t, os.WriteFile(filepath.Join(dir, configName), []byte(config), 0o644))
	return dir
}

func open(t *testing.T, path string) *Bundle {
	t.Helper()
	b, err := Open(path)
	must(t, err)
	t.Cleanup(b.Close)
	return b
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func canonical(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.EvalSymlinks(path)
	must(t, err)
	return path
}

// wantError checks the whole line, and that no engine misreads it.
func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; want %q", want)
	}
	if err.Error() != want {
		t.Errorf("error\n  %s\nwant\n  %s", err, want)
	}
	for _, phrase := range []string{
		"permission denied", "no such file or directory", "executable file not found", "operation not permitted",
		"no such process", "container not running", "invalid process", "does not exist", "\n",
	} {
		if strings.Contains(err.Error(), phrase) {
			t.Errorf("the error %q contains %q, which engines act on", err, phrase)
		}
	}
}

// onlyConfig checks that nothing but config.json, with that content, is in the directory.
func onlyConfig(t *testing.T, dir, content string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	if len(entries) != 1 || entries[0].Name() != configName {
		t.Errorf("the bundle holds %v, want config.json alone", entries)
	}
	got, err := os.ReadFile(filepath.Join(dir, configName))
	must(t, err)
	if string(got) != content {
		t.Errorf("config.json is %.80q, want %.80q", got, content)
	}
}

func TestReadThenWrite(t *testing.T) {
	dir := bundle(t, sample)
	must(t, os.Chmod(filepath.Join(dir, configName), 0o640))
	b := open(t, dir)
	if b.Path() != dir {
		t.Errorf("path %q, want %q", b.Path(), dir)
	}
	raw, err := b.ReadSpec()
	must(t, err)
	if string(raw) != sample {
		t.Errorf("read %q", raw)
	}
	for _, next := range []string{`{"a":1}`, `{"b":2}`} { // The second write builds on the first.
		must(t, b.WriteSpec([]byte(next)))
		onlyConfig(t, dir, next)
	}
	info, err := os.Stat(filepath.Join(dir, configName))
	must(t, err)
	if info.Mode() != 0o640 {
		t.Errorf("mode %v, want 0640", info.Mode())
	}
}

func TestOpenPaths(t *testing.T) {
	dir := bundle(t, sample)
	parent := filepath.Dir(dir)
	link, through := filepath.Join(parent, "link"), filepath.Join(parent, "through")
	must(t, os.Symlink(dir, link))
	must(t, os.Symlink(parent, through))

	for _, path := range []string{dir, dir + "/", dir + "/.", dir + "//./", through + "/bundle", dir + "/../bundle"} {
		if b := open(t, path); b.Path() != dir {
			t.Errorf("Open(%q) is %q, want %q", path, b.Path(), dir)
		}
	}
	for _, path := range []string{link, link + "/", link + "/.", link + "//"} {
		_, err := Open(path)
		wantError(t, err, "bundle "+path+": it is a file or a symbolic link, not a directory: pass the bundle directory's own path")
	}
	_, err := Open(parent + "/none")
	wantError(t, err, "bundle "+parent+"/none: it is missing: pass the path of a directory with a config.json in it")
	_, err = Open(dir + "/config.json")
	wantError(t, err, "bundle "+dir+"/config.json: it is a file or a symbolic link, not a directory: pass the bundle directory's own path")
	_, err = Open(parent + "/a\nb")
	wantError(t, err, `bundle "`+parent+`/a\nb": it is missing: pass the path of a directory with a config.json in it`)
	_, err = Open("/proc/self/root/tmp")
	wantError(t, err, "bundle /proc/self/root/tmp: its path ends in a symbolic link, or leads through a link of procfs: pass the bundle directory's own path")

	t.Chdir(dir)
	for _, path := range []string{"", ".", "./"} {
		if b := open(t, path); b.Path() != dir {
			t.Errorf("Open(%q) is %q, want %q", path, b.Path(), dir)
		}
	}
}

// Old kernels and old seccomp filters have no openat2.
func TestWithoutOpenat2(t *testing.T) {
	defer func() { openat2 = unix.Openat2 }()
	for _, errno := range []error{unix.ENOSYS, unix.EPERM} {
		openat2 = func(int, string, *unix.OpenHow) (int, error) { return -1, errno }
		dir := bundle(t, sample)
		link := dir + "-link"
		must(t, os.Symlink(dir, link))
		b := open(t, dir)
		_, err := b.ReadSpec()
		must(t, err)
		must(t, b.WriteSpec([]byte("{}")))
		onlyConfig(t, dir, "{}")

		_, err = Open(link)
		wantError(t, err, "bundle "+link+": it is a file or a symbolic link, not a directory: pass the bundle directory's own path")
		must(t, os.Rename(dir+"/config.json", dir+"/other"))
		must(t, os.Symlink("other", dir+"/config.json"))
		_, err = b.ReadSpec()
		wantError(t, err, "bundle "+dir+": config.json is a symbolic link; only a regular file in the bundle itself is judged: put the file there")
	}
}

func TestModes(t *testing.T) {
	for _, mode := range []os.FileMode{0o720, 0o702, 0o777, 0o777 | os.ModeSticky} {
		dir := bundle(t, sample)
		must(t, os.Chmod(dir, mode))
		_, err := Open(dir)
		var bad *Error
		if !errors.As(err, &bad) || !strings.HasPrefix(bad.What, "the directory is writable by others than its owner (mode 0") || bad.Hint != "chmod go-w it" {
			t.Errorf("directory %v: %v", mode, err)
		}
	}
	dir := bundle(t, sample)
	must(t, os.Chmod(dir+"/config.json", 0o664))
	_, err := Open(dir)
	wantError(t, err, "bundle "+dir+": config.json is writable by others than its owner (mode 0664): chmod go-w it")

	must(t, os.Chmod(dir+"/config.json", 0o600))
	b := open(t, dir)
	must(t, os.Chmod(dir+"/config.json", 0o606)) // Between open and read.
	_, err = b.ReadSpec()
	wantError(t, err, "bundle "+dir+": config.json is writable by others than its owner (mode 0606): chmod go-w it")
}

func TestReadSpecRefuses(t *testing.T) {
	cases := []struct {
		name string
		make func(path string) error
		want string
	}{
		{"nothing", func(string) error { return nil }, "config.json is missing: a bundle needs one; `runc spec` writes a sample"},
		{"directory", func(p string) error { return os.Mkdir(p, 0o755) }, "config.json is a directory; only a regular file in the bundle itself is judged: put the file there"},
		{"fifo", func(p string) error { return unix.Mkfifo(p, 0o600) }, "config.json is a FIFO; only a regular file in the bundle itself is judged: put the file there"},
		{"link", func(p string) error { return os.Symlink("/etc/hostname", p) }, "config.json is a symbolic link; only a regular file in the bundle itself is judged: put the file there"},
		{"dangling link", func(p string) error { return os.Symlink("none", p) }, "config.json is a symbolic link; only a regular file in the bundle itself is judged: put the file there"},
		{"socket", func(p string) error { return unix.Mknod(p, unix.S_IFSOCK|0o600, 0) }, "config.json is a socket or a device; only a regular file in the bundle itself is judged: put the file there"},
		{"100 MB", func(p string) error {
			if err := os.WriteFile(p, nil, 0o600); err != nil {
				return err
			}
			return os.Truncate(p, 100<<20)
		}, "config.json has 104857600 bytes, more than the limit of 8388608 (8 MiB): make it smaller"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := bundle(t, sample)
			b := open(t, dir)
			must(t, os.Remove(dir+"/config.json"))
			must(t, c.make(dir+"/config.json"))
			start := time.Now()
			_, err := b.ReadSpec()
			wantError(t, err, "bundle "+dir+": "+c.want)
			if d := time.Since(start); d > time.Second {
				t.Errorf("took %v", d)
			}
			if b.read != nil {
				t.Error("a refused file counts as read")
			}
			if c.name != "nothing" && c.name != "socket" {
				_, err = Open(dir)
				wantError(t, err, "bundle "+dir+": "+c.want)
			}
		})
	}
}

func TestLimitIsExact(t *testing.T) {
	dir := bundle(t, strings.Repeat(" ", MaxSpec))
	raw, err := open(t, dir).ReadSpec()
	must(t, err)
	if len(raw) != MaxSpec {
		t.Errorf("%d bytes", len(raw))
	}
	must(t, os.Truncate(dir+"/config.json", MaxSpec+1))
	if _, err = Open(dir); err == nil {
		t.Error("a byte more is read")
	}
}

// An 100 MB file that was small when it was opened must not fill the memory.
func TestGrowsWhileRead(t *testing.T) {
	path := bundle(t, sample) + "/config.json"
	must(t, os.Truncate(path, 100<<20))
	f, err := os.Open(path)
	must(t, err)
	defer f.Close()
	raw, err := readAll(int(f.Fd()), 10)
	must(t, err)
	if len(raw) != 11 {
		t.Errorf("read %d bytes, want 11: one more than the size betrays it", len(raw))
	}
}

func TestChangedBetweenReadAndWrite(t *testing.T) {
	changes := map[string]func(path string) error{
		"replaced by the same bytes": func(p string) error {
			if err := os.WriteFile(p+".new", []byte(sample), 0o644); err != nil {
				return err
			}
			return os.Rename(p+".new", p)
		},
		"written in place": func(p string) error { return os.WriteFile(p, []byte(sample+" "), 0o644) },
		"written in place, same size and time": func(p string) error {
			info, err := os.Stat(p)
			if err != nil {
				return err
			}
			if err := os.WriteFile(p, []byte(`{"ociVersion":"9.9.9"}`), 0o644); err != nil {
				return err
			}
			return os.Chtimes(p, info.ModTime(), info.ModTime())
		},
		"swapped for a link": func(p string) error {
			if err := os.Rename(p, filepath.Dir(p)+"-moved"); err != nil {
				return err
			}
			return os.Symlink(filepath.Dir(p)+"-moved", p)
		},
		"removed": os.Remove,
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			dir := bundle(t, sample)
			b := open(t, dir)
			_, err := b.ReadSpec()
			must(t, err)
			nextTick(t, dir)
			must(t, change(dir+"/config.json"))
			before := listing(t, dir)
			wantError(t, b.WriteSpec([]byte("{}")), "bundle "+dir+
				": config.json changed after it was judged; nothing was written: let nothing but the engine write it")
			if after := listing(t, dir); after != before {
				t.Errorf("the directory is\n%s\nwas\n%s", after, before)
			}
		})
	}
}

// nextTick waits until the file system's clock gives another time than config.json's.
func nextTick(t *testing.T, dir string) {
	t.Helper()
	var have, now unix.Stat_t
	must(t, unix.Stat(dir+"/config.json", &have))
	probe := dir + "-probe"
	for {
		must(t, os.WriteFile(probe, nil, 0o600))
		must(t, unix.Stat(probe, &now))
		must(t, os.Remove(probe))
		if now.Ctim != have.Ctim {
			return
		}
	}
}

func listing(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	var b strings.Builder
	for _, e := range entries {
		raw, _ := os.ReadFile(filepath.Join(dir, e.Name()))
		b.WriteString(e.Type().String() + " " + e.Name() + " " + string(raw) + "\n")
	}
	return b.String()
}

// The directory is held by descriptor: another one in its place is not written to.
func TestDirectorySwapped(t *testing.T) {
	dir := bundle(t, sample)
	b := open(t, dir)
	_, err := b.ReadSpec()
	must(t, err)
	must(t, os.Rename(dir, dir+"-real"))
	must(t, os.Mkdir(dir, 0o700))
	must(t, os.WriteFile(dir+"/config.json", []byte("decoy"), 0o644))
	must(t, b.WriteSpec([]byte("{}")))
	onlyConfig(t, dir, "decoy")
	onlyConfig(t, dir+"-real", "{}")
}

func TestWriteBeforeRead(t *testing.T) {
	dir := bundle(t, sample)
	wantError(t, open(t, dir).WriteSpec(nil), "bundle "+dir+": config.json was not read before it was written")
}

// Every step may fail; each leaves the old document and nothing else.
func TestFaults(t *testing.T) {
	const changed = "config.json changed after it was judged; nothing was written: let nothing but the engine write it"
	cases := map[string]string{
		"random": "a new config.json cannot be made, the directory finds no room left in its file system",
		"create": "a new config.json cannot be made, the directory finds no room left in its file system",
		"stat":   "the new config.json finds no room left in its file system (stat)",
		"write":  "the new config.json finds no room left in its file system (write)",
		"chown":  "the new config.json finds no room left in its file system (chown)",
		"xattr":  "the new config.json finds no room left in its file system (xattr)",
		"chmod":  "the new config.json finds no room left in its file system (chmod)",
		"check":  changed,
		"rename": "config.json cannot be replaced, it finds no room left in its file system",
	}
	dir := bundle(t, sample)
	b := open(t, dir)
	_, err := b.ReadSpec()
	must(t, err)
	b.fail = func(step string) error {
		if _, ok := cases[step]; !ok {
			t.Errorf("step %q has no case", step)
		}
		return nil
	}
	must(t, b.WriteSpec([]byte(sample)))
	for step, want := range cases {
		b.fail = func(s string) error {
			if s == step {
				return unix.ENOSPC
			}
			return nil
		}
		err := b.WriteSpec([]byte("{}"))
		wantError(t, err, "bundle "+dir+": "+want)
		if !errors.Is(err, unix.ENOSPC) {
			t.Errorf("%s: the cause is lost", step)
		}
		onlyConfig(t, dir, sample)
	}
	b.fail = nil
	must(t, b.WriteSpec([]byte("{}"))) // None of the failures spoilt the bundle.
	onlyConfig(t, dir, "{}")
}

func TestTakenNameIsNotAnEnd(t *testing.T) {
	dir := bundle(t, sample)
	b := open(t, dir)
	_, err := b.ReadSpec()
	must(t, err)
	taken := 0
	b.fail = func(step string) error {
		if step == "create" && taken < 3 {
			taken++
			return unix.EEXIST
		}
		return nil
	}
	must(t, b.WriteSpec([]byte("{}")))
	onlyConfig(t, dir, "{}")
}

func TestAttributes(t *testing.T) {
	dir := bundle(t, sample)
	path := dir + "/config.json"
	// An access list as setfacl -m u:1:r would write it: version 2, then tag, permissions, id.
	acl := []byte{
		2, 0, 0, 0,
		1, 0, 6, 0, 255, 255, 255, 255,
		2, 0, 4, 0, 1, 0, 0, 0,
		4, 0, 4, 0, 255, 255, 255, 255,
		16, 0, 4, 0, 255, 255, 255, 255,
		32, 0, 0, 0, 255, 255, 255, 255,
	}
	long := bytes.Repeat([]byte("x"), 1000)
	want := map[string][]byte{"user.long": long, "user.empty": {}, accessList: acl}
	if os.Geteuid() == 0 {
		want["security.selinux"] = []byte("system_u:object_r:container_var_lib_t:s0\x00")
	}
	for name, value := range want {
		must(t, unix.Setxattr(path, name, value, 0))
	}
	b := open(t, dir)
	_, err := b.ReadSpec()
	must(t, err)
	must(t, b.WriteSpec([]byte("{}")))
	for name, value := range want {
		buf := make([]byte, 2000)
		n, err := unix.Getxattr(path, name, buf)
		if err != nil || !bytes.Equal(buf[:n], value) {
			t.Errorf("%s is %q, %v; want %q", name, buf[:max(n, 0)], err, value)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o640 {
		t.Errorf("mode %v, %v; want 0640, the list's mask being the group's bits", info.Mode(), err)
	}
}

// A default access list of the directory must not give the new file more readers.
func TestDefaultAccessList(t *testing.T) {
	dir := bundle(t, sample)
	path := dir + "/config.json"
	acl := []byte{
		2, 0, 0, 0,
		1, 0, 6, 0, 255, 255, 255, 255,
		2, 0, 6, 0, 1, 0, 0, 0,
		4, 0, 4, 0, 255, 255, 255, 255,
		16, 0, 6, 0, 255, 255, 255, 255,
		32, 0, 0, 0, 255, 255, 255, 255,
	}
	must(t, unix.Setxattr(dir, "system.posix_acl_default", acl, 0))
	b := open(t, dir)
	_, err := b.ReadSpec()
	must(t, err)
	must(t, b.WriteSpec([]byte("{}")))
	if n, err := unix.Getxattr(path, accessList, make([]byte, 100)); err != unix.ENODATA {
		t.Errorf("the new file has an access list (%d bytes, %v)", n, err)
	}
}

// Of two that read the same document one writes; a reader sees it whole always.
func TestConcurrentWriters(t *testing.T) {
	dir := bundle(t, sample)
	texts := []string{sample}
	for i := range 8 {
		texts = append(texts, strings.Repeat(string(rune('a'+i)), 1<<16))
	}
	stop := make(chan struct{})
	var reader sync.WaitGroup
	reader.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			raw, err := os.ReadFile(dir + "/config.json")
			if err != nil || !contains(texts, string(raw)) {
				t.Errorf("a reader sees %.20q (%d bytes), %v", raw, len(raw), err)
				return
			}
		}
	})
	var writers sync.WaitGroup
	for _, text := range texts[1:] {
		writers.Go(func() {
			b, err := Open(dir)
			if err != nil {
				t.Error(err)
				return
			}
			defer b.Close()
			for range 50 {
				if _, err := b.ReadSpec(); err != nil {
					continue // Replaced between open and fstat; the next time will do.
				}
				err := b.WriteSpec([]byte(text))
				if err != nil && !strings.Contains(err.Error(), "changed after it was judged") {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	close(stop)
	reader.Wait()
	got, err := os.ReadFile(dir + "/config.json")
	must(t, err)
	onlyConfig(t, dir, string(got))
}

func contains(list []string, s string) bool {
	for _, have := range list {
		if have == s {
			return true
		}
	}
	return false
}

func TestDescriptorsAreClosedOnExec(t *testing.T) {
	dir := bundle(t, sample)
	b := open(t, dir)
	_, err := b.ReadSpec()
	must(t, err)
	must(t, b.WriteSpec([]byte("{}")))
	for _, fd := range []int{b.dir, b.spec} {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		must(t, err)
		if flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("descriptor %d survives execve", fd)
		}
	}
	b.Close()
	b.Close() // Twice does no harm.
	if b.dir != -1 || b.spec != -1 {
		t.Error("descriptors are kept after Close")
	}
}
