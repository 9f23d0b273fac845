package display

import (
	"strconv"
	"strings"
)

// excerptWidth is how much of a long line is shown, in characters.
const excerptWidth = 72

// Excerpt writes a line of a file with a mark below the column, both from 1,
// the column in characters. Of a long line it shows what is around the column.
func (p *Printer) Excerpt(text string, line, column int) {
	if line < 1 || strings.TrimSpace(text) == "" {
		return
	}
	runes := []rune(strings.Map(func(r rune) rune {
		if harmful(r) {
			return ' '
		}
		return r
	}, text))
	column = min(max(column, 1), len(runes)+1)
	first := 0
	if len(runes) > excerptWidth {
		first = min(max(column-1-excerptWidth/2, 0), len(runes)-excerptWidth)
	}
	last := min(first+excerptWidth, len(runes))
	number := strconv.Itoa(line)
	blank := strings.Repeat(" ", len(number))
	before, after := "", ""
	if first > 0 {
		before = "…"
	}
	if last < len(runes) {
		after = "…"
	}
	p.Line("  ", p.Paint(Dim, number+" | "), before, string(runes[first:last]), after)
	p.Line("  ", p.Paint(Dim, blank+" | "), strings.Repeat(" ", column-1-first+len([]rune(before))), p.Paint(Red, "^"))
}
