package oci

import (
	"encoding/binary"
	"errors"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	temporaryPrefix = ".config.json.runward-"
	accessList      = "system.posix_acl_access"
)

// WriteSpec puts raw in the place of the config.json that ReadSpec read, with
// its owner, mode, access list and security label. It is a new file that is
// renamed over the old one: the runtime or the engine may be reading while we
// write, and sees the old document or the new one, never a half.
//
// If config.json is no longer what was read, nothing is written. After an error
// nothing is left behind.
//
// There is no fsync: the rename needs none to be whole for other processes, and
// after a power cut no container of this bundle runs; the engine makes it anew.
func (b *Bundle) WriteSpec(raw []byte) error {
	if b.read == nil {
		return b.error("config.json was not read before it was written", "", nil)
	}
	if err := b.CheckOwner(); err != nil {
		return err
	}
	name, fd, err := b.createTemporary()
	if err != nil {
		return b.error("a new config.json cannot be made, the directory "+reason(err), "", err)
	}
	if err := b.replace(fd, name, raw); err != nil {
		_ = unix.Close(fd)
		_ = unix.Unlinkat(b.dir, name, 0) // Ours alone; the error that led here is the one to tell.
		return err
	}
	_ = unix.Close(b.spec)
	b.spec = fd
	var st unix.Stat_t
	if err := fstat(fd, &st); err != nil {
		b.read = nil // Written; but a second WriteSpec could not be sure of it.
		return nil
	}
	id := identityOf(&st)
	b.read = &id
	return nil
}

// replace fills the new file, makes it like the old one, and renames it.
func (b *Bundle) replace(fd int, name string, raw []byte) error {
	var old, now unix.Stat_t
	steps := []struct {
		name string
		do   func() error
	}{
		{"stat", func() error { return fstat(b.spec, &old) }},
		{"write", func() error { return writeAll(fd, raw) }},
		{"chown", func() error { return chown(fd, &old) }},
		{"xattr", func() error { return copyAttributes(b.spec, fd) }},
		// After the access list, whose mask is the mode's group bits.
		{"chmod", func() error { return retry(func() error { return unix.Fchmod(fd, old.Mode&0o7777) }) }},
	}
	for _, s := range steps {
		if err := b.try(s.name, s.do); err != nil {
			return b.error("the new config.json "+reason(err)+" ("+s.name+")", "", err)
		}
	}
	err := b.try("check", func() error { return fstatat(b.dir, configName, &now) })
	if err != nil || identityOf(&now) != *b.read {
		return b.error("config.json changed after it was judged; nothing was written",
			"let nothing but the engine write it", err)
	}
	if err := b.try("rename", func() error { return unix.Renameat(b.dir, name, b.dir, configName) }); err != nil {
		return b.error("config.json cannot be replaced, it "+reason(err), "", err)
	}
	return nil
}

func (b *Bundle) createTemporary() (name string, fd int, err error) {
	const flags = unix.O_RDWR | unix.O_CREAT | unix.O_EXCL | unix.O_NOFOLLOW | unix.O_CLOEXEC
	for range 16 { // A name that is taken is an older process of ours, killed half way.
		var random [8]byte
		err = b.try("random", func() error { _, err := unix.Getrandom(random[:], 0); return err })
		if err != nil {
			return "", -1, err
		}
		name = temporaryPrefix + strconv.FormatUint(binary.NativeEndian.Uint64(random[:]), 16)
		err = b.try("create", func() (err error) { fd, err = unix.Openat(b.dir, name, flags, 0o600); return err })
		if !errors.Is(err, unix.EEXIST) && !errors.Is(err, unix.EINTR) {
			return name, fd, err
		}
	}
	return "", -1, err
}

func writeAll(fd int, raw []byte) error {
	for len(raw) > 0 {
		n, err := unix.Write(fd, raw)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		raw = raw[max(n, 0):]
	}
	return nil
}

// chown gives the file the old one's owner, where it has not got it already: a
// rootless caller may not name a group that is not its own.
func chown(fd int, old *unix.Stat_t) error {
	var st unix.Stat_t
	if err := fstat(fd, &st); err != nil {
		return err
	}
	if st.Uid == old.Uid && st.Gid == old.Gid {
		return nil
	}
	return retry(func() error { return unix.Fchown(fd, int(old.Uid), int(old.Gid)) })
}

// copyAttributes copies the extended attributes that say who may read: security
// labels and the access list, and the user's own. Not copied are those that are
// bound to the content (IMA, EVM) or mean nothing here.
func copyAttributes(from, to int) error {
	list, err := attribute(func(buf []byte) (int, error) { return unix.Flistxattr(from, buf) })
	if errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.ENOSYS) {
		return nil
	}
	if err != nil {
		return err
	}
	for name := range strings.SplitSeq(list, "\x00") {
		if !carried(name) {
			continue
		}
		want, err := attribute(func(buf []byte) (int, error) { return unix.Fgetxattr(from, name, buf) })
		if err != nil {
			return err
		}
		have, err := attribute(func(buf []byte) (int, error) { return unix.Fgetxattr(to, name, buf) })
		if err == nil && have == want {
			continue // The directory's default gave it already; setting it anew may need a right we lack.
		}
		if err := unix.Fsetxattr(to, name, []byte(want), 0); err != nil {
			return err
		}
	}
	if strings.Contains("\x00"+list, "\x00"+accessList+"\x00") {
		return nil
	}
	// A default list of the directory must not let in whom the old file did not.
	if err := unix.Fremovexattr(to, accessList); err != nil && !errors.Is(err, unix.ENODATA) && !errors.Is(err, unix.ENOTSUP) {
		return err
	}
	return nil
}

func carried(name string) bool {
	return name == "security.selinux" || name == "security.SMACK64" ||
		name == accessList || strings.HasPrefix(name, "user.")
}

// attribute reads what may be of any length.
func attribute(get func([]byte) (int, error)) (string, error) {
	buf := make([]byte, 256)
	for {
		n, err := get(buf)
		switch {
		case errors.Is(err, unix.ERANGE) && len(buf) < 64<<10: // XATTR_SIZE_MAX and XATTR_LIST_MAX
			buf = make([]byte, 16*len(buf))
		case err != nil:
			return "", err
		default:
			return string(buf[:n]), nil
		}
	}
}
