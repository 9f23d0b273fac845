// Package display writes for a person at a terminal: colours, tables that fit
// the width, excerpts of source, and strangers' text made harmless.
package display

import (
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Style is how a piece of text looks. The zero Style is plain.
type Style string

// The styles are ANSI parameters that every terminal's own colours suit.
const (
	Plain  Style = ""
	Bold   Style = "1"
	Dim    Style = "2"
	Red    Style = "31"
	Green  Style = "32"
	Yellow Style = "33"
	Purple Style = "35"
	Cyan   Style = "36"
)

// A Printer writes text. After an error it writes no more; Err tells.
type Printer struct {
	Colour bool
	Width  int // in characters; 0: lines are as long as they are

	w   io.Writer
	err error
}

// New returns a Printer to w, plain and without a width.
func New(w io.Writer) *Printer { return &Printer{w: w} }

// Err returns the first error of writing.
func (p *Printer) Err() error { return p.err }

// Text writes pieces as they are.
func (p *Printer) Text(pieces ...string) {
	for _, s := range pieces {
		if p.err == nil {
			_, p.err = io.WriteString(p.w, s)
		}
	}
}

// Line writes pieces and ends the line.
func (p *Printer) Line(pieces ...string) {
	p.Text(pieces...)
	p.Text("\n")
}

// Paint gives s in a style, or plain where the Printer has no colours.
func (p *Printer) Paint(style Style, s string) string {
	if !p.Colour || style == Plain || s == "" {
		return s
	}
	return "\x1b[" + string(style) + "m" + s + "\x1b[0m"
}

// Clean makes text from a container's owner harmless: control characters, which
// a terminal obeys, and characters that reorder or hide text are spelled out.
func Clean(s string) string {
	if !strings.ContainsFunc(s, harmful) && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD"):
			b.WriteString(`\x` + hex(int64(s[i]), 2))
		case !harmful(r):
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		default:
			b.WriteString(`\u` + hex(int64(r), 4))
		}
	}
	return b.String()
}

func hex(n int64, digits int) string {
	s := strconv.FormatInt(n, 16)
	return strings.Repeat("0", max(digits-len(s), 0)) + s
}

func harmful(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || unicode.Is(unicode.Cf, r) ||
		r == '\u2028' || r == '\u2029'
}

// nameWidth is how wide the names of fields are.
const nameWidth = 10

// Field writes a name and its value in a line; nothing where the value is empty.
func (p *Printer) Field(name, value string) {
	if value == "" {
		return
	}
	pad := strings.Repeat(" ", max(nameWidth-len(name), 0)+1)
	p.Line(p.Paint(Dim, name), pad, Clean(value))
}

// Paragraph is Field for words that may need several lines.
func (p *Printer) Paragraph(name, words string) {
	const indent = nameWidth + 1
	width := 0
	if p.Width > 0 {
		width = max(p.Width-indent, narrowest)
	}
	for i, line := range wrap(Clean(words), width) {
		if i > 0 {
			p.Line(strings.Repeat(" ", indent), line)
			continue
		}
		p.Field(name, line)
	}
}
