package quota

import (
	"strconv"
	"strings"

	"github.com/runward/runward/internal/display"
	"github.com/runward/runward/policy"
)

// Text writes the report as a table.
func (r *Report) Text(p *display.Printer) error {
	var rows []display.Row
	for _, g := range r.Groups {
		rows = append(rows, display.Row{
			Cells: []display.Cell{
				{Text: g.By},
				{Text: name(g)},
				cell(g.Memory, size), cell(g.CPUs, cpus), cell(g.Pids, number), cell(g.Containers, number),
			},
			Notes: unlimited(g),
		})
	}
	if len(rows) > 0 {
		p.Table([]display.Column{
			{Title: "BY"},
			{Title: "GROUP", Fit: display.Cut},
			{Title: "MEMORY", Right: true},
			{Title: "CPUS", Right: true},
			{Title: "PIDS", Right: true},
			{Title: "CONTAINERS", Right: true},
		}, rows)
	} else {
		p.Line("no container that runward created is running")
	}
	for _, note := range r.Notes {
		p.Line()
		p.Line("note: ", display.Clean(note))
	}
	return p.Err()
}

func name(g Group) string {
	switch {
	case g.By == "node":
		return "(all)"
	case g.Name == "":
		return "(not known)"
	}
	return g.Name
}

// cell is "13GiB of 16GiB", red where it is more.
func cell(a Amount, show func(int64) string) display.Cell {
	c := display.Cell{Text: show(a.Used)}
	if a.Of != nil {
		c.Text += " of " + show(*a.Of)
	}
	if a.Over() {
		c.Style = display.Red
	}
	return c
}

// unlimited says how many containers are not in the sums.
func unlimited(g Group) []string {
	var parts []string
	for _, kind := range []struct {
		of string
		n  int64
	}{{"memory", g.Memory.Unlimited}, {"cpus", g.CPUs.Unlimited}, {"pids", g.Pids.Unlimited}} {
		if kind.n > 0 {
			parts = append(parts, number(kind.n)+" of "+kind.of)
		}
	}
	if len(parts) == 0 {
		return nil
	}
	return []string{"without a limit, and not in the sum: " + strings.Join(parts, ", ")}
}

func number(n int64) string { return strconv.FormatInt(n, 10) }
func cpus(n int64) string   { return policy.CPUs(n).String() }

// size shows bytes with a digit after the point at most.
func size(n int64) string {
	for _, unit := range []struct {
		name  string
		bytes float64
	}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if f := float64(n) / unit.bytes; f >= 1 {
			return strings.TrimSuffix(strconv.FormatFloat(f, 'f', 1, 64), ".0") + unit.name
		}
	}
	return number(n)
}
