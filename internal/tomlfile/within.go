package tomlfile

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// ErrorIn returns an error at a byte of the string that path leads to. Where
// that byte cannot be found in the file, it is at the key.
func (d *Doc) ErrorIn(path []any, value string, offset int, msg string) error {
	e := &Error{File: d.File, Msg: oneLine(msg)}
	e.Line, e.Column = d.locate(path)
	if line, column, ok := d.within(e.Line, keyName(path), value, offset); ok {
		e.Line, e.Column = line, column
	}
	e.Text = line(d.text, e.Line)
	return e
}

// within finds the place of a byte of the string that is the value of the key
// on that line. A line may have the key more than once, as a word of another
// value or in an inline table: the string must be the one that was read.
func (d *Doc) within(keyLine int, key, value string, offset int) (line, column int, ok bool) {
	if keyLine < 1 || offset < 0 || offset > len(value) {
		return 0, 0, false
	}
	start := 0
	for n := 1; n < keyLine; n++ {
		start += strings.IndexByte(d.text[start:], '\n') + 1
	}
	end := start + len(firstLine(d.text[start:]))
	for from := start; ; {
		at := strings.Index(d.text[from:end], key)
		if at < 0 {
			return 0, 0, false
		}
		from += at + len(key)
		if places := stringAfter(d.text, from, value); places != nil {
			line, column = position(d.text, places[offset])
			return line, column, true
		}
	}
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

func position(text string, offset int) (line, column int) {
	before := text[:offset]
	begin := strings.LastIndexByte(before, '\n') + 1
	return strings.Count(before, "\n") + 1, utf8.RuneCountInString(before[begin:]) + 1
}

// stringAfter reads the TOML string that is the value of the key that ends
// just before text[from], and returns where in the text each byte of it comes
// from, and where it ends; nil where it is not that value.
func stringAfter(text string, from int, value string) []int {
	rest := strings.TrimLeft(strings.TrimPrefix(strings.TrimPrefix(text[from:], `"`), `'`), " \t")
	rest, ok := strings.CutPrefix(rest, "=")
	if !ok {
		return nil
	}
	rest = strings.TrimLeft(rest, " \t")
	at := len(text) - len(rest)
	for _, quote := range [...]string{`"""`, `'''`, `"`, `'`} {
		if !strings.HasPrefix(rest, quote) {
			continue
		}
		at += len(quote)
		if len(quote) == 3 { // a line break at its very beginning is not part of it
			for _, eol := range [...]string{"\r\n", "\n"} {
				if strings.HasPrefix(text[at:], eol) {
					at += len(eol)
					break
				}
			}
		}
		return spell(text, at, value, quote[0] == '"')
	}
	return nil
}

// spell follows a value through its spelling.
func spell(text string, at int, value string, escapes bool) []int {
	places := make([]int, 0, len(value)+1)
	for len(places) < len(value) {
		if at >= len(text) {
			return nil
		}
		if escapes && text[at] == '\\' {
			s, size := unescape(text[at:])
			if size == 0 || !strings.HasPrefix(value[len(places):], s) {
				return nil
			}
			for range len(s) {
				places = append(places, at)
			}
			at += size
			continue
		}
		if text[at] == '\r' && strings.HasPrefix(text[at:], "\r\n") && value[len(places)] == '\n' {
			at++ // the parser reads either as \n
		}
		if text[at] != value[len(places)] {
			return nil
		}
		places = append(places, at)
		at++
	}
	return append(places, at)
}

// unescape reads the escape at the beginning of s; size 0: it is none.
func unescape(s string) (decoded string, size int) {
	if len(s) < 2 {
		return "", 0
	}
	switch s[1] {
	case 'b':
		return "\b", 2
	case 't':
		return "\t", 2
	case 'n':
		return "\n", 2
	case 'f':
		return "\f", 2
	case 'r':
		return "\r", 2
	case 'e':
		return "\x1b", 2
	case '"', '\\':
		return s[1:2], 2
	case 'x':
		return codepoint(s, 2)
	case 'u':
		return codepoint(s, 4)
	case 'U':
		return codepoint(s, 8)
	}
	// A backslash at the end of a line takes the white space after it away.
	blank := strings.TrimLeft(s[1:], " \t\r\n")
	if size = len(s) - len(blank); strings.Contains(s[1:size], "\n") {
		return "", size
	}
	return "", 0
}

func codepoint(s string, digits int) (string, int) {
	if len(s) < 2+digits {
		return "", 0
	}
	n, err := strconv.ParseUint(s[2:2+digits], 16, 32)
	if err != nil {
		return "", 0
	}
	return string(rune(n)), 2 + digits
}
