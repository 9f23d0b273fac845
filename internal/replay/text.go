package replay

import (
	"strconv"
	"strings"

	"github.com/runward/runward/internal/display"
	"github.com/runward/runward/internal/explain"
	"github.com/runward/runward/policy"
)

// Text writes the report for a person.
func (r *Report) Text(p *display.Printer) error {
	n := map[string]int{}
	var rows []display.Row
	for _, c := range r.Running {
		n[c.Verdict]++
		rows = append(rows, c.row())
	}
	if len(rows) > 0 {
		p.Line(p.Paint(display.Bold, "Containers that run"))
		p.Table([]display.Column{{Title: "WOULD"}, {Title: "DID"}, {Title: "CONTAINER", Fit: display.Cut}, {Title: "ENGINE", Drop: 1}, {Title: "WHO", Fit: display.Cut}, {Title: "POLICIES", Fit: display.Wrap}}, rows)
		p.Line()
	}
	p.Line(strconv.Itoa(len(r.Running)), " running: ", strconv.Itoa(n["deny"]), " would be refused, ", strconv.Itoa(n["rewrite"]), " rewritten, ",
		strconv.Itoa(n["allow"]), " would start as they are, ", strconv.Itoa(n[""]), " cannot be judged.")
	r.gone(p)
	for i, note := range r.Notes {
		if i == 0 {
			p.Line()
		}
		p.Note("note: "+note, 0)
	}
	return p.Err()
}

func (c *Container) row() display.Row {
	row := display.Row{Cells: []display.Cell{
		{Text: orDash(c.Verdict)},
		{Text: orDash(c.Recorded)},
		{Text: short(c.ID)},
		{Text: orDash(c.Engine)},
		{Text: who(c.Identity)},
		{Text: orDash(strings.Join(c.Policies, ", "))},
	}}
	var v policy.Verdict
	if err := v.UnmarshalText([]byte(c.Verdict)); err == nil && c.Verdict != "" {
		row.Cells[0].Style = explain.VerdictStyle(v)
	}
	if c.Problem != "" {
		row.Notes = append(row.Notes, "cannot be judged: "+c.Problem)
	}
	for _, f := range c.Findings {
		if f.Done == policy.Reported {
			continue
		}
		row.Notes = append(row.Notes, string(f.Done)+" "+f.Rule+" "+f.Pointer+": "+f.Found)
		if f.Done == policy.Denied && f.Hint != "" {
			row.Notes = append(row.Notes, "  hint: "+f.Hint)
		}
	}
	switch c.Config {
	case Rewritten:
		row.Notes = append(row.Notes, "(judged by config.json as runward rewrote it then; what was taken away is not in it)")
	case Changed:
		row.Notes = append(row.Notes, "(config.json is not the one that the runtime read)")
	case Unknown:
		row.Notes = append(row.Notes, "(its receipt is not there: whether runward rewrote config.json then cannot be told)")
	}
	return row
}

func (r *Report) gone(p *display.Printer) {
	if len(r.Gone) == 0 {
		return
	}
	total := 0
	var rows []display.Row
	for _, g := range r.Gone {
		total += g.Count
		rows = append(rows, display.Row{Cells: []display.Cell{
			{Text: strconv.Itoa(g.Count)},
			{Text: g.Recorded},
			{Text: orDash(g.Engine)},
			{Text: who(policy.Identity{Namespace: g.Namespace, Container: g.Container, Image: g.Image})},
			{Text: orDash(strings.Join(g.Rules, ", "))},
			{Text: orDash(strings.Join(g.Policies, ", "))},
		}})
	}
	p.Line()
	p.Line(p.Paint(display.Bold, "Receipts of containers that run no more"), " (", strconv.Itoa(total), ")")
	p.Table([]display.Column{{Title: "COUNT", Right: true}, {Title: "DID"}, {Title: "ENGINE"}, {Title: "WHO", Fit: display.Cut}, {Title: "FOUND THEN", Fit: display.Wrap}, {Title: "WOULD BE SELECTED BY", Fit: display.Wrap}}, rows)
	p.Note("Receipts do not hold config.json, so what the policies would do to these cannot be told.", 0)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func short(id string) string {
	if len(id) > 12 && !strings.ContainsAny(id, "-_.") {
		return id[:12]
	}
	return id
}
