// Package tomlformat gives TOML files one form. It changes white space between
// tokens, blank lines between tables and the quotes of strings, and nothing else:
// every comment, every key, every line break in an array stays, in its order.
//
// There is no second TOML parser in it: whoever calls has decoded the file, and
// Format decodes what it made and compares.
package tomlformat

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// indent is that of what continues in the next line, for every open bracket.
const indent = "  "

// ErrChanged is a defect: what Format made would not be read as what it was
// given. Nothing may be written then.
var ErrChanged = errors.New("the formatted file would not be read as the same: it is left as it is")

// Format returns the text in its one form. The text must decode; if it does
// not, the error is the parser's.
func Format(text []byte) ([]byte, error) {
	before, err := decode(string(text))
	if err != nil {
		return nil, err
	}
	bom := ""
	source, ok := strings.CutPrefix(string(text), "\uFEFF")
	if ok {
		bom = "\uFEFF"
	}
	tokens, err := scan(source)
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", ErrChanged, err)
	}
	out := bom + join(group(tokens))
	after, err := decode(out)
	if err != nil || !same(before, after) || comments(tokens) != commentsOf(strings.TrimPrefix(out, bom)) {
		return nil, ErrChanged
	}
	return []byte(out), nil
}

// A line is one of the formatted file.
type line struct {
	text    string // without the comment behind it
	comment string
	depth   int  // brackets that are open where it begins
	header  bool // a table's
	raw     bool // it ends in the middle of a multi-line string's text, or after it: its width is not to be told
}

// blank is a line with nothing on it.
func (l *line) blank() bool { return l.text == "" && l.comment == "" }

// alone is a comment on a line of its own.
func (l *line) alone() bool { return l.text == "" && l.comment != "" }

// group makes lines of tokens, with the spaces that they are to have.
func group(tokens []token) []line {
	var lines []line
	w := writer{}
	for _, t := range tokens {
		if t.kind == newline {
			lines = append(lines, w.end())
			continue
		}
		w.add(t)
	}
	if !w.line.blank() {
		lines = append(lines, w.end())
	}
	return lines
}

// writer puts the tokens of a line together.
type writer struct {
	line
	open   []byte // brackets
	closed int    // brackets that the line begins by closing
	other  bool   // the line has more than those
	last   token  // of the line
	key    bool   // what is written is a key
	begun  bool   // the statement has begun in an earlier line
}

func (w *writer) end() line {
	l := w.line
	l.depth = max(l.depth-w.closed, 0)
	w.begun = len(w.open) > 0
	w.line, w.last, w.closed = line{depth: len(w.open)}, token{}, 0
	w.other = false
	return l
}

func (w *writer) add(t token) {
	if t.kind == comment {
		w.comment = t.text
		return
	}
	if w.text == "" && !w.begun { // a statement
		w.header, w.key = t.text == "[", true
	}
	w.text += w.space(t)
	w.follow(t)
	w.other = w.other || t.text != "]" && t.text != "}"
	if t.kind == text && !w.key {
		t.text = requote(t.text)
	}
	w.text += t.text
	w.raw = w.raw || strings.Contains(t.text, "\n")
	w.last = t
}

// space is what stands before a token.
func (w *writer) space(t token) string {
	switch last := w.last.text; {
	case last == "":
		return ""
	case t.text == "=" || last == "=":
		return " "
	case w.header || t.text == ",":
		return ""
	case last == ",":
		return " "
	case last == "{" && t.text == "}" || last == "[" || t.text == "]":
		return ""
	case last == "{" || t.text == "}":
		return " "
	case w.key:
		return "" // around the dots of a key
	}
	return " " // between a date and a time
}

// follow keeps in mind which brackets are open, and whether a key is next.
func (w *writer) follow(t token) {
	if t.kind != punctuation {
		return
	}
	switch t.text {
	case "=":
		w.key = false
	case "[", "{":
		if !w.header {
			w.open = append(w.open, t.text[0])
			w.key = t.text == "{"
		}
	case "]", "}":
		if !w.header && len(w.open) > 0 {
			w.open = w.open[:len(w.open)-1]
			if !w.other && w.closed < w.depth {
				w.closed++
			}
			w.key = false
		}
	case ",":
		w.key = len(w.open) > 0 && w.open[len(w.open)-1] == '{'
	}
}

// requote writes 'text' as "text" where both mean the same.
func requote(s string) string {
	if len(s) < 2 || s[0] != '\'' || strings.HasPrefix(s, "'''") || strings.ContainsAny(s, "\\\"") {
		return s
	}
	return `"` + s[1:len(s)-1] + `"`
}

// join writes the lines, with the blank lines that there are to be.
func join(lines []line) string {
	lines = spaced(lines)
	align(lines)
	var b strings.Builder
	for _, l := range lines {
		whole := l.text
		if l.comment != "" {
			whole += l.comment
		}
		if whole != "" {
			b.WriteString(strings.Repeat(indent, l.depth))
		}
		b.WriteString(whole)
		b.WriteByte('\n')
	}
	return b.String()
}

// spaced puts one blank line before every table and the comments right above
// it, leaves one of several, and none at the file's ends and after a header.
func spaced(lines []line) []line {
	var out []line
	for i := range lines {
		l := lines[i]
		switch {
		case l.blank():
			if len(out) > 0 && !out[len(out)-1].blank() && !(out[len(out)-1].header && nextIsKey(lines[i:])) {
				out = append(out, l)
			}
			continue
		case l.header:
			at := len(out)
			for at > 0 && out[at-1].alone() && out[at-1].depth == 0 {
				at--
			}
			if at > 0 && !out[at-1].blank() {
				out = append(out[:at], append([]line{{}}, out[at:]...)...)
			}
		}
		out = append(out, l)
	}
	for len(out) > 0 && out[len(out)-1].blank() {
		out = out[:len(out)-1]
	}
	return out
}

// nextIsKey tells whether after blank lines there is a key, and not a comment,
// which may be about another table, or a header.
func nextIsKey(lines []line) bool {
	for i := range lines {
		if !lines[i].blank() {
			return !lines[i].header && !lines[i].alone()
		}
	}
	return false
}

// align lets the comments behind lines that follow each other begin in one
// column.
func align(lines []line) {
	for i := 0; i < len(lines); {
		end, widest := i, 0
		for end < len(lines) && lines[end].text != "" && lines[end].comment != "" && !lines[end].raw {
			widest = max(widest, lines[end].width())
			end++
		}
		for ; i < end; i++ {
			lines[i].comment = strings.Repeat(" ", widest-lines[i].width()+1) + lines[i].comment
		}
		if i < len(lines) && lines[i].raw && lines[i].comment != "" {
			lines[i].comment = " " + lines[i].comment
		}
		i++
	}
}

func (l *line) width() int { return l.depth*len(indent) + utf8.RuneCountInString(l.text) }
