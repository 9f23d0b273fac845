package matrix

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A table is the cells in words: one line a cell, and notes that lines point to.
type table struct {
	head  []string
	lines [][]string // the last word of a line that was not run is the reason, for all columns
	notes []string
}

// note gives the number of a remark, which is kept once.
func (t *table) note(text string) string {
	for i, known := range t.notes {
		if known == text {
			return "(" + strconv.Itoa(i+1) + ")"
		}
	}
	t.notes = append(t.notes, text)
	return "(" + strconv.Itoa(len(t.notes)) + ")"
}

// inRows is the cells by their rows, in the order in which rows were first met.
func inRows(cells []Cell) []Cell {
	rank := map[string]int{}
	for i := range cells {
		if _, met := rank[cells[i].Row]; !met {
			rank[cells[i].Row] = len(rank)
		}
	}
	sorted := slices.Clone(cells)
	slices.SortStableFunc(sorted, func(a, b Cell) int { return rank[a.Row] - rank[b.Row] })
	return sorted
}

func tabulate(cells []Cell) *table {
	t := &table{head: append([]string{"engine", "version", "runtime", "cgroup", "driver", "AppArmor"}, Columns()...)}
	cells = inRows(cells)
	for i := range cells {
		c := &cells[i]
		line := []string{c.Row, c.Engine, c.Runtime, c.Cgroup, c.Driver, c.AppArmor}
		switch {
		case c.NotRun != "":
			line = append(line, "not run: "+t.note(c.NotRun))
		case c.Around != "":
			line = append(line, "goes around runward "+t.note(c.Around))
		default:
			for _, column := range Columns() {
				line = append(line, t.word(c.Check(column)))
			}
		}
		t.lines = append(t.lines, line)
	}
	return t
}

func (t *table) word(c *Check) string {
	switch {
	case c == nil:
		return "FAILED"
	case c.Result == Held:
		return "yes"
	case c.Result == None:
		return "none " + t.note(c.Says)
	}
	return "FAILED"
}

// Totals says how many cells there are of each kind; failed is how many do not hold.
func Totals(cells []Cell) (text string, failed int) {
	ran, around, notRun, checks := 0, 0, 0, 0
	for i := range cells {
		c := &cells[i]
		switch {
		case c.NotRun != "":
			notRun++
		case c.Around != "":
			around++
		default:
			ran++
			held := true
			for _, column := range Columns() {
				check := c.Check(column)
				held = held && check != nil && check.Result != Failed
				if check != nil && check.Result == Held {
					checks++
				}
			}
			if !held {
				failed++
			}
		}
	}
	return fmt.Sprintf("%d cells ran, %d of them failed; %d checks held; %d go around runward as shown; %d were not run.", ran, failed, checks, around, notRun), failed
}

// Text is the table for a terminal.
func Text(cells []Cell, colour bool) string {
	t := tabulate(cells)
	width := make([]int, len(t.head))
	for _, line := range append([][]string{t.head}, t.lines...) {
		for i, word := range line {
			if len(line) == len(t.head) || i < len(line)-1 {
				width[i] = max(width[i], utf8.RuneCountInString(word))
			}
		}
	}
	var out strings.Builder
	for _, line := range append([][]string{t.head}, t.lines...) {
		text := ""
		for i, word := range line {
			text += paint(word, colour) + strings.Repeat(" ", max(0, width[i]-utf8.RuneCountInString(word))+2)
		}
		out.WriteString(strings.TrimRight(text, " ") + "\n")
	}
	out.WriteString("\n")
	for i, note := range t.notes {
		fmt.Fprintf(&out, "(%d) %s\n", i+1, note)
	}
	totals, _ := Totals(cells)
	out.WriteString(totals + "\n")
	return out.String()
}

func paint(word string, colour bool) string {
	if !colour {
		return word
	}
	switch first, _, _ := strings.Cut(word, " "); first {
	case "yes":
		return "\x1b[32m" + word + "\x1b[0m"
	case "FAILED":
		return "\x1b[31m" + word + "\x1b[0m"
	case "none", "not", "goes":
		return "\x1b[33m" + word + "\x1b[0m"
	}
	return word
}

// Markdown is the table, its notes, and what users see at each denial.
func Markdown(cells []Cell) string {
	t := tabulate(cells)
	var out strings.Builder
	row := func(words []string) {
		fmt.Fprintf(&out, "| %s |\n", strings.Join(words, " | "))
	}
	row(t.head)
	row(strings.Split(strings.Repeat("---,", len(t.head)-1)+"---", ","))
	for _, line := range t.lines {
		for len(line) < len(t.head) {
			line = append(line, "")
		}
		row(line)
	}
	out.WriteString("\n")
	for i, note := range t.notes {
		fmt.Fprintf(&out, "%d. %s\n", i+1, inLine(note))
	}
	totals, _ := Totals(cells)
	fmt.Fprintf(&out, "\n%s\n", totals)
	cells = inRows(cells)
	for i := range cells {
		c := &cells[i]
		if len(c.Checks) == 0 {
			continue
		}
		fmt.Fprintf(&out, "\n## %s %s, %s, cgroup %s, %s\n\n", c.Row, c.Engine, c.Runtime, c.Cgroup, c.Driver)
		for _, check := range c.Checks {
			fmt.Fprintf(&out, "- %s: %s", check.Column, check.Result)
			if check.Inside != "" {
				fmt.Fprintf(&out, ", inside `%s`", inLine(check.Inside))
			}
			if check.Says != "" {
				fmt.Fprintf(&out, "; says `%s`", inLine(check.Says))
			}
			out.WriteString("\n")
		}
	}
	return out.String()
}

// inLine keeps what programs said on one line, and inside of its quotes.
func inLine(text string) string {
	return strings.NewReplacer("\n", " / ", "`", "'", "|", "¦").Replace(strings.TrimSpace(text))
}
