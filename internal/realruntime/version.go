package realruntime

import (
	"path/filepath"
	"strings"
	"time"

	"github.com/runward/runward/internal/config"
	"github.com/runward/runward/internal/owner"
	"github.com/runward/runward/policy"
)

// maxVersion is how much of what it says is read, in bytes.
const maxVersion = 4 << 10

const versionMagic = "runward version 1"

// Version tells what the runtime at path says of itself. That takes a process
// of it, so the answer is kept for as long as its file stays what it is. Who
// calls must know that the file is root's: see Safe.
func Version(path string) policy.RuntimeVersion { return versionAt(path, time.Now()) }

func versionAt(path string, now time.Time) policy.RuntimeVersion {
	key, settled, err := identify(path, now)
	if err != nil {
		return policy.RuntimeVersion{Err: owner.Reason(err)}
	}
	kept := filepath.Join(config.RunDir, "versions", nameOf(path))
	if said, ok := recall(kept, versionMagic, key, 3); ok {
		return policy.RuntimeVersion{Name: said[0], Version: said[1], Build: said[2]}
	}
	text, err := ask(path, "--version", maxVersion, askLimit)
	if err != nil {
		return policy.RuntimeVersion{Err: err.Error()}
	}
	v, ok := parseVersion(text)
	if !ok {
		return policy.RuntimeVersion{Err: "it does not say one that runward knows how to read"}
	}
	if again, _, err := identify(path, now); settled && err == nil && again == key {
		remember(kept, versionMagic, key, v.Name, v.Version, v.Build)
	}
	return v
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
