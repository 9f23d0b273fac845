package policyshow

import (
	"maps"
	"slices"
	"strings"

	"github.com/runward/runward/internal/display"
)

// Text writes the view for a person.
func (v *View) Text(p *display.Printer) error {
	p.Field("engine", orElse(v.Engine, "not said"))
	for _, f := range [][2]string{
		{"handler", v.Handler},
		{"kind", v.Identity.Kind},
		{"namespace", v.Identity.Namespace},
		{"pod", v.Identity.Pod},
		{"container", v.Identity.Container},
		{"image", v.Identity.Image},
		{"digest", v.Identity.Digest},
		{"user", v.Identity.User},
	} {
		p.Field(f[0], f[1])
	}
	for i, s := range v.Policies {
		p.Field([]string{"policies", ""}[min(i, 1)], s.Policy+" ("+s.File+")")
	}
	if v.Refused {
		p.Line()
		p.Line(p.Paint(display.Red, "No policy selects this container, and such are refused"), " (policy.unselected in runward.toml).")
	}
	v.table(p, false)
	v.table(p, true)
	for i, x := range v.Exceptions {
		if i == 0 {
			p.Line()
			p.Line(p.Paint(display.Bold, "Exceptions that match"))
		}
		x.text(p)
	}
	for i, note := range v.Notes {
		if i == 0 {
			p.Line()
		}
		p.Note("note: "+note, 0)
	}
	return p.Err()
}

func (v *View) table(p *display.Printer, audit bool) {
	var rows []display.Row
	for _, r := range v.Rules {
		if r.Audit != audit {
			continue
		}
		rows = append(rows, display.Row{Cells: []display.Cell{{Text: r.Rule, Style: display.Bold}, {Text: r.Action}, {Text: sources(r.By), Style: display.Dim}}})
		for _, s := range r.Settings {
			rows = append(rows, display.Row{Cells: []display.Cell{{Text: "  " + s.Key}, {Text: s.Value}, {Text: sources(s.By), Style: display.Dim}}})
		}
	}
	if len(rows) == 0 {
		return
	}
	p.Line()
	if audit {
		p.Line(p.Paint(display.Bold, "Recorded only"), " (mode = \"audit\")")
	}
	p.Table([]display.Column{{Title: "RULE"}, {Title: "VALUE", Fit: display.Wrap}, {Title: "SET BY", Fit: display.Wrap}}, rows)
}

func sources(all []Source) string {
	var words []string
	for _, s := range all {
		if word := s.String(); !slices.Contains(words, word) {
			words = append(words, word)
		}
	}
	return strings.Join(words, ", ")
}

func (x *Exception) text(p *display.Printer) {
	what := strings.Join(x.Rules, ", ") + ": waived"
	if x.Allow != nil {
		var words []string
		for _, rule := range slices.Sorted(maps.Keys(x.Allow)) {
			words = append(words, rule+": also "+x.Allow[rule])
		}
		what = strings.Join(words, "; ")
	}
	if x.Expires != "" {
		what += ", until " + x.Expires
	}
	if x.Ended {
		what += " (ended: it lets nothing pass)"
	}
	p.Line("  ", display.Clean(what))
	p.Note("for "+x.Match+" ("+x.At.String()+")", 4)
	p.Note("reason: "+x.Reason, 4)
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
