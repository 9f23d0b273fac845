package rules

import (
	"strings"

	"github.com/runward/runward/policy"
)

// An imageName is an image reference taken apart.
type imageName struct {
	repository string // with its registry: docker.io/library/nginx; empty: not known
	tag        string // latest where the reference has neither tag nor digest
	tagGiven   bool
	pinned     bool   // by a digest, of whatever kind
	digest     string // sha256:...; empty: not pinned
}

// readImage takes a reference apart as containerd and Docker do. A name without
// a registry is docker.io's to them; elsewhere the node's search list says, and
// the repository is not known. So it is of an image that is named by its id.
func readImage(reference string, docker bool) imageName {
	var n imageName
	name, digest, pinned := strings.Cut(reference, "@")
	n.digest, n.pinned = digest, pinned
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		name, n.tag, n.tagGiven = name[:i], name[i+1:], true
	} else if !pinned {
		n.tag = "latest"
	}
	first, rest, slash := strings.Cut(name, "/")
	switch {
	case slash && isRegistry(first):
	case !docker || isDigest("sha256:"+name):
		return n
	default:
		first, rest = "docker.io", name
	}
	if first == "index.docker.io" {
		first = "docker.io"
	}
	if first == "docker.io" && !strings.Contains(rest, "/") {
		rest = "library/" + rest
	}
	if name == "sha256" && n.tagGiven || !repositoryPath(rest) || n.tagGiven && !tagWord(n.tag) {
		return n
	}
	n.repository = first + "/" + rest
	return n
}

// isRegistry tells whether the first part of a reference is a registry's name
// and not the beginning of a path.
func isRegistry(s string) bool {
	if s != "localhost" && !strings.ContainsAny(s, ".:") && strings.ToLower(s) == s {
		return false
	}
	for i := 0; i < len(s); i++ {
		if !wordByte(s[i]) && !strings.Contains(".:-[]", s[i:i+1]) {
			return false
		}
	}
	return s != ""
}

// repositoryPath tells whether the parts between slashes are as registries
// have them: lower-case letters and digits, with . _ - between.
func repositoryPath(s string) bool {
	for part := range strings.SplitSeq(s, "/") {
		if part == "" || strings.Trim(part, "._-") != part {
			return false
		}
		for i := 0; i < len(part); i++ {
			if c := part[i]; !wordByte(c) && c != '.' && c != '-' || c >= 'A' && c <= 'Z' {
				return false
			}
		}
	}
	return true
}

func tagWord(s string) bool {
	for i := 0; i < len(s); i++ {
		if !wordByte(s[i]) && s[i] != '.' && s[i] != '-' {
			return false
		}
	}
	return s != "" && len(s) <= 128
}

// isDigest tells whether s is sha256: and 64 lower-case hexadecimal digits.
func isDigest(s string) bool {
	hex, ok := strings.CutPrefix(s, "sha256:")
	if !ok || len(hex) != 64 {
		return false
	}
	for i := range len(hex) {
		if hex[i]-'0' > 9 && hex[i]-'a' > 5 { // bytes wrap around
			return false
		}
	}
	return true
}

// proves tells whether an allow-list's item covers the image for certain. Where
// a digest is given, the tag beside it is not what was fetched.
func (n imageName) proves(item string) bool {
	switch digest, tagged := itemParts(item); {
	case digest:
		return n.digest != "" && policy.Match(item, n.repository+"@"+n.digest)
	case tagged:
		return !n.pinned && policy.Match(item, n.repository+":"+n.tag)
	default:
		return policy.Match(item, n.repository)
	}
}

// suits tells whether a deny-list's item may be about the image.
func (n imageName) suits(item string) bool {
	switch digest, tagged := itemParts(item); {
	case digest:
		return n.digest != "" && policy.Match(item, n.repository+"@"+n.digest)
	case tagged:
		return n.tag != "" && policy.Match(item, n.repository+":"+n.tag)
	default:
		return policy.Match(item, n.repository)
	}
}

// itemParts tells what an item of a list speaks of besides the name.
func itemParts(item string) (digest, tagged bool) {
	digest = strings.Contains(item, "@")
	return digest, !digest && strings.LastIndexByte(item, ':') > strings.LastIndexByte(item, '/')
}
