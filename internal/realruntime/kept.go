package realruntime

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/runward/runward/internal/config"
	"github.com/runward/runward/internal/owner"
)

// A question is what a runtime is asked once for each build of it. That takes a
// process, so the answer is kept for as long as its file stays what it is.
type question struct {
	verb        string                              // what the runtime is called with
	dir, magic  string                              // where below RunDir answers are kept, and how they begin
	most, words int                                 // how many bytes of what it says are read, and what they are made into
	read        func(text string) ([]string, error) // makes as many words of it
}

// answer gives the words for the runtime at path.
func (q *question) answer(path string, now time.Time) ([]string, error) {
	key, settled, err := identify(path, now)
	if err != nil {
		return nil, errors.New(owner.Reason(err))
	}
	kept := filepath.Join(config.RunDir, q.dir, nameOf(path))
	if said, ok := recall(kept, q.magic, key, q.words); ok {
		return said, nil
	}
	text, err := ask(path, q.verb, q.most, askLimit)
	if err != nil {
		return nil, err
	}
	said, err := q.read(text)
	if err != nil {
		return nil, err
	}
	if again, _, err := identify(path, now); settled && err == nil && again == key {
		remember(kept, q.magic, key, said...)
	}
	return said, nil
}

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
	if os.MkdirAll(filepath.Dir(file), 0o700) == nil {
		_ = owner.Keep(file, []byte(magic+"\n"+key+"\n"+strings.Join(words, "\n")+"\n"))
	}
}
