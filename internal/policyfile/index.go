package policyfile

import (
	"encoding/binary"
	"slices"
	"sort"

	"github.com/runward/runward/policy"
)

// The index says, for a value that a container has, which policies may select
// it: a selector with a list of literal names selects only what has one of
// them. A policy with a selector that cannot be indexed may select anything.
// What the index brings is then compared in full.
type index struct {
	entries []byte // of each hash and number, in order
	always  []byte // the numbers of policies that may select anything
}

type indexEntry struct {
	hash   uint32 // of the field and the value
	number uint32 // of the policy
}

const entrySize = 2 * 4

// hashValue is FNV-1a. Who finds another value with the same hash gains
// nothing: the values themselves are compared in the end.
func hashValue(field int, value string) uint32 {
	h := uint32(2166136261)
	h = (h ^ uint32(field)) * 16777619
	for i := range len(value) {
		h = (h ^ uint32(value[i])) * 16777619
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
		if globs := lists[field]; len(globs) > 0 && literal(globs) {
			return field, globs
		}
	}
	return 0, nil
}

func appendIndex(b []byte, policies []*policy.Policy) []byte {
	var entries []indexEntry
	var always []uint32
	for n, p := range policies {
		found := len(p.Select) > 0
		for i := range p.Select {
			field, globs := indexable(&p.Select[i])
			found = found && globs != nil
			for _, g := range globs {
				entries = append(entries, indexEntry{hashValue(field, g), uint32(n)})
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
	b = appendUint(b, uint64(len(entries)))
	for _, e := range entries {
		b = binary.LittleEndian.AppendUint32(b, e.hash)
		b = binary.LittleEndian.AppendUint32(b, e.number)
	}
	return b
}

func (r *reader) index() (i index) {
	i.always = r.array(4)
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
	for field, value := range s.plain {
		if value == "" {
			continue
		}
		hash := hashValue(field, value)
		first := sort.Search(n, func(k int) bool { return binary.LittleEndian.Uint32(i.entries[k*entrySize:]) >= hash })
		for k := first; k < n && binary.LittleEndian.Uint32(i.entries[k*entrySize:]) == hash; k++ {
			numbers = append(numbers, binary.LittleEndian.Uint32(i.entries[k*entrySize+4:]))
		}
	}
	slices.Sort(numbers)
	return slices.Compact(numbers)
}
