package policyfile

import (
	"strings"

	"github.com/runward/runward/policy"
)

// Which policies select a container is asked of every policy for every
// container, and the answer is mostly no. So their selectors are kept in a
// form that is compared where it lies: for each selector its length, whether
// missing matches, and its lists; for each list the field, the key where the
// field is a table, whether all is literal, and the globs.

// The fields of a selector in the compiled form.
const (
	annotations = 9 // the fields before are those of plainLists
	labels      = 10
)

// plainLists are the selector's lists, in the order of plainValues.
func plainLists(s *policy.Selector) [annotations][]string {
	return [...][]string{s.Engine, s.Handler, s.Kind, s.Namespace, s.Pod, s.Container, s.Image, s.Digest, s.User}
}

func plainValues(f *policy.Facts) [annotations]string {
	id := &f.Identity
	return [...]string{f.Engine, f.Handler, id.Kind, id.Namespace, id.Pod, id.Container, id.Image, id.Digest, id.User}
}

// appendSelectors appends the selectors of one policy.
func appendSelectors(b []byte, selectors []policy.Selector) []byte {
	for i := range selectors {
		one := appendSelector(nil, &selectors[i])
		b = append(appendUint(b, uint64(len(one))), one...)
	}
	return b
}

func appendSelector(b []byte, s *policy.Selector) []byte {
	missing := byte(0)
	if s.Missing == "match" {
		missing = 1
	}
	b = append(b, missing)
	// What is literal is cheapest to rule out, so it comes first.
	for _, literally := range [...]bool{true, false} {
		for field, globs := range plainLists(s) {
			if len(globs) > 0 && literal(globs) == literally {
				b = appendGlobs(append(b, byte(field)), globs)
			}
		}
		for i, table := range [...]map[string][]string{s.Annotation, s.Label} {
			for _, key := range sortedKeys(table) {
				if globs := table[key]; len(globs) > 0 && literal(globs) == literally {
					b = appendGlobs(appendString(append(b, byte(annotations+i)), key), globs)
				}
			}
		}
	}
	return b
}

func appendGlobs(b []byte, globs []string) []byte {
	if literal(globs) {
		b = append(b, 1)
	} else {
		b = append(b, 0)
	}
	b = appendUint(b, uint64(len(globs)))
	for _, g := range globs {
		b = appendString(b, g)
	}
	return b
}

// literal tells whether every glob matches only itself.
func literal(globs []string) bool {
	for _, g := range globs {
		if strings.HasPrefix(g, "!") || strings.ContainsAny(g, "*?") {
			return false
		}
	}
	return true
}

// A subject is the container that selectors are compared with.
type subject struct {
	plain  [annotations]string
	tables [2]map[string]string
	globs  []string // room for one list
}

func newSubject(f *policy.Facts) *subject {
	return &subject{plain: plainValues(f), tables: [...]map[string]string{f.Identity.Annotations, f.Identity.Labels}}
}

// selected is policy.Policy.Selects for what appendSelectors wrote. ok is
// false where the bytes are not that.
func (s *subject) selected(selectors []byte) (selects, ok bool) {
	r := reader{b: selectors}
	if len(r.b) == 0 {
		return true, true
	}
	for len(r.b) > 0 {
		one := reader{b: r.bytes(r.uint())}
		if s.matches(&one) {
			return !one.bad, !one.bad
		}
		if r.bad || one.bad {
			return false, false
		}
	}
	return false, true
}

// matches is policy.Selector.Matches; r.bad where there is no selector.
func (s *subject) matches(r *reader) bool {
	missing := r.byte() == 1
	for len(r.b) > 0 {
		field := r.byte()
		value := ""
		switch {
		case field < annotations:
			value = s.plain[field]
		case field <= labels:
			value = s.tables[field-annotations][r.string()]
		default:
			r.fail()
			return false
		}
		isLiteral := r.byte() == 1
		if n := r.uint(); !s.list(r, n, value, isLiteral, missing) {
			return false
		}
	}
	return !r.bad
}

// list is policy.MatchList for the next n globs.
func (s *subject) list(r *reader, n uint64, value string, isLiteral, missing bool) bool {
	matched := false
	s.globs = s.globs[:0]
	for ; n > 0 && !r.bad; n-- {
		glob := r.string()
		if isLiteral {
			matched = matched || glob == value
		} else {
			s.globs = append(s.globs, glob)
		}
	}
	switch {
	case r.bad:
		return false
	case value == "":
		return missing
	case isLiteral:
		return matched
	}
	return policy.MatchList(s.globs, value, missing)
}
