package display

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// A Column of a table.
type Column struct {
	Title string
	Right bool // numbers
	Fit   Fit
	Drop  int // not 0: where the terminal is too narrow the column is left out, the lowest first
}

// Fit says what becomes of a column where the table is wider than the
// terminal.
type Fit uint8

const (
	Keep Fit = iota // stays as wide as it is
	Cut             // long text ends in "…"
	Wrap            // long text goes on in the next line
)

// narrowest is how far a column is shrunk, in characters.
const narrowest = 12

const gap = "  "

// A Cell is text in a style.
type Cell struct {
	Text  string
	Style Style
}

// A Row has a cell for each column, and notes in lines of their own below.
type Row struct {
	Cells []Cell
	Notes []string
}

// Table writes the rows below the columns' titles. The cells' text is cleaned.
func (p *Printer) Table(columns []Column, rows []Row) {
	head := Row{}
	for _, c := range columns {
		head.Cells = append(head.Cells, Cell{c.Title, Bold})
	}
	rows = append([]Row{head}, rows...)
	widths, fits := p.widths(columns, rows)
	for !fits {
		first := -1
		for i, c := range columns {
			if c.Drop > 0 && (first < 0 || c.Drop < columns[first].Drop) {
				first = i
			}
		}
		if first < 0 {
			break // no narrower: the terminal breaks the lines
		}
		columns = slices.Delete(slices.Clone(columns), first, first+1)
		for i := range rows {
			rows[i].Cells = slices.Delete(slices.Clone(rows[i].Cells), first, first+1)
		}
		widths, fits = p.widths(columns, rows)
	}
	for _, r := range rows {
		p.row(columns, widths, r)
	}
}

// widths gives the columns' widths, and whether the table fits.
func (p *Printer) widths(columns []Column, rows []Row) (widths []int, fits bool) {
	widths = make([]int, len(columns))
	for _, r := range rows {
		for i, c := range r.Cells {
			widths[i] = max(widths[i], utf8.RuneCountInString(Clean(c.Text)))
		}
	}
	if p.Width == 0 {
		return widths, true
	}
	total := len(gap) * (len(widths) - 1)
	for _, w := range widths {
		total += w
	}
	for total > p.Width {
		widest := -1
		for i, c := range columns {
			if c.Fit != Keep && widths[i] > narrowest && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return widths, false
		}
		widths[widest]--
		total--
	}
	return widths, true
}

func (p *Printer) row(columns []Column, widths []int, r Row) {
	cells := make([][]string, len(columns))
	height := 1
	for i, c := range r.Cells {
		text := Clean(c.Text)
		if columns[i].Fit == Wrap {
			cells[i] = wrap(text, widths[i])
		} else {
			cells[i] = []string{cut(text, widths[i])}
		}
		height = max(height, len(cells[i]))
	}
	for n := range height {
		line, blank := "", ""
		for i := range columns {
			text := ""
			if n < len(cells[i]) {
				text = cells[i][n]
			}
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(text))
			if columns[i].Right {
				blank += pad
				pad = ""
			}
			if text != "" {
				line += blank + p.Paint(r.Cells[i].Style, text)
				blank = ""
			}
			blank += pad + gap
		}
		p.Line(line)
	}
	for _, note := range r.Notes {
		p.Note(note, 4)
	}
}

// Note writes text in its own lines, indented and wrapped to the width.
func (p *Printer) Note(text string, indent int) {
	width := 0
	if p.Width > 0 {
		width = max(p.Width-indent, narrowest)
	}
	for _, line := range wrap(Clean(text), width) {
		p.Line(strings.Repeat(" ", indent), line)
	}
}

func cut(s string, width int) string {
	if utf8.RuneCountInString(s) <= width {
		return s
	}
	return string([]rune(s)[:width-1]) + "…"
}

// wrap breaks s at blanks, and a word that is longer than a line anywhere.
// A width of 0 does not break.
func wrap(s string, width int) []string {
	var lines []string
	rest := []rune(s)
	for width > 0 && len(rest) > width {
		at, skip := width, 0
		for i := width; i > 0; i-- {
			if rest[i] == ' ' {
				at, skip = i, 1
				break
			}
		}
		lines = append(lines, string(rest[:at]))
		rest = rest[at+skip:]
	}
	return append(lines, string(rest))
}
