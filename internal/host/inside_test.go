package host

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/runward/runward/policy"
	"golang.org/x/sys/unix"
)

// image makes a root file system below a directory, in which a link that is
// followed on the host's terms would lead out.
func image(t *testing.T) (root string) {
	t.Helper()
	top := t.TempDir()
	root = filepath.Join(top, "rootfs")
	for _, dir := range []string{"bin", "usr/bin", "private", "etc"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write := func(name, text string, mode uint32) {
		name = filepath.Join(root, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := unix.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
	}
	write("../outside", "the host's", 0o644)
	write("usr/bin/su", "\x7fELF", 0o4755)
	write("private/run", "#!/bin/sh\n"+strings.Repeat("x", 4096), 0o711)
	if err := unix.Chmod(filepath.Join(root, "private"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{
		"bin/su": "../usr/bin/su", "bin/abs": "/usr/bin/su", "bin/up": "../../../../outside", "bin/host": filepath.Join(top, "outside"),
		"etc/passwd": "/etc/passwd", "bin/proc": "/proc/self/exe", "bin/circle": "circle", "bin/gone": "/usr/bin/gone", "here": "usr",
	} {
		if err := os.Symlink(target, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestInside(t *testing.T) {
	root := image(t)
	in := newInsider(filepath.Dir(root))
	for _, c := range []struct {
		path, want string
		kind       policy.FileType
		links      bool
	}{
		{"/usr/bin/su", "/usr/bin/su", policy.Regular, false},
		{"usr/bin//../bin/su", "/usr/bin/su", policy.Regular, false},
		{"/../../usr/bin/su", "/usr/bin/su", policy.Regular, false},
		{"/bin/su", "/usr/bin/su", policy.Regular, true},
		{"/bin/abs", "/usr/bin/su", policy.Regular, true},
		{"/here/bin/su", "/usr/bin/su", policy.Regular, true},
		{"/", "/", policy.Directory, false},
		{"/nothing", "/nothing", policy.Missing, false},
		{"/usr/bin/su/x", "/usr/bin/su/x", policy.Missing, false},
		{"/bin/gone", "/bin/gone", policy.Missing, true},
		// Out of the root there is nothing.
		{"/bin/up", "/bin/up", policy.Missing, true},
		{"/bin/host", "/bin/host", policy.Missing, true},
		{"/bin/proc", "/bin/proc", policy.Missing, true},
		{"/../outside", "/../outside", policy.Missing, false},
	} {
		f := in.Inside("rootfs", c.path) // relative to the bundle
		if f.Path != c.want || f.Type != c.kind || f.Links != c.links || f.Err != "" {
			t.Errorf("%s: %+v", c.path, f)
		}
	}
	if f := in.Inside(root, "/bin/circle"); f.Err != "its symbolic links lead in a circle" {
		t.Errorf("a circle: %+v", f)
	}
	if f := in.Inside(root+"/gone", "/bin/su"); f.Err == "" {
		t.Errorf("no root: %+v", f)
	}
	if f := in.Inside(root, "/etc/passwd"); f.Type == policy.Regular {
		t.Errorf("the host's: %+v", f)
	}
}

func TestInsideDescribes(t *testing.T) {
	root := image(t)
	program := filepath.Join(root, "usr/bin/su")
	if err := unix.Chown(program, 7, 8); err != nil {
		t.Fatal(err)
	}
	if err := unix.Chmod(program, 0o6711); err != nil {
		t.Fatal(err)
	}
	// CAP_NET_BIND_SERVICE and CAP_CHECKPOINT_RESTORE, permitted and effective.
	caps := "\x01\x00\x00\x02" + "\x00\x04\x00\x00" + "\x00\x00\x00\x00" + "\x00\x01\x00\x00" + "\x00\x00\x00\x00"
	if err := unix.Setxattr(program, "security.capability", []byte(caps), 0); err != nil {
		t.Fatal(err)
	}
	in := newInsider("/")
	f := in.Inside(root, "/bin/su")
	if f.UID != 7 || f.GID != 8 || f.Mode != 0o6711 || f.Head != "\x7fELF" || f.NoSuid || f.ACL ||
		f.Caps != (policy.FileCaps{Permitted: 1<<10 | 1<<40, Effective: true}) || len(f.Parents) != 3 {
		t.Errorf("%+v", f)
	}
	f = in.Inside(root, "/private/run")
	if len(f.Head) != 256 || !strings.HasPrefix(f.Head, "#!/bin/sh\nx") || len(f.Parents) != 2 || f.Parents[1].Mode != 0o700 {
		t.Errorf("%+v", f)
	}
	acl := "\x02\x00\x00\x00" + "\x01\x00\x07\x00\xff\xff\xff\xff" + "\x02\x00\x05\x00\xe8\x03\x00\x00" + "\x04\x00\x00\x00\xff\xff\xff\xff" + "\x10\x00\x05\x00\xff\xff\xff\xff" + "\x20\x00\x00\x00\xff\xff\xff\xff"
	if err := unix.Setxattr(filepath.Join(root, "private"), "system.posix_acl_access", []byte(acl), 0); err != nil {
		t.Fatal(err)
	}
	if f = newInsider("/").Inside(root, "/private/run"); !f.ACL || f.Err != "" {
		t.Errorf("with an access list above it: %+v", f)
	}
}

// What is no regular file is never opened: a FIFO would block, a device do
// something. Of a file with a lease on it nothing is said, at once.
func TestInsideOpensOnlyFiles(t *testing.T) {
	root := image(t)
	if err := unix.Mkfifo(filepath.Join(root, "bin/fifo"), 0o755); err != nil {
		t.Fatal(err)
	}
	// A tape drive that is not there: open fails with ENXIO.
	if err := unix.Mknod(filepath.Join(root, "bin/tape"), unix.S_IFCHR|0o755, int(unix.Mkdev(9, 0))); err != nil {
		t.Fatal(err)
	}
	in := newInsider("/")
	if f := in.Inside(root, "/bin/fifo"); f.Type != policy.Fifo || f.Err != "" || f.Head != "" {
		t.Errorf("%+v", f)
	}
	if f := in.Inside(root, "/bin/tape"); f.Type != policy.CharDevice || f.Err != "" {
		t.Errorf("%+v", f)
	}
	held, err := os.OpenFile(filepath.Join(root, "private/run"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = held.Close() }()
	if _, err := unix.FcntlInt(held.Fd(), unix.F_SETLEASE, unix.F_WRLCK); err != nil {
		t.Fatal(err)
	}
	if f := in.Inside(root, "/private/run"); f.Err == "" {
		t.Errorf("with a lease: %+v", f)
	}
}

func TestParseFileCaps(t *testing.T) {
	long := "\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	bind := policy.FileCaps{Permitted: 1 << 10}
	for text, want := range map[string]policy.FileCaps{
		"": {}, "\x01\x00\x00\x02": {},
		"\x00\x00\x00\x01\x00\x04\x00\x00\x02\x00\x00\x00": {Permitted: 1 << 10, Inheritable: 2},
		"\x00\x00\x00\x02" + long:                          bind,
		"\x00\x00\x00\x03" + long + "\x00\x00\x00\x00":     bind,
		"\x00\x00\x00\x03" + long + "\xa0\x86\x01\x00":     {}, // another user namespace's
		"\x00\x00\x00\x04" + long:                          {},
		"\x00\x00\x00\x02" + long + "\x00":                 {},
	} {
		if got := parseFileCaps([]byte(text)); got != want {
			t.Errorf("%q: %+v, want %+v", text, got, want)
		}
	}
}
