package tomlfile

import (
	"strings"

	"github.com/BurntSushi/toml"
)

// locate finds the line and column of the key that path leads to, with the
// one TOML parser there is: the key is in the first of the file's beginnings,
// line by line, in which the parser finds it. It costs many parses, and only
// errors pay for it.
func (d *Doc) locate(path []any) (int, int) {
	if len(path) == 0 {
		return 0, 0
	}
	lines := strings.SplitAfter(d.text, "\n")
	good, end := 0, 0
	for n := range lines {
		end += len(lines[n])
		var root map[string]any
		if _, err := toml.Decode(d.text[:end], &root); err != nil {
			continue // cut inside a value that has several lines
		}
		if has(root, path) {
			return findKey(lines, good, n, keyName(path))
		}
		good = n + 1
	}
	return 0, 0
}

// has tells whether path leads to something.
func has(v any, path []any) bool {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			table, ok := v.(map[string]any)
			if !ok {
				return false
			}
			if v, ok = table[step]; !ok {
				return false
			}
		case int:
			switch array := v.(type) {
			case []any:
				if step >= len(array) {
					return false
				}
				v = array[step]
			case []map[string]any:
				if step >= len(array) {
					return false
				}
				v = array[step]
			default:
				return false
			}
		}
	}
	return true
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
