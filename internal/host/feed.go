package host

import (
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/runward/runward/internal/owner"
	"github.com/runward/runward/policy"
)

// maxFeed is the size in bytes that a feed file may have: 400,000 digests.
const maxFeed = 32 << 20

// ReadFeed is policy.Facts.Feed. Files must be root's, and all that is above
// them: who writes them decides what may run. A glob that nothing matches is
// no file, also where its directory is missing; a plain name is one in any case.
func ReadFeed(glob string) []policy.FeedFile {
	dir, last := filepath.Split(glob)
	dirs := owner.Dirs{}
	if !strings.ContainsAny(last, `*?[`) {
		return []policy.FeedFile{readFeedFile(glob, dirs)}
	}
	entries, err := os.ReadDir(dir) // sorted
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return []policy.FeedFile{{Path: glob, Err: owner.Reason(err)}}
	}
	var files []policy.FeedFile
	for _, entry := range entries {
		if ok, err := path.Match(last, entry.Name()); !ok || err != nil || entry.Name()[0] == '.' {
			continue // a glob that is none is refused when the policy is read
		}
		files = append(files, readFeedFile(dir+entry.Name(), dirs))
	}
	return files
}

func readFeedFile(file string, dirs owner.Dirs) policy.FeedFile {
	out := policy.FeedFile{Path: file}
	if err := dirs.Check(filepath.Dir(file)); err != nil {
		out.Err = err.Error()
		return out
	}
	info, err := os.Lstat(file)
	if err == nil && info.Mode()&os.ModeSymlink != 0 {
		out.Err = "it is a symbolic link"
		return out
	}
	text, err := owner.Read(file, maxFeed)
	if err != nil {
		out.Err = owner.Reason(err)
		return out
	}
	out.Text = string(text)
	return out
}
