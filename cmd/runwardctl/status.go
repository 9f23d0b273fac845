package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/runward/runward/internal/display"
	"github.com/runward/runward/internal/engine"
)

func (a *app) engineStatus() *cobra.Command {
	var t target
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show what of each engine goes through runward, by its files",
		Long: `Status reads the engines' files and says of each whether runward is registered,
is the default, and stands in front of every handler, and which ways lead around
it. It asks no engine: what an engine has read of its files, verify shows.

Exit codes: 0 every handler of every engine goes through runward; 1 some ways
lead around it that configure can close, or something is wrong; 2 a file cannot
be read; 3 internal error.`,
		Example: "  runwardctl engine status\n  runwardctl engine status -o json",
		Args:    args(0, 0, "no arguments"),
		RunE:    func(*cobra.Command, []string) error { return a.runEngineStatus(&t) },
	}
	t.flags(cmd)
	t.rootFlag(cmd)
	return cmd
}

// statuses are what status prints.
type statuses struct {
	Engines []*engine.Status `json:"engines"`
}

func (a *app) runEngineStatus(t *target) error {
	t.recorded = true
	s, all, err := t.find()
	if err != nil {
		return err
	}
	var out statuses
	for _, e := range all {
		st, err := t.status(s, e)
		if err != nil {
			return err
		}
		out.Engines = append(out.Engines, st)
		if !st.All() {
			a.code = exitFindings
		}
	}
	return a.print(&out, out.text)
}

// status is of the files that configure wrote, unless others are named.
func (t *target) status(s *engine.System, e *engine.Engine) (*engine.Status, error) {
	r, err := s.Recorded(e.Name)
	if err == nil && r != nil && t.config == "" && r.Config != "" && r.Config != e.Usual() {
		s.Configs[e.Name] = r.Config
	}
	if err != nil {
		return nil, configuration(err)
	}
	st, err := e.Status(s)
	if err != nil {
		return nil, configuration(err)
	}
	return st, nil
}

func (o *statuses) text(p *display.Printer) error {
	var rows []display.Row
	for _, st := range o.Engines {
		row := display.Row{Cells: []display.Cell{
			{Text: st.Engine}, {Text: orDash(st.Version)}, yes(st.Registered), yes(st.IsDefault), yes(st.Interposed), {Text: orDash(strings.Join(handlerWords(st), ", "))},
		}}
		for _, problem := range st.Problems {
			row.Notes = append(row.Notes, "problem: "+problem)
		}
		for _, way := range st.Open {
			row.Notes = append(row.Notes, "around runward: "+way)
		}
		for _, note := range st.Notes {
			row.Notes = append(row.Notes, "note: "+note)
		}
		rows = append(rows, row)
	}
	p.Table([]display.Column{
		{Title: "ENGINE"},
		{Title: "VERSION", Drop: 1},
		{Title: "REGISTERED"},
		{Title: "DEFAULT"},
		{Title: "INTERPOSED"},
		{Title: "HANDLERS", Fit: display.Wrap},
	}, rows)
	return p.Err()
}

// handlerWords names the handlers, those that are runward with what it is.
func handlerWords(st *engine.Status) []string {
	var words []string
	for _, h := range st.Handlers {
		word := h.Name
		switch {
		case h.Through:
			word += " (runward)"
		case h.Type != "":
			word += " (" + h.Type + ")"
		case h.Reserved:
			word += " (reserved)"
		}
		words = append(words, word)
	}
	return words
}

func yes(b bool) display.Cell {
	if b {
		return display.Cell{Text: "yes", Style: display.Green}
	}
	return display.Cell{Text: "no", Style: display.Yellow}
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
