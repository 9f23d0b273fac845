package main

import (
	"bufio"
	"errors"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/runward/runward/internal/audit/journal"
	"github.com/runward/runward/internal/config"
	"github.com/runward/runward/internal/display"
	"github.com/runward/runward/internal/engine"
	"github.com/runward/runward/internal/owner"
	"github.com/runward/runward/internal/replay"
	"github.com/runward/runward/internal/tomlformat"
	"github.com/runward/runward/policy"
)

type enforceFlags struct {
	since    string
	yes, dry bool
}

func (a *app) enforce() *cobra.Command {
	var f enforceFlags
	cmd := &cobra.Command{
		Use:   "enforce",
		Short: "Switch the node from recording to enforcing, after showing what that means",
		Long: `Enforce shows which of the containers that run would be refused or rewritten, as
replay does, and how many creates in the receipts would have been, asks, and sets
mode = "enforce" in runward.toml. Nothing else in that file changes, and containers
that run stay as they are. Policies that are in audit mode themselves stay so.

Exit codes: 0 the node enforces; 1 it does not, since nobody said yes; 2 policies,
receipts or ledger cannot be read, or runward.toml cannot be written; 3 internal
error.`,
		Example: "  runwardctl enforce --dry-run\n  runwardctl enforce --since 30d",
		Args:    args(0, 0, "no arguments"),
		RunE:    func(*cobra.Command, []string) error { return a.runEnforce(f) },
	}
	sinceFlag(cmd, &f.since, "7d", "receipts since")
	cmd.Flags().BoolVar(&f.yes, "yes", false, "do not ask")
	cmd.Flags().BoolVar(&f.dry, "dry-run", false, "show, and change nothing")
	return cmd
}

// enforcing is what enforce prints.
type enforcing struct {
	File     string         `json:"file"`
	Mode     string         `json:"mode"` // before
	Running  *replay.Report `json:"replay,omitempty"`
	Receipts counts         `json:"receipts"`
	Notes    []string       `json:"notes,omitempty"`
	Switched bool           `json:"switched"`

	since string
}

// counts are creates in the receipts.
type counts struct {
	All     int      `json:"all"`
	Deny    int      `json:"deny"`    // would have been refused
	Rewrite int      `json:"rewrite"` // would have been rewritten
	Denied  []string `json:"denied"`  // the newest of those, for a person
}

func (a *app) runEnforce(f enforceFlags) error {
	since, err := parseSince(f.since)
	if err != nil {
		return err
	}
	cfg, err := config.Load()
	if err != nil {
		return configuration(err)
	}
	e := &enforcing{File: config.File(), Mode: cfg.Mode, since: f.since}
	if cfg.NodeMode() == policy.Enforce {
		e.Switched = true
		return a.print(e, func(p *display.Printer) error {
			p.Line("The node enforces already.")
			return p.Err()
		})
	}
	if err := e.gather(cfg, since); err != nil {
		return configuration(err)
	}
	table := a.output == "table"
	if table {
		if err := e.text(a.printer(a.out)); err != nil {
			return err
		}
	}
	if e.Switched, err = a.switchOver(f); err != nil {
		return err
	}
	if !e.Switched {
		a.code = exitFindings
	}
	if !table {
		return a.print(e, nil)
	}
	p := a.printer(a.out)
	if e.Switched {
		p.Line("The node enforces from now on: ", display.Clean(e.File))
	} else {
		p.Line("Nothing was changed.")
	}
	return p.Err()
}

// gather finds out what enforcing would do, and would have done.
func (e *enforcing) gather(cfg *config.Config, since time.Time) error {
	set, _, err := loadSet(cfg, nil)
	if err != nil {
		return err
	}
	for _, p := range set.Policies {
		if p.Mode == policy.Audit {
			e.Notes = append(e.Notes, "policy "+p.Name+" is in audit mode itself: it goes on recording only")
		}
	}
	if cfg.NodeMode() == policy.Off {
		e.Notes = append(e.Notes, "the mode is off: runward left no receipts meanwhile")
	}
	r := &replayer{cfg: cfg, set: set, since: since, living: living()}
	r.Running = []replay.Container{}
	if err := r.run(nil); err != nil {
		return err
	}
	e.Running = &r.Report
	return e.Receipts.read(since)
}

// shownDenied is how many of those that would have been refused are named.
const shownDenied = 10

// read counts receipts of creates.
func (c *counts) read(since time.Time) error {
	c.Denied = []string{}
	_, inputs, _, done, err := openReceipts()
	if err != nil {
		return err
	}
	defer done()
	for r, err := range journal.All(inputs) {
		if err != nil {
			return err
		}
		if r.Time.Before(since) || r.Verb != "create" && r.Verb != "run" && r.Verb != "restore" {
			continue
		}
		c.All++
		var denied, rewritten []string
		for _, f := range r.Findings {
			switch f.Done {
			case policy.WouldDeny:
				denied = append(denied, f.Rule)
			case policy.WouldRewrite:
				rewritten = append(rewritten, f.Rule)
			default: // it was done, or is only worth knowing
			}
		}
		switch {
		case len(denied) > 0 || r.Error != "" && r.Verdict == policy.Allow:
			c.Deny++
			line := r.ID + " " + r.Container + ": " + strings.Join(append(denied, r.Error), " ")
			if c.Denied = append(c.Denied, strings.TrimSpace(line)); len(c.Denied) > shownDenied {
				c.Denied = c.Denied[1:]
			}
		case len(rewritten) > 0:
			c.Rewrite++
		}
	}
	return nil
}

func (e *enforcing) text(p *display.Printer) error {
	if err := e.Running.Text(p); err != nil {
		return err
	}
	p.Line()
	p.Line(p.Paint(display.Bold, "Receipts since "+e.since))
	p.Line(counted(e.Receipts.All, "create"), ": ", counted(e.Receipts.Deny, "container"), " would have been refused, ", counted(e.Receipts.Rewrite, "container"), " rewritten.")
	for _, line := range e.Receipts.Denied {
		p.Note("would have been refused: "+line, 2)
	}
	for _, note := range e.Notes {
		p.Note("note: "+note, 0)
	}
	if e.Receipts.All == 0 {
		p.Note("note: there are no receipts to tell by: is runward registered? (runwardctl engine status)", 0)
	}
	p.Line()
	return p.Err()
}

// switchOver asks, and writes runward.toml.
func (a *app) switchOver(f enforceFlags) (bool, error) {
	switch {
	case f.dry:
		return false, nil
	case f.yes:
	case !term.IsTerminal(int(os.Stdin.Fd())):
		return false, usage("standard input is no terminal, so nobody can be asked", "runwardctl enforce --yes switches without asking")
	default:
		if _, err := io.WriteString(a.errOut, "Enforce from now on? [y/N] "); err != nil {
			return false, err
		}
		answer, err := bufio.NewReader(os.Stdin).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return false, err
		}
		if word := strings.ToLower(strings.TrimSpace(answer)); word != "y" && word != "yes" {
			return false, nil
		}
	}
	file := config.File()
	text, err := owner.Read(file, 1<<20)
	if err != nil {
		return false, configuration(errors.New(file + " cannot be read: " + owner.Reason(err)))
	}
	out, err := engine.SetMode(file, string(text), policy.Enforce.String())
	if err != nil {
		return false, configuration(err)
	}
	if err := tomlformat.Replace(file, text, []byte(out)); err != nil {
		return false, configuration(err)
	}
	return true, nil
}
