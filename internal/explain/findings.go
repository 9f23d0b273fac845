package explain

import (
	"slices"
	"strings"

	"github.com/runward/runward/internal/display"
	"github.com/runward/runward/internal/patch"
	"github.com/runward/runward/policy"
)

// VerdictStyle is the colour of a verdict.
func VerdictStyle(v policy.Verdict) display.Style {
	switch v {
	case policy.Allow:
		return display.Green
	case policy.Rewrite:
		return display.Yellow
	default:
		return display.Red
	}
}

func doneStyle(d policy.Done) display.Style {
	switch d {
	case policy.Denied, policy.Expired:
		return display.Red
	case policy.Rewritten:
		return display.Yellow
	case policy.WouldDeny, policy.WouldRewrite:
		return display.Cyan
	case policy.Excepted:
		return display.Purple
	default:
		return display.Plain
	}
}

// Findings writes a table, those first for which the container is refused, and
// below each finding what its owner can do and why an exception lets it pass.
func Findings(p *display.Printer, findings []policy.Finding) {
	columns := []display.Column{{Title: "DONE"}, {Title: "RULE"}, {Title: "WHERE", Fit: display.Wrap}, {Title: "FOUND -> WANTED", Fit: display.Wrap}}
	findings = slices.Clone(findings)
	slices.SortStableFunc(findings, func(a, b policy.Finding) int { return rank(a) - rank(b) })
	one := !slices.ContainsFunc(findings, func(f policy.Finding) bool { return f.Policy != findings[0].Policy })
	var rows []display.Row
	for _, f := range findings {
		row := display.Row{Cells: []display.Cell{
			{Text: string(f.Done), Style: doneStyle(f.Done)},
			{Text: f.Rule},
			{Text: f.Pointer},
			{Text: orElse(f.Found, "nothing") + " -> " + orElse(f.Wanted, "nothing")},
		}}
		if f.Hint != "" {
			row.Notes = append(row.Notes, "hint: "+f.Hint)
		}
		if f.Because != "" {
			row.Notes = append(row.Notes, "exception: "+f.Because)
		}
		if f.Policy != "" && !one {
			row.Notes = append(row.Notes, "policy: "+strings.ReplaceAll(f.Policy, "+", ", "))
		}
		rows = append(rows, row)
	}
	p.Table(columns, rows)
	if has(findings, policy.Denied) && has(findings, policy.Rewritten) {
		p.Note("(The container was refused, so nothing was rewritten: what says so would have been.)", 0)
	}
}

func has(findings []policy.Finding, done policy.Done) bool {
	return slices.ContainsFunc(findings, func(f policy.Finding) bool { return f.Done == done })
}

func rank(f policy.Finding) int {
	if f.Done == policy.Denied {
		return 0
	}
	return 1
}

// Patch writes a patch, an operation a line.
func Patch(p *display.Printer, ops patch.Patch) {
	for _, op := range ops {
		style, rest := display.Yellow, op.Path
		switch op.Op {
		case "remove":
			style = display.Red
		case "add":
			style = display.Green
		case "move", "copy":
			rest = op.From + " to " + op.Path
		}
		if len(op.Value) > 0 {
			rest += " = " + string(op.Value)
		}
		p.Line("  ", p.Paint(style, display.Clean(op.Op)), " ", display.Clean(rest))
	}
}
