package policycheck

import (
	"slices"
	"strconv"
	"strings"

	"github.com/runward/runward/policy"
)

// lists looks at each list of a selector by itself: for globs that no name can
// match, and for lists that exclude all that they name.
func (c *checker) lists(p decoded, s *policy.Selector, path []any) {
	for _, l := range s.Lists() {
		if l.Key != "" {
			continue // an annotation or a label may be anything
		}
		at := append(slices.Clone(path), l.Field)
		for i, glob := range l.Globs {
			if why := noName(l.Field, strings.TrimPrefix(glob, "!")); why != "" {
				c.warn(p, append(slices.Clone(at), i), why+", so "+strconv.Quote(glob)+" matches nothing")
			}
		}
		if excludesAll(l.Globs) {
			c.warn(p, at, "this list excludes all that it names, so it matches nothing")
		}
	}
}

// podNames is what the names of Kubernetes may have besides globs' own signs
// (RFC 1123; a pod's may have dots).
const podNames = "abcdefghijklmnopqrstuvwxyz0123456789-*?"

// noName tells why no name can match a glob; "": one can.
func noName(field, glob string) string {
	known, signs := podNames, "-"
	switch field {
	case "namespace", "container":
	case "pod":
		known, signs = podNames+".", "- and ."
	case "user":
		known = "0123456789*?"
	case "digest":
		literal := glob[:strings.IndexAny(glob+"*", "*?")]
		if !strings.HasPrefix("sha256:", literal) && !strings.HasPrefix(literal, "sha256:") || literal == glob && len(glob) != len("sha256:")+64 ||
			strings.HasPrefix(literal, "sha256:") && strings.Trim(literal[len("sha256:"):], "0123456789abcdef") != "" {
			return "a digest is sha256: and 64 digits of 0-9 and a-f"
		}
		return ""
	default:
		return ""
	}
	if i := strings.IndexFunc(glob, func(r rune) bool { return !strings.ContainsRune(known, r) }); i >= 0 {
		if field == "user" {
			return "a user is told by number"
		}
		return "the name of a " + field + " has only a-z, 0-9, " + signs + " (and a glob *, ** and ?)"
	}
	return ""
}

// excludesAll tells whether of the names that a list has each is excluded by it.
func excludesAll(globs []string) bool {
	named := 0
	for _, glob := range globs {
		if strings.HasPrefix(glob, "!") {
			continue
		}
		named++
		out := slices.ContainsFunc(globs, func(other string) bool {
			not, excludes := strings.CutPrefix(other, "!")
			return excludes && (not == glob || not == "**" || !strings.ContainsAny(glob, "*?") && policy.Match(not, glob))
		})
		if !out {
			return false
		}
	}
	return named > 0 || slices.Contains(globs, "!**")
}

// unsaid looks for what the selector asks of engines that do not say it: those
// without pods say only engine and kind.
func (c *checker) unsaid(p decoded, s *policy.Selector, path []any) {
	match := func(says func(probe) bool) bool {
		return slices.ContainsFunc(probes, func(x probe) bool {
			return says(x) && policy.MatchList(s.Engine, x.engine, false) && policy.MatchList(s.Kind, x.kind, false)
		})
	}
	if !match(func(probe) bool { return true }) {
		if len(s.Engine) > 0 && len(s.Kind) > 0 && c.isKnown(s) {
			c.warn(p, append(slices.Clone(path), "kind"), "no engine of this selector has containers of this kind, so it matches nothing")
		}
		return
	}
	for _, l := range s.Lists() {
		switch l.Field {
		case "namespace", "pod", "container", "image", "digest":
		default:
			continue
		}
		asks := func(x probe) bool { return x.says && (l.Field != "container" || x.kind != "sandbox") }
		if len(l.Globs) == 0 || match(asks) {
			continue
		}
		msg := "what this selector is for has no " + l.Field + " that its engine says (containerd's CRI and CRI-O do), so it matches nothing"
		if path[0] == "select" { // what is not said matches no exception
			msg += "; missing = \"match\" would take what is not said"
		}
		c.warn(p, append(slices.Clone(path), l.Field), msg)
		return
	}
}

// isKnown tells whether engine and kind are words that runward knows: of others
// it was said already.
func (c *checker) isKnown(s *policy.Selector) bool {
	return slices.ContainsFunc(engines, func(e string) bool { return policy.MatchList(s.Engine, e, false) }) &&
		slices.ContainsFunc(kinds, func(k string) bool { return policy.MatchList(s.Kind, k, false) })
}
