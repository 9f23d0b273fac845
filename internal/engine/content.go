package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/runward/runward/internal/owner"
)

// maxFile is how large a file of an engine's may be, in bytes.
const maxFile = 8 << 20

// Content is what is at a path: a regular file or a link. A nil one: nothing.
type Content struct {
	Text string      `json:"text,omitempty"` // of a link its target
	Sum  string      `json:"sha256"`         // of the text
	Mode fs.FileMode `json:"mode"`
	UID  int         `json:"uid"`
	GID  int         `json:"gid"`
	Link bool        `json:"link,omitempty"`
}

func sum(text string) string {
	h := sha256.Sum256([]byte(text))
	return hex.EncodeToString(h[:])
}

// fresh is a new file of root's that everybody may read.
func fresh(text string) *Content { return &Content{Text: text, Sum: sum(text), Mode: 0o644} }

func freshLink(target string) *Content {
	return &Content{Text: target, Sum: sum(target), Mode: 0o777, Link: true}
}

// with is the same file with another text.
func (c *Content) with(text string) *Content {
	n := *c
	n.Text, n.Sum = text, sum(text)
	return &n
}

// same tells whether both are the same text in the same kind of file. Mode and
// owner are the administrator's business.
func same(a, b *Content) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return a.Sum == b.Sum && a.Link == b.Link
}

// bare is the content without its text, for the journal.
func (c *Content) bare() *Content {
	if c == nil {
		return nil
	}
	n := *c
	n.Text = ""
	return &n
}

// read gives what is at a path of the system. What is neither a regular file
// nor a link is an error.
func (s *System) read(path string) (*Content, error) {
	at := s.path(path)
	info, err := os.Lstat(at)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, errors.New(path + " cannot be read: " + owner.Reason(err))
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil, errors.New(path + ": its owner is not known")
	}
	c := &Content{Mode: info.Mode().Perm(), UID: int(st.Uid), GID: int(st.Gid)}
	var text []byte
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := os.Readlink(at)
		if err != nil {
			return nil, errors.New(path + " cannot be read: " + owner.Reason(err))
		}
		c.Link, text = true, []byte(target)
	case !info.Mode().IsRegular() || info.Size() > maxFile:
		return nil, errors.New(path + " is no regular file, or larger than 8 MiB")
	default:
		if text, err = os.ReadFile(at); err != nil {
			return nil, errors.New(path + " cannot be read: " + owner.Reason(err))
		}
	}
	c.Text, c.Sum = string(text), sum(string(text))
	return c, nil
}

// temporary is beside path, so that it can be renamed, and always the same, so
// that what an interruption left is found.
func temporary(path string) string {
	return filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".runward-new")
}

// write puts content at a path of the system, or nothing there, in one step:
// who reads it has the old or the new. It is on the disk when write returns.
func (s *System) write(path string, c *Content) error {
	if err := s.step(); err != nil {
		return err
	}
	at, temp := s.path(path), s.path(temporary(path))
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w", temp, err)
	}
	switch {
	case c == nil:
		if err := os.Remove(at); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove %s: %w", path, err)
		}
		return syncDir(filepath.Dir(at))
	case c.Link:
		if err := os.Symlink(c.Text, temp); err != nil {
			return fmt.Errorf("link %s: %w", path, err)
		}
	default:
		if err := writeNew(temp, c); err != nil {
			return fmt.Errorf("write %s: %w", path, err)
		}
	}
	if err := s.step(); err != nil {
		return err
	}
	if err := os.Rename(temp, at); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return syncDir(filepath.Dir(at))
}

// step lets tests end everything here.
func (s *System) step() error {
	if s.fault == nil {
		return nil
	}
	return s.fault()
}

func writeNew(path string, c *Content) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if closed := f.Close(); err == nil {
			err = closed
		}
	}()
	if _, err = f.WriteString(c.Text); err != nil {
		return err
	}
	if err = f.Chown(c.UID, c.GID); err != nil && (c.UID != os.Geteuid() || c.GID != os.Getegid()) {
		return err
	}
	if err = f.Chmod(c.Mode.Perm()); err != nil {
		return err
	}
	return f.Sync()
}

// syncDir lets a directory's names survive a power cut.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // with nothing in it
		}
		return err
	}
	err = f.Sync()
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

// missingDirs are the directories that path needs and that are not there, the
// outermost first.
func (s *System) missingDirs(path string) []string {
	var dirs []string
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(s.path(dir)); err == nil || dir == filepath.Dir(dir) {
			return dirs
		}
		dirs = append([]string{dir}, dirs...)
	}
}
