package host

import (
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/runward/runward/policy"
	"golang.org/x/sys/unix"
)

// place makes a directory and gives its canonical path.
func place(t testing.TB) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	return dir
}

func stat(t testing.TB, path string) unix.Stat_t {
	t.Helper()
	var st unix.Stat_t
	must(t, unix.Stat(path, &st))
	return st
}

// bothWays runs a test with openat2(2) and as on a kernel without it.
func bothWays(t *testing.T, f func(t *testing.T)) {
	t.Run("openat2", f)
	t.Run("without openat2", func(t *testing.T) {
		defer func() { openat2 = unix.Openat2 }()
		openat2 = func(int, string, *unix.OpenHow) (int, error) { return -1, unix.ENOSYS }
		f(t)
	})
}

func TestLookupWays(t *testing.T) {
	bothWays(t, func(t *testing.T) {
		dir := place(t)
		must(t, os.MkdirAll(dir+"/a/b", 0o755))
		must(t, os.WriteFile(dir+"/a/b/file", nil, 0o600))
		must(t, os.Symlink("b", dir+"/a/link"))
		must(t, os.Symlink(dir+"/a/link", dir+"/far"))
		must(t, os.Mkdir(dir+"/odd \n(deleted)", 0o755))
		must(t, os.WriteFile(dir+"/gone (deleted)", nil, 0o755))
		r := newResolver(dir + "/a")
		want := dir + "/a/b/file"
		for _, path := range []string{
			want, dir + "/a/link/file", dir + "//a/./b/../link//file", dir + "/far/file", dir + "/far/../b/file",
			"b/file", "./link/file", "link//file",
		} {
			f := r.Lookup(path)
			st := stat(t, want)
			if f.Path != want || f.Type != policy.Regular || f.Dev != st.Dev || f.Ino != st.Ino || f.Mode != 0o600 || f.Err != "" || f.Magic {
				t.Errorf("%q: %+v", path, f)
			}
			if !f.SameAs(st.Dev, st.Ino) {
				t.Errorf("%q is not the same as itself", path)
			}
		}
		for _, name := range []string{"/odd \n(deleted)", "/gone (deleted)"} {
			if f := r.Lookup(dir + name); f.Path != dir+name || f.Err != "" {
				t.Errorf("%+v", f)
			}
		}
	})
}

func TestLookupParents(t *testing.T) {
	dir := place(t)
	must(t, os.Chmod(dir, 0o751))
	must(t, os.Mkdir(dir+"/a", 0o700))
	f := newResolver("/").Lookup(dir + "/a")
	var want []policy.Dir
	for p := dir; ; p = filepath.Dir(p) {
		st := stat(t, p)
		want = append([]policy.Dir{{Path: p, Dev: st.Dev, Ino: st.Ino, UID: st.Uid, Mode: st.Mode & 0o7777}}, want...)
		if p == "/" {
			break
		}
	}
	if !reflect.DeepEqual(f.Parents, want) {
		t.Errorf("got  %+v\nwant %+v", f.Parents, want)
	}
	if f := newResolver("/").Lookup("/"); f.Path != "/" || len(f.Parents) != 0 || f.Type != policy.Directory {
		t.Errorf("root: %+v", f)
	}
	if f := newResolver("/").Lookup("/../.."); f.Path != "/" || f.Err != "" {
		t.Errorf("above root: %+v", f)
	}
}

func TestLookupTypes(t *testing.T) {
	dir := place(t)
	must(t, unix.Mkfifo(dir+"/fifo", 0o622))
	must(t, unix.Mknod(dir+"/socket", unix.S_IFSOCK|0o700, 0))
	r := newResolver("/")
	start := time.Now()
	for path, want := range map[string]policy.File{
		dir + "/fifo":    {Type: policy.Fifo},
		dir + "/socket":  {Type: policy.Socket},
		dir:              {Type: policy.Directory},
		"/dev/null":      {Type: policy.CharDevice, Rdev: unix.Mkdev(1, 3)},
		"/proc/self/exe": {Type: policy.Regular},
	} {
		if f := r.Lookup(path); f.Type != want.Type || f.Rdev != want.Rdev || f.Err != "" {
			t.Errorf("%s: %+v", path, f)
		}
	}
	if f := r.Lookup("/proc/version"); f.FS != unix.PROC_SUPER_MAGIC || f.Magic {
		t.Errorf("%+v", f)
	}
	if d := time.Since(start); d > time.Second {
		t.Errorf("took %v: something blocked", d)
	}
}

func TestLookupMissing(t *testing.T) {
	bothWays(t, func(t *testing.T) {
		dir := place(t)
		must(t, os.Mkdir(dir+"/a", 0o755))
		must(t, os.Symlink("a", dir+"/link"))
		must(t, os.Symlink("../none/deep", dir+"/a/dangling"))
		must(t, os.Symlink(dir+"/nowhere/", dir+"/absolute"))
		must(t, os.WriteFile(dir+"/file", nil, 0o600))
		r := newResolver(dir)
		for path, want := range map[string]string{
			dir + "/a/x":                  dir + "/a/x",
			dir + "/a/../a/x/./y//z/":     dir + "/a/x/./y//z/"[:2] + "/x/y/z",
			dir + "/link/x/y":             dir + "/a/x/y",
			dir + "/a/dangling":           dir + "/none/deep",
			dir + "/link/dangling/x/./y/": dir + "/none/deep/x/y",
			dir + "/absolute/x":           dir + "/nowhere/x",
			"x/y":                         dir + "/x/y",
			"/none-at-all":                "/none-at-all",
			"/./none-at-all/.":            "/none-at-all",
		} {
			f := r.Lookup(path)
			if f.Path != want || f.Type != policy.Missing || f.Err != "" || f.Magic {
				t.Errorf("%q: %+v\nwant %q", path, f, want)
				continue
			}
			deepest := f.Parents[len(f.Parents)-1]
			if st := stat(t, deepest.Path); st.Dev != deepest.Dev || st.Ino != deepest.Ino || !strings.HasPrefix(f.Path, deepest.Path) {
				t.Errorf("%q: parents end in %+v", path, deepest)
			}
			if len(f.Parents) > 1 && f.Parents[0].Path != "/" {
				t.Errorf("%q: parents start with %+v", path, f.Parents[0])
			}
		}
	})
}

func TestLookupErrors(t *testing.T) {
	bothWays(t, func(t *testing.T) {
		dir := place(t)
		must(t, os.Symlink("loop", dir+"/loop"))
		must(t, os.Symlink("ping", dir+"/pong"))
		must(t, os.Symlink("pong", dir+"/ping"))
		must(t, os.Symlink("none/../x", dir+"/climber"))
		must(t, os.WriteFile(dir+"/file", nil, 0o600))
		long := strings.Repeat("/"+strings.Repeat("x", 200), 30)
		r := newResolver(dir)
		for path, want := range map[string]string{
			"":                             "the path is empty",
			"a\x00b":                       "the path has a NUL byte in it",
			"../x":                         `runtimes disagree on where ".." in a relative path leads`,
			"a/../b":                       `runtimes disagree on where ".." in a relative path leads`,
			dir + "/loop":                  "its symbolic links lead in a circle",
			dir + "/ping/x":                "its symbolic links lead in a circle",
			dir + "/file/x":                "a part of the path is not a directory",
			dir + "/file/":                 "a part of the path is not a directory",
			dir + "/none/../x":             `".." follows something that is missing`,
			dir + "/none/x/..":             `".." follows something that is missing`,
			dir + "/climber":               `".." follows something that is missing`,
			dir + long:                     "the path is too long",
			"/" + strings.Repeat("y", 300): "the path is too long",
		} {
			if f := r.Lookup(path); f.Err != want || f.Type != policy.Missing {
				t.Errorf("%.60q: %+v, want %q", path, f, want)
			}
		}
	})
}

func TestLookupMagic(t *testing.T) {
	bothWays(t, func(t *testing.T) {
		dir := place(t)
		self := strconv.Itoa(os.Getpid())
		other := strconv.Itoa(os.Getppid()) // Not 1: some sandboxes' root may not look at that one.
		must(t, os.MkdirAll(dir+"/"+self+"/x", 0o755))
		must(t, os.Symlink("/proc/"+other+"/root", dir+"/to-root"))
		must(t, os.Symlink("/proc/"+other+"/ns/net", dir+"/to-net"))
		must(t, os.Symlink("/proc/self/ns/uts", dir+"/to-uts"))
		must(t, os.Symlink("/proc/self", dir+"/to-self"))
		fd, err := unix.Open("/etc", unix.O_PATH|unix.O_CLOEXEC, 0)
		must(t, err)
		defer unix.Close(fd)
		r := newResolver(dir)
		for path, want := range map[string]bool{
			"/proc/self/root":                         true,
			"/proc/self/root/etc/passwd":              true,
			"/proc/" + other + "/root/etc":            true,
			"/proc/self/cwd":                          true,
			"/proc/self/cwd/none":                     true,
			"/proc/thread-self/cwd":                   true,
			"/proc/self/fd/" + strconv.Itoa(fd):       true,
			"/dev/fd/" + strconv.Itoa(fd) + "/passwd": true,
			"/dev/fd":                  true,
			"/proc/self":               true,
			"/proc/self/environ":       true,
			"/proc/thread-self/status": true,
			"/proc/mounts":             true,
			"/proc/" + self + "/maps":  true,
			"/proc/self/none":          true,
			"/proc/self/exe":           true,
			"/proc/self/root/proc/" + other + "/ns/net":           true,
			dir + "/to-root/etc":                                  true,
			dir + "/to-root/../to-root/proc/" + other + "/ns/net": true,
			dir + "/to-self/environ":                              true,

			"/proc/" + other + "/ns/net":              false,
			"/proc/self/ns/net":                       false,
			"/proc/thread-self/ns/mnt":                false,
			"/proc/" + other + "/exe":                 false,
			"/proc/" + other + "/environ":             false,
			"/proc/self/../version":                   false,
			"/proc":                                   false,
			"/proc/sys/kernel":                        false,
			dir + "/to-net":                           false,
			dir + "/to-uts":                           false,
			dir + "/to-self/../" + other + "/ns/user": false,
			dir:                     false,
			dir + "/" + self + "/x": false, // Its name alone is nothing.
		} {
			if f := r.Lookup(path); f.Magic != want {
				t.Errorf("%s: %+v, want magic %v", path, f, want)
			}
		}
		var net unix.Stat_t
		must(t, unix.Stat("/proc/"+other+"/ns/net", &net))
		for path, want := range map[string]string{
			"/proc/" + other + "/ns/net": "/proc/" + other + "/ns/net", dir + "/to-net": "/proc/" + other + "/ns/net",
			dir + "/to-uts": "/proc/" + self + "/ns/uts",
		} {
			f := r.Lookup(path)
			if f.Path != want || f.FS != unix.NSFS_MAGIC || f.Err != "" || len(f.Parents) != 4 {
				t.Errorf("%s: %+v", path, f)
			}
			if strings.HasSuffix(want, "net") && !f.SameAs(net.Dev, net.Ino) {
				t.Errorf("%s: inode %d, want %d", path, f.Ino, net.Ino)
			}
		}
	})
}

func TestLookupNoPlace(t *testing.T) {
	var fds [2]int
	must(t, unix.Pipe2(fds[:], unix.O_CLOEXEC))
	defer unix.Close(fds[0])
	defer unix.Close(fds[1])
	f := newResolver("/").Lookup("/proc/self/fd/" + strconv.Itoa(fds[0]))
	if !f.Magic || !strings.HasPrefix(f.Err, "it leads to pipe:[") {
		t.Errorf("%+v", f)
	}
	path := place(t) + "/removed"
	file, err := os.Create(path)
	must(t, err)
	defer file.Close()
	must(t, os.Remove(path))
	f = newResolver("/").Lookup("/proc/self/fd/" + strconv.Itoa(int(file.Fd())))
	if !f.Magic || f.Err != "it was deleted while it was looked at" {
		t.Errorf("%+v", f)
	}
}

// Within one evaluation a path has one answer, whatever happens to it.
func TestLookupRemembers(t *testing.T) {
	dir := place(t)
	r := newResolver("/")
	must(t, os.WriteFile(dir+"/x", nil, 0o600))
	first := r.Lookup(dir + "/x")
	missing := r.Lookup(dir + "/y")
	must(t, os.Remove(dir+"/x"))
	must(t, os.WriteFile(dir+"/y", nil, 0o600))
	must(t, os.Chmod(dir, 0o777))
	if again := r.Lookup(dir + "/x"); !reflect.DeepEqual(first, again) {
		t.Errorf("%+v, then %+v", first, again)
	}
	if again := r.Lookup(dir + "/y"); !reflect.DeepEqual(missing, again) {
		t.Errorf("%+v, then %+v", missing, again)
	}
	other := r.Lookup(dir + "/z")
	if !reflect.DeepEqual(other.Parents[:len(first.Parents)-1], first.Parents[:len(first.Parents)-1]) ||
		first.Parents[len(first.Parents)-1].Mode == 0o777 {
		t.Errorf("parents differ: %+v, %+v", first.Parents, other.Parents)
	}
}

// A bind mount gives a file another name, never another device and inode; the
// namespace ends with the thread, and the mounts with it.
func TestLookupBindMounts(t *testing.T) {
	needRoot(t)
	dir := place(t)
	must(t, os.MkdirAll(dir+"/real/sub", 0o755))
	must(t, os.MkdirAll(dir+"/other", 0o755))
	must(t, os.WriteFile(dir+"/netns", nil, 0o600))
	parent := "/proc/" + strconv.Itoa(os.Getppid())
	onThread(t, func() {
		must(t, unix.Unshare(unix.CLONE_FS|unix.CLONE_NEWNS))
		must(t, unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
		must(t, unix.Mount(dir+"/real", dir+"/other", "", unix.MS_BIND, ""))
		must(t, unix.Mount(parent+"/ns/net", dir+"/netns", "", unix.MS_BIND, ""))
		must(t, os.Mkdir(dir+"/proc", 0o755))
		must(t, unix.Mount("proc", dir+"/proc", "proc", 0, ""))
		must(t, os.Mkdir(dir+"/tmpfs", 0o755))
		must(t, unix.Mount("tmpfs", dir+"/tmpfs", "tmpfs", 0, "size=16k"))

		r := newResolver("/")
		real, other := r.Lookup(dir+"/real/sub"), r.Lookup(dir+"/other/sub")
		if other.Path != dir+"/other/sub" || !other.SameAs(real.Dev, real.Ino) {
			t.Errorf("%+v\n%+v", real, other)
		}
		if p := other.Parents[len(other.Parents)-1]; !r.Lookup(dir+"/real").SameAs(p.Dev, p.Ino) {
			t.Errorf("the parent is %+v", p)
		}
		net := r.Lookup(parent + "/ns/net")
		if f := r.Lookup(dir + "/netns"); f.Path != dir+"/netns" || f.FS != unix.NSFS_MAGIC || !f.SameAs(net.Dev, net.Ino) || f.Magic {
			t.Errorf("%+v", f)
		}
		if f := r.Lookup(dir + parent + "/root/etc"); !f.Magic {
			t.Errorf("another procfs: %+v", f)
		}
		if f := r.Lookup(dir + "/proc/self/status"); !f.Magic {
			t.Errorf("another procfs: %+v", f)
		}
		if f := r.Lookup(dir + "/tmpfs"); f.FS != unix.TMPFS_MAGIC {
			t.Errorf("%+v", f)
		}
	})
	mounts, err := os.ReadFile("/proc/self/mounts")
	must(t, err)
	if strings.Contains(string(mounts), dir) {
		t.Error("something stayed mounted")
	}
}

// onThread runs f on a thread that is thrown away after it. That cannot be the
// process's first thread, which Go keeps, and which /proc/self speaks of.
func onThread(t *testing.T, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			defer runtime.UnlockOSThread()
			onThread(t, f) // While we hold the first, it is another.
			return
		}
		f() // Not unlocked: the thread dies with the goroutine.
	}()
	<-done
}

// No path makes Lookup panic or wait, and every answer keeps the contract.
func FuzzLookup(f *testing.F) {
	for _, seed := range []string{
		"/", "", ".", "..", "/..", "//", "/proc/self/root/..", "/proc/self/fd/0", "/dev/stdin", "/dev/ptmx", "/dev/tty", "a/../b",
		"/proc/1/ns/net", "/proc/thread-self/cwd/x/../y", "/none/../etc", "/etc/passwd/", "/etc/passwd/..", "x\x00y", "/dev/fd/9999",
		"/run/../var/run/./docker.sock", "/proc/self/task/1/ns/mnt", "/proc/sys/fs/binfmt_misc/x", strings.Repeat("/a", 3000), "\xff\xfe",
	} {
		f.Add(seed)
	}
	r := newResolver("/tmp")
	f.Fuzz(func(t *testing.T, path string) {
		start := time.Now()
		got := r.resolve(path)
		if d := time.Since(start); d > 5*time.Second {
			t.Errorf("%q took %v", path, d)
		}
		if got.Err != "" {
			return
		}
		if got.Path == "" || got.Path[0] != '/' || got.Path != filepath.Clean(got.Path) {
			t.Errorf("%q: path %q is not canonical", path, got.Path)
		}
		if len(got.Parents) == 0 && got.Path != "/" {
			t.Errorf("%q: %q has no parents", path, got.Path)
		}
		for i, p := range got.Parents {
			if i > 0 && filepath.Dir(p.Path) != got.Parents[i-1].Path {
				t.Errorf("%q: %q is not below %q", path, p.Path, got.Parents[i-1].Path)
			}
		}
	})
}
