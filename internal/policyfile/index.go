package policyfile

import (
	"encoding/binary"
	"slices"
	"sort"
	"strings"

	"github.com/runward/runward/policy"
)

// The index says, for a value that a container has, which policies may select
// it: a selector with a list selects only what one of its globs matches, and so
// begins with what the glob begins with, or is the glob where that is literal. A
// policy with a selector that cannot be indexed may select anything. What the
// index brings is then compared in full.
type index struct {
	entries []byte // of each hash and number, in order
	shapes  []byte // by which to look a value up: field and length, each once
	always  []byte // the numbers of policies that may select anything
}

// A shape is how much of a field's value is hashed: so many bytes from its
// beginning, at most maxPrefix, or all of it.
type shape struct{ field, length byte }

const (
	maxPrefix = 32
	whole     = 0xff
	shapeSize = 2
)

type indexEntry struct {
	hash   uint32 // of the field and the value
	number uint32 // of the policy
}

const entrySize = 2 * 4

// hash is FNV-1a of the shape and the text. Who finds another text with the same
// hash gains nothing: the values themselves are compared in the end.
func (s shape) hash(text string) uint32 {
	h := uint32(2166136261)
	h = (h ^ uint32(s.field)) * 16777619
	h = (h ^ uint32(s.length)) * 16777619
	for i := range len(text) {
		h = (h ^ uint32(text[i])) * 16777619
	}
	return h
}

// byPrecision are the fields in the order of how few containers share a value.
var byPrecision = [...]int{5, 4, 7, 6, 3, 8, 1, 0, 2}

// indexable returns the list by which a selector is found, or nil.
func indexable(s *policy.Selector) (field int, globs []string) {
	if s.Missing != "" {
		return 0, nil
	}
	lists := plainLists(s)
	for _, field := range byPrecision {
		if globs := lists[field]; begins(globs) {
			return field, globs
		}
	}
	return 0, nil
}

// begins tells whether everything that the list matches begins with what one of
// its globs begins with: it has some besides exclusions, and none begins with a
// wildcard.
func begins(globs []string) bool {
	some := false
	for _, g := range globs {
		if strings.HasPrefix(g, "!") {
			continue
		}
		if g == "" || g[0] == '*' || g[0] == '?' {
			return false
		}
		some = true
	}
	return some
}

// shapeOf is how a glob is looked up, and the text that is hashed.
func shapeOf(field int, glob string) (shape, string) {
	if literal([]string{glob}) {
		return shape{byte(field), whole}, glob
	}
	text := glob[:min(strings.IndexAny(glob, "*?"), maxPrefix)]
	return shape{byte(field), byte(len(text))}, text
}

func appendIndex(b []byte, policies []*policy.Policy) []byte {
	var entries []indexEntry
	var shapes []shape
	var always []uint32
	for n, p := range policies {
		found := len(p.Select) > 0
		for i := range p.Select {
			field, globs := indexable(&p.Select[i])
			found = found && globs != nil
			for _, g := range globs {
				if strings.HasPrefix(g, "!") {
					continue
				}
				by, text := shapeOf(field, g)
				entries = append(entries, indexEntry{by.hash(text), uint32(n)})
				if !slices.Contains(shapes, by) {
					shapes = append(shapes, by)
				}
			}
		}
		if !found {
			always = append(always, uint32(n))
		}
	}
	sort.Slice(entries, func(i, j int) bool {
		a, b := entries[i], entries[j]
		return a.hash < b.hash || a.hash == b.hash && a.number < b.number
	})
	entries = slices.Compact(entries)
	b = appendUint(b, uint64(len(always)))
	for _, n := range always {
		b = binary.LittleEndian.AppendUint32(b, n)
	}
	b = appendUint(b, uint64(len(shapes)))
	for _, by := range shapes {
		b = append(b, by.field, by.length)
	}
	b = appendUint(b, uint64(len(entries)))
	for _, e := range entries {
		b = binary.LittleEndian.AppendUint32(b, e.hash)
		b = binary.LittleEndian.AppendUint32(b, e.number)
	}
	return b
}

func (r *reader) index() (i index) {
	i.always = r.array(4)
	i.shapes = r.array(shapeSize)
	i.entries = r.array(entrySize)
	return i
}

// array reads a count and as many times size bytes.
func (r *reader) array(size uint64) []byte {
	n := r.uint()
	if n > uint64(len(r.b))/size {
		r.fail()
		return nil
	}
	return r.bytes(n * size)
}

// candidates returns the numbers of the policies that may select the
// container, in order.
func (i *index) candidates(s *subject) []uint32 {
	var numbers []uint32
	for at := 0; at < len(i.always); at += 4 {
		numbers = append(numbers, binary.LittleEndian.Uint32(i.always[at:]))
	}
	n := len(i.entries) / entrySize
	for at := 0; at < len(i.shapes); at += shapeSize {
		by := shape{i.shapes[at], i.shapes[at+1]}
		if int(by.field) >= len(s.plain) {
			continue // no build writes that
		}
		text := s.plain[by.field]
		if text == "" || by.length != whole && int(by.length) > len(text) {
			continue
		}
		if by.length != whole {
			text = text[:by.length]
		}
		hash := by.hash(text)
		first := sort.Search(n, func(k int) bool { return binary.LittleEndian.Uint32(i.entries[k*entrySize:]) >= hash })
		for k := first; k < n && binary.LittleEndian.Uint32(i.entries[k*entrySize:]) == hash; k++ {
			numbers = append(numbers, binary.LittleEndian.Uint32(i.entries[k*entrySize+4:]))
		}
	}
	slices.Sort(numbers)
	return slices.Compact(numbers)
}
