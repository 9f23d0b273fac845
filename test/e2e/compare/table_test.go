//go:build e2e

package compare

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// A step is one call, and what could be seen of it.
type step struct {
	verb, title string
	seen        []sight
}

// A sight is one thing that was seen: a stream, an exit code, a file.
type sight struct{ what, text string }

// named tells whether two sights are of the same thing.
func (s sight) named(other sight) bool {
	return s.what == other.what || normal("", "", s.what) == normal("", "", other.what)
}

func (s *step) see(what, text string) { s.seen = append(s.seen, sight{what, text}) }

// A table counts what was equal.
type table struct {
	mu    sync.Mutex
	lines []*tally
}

// add takes in the lines of another.
func (t *table) add(other *table) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, o := range other.lines {
		l := t.line(o.engine, o.verb)
		l.calls, l.equal, l.differ = l.calls+o.calls, l.equal+o.equal, l.differ+o.differ
	}
}

type tally struct {
	engine, verb         string
	calls, equal, differ int
}

func (t *table) line(engine, verb string) *tally {
	for _, l := range t.lines {
		if l.engine == engine && l.verb == verb {
			return l
		}
	}
	l := &tally{engine: engine, verb: verb}
	t.lines = append(t.lines, l)
	return l
}

// count compares two sittings of one session, and returns every difference in
// words.
func (t *table) count(engine string, want, got []*step) []string {
	var differences []string
	for i := range max(len(want), len(got)) {
		if i >= len(want) || i >= len(got) || normal("", "", want[i].title) != normal("", "", got[i].title) {
			return append(differences, fmt.Sprintf("after %d calls the session went on in another way", i))
		}
		l := t.line(engine, want[i].verb)
		l.calls++
		here := unequal(want[i], got[i])
		differences = append(differences, here...)
		l.differ += len(here)
		l.equal += len(want[i].seen) - len(here)
	}
	return differences
}

// unequal describes what differs between two calls.
func unequal(want, got *step) []string {
	var all []string
	for _, w := range want.seen {
		k := slices.IndexFunc(got.seen, func(g sight) bool { return g.named(w) })
		if k >= 0 && got.seen[k].text == w.text {
			continue
		}
		other := "not there"
		if k >= 0 {
			other = normal(want.verb, w.what, got.seen[k].text)
		}
		if text := normal(want.verb, w.what, w.text); text != other {
			all = append(all, fmt.Sprintf("%s: %s differs\n%s--- plain runc\n%s\n--- here\n%s\n", want.title, w.what, firstDifference(text, other), text, other))
		}
	}
	for _, g := range got.seen {
		if !slices.ContainsFunc(want.seen, g.named) {
			all = append(all, fmt.Sprintf("%s: %s is there, with plain runc it is not:\n%s\n", want.title, g.what, g.text))
		}
	}
	return all
}

// firstDifference shows the first line that differs: the texts may be long.
func firstDifference(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("line %d: %q\n  here: %q\n", i+1, a[i], b[i])
		}
	}
	return fmt.Sprintf("%d lines, here %d\n", len(a), len(b))
}

func (t *table) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%-22s %-20s %6s %6s %7s\n", "engine", "verb", "calls", "equal", "differ")
	sum := tally{engine: "all"}
	for _, l := range append(t.lines, &sum) {
		fmt.Fprintf(&b, "%-22s %-20s %6d %6d %7d\n", l.engine, l.verb, l.calls, l.equal, l.differ)
		sum.calls, sum.equal, sum.differ = sum.calls+l.calls, sum.equal+l.equal, sum.differ+l.differ
	}
	b.WriteString("\nNot compared, everywhere:\n")
	for _, n := range normals {
		fmt.Fprintf(&b, "  %s: %s\n", n.name, n.reason)
	}
	return b.String()
}
