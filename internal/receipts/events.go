package receipts

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/runward/runward/internal/audit/event"
	"github.com/runward/runward/internal/audit/journal"
	"github.com/runward/runward/internal/display"
	"github.com/runward/runward/internal/explain"
)

// MatchEvent tells whether an event is to be listed. It has no verdict.
func (f Filter) MatchEvent(e *event.Event) bool {
	return f.Verdict == "" && !e.Time.Before(f.Since) && strings.HasPrefix(e.Container, f.Container)
}

// Events writes a table of events, newest last.
func Events(p *display.Printer, events []*event.Event) error {
	var rows []display.Row
	for _, e := range events {
		rows = append(rows, display.Row{Cells: []display.Cell{
			{Text: e.Time.UTC().Format(time.RFC3339)},
			{Text: e.Kind},
			{Text: e.Severity, Style: severityStyle(e.Severity)},
			{Text: e.Name},
			{Text: orDash(shortID(e.Container))},
			{Text: e.Message},
			{Text: e.ID},
		}})
	}
	if len(rows) > 0 {
		p.Table([]display.Column{
			{Title: "TIME"},
			{Title: "KIND", Drop: 1},
			{Title: "SEVERITY"},
			{Title: "NAME"},
			{Title: "CONTAINER", Fit: display.Cut},
			{Title: "MESSAGE", Fit: display.Cut},
			{Title: "EVENT"},
		}, rows)
	}
	return p.Err()
}

func severityStyle(severity string) display.Style {
	switch severity {
	case event.Critical:
		return display.Red
	case event.Warning:
		return display.Yellow
	}
	return display.Plain
}

// ShowEvent writes one event in full.
func ShowEvent(p *display.Printer, e *event.Event) error {
	p.Line(p.Paint(severityStyle(e.Severity), strings.ToUpper(e.Severity)), ": ", display.Clean(e.Message))
	p.Line()
	p.Field("event", e.ID+" (number "+strconv.FormatUint(e.Seq, 10)+")")
	p.Field("time", e.Time.UTC().Format(time.RFC3339Nano))
	p.Field("kind", e.Kind)
	p.Field("name", e.Name)
	p.Field("id", e.Container)
	p.Field("bundle", e.Bundle)
	p.Field("engine", e.Engine)
	for _, f := range explain.Who(e.Identity) {
		p.Field(f[0], f[1])
	}
	p.Field("receipt", e.Receipt)
	p.Field("got", e.Got)
	p.Field("want", e.Want)
	p.Field("who", e.Who)
	p.Field("why", e.Why)
	for _, name := range slices.Sorted(maps.Keys(e.Details)) {
		p.Field(display.Clean(name), e.Details[name])
	}
	p.Field("hash", e.Hash)
	p.Field("before it", orElse(e.Prev, "none, this is the first record"))
	if e.Cut != nil {
		p.Line()
		p.Note("note: this event would have been too long ("+strconv.Itoa(e.Cut.Bytes)+" bytes), the ends of its strings were left out", 0)
	}
	return p.Err()
}

// Tail writes a record in one line.
func Tail(p *display.Printer, r journal.Record) error {
	if e := r.Event; e != nil {
		p.Line(
			e.Time.UTC().Format(time.RFC3339), " ", p.Paint(severityStyle(e.Severity), e.Kind+" "+e.Severity), " ", display.Clean(e.Name), " ",
			display.Clean(orDash(shortID(e.Container))), " ", e.ID, " ", display.Clean(e.Message),
		)
		return p.Err()
	}
	c := r.Receipt
	p.Line(
		c.Time.UTC().Format(time.RFC3339), " ", p.Paint(explain.VerdictStyle(c.Verdict), "receipt "+verdict(c)), " ", display.Clean(c.Verb), " ",
		display.Clean(orDash(shortID(c.Container))), " ", c.ID, " ", display.Clean(who(c)), " ", display.Clean(rules(c)),
	)
	return p.Err()
}
