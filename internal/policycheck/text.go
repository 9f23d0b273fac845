package policycheck

import (
	"strconv"
	"strings"

	"github.com/runward/runward/internal/display"
)

// Text writes the report for a person: each file in short, then what is wrong,
// with the line of the file.
func (r *Report) Text(p *display.Printer) error {
	for i, f := range r.Files {
		if i > 0 {
			p.Line()
		}
		p.Line(p.Paint(display.Bold, display.Clean(f.File)))
		if f.Refused {
			p.Line("  ", p.Paint(display.Red, "refused"), ", see below")
			continue
		}
		name := f.Name + " (" + f.Mode + ")"
		if len(f.Extends) > 0 {
			name += ", extends " + strings.Join(f.Extends, ", ")
		}
		p.Field("  policy", name)
		if len(f.Select) == 0 {
			p.Field("  selects", "every container")
		}
		for j, s := range f.Select {
			p.Field([]string{"  selects", "  or"}[min(j, 1)], s)
		}
		p.Paragraph("  rules", strings.Join(f.Rules, " "))
		if len(f.Custom) > 0 {
			p.Paragraph("  custom", strings.Join(f.Custom, " "))
		}
		if f.Exceptions > 0 {
			p.Field("  excepts", count(f.Exceptions, "exception"))
		}
	}
	for _, x := range r.Problems {
		p.Line()
		x.write(p)
	}
	if len(r.Files)+len(r.Problems) > 0 {
		p.Line()
	}
	p.Line(r.summary())
	if r.Refuses {
		p.Line(p.Paint(display.Red, "Until every error is corrected, runward starts no container on this node."))
	}
	return p.Err()
}

func (x Problem) write(p *display.Printer) {
	style := map[Severity]display.Style{Error: display.Red, Warning: display.Yellow, Note: display.Cyan}[x.Severity]
	p.Line(p.Paint(style, string(x.Severity)), ": ", display.Clean(x.Place()+x.Message))
	p.Excerpt(x.Text, x.Line, x.Column)
}

// Place is "file:line:col: ", as far as it is known and not in the message.
func (x Problem) Place() string {
	switch {
	case x.File == "" || x.Line == 0 && strings.Contains(x.Message, x.File):
		return ""
	case x.Line == 0:
		return x.File + ": "
	}
	return x.File + ":" + strconv.Itoa(x.Line) + ":" + strconv.Itoa(x.Column) + ": "
}

func (r *Report) summary() string {
	parts := []string{count(len(r.Files), "file")}
	for _, s := range []Severity{Error, Warning, Note} {
		if n := r.Count(s); n > 0 {
			parts = append(parts, count(n, string(s)))
		}
	}
	if len(parts) == 1 {
		parts = append(parts, "nothing wrong")
	}
	return strings.Join(parts, ", ") + "."
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}
