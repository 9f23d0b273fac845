package oci

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// asRoot skips where the test needs another user's files, after proving that
// this process cannot make them.
func asRoot(t *testing.T, dir string) {
	t.Helper()
	if err := os.Chown(dir, 12345, 12345); err != nil {
		if os.Geteuid() == 0 {
			t.Fatal(err)
		}
		t.Skip("only root can give a directory away:", err)
	}
}

func TestMappedOwner(t *testing.T) {
	dir := bundle(t, sample)
	asRoot(t, dir)
	const refusal = ": the directory belongs to uid 12345, which is not root, not the caller and not the container's mapped root: chown it to root"
	b := open(t, dir)
	_, err := b.ReadSpec()
	must(t, err)
	wantError(t, b.CheckOwner(), "bundle "+dir+refusal)
	wantError(t, b.CheckOwner(1, 2), "bundle "+dir+refusal)
	wantError(t, b.WriteSpec([]byte("{}")), "bundle "+dir+refusal)
	onlyConfig(t, dir, sample)
	must(t, b.CheckOwner(1, 12345))
	must(t, b.WriteSpec([]byte("{}")))
	onlyConfig(t, dir, "{}")
}

func TestOwnerIsKept(t *testing.T) {
	dir := bundle(t, sample)
	asRoot(t, dir)
	must(t, os.Chown(dir, 0, 0))
	must(t, os.Chown(dir+"/config.json", 0, 54321))
	b := open(t, dir)
	_, err := b.ReadSpec()
	must(t, err)
	must(t, b.WriteSpec([]byte("{}")))
	var st unix.Stat_t
	must(t, unix.Stat(dir+"/config.json", &st))
	if st.Uid != 0 || st.Gid != 54321 || st.Mode&0o7777 != 0o644 {
		t.Errorf("%d:%d %o, want 0:54321 644", st.Uid, st.Gid, st.Mode&0o7777)
	}
}

func TestForeignConfig(t *testing.T) {
	dir := bundle(t, sample)
	asRoot(t, dir+"/config.json")
	_, err := Open(dir)
	wantError(t, err, "bundle "+dir+": config.json belongs to uid 12345, not to root and not to the caller: chown it to root")
}

// A file system with no room: a small tmpfs in a mount namespace of this thread.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	asRoot(t, dir)
	inMounts(t, func() {
		must(t, unix.Mount("tmpfs", dir, "tmpfs", 0, "size=16k,mode=700"))
		must(t, os.WriteFile(dir+"/config.json", []byte(sample), 0o644))
		b, err := Open(dir)
		must(t, err)
		defer b.Close()
		_, err = b.ReadSpec()
		must(t, err)
		err = b.WriteSpec([]byte(strings.Repeat("x", 1<<20)))
		wantError(t, err, "bundle "+b.Path()+": the new config.json finds no room left in its file system (write)")
		onlyConfig(t, dir, sample)

		must(t, unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
		err = b.WriteSpec([]byte("{}"))
		wantError(t, err, "bundle "+b.Path()+": a new config.json cannot be made, the directory is in a read-only file system")
		onlyConfig(t, dir, sample)
	})
}

// An unprivileged caller: its own bundle works, what it may not write says so.
func TestRootless(t *testing.T) {
	dir := bundle(t, sample)
	asRoot(t, dir)
	for p := dir; p != "/tmp" && p != "/"; p = p[:strings.LastIndexByte(p, '/')] {
		must(t, os.Chmod(p, 0o755))
	}
	must(t, os.Chown(dir+"/config.json", 12345, 12345))
	asUser(t, 12345, func() {
		b, err := Open(dir)
		must(t, err)
		defer b.Close()
		_, err = b.ReadSpec()
		must(t, err)
		must(t, b.WriteSpec([]byte("{}")))
		onlyConfig(t, dir, "{}")

		must(t, unix.Chmod(dir, 0o555))
		wantError(t, b.WriteSpec([]byte("[]")), "bundle "+dir+": a new config.json cannot be made, the directory may not be used by uid 12345")
		must(t, unix.Chmod(dir+"/config.json", 0))
		_, err = b.ReadSpec()
		wantError(t, err, "bundle "+dir+": config.json may not be used by uid 12345")
		must(t, unix.Chmod(dir, 0))
		_, err = Open(dir)
		wantError(t, err, "bundle "+dir+": it may not be used by uid 12345")
	})
}
