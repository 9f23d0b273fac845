package tomlformat

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Replace writes a file anew in one step: whoever reads it has the old text or
// the new one. Mode and owner stay. It refuses where the file has not the old
// text any more, and where it is a symbolic link.
func Replace(path string, before, after []byte) (err error) {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.Mode().IsRegular() {
		return errors.New(path + " is no regular file")
	}
	temp, err := os.CreateTemp(filepath.Dir(path), ".fmt-*.tmp") // no *.toml: it is nobody's policy
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = temp.Close()
			_ = os.Remove(temp.Name()) // the error to report is the first
		}
	}()
	if _, err = temp.Write(after); err != nil {
		return err
	}
	if err = temp.Chown(int(st.Uid), int(st.Gid)); err != nil {
		return errors.New(path + ": its owner cannot be kept: " + err.Error())
	}
	const special = fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky
	if err = temp.Chmod(info.Mode() & (fs.ModePerm | special)); err != nil {
		return err
	}
	if err = temp.Sync(); err != nil {
		return err
	}
	if err = temp.Close(); err != nil {
		return err
	}
	now, err := os.ReadFile(path)
	if err == nil && !bytes.Equal(now, before) {
		err = errors.New(path + " was changed meanwhile: it is left as it is")
	}
	if err != nil {
		return err
	}
	return os.Rename(temp.Name(), path)
}
