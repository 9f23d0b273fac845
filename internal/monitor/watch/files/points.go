package files

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A point is a name in a directory that decides what is at a watched path.
type point struct {
	dir, name string
	leaf      bool // it is the watched thing itself, or in a watched tree
}

// maxLinks is how many symbolic links the kernel follows in a path.
const maxLinks = 40

// points walks a path as the kernel does, and gives every name on its way: each
// could be replaced by another, or by a symbolic link. What is missing ends it;
// there the name that would be made is the last. The path is returned without
// links.
func points(path string) (all []point, real string) {
	rest := strings.Split(strings.Trim(path, "/"), "/")
	dir, links := "/", 0
	for len(rest) > 0 {
		name := rest[0]
		rest = rest[1:]
		switch name {
		case "", ".":
			continue
		case "..":
			dir = filepath.Dir(dir)
			continue
		}
		at := filepath.Join(dir, name)
		all = append(all, point{dir, name, len(rest) == 0})
		info, err := os.Lstat(at)
		if err != nil {
			return all, filepath.Join(append([]string{at}, rest...)...)
		}
		if info.Mode()&os.ModeSymlink == 0 {
			dir = at
			continue
		}
		target, err := os.Readlink(at)
		if links++; err != nil || links > maxLinks {
			return all, at
		}
		if filepath.IsAbs(target) {
			dir = "/"
		}
		rest = slices.Concat(strings.Split(strings.Trim(target, "/"), "/"), rest)
	}
	return all, dir
}
