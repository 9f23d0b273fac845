package oci

import (
	"errors"
	"strconv"

	"golang.org/x/sys/unix"
)

// identity tells one state of one file from every other.
type identity struct {
	dev, ino     uint64
	size         int64
	mtime, ctime unix.Timespec
}

func identityOf(st *unix.Stat_t) identity {
	return identity{dev: st.Dev, ino: st.Ino, size: st.Size, mtime: st.Mtim, ctime: st.Ctim}
}

// ReadSpec reads config.json, once, from the bundle directory itself: a regular
// file of at most MaxSpec bytes that belongs to root, to the caller or to an
// accepted owner of the directory, and that nobody else may write. A second
// name for it elsewhere (a hard link) is no objection: owner and mode are the
// file's, whatever name it is opened by, and a rename leaves the other name alone.
//
// It does not wait for a writer and does not follow a link.
func (b *Bundle) ReadSpec() ([]byte, error) {
	fd, err := openConfig(b.dir)
	switch {
	case errors.Is(err, unix.ENOENT):
		return nil, b.error("config.json is missing", "a bundle needs one; `runc spec` writes a sample", err)
	case errors.Is(err, unix.ELOOP):
		return nil, b.notRegular("a symbolic link")
	case errors.Is(err, unix.ENXIO):
		return nil, b.notRegular("a socket or a device")
	case err != nil:
		return nil, b.error("config.json "+reason(err), "", err)
	}
	raw, id, err := b.readFile(fd)
	if err != nil {
		_ = unix.Close(fd) // Only read from.
		return nil, err
	}
	if b.spec >= 0 {
		_ = unix.Close(b.spec)
	}
	b.spec, b.read = fd, id
	return raw, nil
}

func (b *Bundle) readFile(fd int) ([]byte, *identity, error) {
	var st unix.Stat_t
	if err := fstat(fd, &st); err != nil {
		return nil, nil, b.error("config.json "+reason(err), "", err)
	}
	if err := b.checkConfig(&st); err != nil {
		return nil, nil, err
	}
	before := identityOf(&st)
	raw, err := readAll(fd, int(st.Size))
	if err != nil {
		return nil, nil, b.error("config.json "+reason(err), "", err)
	}
	if err := fstat(fd, &st); err != nil {
		return nil, nil, b.error("config.json "+reason(err), "", err)
	}
	if identityOf(&st) != before || int64(len(raw)) != before.size {
		return nil, nil, b.error("config.json changed while it was read", "let nothing but the engine write it", nil)
	}
	return raw, &before, nil
}

// checkConfig refuses what is not a plain file of the right people and size.
func (b *Bundle) checkConfig(st *unix.Stat_t) error {
	if kind := st.Mode & unix.S_IFMT; kind != unix.S_IFREG {
		return b.notRegular(kindName(kind))
	}
	if !trusted(st.Uid) && st.Uid != b.owner {
		return b.error("config.json belongs to uid "+number(st.Uid)+", not to root and not to the caller",
			"chown it to root", nil)
	}
	if st.Mode&writableByOthers != 0 {
		return b.error("config.json is writable by others than its owner (mode "+mode(st.Mode)+")",
			"chmod go-w it", nil)
	}
	if st.Size > MaxSpec {
		return b.error("config.json has "+strconv.FormatInt(st.Size, 10)+" bytes, more than the limit of "+
			strconv.Itoa(MaxSpec)+" (8 MiB)", "make it smaller", nil)
	}
	return nil
}

func (b *Bundle) notRegular(what string) error {
	return b.error("config.json is "+what+"; only a regular file in the bundle itself is judged",
		"put the file there", nil)
}

// readAll reads at most one byte more than size: that many betray a growing file.
func readAll(fd, size int) ([]byte, error) {
	buf := make([]byte, size+1)
	n := 0
	for n < len(buf) {
		got, err := unix.Read(fd, buf[n:])
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return nil, err
		case got == 0:
			return buf[:n], nil
		}
		n += got
	}
	return buf, nil
}

func kindName(kind uint32) string {
	switch kind {
	case unix.S_IFDIR:
		return "a directory"
	case unix.S_IFLNK:
		return "a symbolic link"
	case unix.S_IFIFO:
		return "a FIFO"
	case unix.S_IFSOCK:
		return "a socket"
	}
	return "a device"
}
