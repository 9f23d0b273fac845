package replay

import (
	"slices"
	"strconv"
	"strings"

	"github.com/runward/runward/internal/display"
	"github.com/runward/runward/internal/explain"
	"github.com/runward/runward/policy"
)

// Text writes the report for a person.
func (r *Report) Text(p *display.Printer) error {
	var rows []display.Row
	for i := range r.Running {
		rows = append(rows, r.Running[i].row(r.Verbose))
	}
	if len(rows) > 0 {
		p.Line(p.Paint(display.Bold, "Containers that run"))
		p.Table([]display.Column{
			{Title: "WOULD"},
			{Title: "DID"},
			{Title: "ENGINE"},
			{Title: "NAMESPACE", Fit: display.Cut},
			{Title: "CONTAINER", Fit: display.Cut},
			{Title: "RULES", Fit: display.Wrap},
			{Title: "POLICIES", Fit: display.Wrap, Drop: 1},
		}, rows)
		p.Line()
	}
	t := r.Totals
	p.Line(strconv.Itoa(t.Running), " running: ", strconv.Itoa(t.Deny), " would be refused, ", strconv.Itoa(t.Rewrite), " rewritten, ",
		strconv.Itoa(t.Allow), " would start as they are, ", strconv.Itoa(t.Unjudged), " cannot be judged.")
	r.gone(p)
	for i, note := range append(r.assumed(), r.Notes...) {
		if i == 0 {
			p.Line()
		}
		p.Note("note: "+note, 0)
	}
	return p.Err()
}

// assumed says of how many containers what is not as it was at create.
func (r *Report) assumed() []string {
	n := map[string]int{}
	for _, c := range r.Running {
		n[c.Config]++
	}
	var notes []string
	add := func(count int, what string) {
		if count > 0 {
			notes = append(notes, strconv.Itoa(count)+" "+what)
		}
	}
	add(n[Foreign], "not created by runward, judged as their engines wrote them")
	add(n[Rewritten], "judged by config.json as runward rewrote it when they were created: what was taken away is not in it, so a policy that finds nothing may still have had to rewrite what the engine wrote")
	add(n[Changed], "judged by a config.json that is not the one their runtime read")
	add(n[Unknown], "created by runward, but without their receipts: whether config.json was rewritten then cannot be told")
	add(r.Totals.Ended, "ended, of which a record is left; not judged")
	if t := r.Totals; t.Deny+t.Rewrite > 0 && !r.Verbose {
		notes = append(notes, "-v shows what was found of each")
	}
	return notes
}

func (c *Container) row(verbose bool) display.Row {
	row := display.Row{Cells: []display.Cell{
		{Text: orDash(c.Verdict)},
		{Text: orDash(c.Recorded)},
		{Text: orDash(c.Engine)},
		{Text: orDash(c.place())},
		{Text: c.called()},
		{Text: orDash(strings.Join(c.rules(), ", "))},
		{Text: orDash(strings.Join(c.Policies, ", "))},
	}}
	var v policy.Verdict
	if err := v.UnmarshalText([]byte(c.Verdict)); err == nil && c.Verdict != "" {
		row.Cells[0].Style = explain.VerdictStyle(v)
	}
	switch {
	case c.Problem != "" && c.Verdict != "":
		row.Notes = append(row.Notes, "runward refuses such a bundle: "+c.Problem)
	case c.Problem != "":
		row.Notes = append(row.Notes, "cannot be judged: "+c.Problem)
	}
	if !verbose {
		return row
	}
	row.Notes = append(row.Notes, "id "+c.ID+", bundle "+orDash(c.Bundle))
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
	case Foreign:
		row.Notes = append(row.Notes, "(runward did not create it)")
	}
	for _, note := range c.Notes {
		row.Notes = append(row.Notes, "("+note+")")
	}
	return row
}

// rules are those that would refuse it, then those that would rewrite it.
func (c *Container) rules() []string {
	var all []string
	for _, done := range []policy.Done{policy.Denied, policy.Rewritten} {
		for _, f := range c.Findings {
			if f.Done == done && !slices.Contains(all, f.Rule) {
				all = append(all, f.Rule)
			}
		}
	}
	return all
}

// place is the namespace of its pod, or of containerd.
func (c *Container) place() string { return first(c.Identity.Namespace, c.Space) }

// called is how a person knows the container.
func (c *Container) called() string {
	if id := c.Identity; id.Pod != "" {
		return id.Pod + "/" + first(id.Container, id.Kind)
	}
	return first(c.Name, short(c.ID))
}

func first(words ...string) string {
	for _, s := range words {
		if s != "" {
			return s
		}
	}
	return ""
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
