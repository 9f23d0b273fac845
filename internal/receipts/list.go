package receipts

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/runward/runward/internal/audit"
	"github.com/runward/runward/internal/display"
	"github.com/runward/runward/internal/explain"
	"github.com/runward/runward/policy"
)

// A Table lists receipts. It keeps only what it shows.
type Table struct {
	rows []display.Row
	last int
}

// NewTable returns a Table of the newest receipts; 0: of all.
func NewTable(newest int) *Table { return &Table{last: newest} }

// Add adds a receipt that is newer than those before.
func (t *Table) Add(r *audit.Receipt) {
	t.rows = append(t.rows, display.Row{Cells: []display.Cell{
		{Text: r.Time.UTC().Format(time.RFC3339)},
		{Text: verdict(r), Style: explain.VerdictStyle(r.Verdict)},
		{Text: shortID(r.Container)},
		{Text: orDash(r.Engine)},
		{Text: who(r)},
		{Text: rules(r)},
		{Text: strconv.FormatInt(r.Micros, 10)},
		{Text: r.ID},
	}})
	if t.last > 0 && len(t.rows) > 2*t.last {
		t.rows = slices.Clone(t.rows[len(t.rows)-t.last:])
	}
}

// Text writes the table, newest last.
func (t *Table) Text(p *display.Printer) error {
	rows := t.rows
	if t.last > 0 && len(rows) > t.last {
		rows = rows[len(rows)-t.last:]
	}
	if len(rows) == 0 {
		return p.Err()
	}
	if p.Width > 0 && p.Width < wide {
		rows = shortened(rows)
	}
	p.Table([]display.Column{
		{Title: "TIME"},
		{Title: "VERDICT"},
		{Title: "CONTAINER", Fit: display.Cut},
		{Title: "ENGINE", Drop: 2},
		{Title: "WHO", Fit: display.Cut},
		{Title: "RULES", Fit: display.Cut, Drop: 3},
		{Title: "MICROS", Right: true, Drop: 1},
		{Title: "RECEIPT"},
	}, rows)
	return p.Err()
}

const (
	// wide is how wide a terminal has room for whole ids of receipts.
	wide = 140
	// shortReceipt is how much of an id tells receipts apart: ten characters of
	// time and six of chance.
	shortReceipt = 16
)

// shortened gives the rows with the beginnings of the receipts' ids, which is
// all that `receipts show` needs.
func shortened(rows []display.Row) []display.Row {
	short := make([]display.Row, len(rows))
	for i, r := range rows {
		cells := slices.Clone(r.Cells)
		id := &cells[len(cells)-1]
		id.Text = id.Text[:min(len(id.Text), shortReceipt)]
		short[i] = display.Row{Cells: cells, Notes: r.Notes}
	}
	return short
}

// Len tells how many receipts are in the table.
func (t *Table) Len() int {
	if t.last > 0 {
		return min(len(t.rows), t.last)
	}
	return len(t.rows)
}

// verdict is the receipt's, and what policies in audit mode would have decided.
func verdict(r *audit.Receipt) string {
	would := ""
	for _, f := range r.Findings {
		switch f.Done {
		case policy.WouldDeny:
			return r.Verdict.String() + ", would deny"
		case policy.WouldRewrite:
			would = ", would rewrite"
		default: // it was done, or is only worth knowing
		}
	}
	return r.Verdict.String() + would
}

// shortID cuts a container's id of 64 hexadecimal digits to 12, as engines
// show it.
func shortID(id string) string {
	if len(id) == 64 && strings.Trim(id, "0123456789abcdef") == "" {
		return id[:12]
	}
	return id
}

// who is namespace/pod/container, as far as the engine said.
func who(r *audit.Receipt) string {
	var parts []string
	for _, s := range []string{r.Identity.Namespace, r.Identity.Pod, r.Identity.Container} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	if len(parts) == 0 {
		return orDash(r.Identity.User)
	}
	return strings.Join(parts, "/")
}

// rules names the rules that found something, each once.
func rules(r *audit.Receipt) string {
	var names []string
	for _, f := range r.Findings {
		if !slices.Contains(names, f.Rule) {
			names = append(names, f.Rule)
		}
	}
	switch {
	case len(names) > 0:
		return strings.Join(names, ",")
	case r.Error != "":
		return "(error)"
	}
	return "-"
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
