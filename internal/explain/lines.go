package explain

import (
	"strconv"
	"strings"

	"github.com/runward/runward/internal/jsondoc"
)

// A line is one line of a document, pretty-printed.
type line struct {
	text    string // without the indentation and the comma at its end
	depth   int
	comma   bool
	pointer string // of the value that begins or ends in this line
}

// same leaves the comma out: a new last element puts one behind the line before.
func (l line) same(other line) bool { return l.text == other.text && l.depth == other.depth }

func (l line) String() string {
	s := strings.Repeat("  ", l.depth) + l.text
	if l.comma {
		s += ","
	}
	return s
}

// pretty gives a document line by line. Strings and numbers stay spelled as
// they are, and members in their order.
func pretty(doc *jsondoc.Doc) []line {
	return appendValue(nil, doc, doc.Root(), "", "", 0)
}

func appendValue(lines []line, doc *jsondoc.Doc, v jsondoc.Value, key, pointer string, depth int) []line {
	open, shut := "[", "]"
	switch v.Kind() {
	case jsondoc.Object:
		open, shut = "{", "}"
	case jsondoc.Array:
	default:
		open, shut = string(v.Raw()), ""
	}
	comma := v.Next().Exists()
	first := v.First()
	if !first.Exists() {
		return append(lines, line{key + open + shut, depth, comma, pointer})
	}
	lines = append(lines, line{key + open, depth, false, pointer})
	for c, i := first, 0; c.Exists(); c, i = c.Next(), i+1 {
		if v.Kind() == jsondoc.Array {
			lines = appendValue(lines, doc, c, "", pointer+"/"+strconv.Itoa(i), depth+1)
			continue
		}
		start, end := c.KeyOffset()
		name := string(doc.Raw()[start:end])
		lines = appendValue(lines, doc, c, name+": ", pointer+"/"+jsondoc.EscapePointer(c.Key()), depth+1)
	}
	return append(lines, line{shut, depth, comma, pointer})
}
