package tomlfile

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// However a string is spelled, an error in it points at the character that it
// is about.
func TestErrorInPointsAtTheCharacter(t *testing.T) {
	char := rapid.SampledFrom([]rune("ab =whn'\"\\#\n\täé🙂\u0001"))
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.SliceOfN(char, 1, 12).Draw(t, "value")
		at := rapid.IntRange(0, len(value)-1).Draw(t, "at")
		literal, multi := rapid.Bool().Draw(t, "literal"), rapid.Bool().Draw(t, "multi")
		quote := map[bool]string{true: "'", false: `"`}[literal]
		if multi {
			quote = strings.Repeat(quote, 3)
		}
		text := "name = 'when = x'\n# when = 'y'\n  when" + rapid.SampledFrom([]string{"=", " = ", "\t=  "}).Draw(t, "equals") + quote
		if multi && (value[0] == '\n' || rapid.Bool().Draw(t, "break")) {
			text += "\n"
		}
		place := 0
		for i, r := range value {
			if i == at {
				place = len(text)
			}
			switch {
			case literal && (r == '\'' || r == 1 || r == '\n' && !multi):
				t.Skip("cannot be spelled so")
			case literal:
				text += string(r)
			case r == '"' || r == '\\':
				text += `\` + string(r)
			case r == '\n' && !multi:
				text += `\n`
			case r == 1 || r > 127 && rapid.Bool().Draw(t, "escape"):
				text += `\U` + strings.Repeat("0", 8-len(strconv.FormatInt(int64(r), 16))) + strconv.FormatInt(int64(r), 16)
			default:
				text += string(r)
			}
			if multi && !literal && rapid.IntRange(0, 5).Draw(t, "join") == 0 && (i+1 == len(value) || !strings.ContainsRune(" \t\n", value[i+1])) {
				text += "\\\n   "
			}
		}
		text += quote + " # when = 'z'\n"
		d, err := Parse("f.toml", []byte(text))
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if d.Root["when"] != string(value) {
			t.Fatalf("%q is %q, and not %q", text, d.Root["when"], string(value))
		}
		before := text[:place]
		line := strings.Count(before, "\n") + 1
		column := utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]) + 1
		var e *Error
		if !errors.As(d.ErrorIn([]any{"when"}, string(value), len(string(value[:at])), "x"), &e) || e.Line != line || e.Column != column {
			t.Fatalf("%q at %d: %d:%d, want %d:%d", text, at, e.Line, e.Column, line, column)
		}
	})
}
