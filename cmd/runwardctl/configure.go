package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/runward/runward/internal/display"
	"github.com/runward/runward/internal/engine"
	"github.com/runward/runward/internal/tomlformat"
)

type changeFlags struct {
	target
	dry, diff, restart bool
}

func (f *changeFlags) flags(cmd *cobra.Command) {
	f.target.flags(cmd)
	f.rootFlag(cmd)
	cmd.Flags().BoolVar(&f.dry, "dry-run", false, "change nothing, name the files that would change")
	cmd.Flags().BoolVar(&f.diff, "diff", false, "change nothing, show what would change")
	cmd.Flags().BoolVar(&f.restart, "restart", false, "let the engine read its files at once (Docker: reload; containerd, CRI-O: restart), and take everything back if it does not come up")
}

// preview tells whether nothing is to be changed.
func (f *changeFlags) preview() bool { return f.dry || f.diff }

// changed is what became, or would become, of the engines.
type changed struct {
	Engines []engineChange `json:"engines"`
	Audit   string         `json:"audit,omitempty"` // what became of runward.toml
	Notes   []string       `json:"notes,omitempty"`
	Preview bool           `json:"preview"`

	diff bool
}

type engineChange struct {
	Engine string       `json:"engine"`
	Mode   engine.Mode  `json:"mode,omitempty"`
	Files  []fileChange `json:"files"`
	Notes  []string     `json:"notes,omitempty"`
	Reload string       `json:"reload,omitempty"` // what was done to the engine
	ToDo   string       `json:"todo,omitempty"`   // what is left to be done
}

type fileChange struct {
	Path   string `json:"path"`
	Action string `json:"action"` // create, change or remove

	before, after string
}

func (a *app) engineConfigure() *cobra.Command {
	var f changeFlags
	var r engine.Request
	var mode string
	cmd := &cobra.Command{
		Use:   "configure",
		Short: "Register runward with the node's engines",
		Long: `Configure tells engines of runward, in files of their own where the engine reads
such: containerd's conf.d, CRI-O's crio.conf.d, Podman's containers.conf.d. Of
Docker's daemon.json and of a config.toml that imports nothing it changes single
places, and keeps every other byte. What it wrote, and what was there before, stands in
a journal: unconfigure takes it back, also from a file that was edited elsewhere
since, and a configure that was interrupted is taken back by the next one.

--mode register  runward can be asked for: docker run --runtime runward, a
                 RuntimeClass with handler: runward. Nothing else changes.
--mode default   and whoever asks for no runtime gets it.
--mode interpose and every other handler that is a runc or a crun gets runward in
                 front, under a link of its own, with its own runtime behind it
                 (runtime.handlers in runward.toml).

Each mode holds what those before it do. On a node without a runward.toml it
writes one with mode = "audit": runward records and changes nothing until
runwardctl enforce.

Engines are only made to read their files with --restart.

Exit codes: 0 done, or nothing to do; 1 with --dry-run or --diff, something would
change; 2 it cannot be done, and nothing was changed; 3 internal error.`,
		Example: `  runwardctl engine configure --diff
  runwardctl engine configure --engine docker --mode default --restart
  runwardctl engine configure --engine containerd --handler runward --handler runward-restricted`,
		Args: args(0, 0, "no arguments"),
		RunE: func(*cobra.Command, []string) error {
			r.Mode = engine.Mode(mode)
			return a.runConfigure(&f, &r)
		},
	}
	f.flags(cmd)
	cmd.Flags().StringVar(&mode, "mode", string(engine.Register), "`how` much goes through runward: register, default or interpose")
	cmd.Flags().StringSliceVar(&r.Names, "handler", []string{"runward"}, "the `name` of a handler (repeatable); policies select by it; the first is the default one")
	return cmd
}

func (a *app) runConfigure(f *changeFlags, r *engine.Request) error {
	if err := r.Check(); err != nil {
		return usage("--mode, --handler: "+err.Error(), "")
	}
	s, all, notes, unlock, err := f.locked(f.preview())
	if err != nil {
		return err
	}
	defer unlock()
	if err := checkRunward(s); err != nil {
		return err
	}
	c := &changed{Engines: []engineChange{}, Notes: notes, Preview: f.preview(), diff: f.diff}
	began, err := s.BeginAudit(f.preview())
	if err != nil {
		return configuration(err)
	}
	switch {
	case !began && s.NodeMode() == "enforce":
		c.Audit = "the node enforces (" + s.Settings + "): what goes through runward is held to policy at once; runwardctl replay --running shows what that means"
	case began:
		c.Audit = `runward.toml (` + s.Settings + `) is new, with mode = "audit": runward records what it would do and changes nothing, until runwardctl enforce`
	}
	for _, e := range all {
		if err := a.configureOne(c, s, e, f, r); err != nil {
			_, _ = s.EndAudit(f.preview()) // the error to report is the first
			return err
		}
	}
	if _, err := s.EndAudit(f.preview() || len(c.Engines) > 0); err != nil {
		return configuration(err)
	}
	return a.finish(c)
}

func (a *app) configureOne(c *changed, s *engine.System, e *engine.Engine, f *changeFlags, r *engine.Request) error {
	if st, err := e.Status(s); err == nil && st.Inactive && f.engines[0] == "auto" {
		c.Notes = append(c.Notes, e.Name+" is left out: "+strings.Join(st.Notes, "; "))
		return nil
	}
	plan, err := e.Configure(s, r)
	if err != nil {
		return configuration(err)
	}
	done := engineChange{Engine: e.Name, Mode: r.Mode, Files: filesOf(plan), Notes: plan.Notes}
	return a.make(c, &done, plan, f)
}

// make makes a planned change, or only shows it.
func (a *app) make(c *changed, done *engineChange, plan *engine.Plan, f *changeFlags) error {
	if f.preview() {
		if !plan.Empty() {
			a.code = exitFindings
		}
		c.Engines = append(c.Engines, *done)
		return nil
	}
	how, err := plan.Apply(f.restart && f.root == "")
	if err != nil {
		return configuration(err)
	}
	done.Reload = how
	if how == "" && !plan.Empty() && f.root == "" {
		done.ToDo = plan.ReadAnew()
	}
	c.Engines = append(c.Engines, *done)
	return nil
}

func filesOf(plan *engine.Plan) []fileChange {
	files := []fileChange{}
	for _, step := range plan.Steps {
		f := fileChange{Path: step.Path, Action: "change"}
		if step.From == nil {
			f.Action = "create"
		} else {
			f.before = step.From.Text
		}
		if step.To == nil {
			f.Action = "remove"
		} else {
			f.after = step.To.Text
		}
		files = append(files, f)
	}
	return files
}

func (a *app) finish(c *changed) error {
	return a.print(c, c.text)
}

func (c *changed) text(p *display.Printer) error {
	for i := range c.Engines {
		c.Engines[i].text(p, c)
	}
	for _, note := range append([]string{c.Audit}, c.Notes...) {
		if note != "" {
			p.Note("note: "+note, 0)
		}
	}
	return p.Err()
}

func (e *engineChange) text(p *display.Printer, c *changed) {
	head := e.Engine
	if e.Mode != "" {
		head += ", mode " + string(e.Mode)
	}
	if len(e.Files) == 0 {
		p.Line(p.Paint(display.Bold, head), ": nothing to change")
	} else {
		p.Line(p.Paint(display.Bold, head))
	}
	for _, f := range e.Files {
		would := ""
		if c.Preview {
			would = "would "
		}
		p.Line("  ", would, f.Action, " ", display.Clean(f.Path))
		if c.diff {
			f.diff(p)
		}
	}
	for _, note := range e.Notes {
		p.Note("note: "+note, 2)
	}
	switch {
	case e.Reload != "":
		p.Note(e.Reload, 2)
	case e.ToDo != "":
		p.Note("it is read when the engine is told to: "+e.ToDo+" (or --restart)", 2)
	}
}

// diff writes the lines of a file that change.
func (f *fileChange) diff(p *display.Printer) {
	lines := tomlformat.Diff(f.before, f.after)
	switch f.Action {
	case "create":
		lines = allOf('+', f.after)
	case "remove":
		lines = allOf('-', f.before)
	}
	for _, c := range lines {
		style := map[byte]display.Style{'-': display.Red, '+': display.Green, '@': display.Dim}[c.Mark]
		if c.Mark == '@' {
			p.Line("    ", p.Paint(style, c.Text))
			continue
		}
		p.Line("    ", p.Paint(style, string(c.Mark)+display.Clean(c.Text)))
	}
}

func allOf(mark byte, text string) []tomlformat.Change {
	var all []tomlformat.Change
	for line := range strings.Lines(text) {
		all = append(all, tomlformat.Change{Mark: mark, Text: strings.TrimRight(line, "\r\n")})
	}
	return all
}
