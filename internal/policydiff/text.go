package policydiff

import (
	"strconv"

	"github.com/runward/runward/internal/display"
)

// Text writes changes for a person: what becomes looser first.
func Text(p *display.Printer, changes []Change) error {
	n := map[Direction]int{}
	for _, group := range []struct {
		dir   Direction
		style display.Style
		title string
	}{{Looser, display.Red, "Looser"}, {Stricter, display.Green, "Stricter"}, {Other, display.Yellow, "Other"}} {
		for _, c := range changes {
			if c.Direction != group.dir {
				continue
			}
			if n[c.Direction]++; n[c.Direction] == 1 {
				p.Line(p.Paint(group.style, group.title))
			}
			where := c.Policy
			if c.Rule != "" {
				where += ": " + c.Rule
			}
			if c.Setting != "" {
				where += "." + c.Setting
			}
			p.Note(where+": "+c.What, 2)
		}
		if n[group.dir] > 0 {
			p.Line()
		}
	}
	if len(changes) == 0 {
		p.Line("They decide the same.")
		return p.Err()
	}
	p.Line(strconv.Itoa(n[Looser]) + " looser, " + strconv.Itoa(n[Stricter]) + " stricter, " + strconv.Itoa(n[Other]) + " other.")
	return p.Err()
}
