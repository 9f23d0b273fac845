package owner

import (
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// Keep puts a file in place that only this user may read, whatever the umask: a
// reader has the old one or the new one whole. The directory must be there and
// pass Dirs.Check. It is for what is never needed, and does not reach the disk
// before it returns: where it fails nothing is left, and who finds nothing
// makes it anew.
func Keep(path string, b []byte) error {
	if err := (Dirs{}).Check(filepath.Dir(path)); err != nil {
		return err
	}
	temp := path + "." + strconv.Itoa(os.Getpid())
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	err = f.Chmod(0o600)
	if err == nil {
		_, err = f.Write(b)
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		_ = os.Remove(temp) // the next process of this pid would find it in its way, no other
	}
	return err
}
