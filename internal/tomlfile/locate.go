package tomlfile

import (
	"strings"

	"github.com/BurntSushi/toml"
)

// Locate returns the line and column, from 1, of the key that path leads to, of
// the element where it leads to a string in an array, or 0 where it leads to
// none. An empty path is the file: its first line.
func (d *Doc) Locate(path ...any) (line, column int) { return d.locate(path) }

// locate finds the line and column of the key that path leads to, with the
// one TOML parser there is: it searches for the shortest beginning of the
// file, cut between lines, in which the parser finds the key. That costs some
// dozens of parses, and only errors pay for it.
func (d *Doc) locate(path []any) (int, int) {
	if len(path) == 0 {
		return 1, 1
	}
	lines := strings.SplitAfter(d.text, "\n")
	// The first `without` lines do not have the key, the first `with` do.
	without, with := 0, len(lines)
	if found, ok := d.parsePart(lines, with, path); !ok || !found {
		return 0, 0
	}
	for {
		n, found := d.between(lines, without, with, path)
		switch {
		case n < 0:
			line, col := findKey(lines, without, with-1, keyName(path))
			return d.element(path, line, col)
		case found:
			with = n
		default:
			without = n
		}
	}
}

// element returns the place of the string that path leads to in an array, whose
// key is at line and col: it is where the parser, with another text there, finds
// another text.
func (d *Doc) element(path []any, line, col int) (int, int) {
	value, ok := at(d.Root, path).(string)
	if _, index := path[len(path)-1].(int); !ok || !index {
		return line, col
	}
	start := 0
	for n := 1; n < line; n++ {
		start += strings.IndexByte(d.text[start:], '\n') + 1
	}
	for range 256 { // an array has others like it before
		next := -1
		for _, quote := range []string{`"`, "'"} {
			if i := strings.Index(d.text[start:], quote+value+quote); i >= 0 && (next < 0 || start+i < next) {
				next = start + i
			}
		}
		if next < 0 {
			break
		}
		var root map[string]any
		end := next + 1 + len(value)
		if _, err := toml.Decode(d.text[:end]+"x"+d.text[end:], &root); err == nil && at(root, path) == value+"x" {
			before := d.text[:next]
			return strings.Count(before, "\n") + 1, len([]rune(before[strings.LastIndexByte(before, '\n')+1:])) + 1
		}
		start = next + 1
	}
	return line, col
}

// between parses the file's first n lines for an n between the two, as near to
// their middle as can be parsed: not every cut is between values. It returns
// -1 where there is none, and whether the key is there.
func (d *Doc) between(lines []string, low, high int, path []any) (n int, found bool) {
	middle := (low + high) / 2
	for away := 0; away <= high-low; away++ {
		for _, n := range [...]int{middle + away, middle - away} {
			if n <= low || n >= high {
				continue
			}
			if found, ok := d.parsePart(lines, n, path); ok {
				return n, found
			}
		}
	}
	return -1, false
}

// parsePart tells whether the first n lines parse, and have the key.
func (d *Doc) parsePart(lines []string, n int, path []any) (found, ok bool) {
	end := 0
	for _, line := range lines[:n] {
		end += len(line)
	}
	var root map[string]any
	if _, err := toml.Decode(d.text[:end], &root); err != nil {
		return false, false
	}
	return has(root, path), true
}

// has tells whether path leads to something.
func has(v any, path []any) bool { return at(v, path) != nil }

// at returns what path leads to; nil: nothing.
func at(v any, path []any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			table, ok := v.(map[string]any)
			if !ok {
				return nil
			}
			if v, ok = table[step]; !ok {
				return nil
			}
		case int:
			switch array := v.(type) {
			case []any:
				if step >= len(array) {
					return nil
				}
				v = array[step]
			case []map[string]any:
				if step >= len(array) {
					return nil
				}
				v = array[step]
			default:
				return nil
			}
		}
	}
	return v
}

// findKey returns the place of the key in lines[first:last+1].
func findKey(lines []string, first, last int, key string) (int, int) {
	for n := first; n <= last; n++ {
		if col := strings.Index(lines[n], key); col >= 0 && !strings.HasPrefix(strings.TrimSpace(lines[n]), "#") {
			return n + 1, len([]rune(lines[n][:col])) + 1
		}
	}
	return last + 1, 1
}

// line returns the text of line n, from 1.
func line(text string, n int) string {
	for ; n > 1; n-- {
		_, rest, ok := strings.Cut(text, "\n")
		if !ok {
			return ""
		}
		text = rest
	}
	if n < 1 {
		return ""
	}
	first, _, _ := strings.Cut(text, "\n")
	return strings.TrimRight(first, "\r")
}
