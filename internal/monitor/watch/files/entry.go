package files

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// maxHashed is how large a file may be whose content is compared, in bytes; of
// larger ones only size and times are.
const maxHashed = 256 << 20

// An Entry is what is at a path. The zero one: nothing.
type Entry struct {
	Kind  string    `json:"kind"` // file, directory, link, other
	Mode  uint32    `json:"mode"` // permissions, set-user-ID and its like
	UID   uint32    `json:"uid"`
	GID   uint32    `json:"gid"`
	Size  int64     `json:"size,omitempty"` // of a file
	Ino   uint64    `json:"ino"`
	Ctime time.Time `json:"ctime"`
	Sum   string    `json:"sha256,omitempty"` // of a file's content
	Link  string    `json:"link,omitempty"`   // where a symbolic link leads
}

// look reads what is at a path. Where nothing in what the file system says
// differs from before, the content is the same too: nobody sets the time of a
// change (ctime) but by setting the clock.
func look(path string, before Entry) (Entry, error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return Entry{}, nil
	}
	if err != nil {
		return Entry{}, err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return Entry{}, errors.New(path + ": its owner is not known")
	}
	e := Entry{
		Mode: st.Mode & 0o7777, UID: st.Uid, GID: st.Gid, Ino: st.Ino,
		Ctime: time.Unix(st.Ctim.Unix()).UTC(),
	}
	switch {
	case info.Mode().IsRegular():
		e.Kind, e.Size = "file", st.Size
		if e.Ino == before.Ino && e.Size == before.Size && e.Ctime.Equal(before.Ctime) && before.Kind == "file" {
			e.Sum = before.Sum
			return e, nil
		}
		e.Sum, err = digest(path, e.Size)
	case info.IsDir():
		e.Kind = "directory"
	case info.Mode()&fs.ModeSymlink != 0:
		e.Kind = "link"
		e.Link, err = os.Readlink(path)
	default:
		e.Kind = "other"
	}
	if errors.Is(err, fs.ErrNotExist) { // meanwhile
		return Entry{}, nil
	}
	return e, err
}

// digest reads a regular file. It waits for no writer of a FIFO that took its place.
func digest(path string, size int64) (string, error) {
	if size > maxHashed {
		return "", nil
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // it is only read from
	h := sha256.New()
	if _, err := io.Copy(h, io.LimitReader(f, maxHashed)); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// differ says how two entries differ; empty: in nothing that matters.
func differ(before, now Entry) string {
	switch {
	case before.Kind == "" && now.Kind == "":
		return ""
	case before.Kind == "":
		return "was created"
	case now.Kind == "":
		return "was removed"
	case before.Kind != now.Kind:
		return "was a " + before.Kind + " and is a " + now.Kind
	}
	var how []string
	switch {
	case before.Link != now.Link:
		how = append(how, "leads to "+now.Link+", not to "+before.Link)
	case before.Sum != now.Sum, before.Sum == "" && before.Kind == "file" && (before.Size != now.Size || !before.Ctime.Equal(now.Ctime)):
		how = append(how, "has another content")
	}
	if before.Mode != now.Mode {
		how = append(how, "has mode "+octal(now.Mode)+", not "+octal(before.Mode))
	}
	if before.UID != now.UID || before.GID != now.GID {
		how = append(how, "belongs to "+ownerText(now)+", not to "+ownerText(before))
	}
	return strings.Join(how, ", ")
}

func octal(mode uint32) string { return "0" + strconv.FormatUint(uint64(mode), 8) }

func ownerText(e Entry) string {
	return strconv.FormatUint(uint64(e.UID), 10) + ":" + strconv.FormatUint(uint64(e.GID), 10)
}
