package monitorview

import (
	"strconv"
	"strings"

	"github.com/runward/runward/internal/display"
	"github.com/runward/runward/internal/monitor/api"
)

// Top shows what containers use. A bar is how much of its limit.
func Top(p *display.Printer, all []api.Container) error {
	var rows []display.Row
	for i := range all {
		c := &all[i]
		name := strings.Trim(c.Namespace+" "+Name(c), " ")
		if name == "" {
			name = Short(c.ID)
		}
		row := display.Row{Cells: []display.Cell{{Text: name}}}
		if u := c.Usage; u == nil {
			row.Cells = append(row.Cells, display.Cell{Text: "-"}, display.Cell{Text: "-"}, display.Cell{Text: "-"}, display.Cell{Text: "-"}, display.Cell{Text: "-"}, display.Cell{Text: "-"}, display.Cell{Text: "-"})
		} else {
			memory, pids := share(float64(u.Memory), float64(u.MemoryLimit)), share(float64(u.Pids), float64(u.PidsLimit))
			row.Cells = append(row.Cells,
				display.Cell{Text: strconv.FormatFloat(u.CPU, 'f', 2, 64)}, bar(share(u.CPU, u.CPULimit)),
				display.Cell{Text: Bytes(float64(u.Memory)), Style: memory.style()}, bar(memory),
				display.Cell{Text: strconv.FormatUint(u.Pids, 10), Style: pids.style()},
				display.Cell{Text: Bytes(u.Received) + "/" + Bytes(u.Sent)}, display.Cell{Text: Bytes(u.Read) + "/" + Bytes(u.Written)})
		}
		rows = append(rows, row)
	}
	p.Table([]display.Column{
		{Title: "CONTAINER", Fit: display.Cut},
		{Title: "CPUS", Right: true},
		{Title: "OF LIMIT", Drop: 2},
		{Title: "MEMORY", Right: true},
		{Title: "OF LIMIT", Drop: 3},
		{Title: "PIDS", Right: true},
		{Title: "NET IN/OUT", Right: true},
		{Title: "DISK R/W", Right: true, Drop: 1},
	}, rows)
	return p.Err()
}

// A part is how much of a limit is used, 0 to 1; below 0: there is no limit.
type part float64

func share(used, limit float64) part {
	if limit <= 0 {
		return -1
	}
	return part(used / limit)
}

func (s part) style() display.Style {
	switch {
	case s >= 0.9:
		return display.Red
	case s >= 0.7:
		return display.Yellow
	default:
		return display.Plain
	}
}

func bar(s part) display.Cell {
	const width = 8
	if s < 0 {
		return display.Cell{Text: "no limit", Style: display.Dim}
	}
	full := min(int(float64(s)*width+0.5), width)
	return display.Cell{Text: strings.Repeat("█", full) + strings.Repeat("░", width-full), Style: s.style()}
}

// Bytes is a number of bytes in its largest unit, as 1.5 MiB is "1.5M".
func Bytes(n float64) string {
	const units = "BKMGTP"
	i := 0
	for n >= 1000 && i < len(units)-1 {
		n /= 1024
		i++
	}
	digits := 0
	if n < 10 && i > 0 {
		digits = 1
	}
	return strconv.FormatFloat(n, 'f', digits, 64) + units[i:i+1]
}
