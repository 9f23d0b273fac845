//go:build e2e

package compare

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// look takes down every file below a directory: name, mode, owner, content. Of
// a log it is what was added since it was last looked at.
func (s *sitting) look(st *step, top string) {
	s.Helper()
	var names strings.Builder
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && strings.HasSuffix(path, "/rootfs/bin") {
			return fs.SkipDir
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		owner, _ := info.Sys().(*syscall.Stat_t)
		fmt.Fprintf(&names, "%s %s %d:%d", path, info.Mode(), owner.Uid, owner.Gid)
		switch {
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			names.WriteString(" -> " + target)
		case info.Mode().IsRegular():
			raw, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if strings.HasPrefix(filepath.Base(path), "log") {
				raw, s.logged[path] = raw[min(len(raw), s.logged[path]):], len(raw)
			}
			st.see(strings.TrimPrefix(path, s.dir+"/"), short(raw))
		}
		names.WriteString("\n")
		return nil
	})
	if err != nil && !os.IsNotExist(err) {
		s.Fatal(err)
	}
	st.see("files", names.String())
}

// short is a text, or of a long one its beginning, length and digest.
func short(raw []byte) string {
	if len(raw) <= 64<<10 {
		return string(raw)
	}
	return fmt.Sprintf("%s\n... %d bytes, SHA-256 %X", raw[:200], len(raw), sha256.Sum256(raw))
}
