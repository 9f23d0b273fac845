package realruntime

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/runward/runward/internal/owner"
)

// identify tells a program's file from every other, and from what it was. A
// file that has just been changed could change again and look the same.
func identify(path string, now time.Time) (key string, settled bool, err error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return "", false, err
	}
	for _, n := range [...]int64{int64(st.Dev), int64(st.Ino), st.Size, st.Mtim.Nano(), st.Ctim.Nano()} {
		key += strconv.FormatInt(n, 10) + " "
	}
	return key + path, st.Ctim.Nano() < now.Add(-3*time.Second).UnixNano(), nil
}

// nameOf is a program's path as a file's name.
func nameOf(path string) string { return strings.ReplaceAll(strings.Trim(path, "/"), "/", "-") }

// recall reads what remember wrote of as many words, a line each. What is not
// root's is not believed.
func recall(file, magic, key string, words int) ([]string, bool) {
	if (owner.Dirs{}).Check(filepath.Dir(file)) != nil {
		return nil, false
	}
	raw, err := owner.Read(file, maxKept)
	if err != nil {
		return nil, false
	}
	lines := strings.Split(string(raw), "\n")
	if len(lines) != words+3 || lines[0] != magic || lines[1] != key || lines[words+2] != "" {
		return nil, false
	}
	return lines[2 : words+2], true
}

// maxKept is how long a kept answer may be, in bytes: a path and some words.
const maxKept = 8 << 10

// remember keeps an answer. It may fail: the next process asks again.
func remember(file, magic, key string, words ...string) {
	if os.MkdirAll(filepath.Dir(file), 0o700) != nil || (owner.Dirs{}).Check(filepath.Dir(file)) != nil {
		return
	}
	temp := file + "." + strconv.Itoa(os.Getpid())
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return
	}
	_, err = f.WriteString(magic + "\n" + key + "\n" + strings.Join(words, "\n") + "\n")
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(temp, file)
	}
	if err != nil {
		_ = os.Remove(temp) // the next process of this pid would find it in its way, no other
	}
}
