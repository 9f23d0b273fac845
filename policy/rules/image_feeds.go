package rules

import (
	"errors"
	"path"
	"strings"

	"github.com/runward/runward/policy"
)

// feedPath refuses what names no files.
func feedPath(item string) error {
	dir, name := path.Split(item)
	switch {
	case !strings.HasPrefix(item, "/") || path.Clean(item) != item || name == "":
		return errors.New("forbid_digest_files: want the absolute path of a file, found " + quote(item))
	case strings.ContainsAny(dir, "*?["):
		return errors.New("forbid_digest_files: want a glob only in the last element, found " + quote(item))
	}
	if _, err := path.Match(name, ""); err != nil {
		return errors.New("forbid_digest_files: " + quote(item) + " is no glob: " + err.Error())
	}
	return nil
}

// checkFeeds refuses a digest that is in a feed, and whatever it is where a
// feed cannot be relied on.
func checkFeeds(e *policy.Eval, feeds policy.Forbid, image, digest string) {
	broken := func(what string) {
		e.Deny(policy.Finding{
			Pointer: "", Found: what, Wanted: "feeds of forbidden digests that can be relied on",
			Hint: "this is the administrator's to correct: image.forbid_digest_files",
		})
	}
	for glob := range feeds.Items {
		if e.Facts.Feed == nil {
			broken("the feed " + glob + ", which cannot be read here")
			continue
		}
		for _, f := range e.Facts.Feed(glob) {
			if f.Err != "" {
				broken("the feed " + f.Path + ": " + f.Err)
				continue
			}
			found, comment, wrong := inFeed(f.Text, digest)
			if wrong > 0 {
				broken(noDigest(f.Path, wrong))
			}
			if found > 0 {
				if comment != "" {
					comment = " (" + quote(comment) + ")"
				}
				e.Deny(policy.Finding{
					Pointer: "", Found: image + " of digest " + digest, Wanted: "none that " + f.Path + ":" + itoa(int64(found)) + " forbids" + comment,
					Hint: "use another version of the image",
				})
			}
		}
	}
}

// FeedProblems says what is wrong with the feeds that a policy's rule image
// names: while it is, every container that the rule judges is refused.
func FeedProblems(p *policy.Policy, read func(glob string) []policy.FeedFile) []string {
	s, ok := p.Rules[Image.ID].Settings.(*ImageSettings)
	if !ok {
		return nil
	}
	var problems []string
	for glob := range s.DigestFiles.Items {
		for _, f := range read(glob) {
			if f.Err != "" {
				problems = append(problems, "the feed "+f.Path+": "+f.Err)
			} else if _, _, wrong := inFeed(f.Text, ""); wrong > 0 {
				problems = append(problems, noDigest(f.Path, wrong))
			}
		}
	}
	return problems
}

func noDigest(path string, line int) string {
	return path + ":" + itoa(int64(line)) + ": not a digest (sha256: and 64 digits in lower case)"
}

// inFeed gives the line that has the digest with what is said there, and the
// first line that is wrong; 0 where there is none.
func inFeed(text, digest string) (found int, comment string, wrong int) {
	for n := 1; text != ""; n++ {
		var line string
		line, text, _ = strings.Cut(text, "\n")
		line, said, _ := strings.Cut(line, "#")
		line = strings.TrimSpace(line)
		switch {
		case line == "":
		case !isDigest(line):
			if wrong == 0 {
				wrong = n
			}
		case line == digest && found == 0:
			found, comment = n, strings.TrimSpace(said)
		}
	}
	return found, comment, wrong
}
