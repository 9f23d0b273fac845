package nodeinstall

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
)

// Where the programs are on the node. Engines and running containers name them
// below current, a link that is only ever replaced: the name never vanishes as
// long as runward is installed, whatever version stands behind it.
const (
	dir      = "opt/runward"
	versions = dir + "/versions"
	current  = dir + "/current"
	ctl      = "/" + current + "/bin/runwardctl"
)

// Programs is everything that an image brings, in a directory of the pod.
var programs = []string{"bin/runward", "bin/runwardctl", "libexec/runward/runward-rules", "libexec/runward/runward-hook"}

// identify names a set of programs by its version and content.
func identify(payload fs.FS, version string) (string, error) {
	sum := sha256.New()
	for _, name := range programs {
		f, err := payload.Open(name)
		if err != nil {
			return "", fmt.Errorf("the image's %w", err)
		}
		one := sha256.New()
		_, err = io.Copy(one, f)
		if err := errors.Join(err, f.Close()); err != nil {
			return "", fmt.Errorf("the image's %s: %w", name, err)
		}
		sum.Write(one.Sum(nil))
	}
	return version + "-" + hex.EncodeToString(sum.Sum(nil))[:12], nil
}

// place copies the programs to a directory of their own on the node. It does
// nothing where they are there already; one that was interrupted leaves only
// what the next one replaces.
func (h Host) place(payload fs.FS, id string) error {
	final := versions + "/" + id
	if _, err := h.Root.Lstat(final); err == nil {
		return nil
	}
	staged := versions + "/.new"
	if err := h.Root.RemoveAll(staged); err != nil {
		return onNode(staged, err)
	}
	for _, name := range programs {
		if err := h.copy(payload, name, staged+"/"+name); err != nil {
			return err
		}
	}
	if err := h.Root.Rename(staged, final); err != nil {
		return onNode(final, err)
	}
	return h.sync(versions)
}

func (h Host) copy(payload fs.FS, name, to string) error {
	from, err := payload.Open(name)
	if err != nil {
		return fmt.Errorf("the image's %w", err)
	}
	defer func() { _ = from.Close() }() // nothing was written
	if err := h.Root.MkdirAll(path.Dir(to), 0o755); err != nil {
		return onNode(path.Dir(to), err)
	}
	f, err := h.Root.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return onNode(to, err)
	}
	_, err = io.Copy(f, from)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return onNode(to, err)
	}
	return nil
}

// use puts a version behind the link, and says which one was before; empty:
// none.
func (h Host) use(id string) (before string, err error) {
	before, err = h.used()
	if err != nil || before == id {
		return before, err
	}
	staged := current + ".new"
	if err := h.Root.RemoveAll(staged); err != nil {
		return before, onNode(staged, err)
	}
	if err := h.Root.Symlink("versions/"+id, staged); err != nil {
		return before, onNode(staged, err)
	}
	if err := h.Root.Rename(staged, current); err != nil {
		return before, onNode(current, err)
	}
	return before, h.sync(dir)
}

// used is the version behind the link; empty: none.
func (h Host) used() (string, error) {
	target, err := h.Root.Readlink(current)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", onNode(current, err)
	}
	return path.Base(target), nil
}

// prune removes the versions but those that are named.
func (h Host) prune(keep ...string) error {
	entries, err := fs.ReadDir(h.Root.FS(), versions)
	if err != nil {
		return onNode(versions, err)
	}
	for _, e := range entries {
		if contains(keep, e.Name()) {
			continue
		}
		if err := h.Root.RemoveAll(versions + "/" + e.Name()); err != nil {
			return onNode(versions, err)
		}
	}
	return nil
}

// sync makes a directory's names durable.
func (h Host) sync(name string) error {
	f, err := h.Root.Open(name)
	if err != nil {
		return onNode(name, err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return onNode(name, err)
	}
	return nil
}

// onNode says where on the node something went wrong.
func onNode(name string, err error) error {
	var at *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &at):
		err = at.Err
	case errors.As(err, &link):
		err = link.Err
	}
	return fmt.Errorf("/%s on the node: %w", name, err)
}

func contains(list []string, item string) bool {
	for _, have := range list {
		if have == item {
			return true
		}
	}
	return false
}
