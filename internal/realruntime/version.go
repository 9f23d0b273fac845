package realruntime

import (
	"errors"
	"strings"
	"time"

	"github.com/runward/runward/policy"
)

// maxVersion is how much of what it says is read, in bytes.
const maxVersion = 4 << 10

// Version tells what the runtime at path says of itself; see question. Who
// calls must know that the file is root's: see Safe.
func Version(path string) policy.RuntimeVersion { return versionAt(path, time.Now()) }

func versionAt(path string, now time.Time) policy.RuntimeVersion {
	q := question{verb: "--version", dir: "versions", magic: "runward version 1", most: maxVersion, words: 3, read: func(text string) ([]string, error) {
		v, ok := parseVersion(text)
		if !ok {
			return nil, errors.New("it does not say one that runward knows how to read")
		}
		return []string{v.Name, v.Version, v.Build}, nil
	}}
	said, err := q.answer(path, now)
	if err != nil {
		return policy.RuntimeVersion{Err: err.Error()}
	}
	return policy.RuntimeVersion{Name: said[0], Version: said[1], Build: said[2]}
}

// parseVersion reads "runc version 1.1.5+ds1" and, on a later line, "commit:
// 1.1.5+ds1-1+deb12u1", in which distributions say their own version.
func parseVersion(text string) (v policy.RuntimeVersion, ok bool) {
	for _, line := range strings.Split(text, "\n") {
		words := strings.Fields(line)
		switch {
		case v.Name == "" && len(words) == 3 && words[1] == "version" && isRuntime(words[0]) && plain(words[2]):
			v.Name, v.Version = words[0], words[2]
		case v.Name != "" && v.Build == "" && len(words) == 2 && words[0] == "commit:" && plain(words[1]):
			v.Build = words[1]
		}
	}
	return v, v.Name != ""
}

// plain tells whether a word is fit for a receipt.
func plain(word string) bool {
	return len(word) <= 100 && !strings.ContainsFunc(word, func(r rune) bool { return r <= ' ' || r > '~' })
}

func isRuntime(name string) bool {
	return name == "runc" || name == "crun" || name == "youki" || name == "runsc"
}
