// Package oci holds an OCI bundle by its directory's descriptor, so that what
// is judged, what is written and what lies in between is one directory, not one
// name that may lead elsewhere a moment later.
package oci

import (
	"errors"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	configName = "config.json"

	// MaxSpec is the largest config.json that is read, in bytes. Engines write
	// some tens of KiB; above the limit the answer is no, never "not inspected".
	MaxSpec = 8 << 20

	// Any of these lets somebody else than the owner change what was judged.
	writableByOthers = unix.S_IWGRP | unix.S_IWOTH
)

// A Bundle is an open bundle directory (runtime-spec, bundle.md). It is not
// for concurrent use.
type Bundle struct {
	path  string
	dir   int       // the directory
	owner uint32    // of the directory
	own   bool      // the owner is one we believe
	spec  int       // config.json as it was read; held, so that its inode number is not given away
	read  *identity // of that file; nil before ReadSpec

	fail func(step string) error // tests: the error of a step
}

// Open opens a bundle by its path, "" being the working directory, as runc
// takes --bundle. The last name in the path must be the directory itself, not a
// symbolic link to it, and no part may be a magic link of procfs; links in the
// middle are followed, since engines pass paths below /var/run. Neither the
// directory nor its config.json may be writable by its group or by others.
//
// Engines that map users give the directory to the container's root. Whether
// that is so, only the config.json inside can tell: see CheckOwner.
func Open(path string) (*Bundle, error) {
	b := &Bundle{path: path, dir: -1, spec: -1}
	if path == "" {
		b.path = "."
	}
	fd, err := openDirectory(strip(b.path))
	if err != nil {
		return nil, b.openError(err)
	}
	b.dir = fd
	if err := b.checkDirectory(); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

// checkDirectory learns the directory's canonical path and owner, and refuses
// what others may write.
func (b *Bundle) checkDirectory() error {
	path, err := descriptorPath(b.dir)
	if err != nil {
		return b.error("its path cannot be learnt from /proc/self/fd", "mount procfs on /proc", err)
	}
	b.path = path
	var st unix.Stat_t
	if err := fstat(b.dir, &st); err != nil {
		return b.error("the directory "+reason(err), "", err)
	}
	if st.Mode&writableByOthers != 0 {
		return b.error("the directory is writable by others than its owner (mode "+mode(st.Mode)+")",
			"chmod go-w it", nil)
	}
	b.owner = st.Uid
	b.own = trusted(st.Uid)

	err = fstatat(b.dir, configName, &st)
	switch {
	case errors.Is(err, unix.ENOENT): // ReadSpec says so; a bundle may be opened before it is filled.
		return nil
	case err != nil:
		return b.error("config.json "+reason(err), "", err)
	}
	return b.checkConfig(&st)
}

// CheckOwner refuses a directory that belongs to neither root, nor the caller,
// nor one of roots: the host users that the container's user 0 is mapped to
// (linux.uidMappings; Podman gives the directory of a container with mapped
// users to that user). WriteSpec refuses until the owner has been accepted.
func (b *Bundle) CheckOwner(roots ...uint32) error {
	for _, uid := range roots {
		b.own = b.own || uid == b.owner
	}
	if b.own {
		return nil
	}
	return b.error("the directory belongs to uid "+number(b.owner)+
		", which is not root, not the caller and not the container's mapped root", "chown it to root", nil)
}

// Path returns the directory's canonical path: absolute and without symbolic
// links, as it was when the bundle was opened.
func (b *Bundle) Path() string { return b.path }

// Close gives the descriptors back. They are close-on-exec: execve needs no Close.
func (b *Bundle) Close() {
	for _, fd := range []*int{&b.dir, &b.spec} {
		if *fd >= 0 {
			_ = unix.Close(*fd) // Nothing was written through it.
			*fd = -1
		}
	}
}

// try runs one step of a longer work; a test may let it fail.
func (b *Bundle) try(step string, f func() error) error {
	if b.fail != nil {
		if err := b.fail(step); err != nil {
			return err
		}
	}
	return f()
}

// strip removes what makes the kernel follow a link in the last place.
func strip(path string) string {
	for len(path) > 1 {
		switch {
		case strings.HasSuffix(path, "/"):
			path = path[:len(path)-1]
		case strings.HasSuffix(path, "/."):
			path = path[:len(path)-1]
		default:
			return path
		}
	}
	return path
}

func trusted(uid uint32) bool { return uid == 0 || uid == uint32(unix.Geteuid()) }

func number(n uint32) string { return strconv.FormatUint(uint64(n), 10) }

func mode(m uint32) string { return "0" + strconv.FormatUint(uint64(m&0o7777), 8) }
