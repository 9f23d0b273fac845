package display

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// JSON writes a value, indented. What Clean would spell out is escaped: it is
// the same JSON, and harmless on a terminal.
func (p *Printer) JSON(v any) error {
	return p.json(v, "  ")
}

// JSONLine writes a value in one line.
func (p *Printer) JSONLine(v any) error { return p.json(v, "") }

func (p *Printer) json(v any, indent string) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("encode as JSON: %w", err)
	}
	p.Text(escape(b.String()))
	return p.Err()
}

func escape(text string) string {
	bad := func(r rune) bool { return r > utf8.RuneSelf-2 && harmful(r) }
	return escaped(text, bad, func(r rune) string {
		r -= 0x10000 // two halves, RFC 8259 section 7
		return `\u` + hex(int64(0xd800+r>>10), 4) + `\u` + hex(int64(0xdc00+r&0x3ff), 4)
	})
}

// escaped spells what is bad as \uXXXX, and what does not fit there as large does.
func escaped(text string, bad func(rune) bool, large func(rune) string) string {
	if !strings.ContainsFunc(text, bad) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		switch {
		case !bad(r):
			b.WriteRune(r)
		case r < 0x10000:
			b.WriteString(`\u` + hex(int64(r), 4))
		default:
			b.WriteString(large(r))
		}
	}
	return b.String()
}
