package main

import (
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/runward/runward/internal/engine"
)

func (a *app) engineUnconfigure() *cobra.Command {
	var f changeFlags
	var force bool
	cmd := &cobra.Command{
		Use:   "unconfigure",
		Short: "Take back what configure wrote",
		Long: `Unconfigure takes back what configure wrote: files as they were, byte for byte;
from those that were edited elsewhere since only runward's own part. Where
that part itself was edited it changes nothing, and says what to do by hand. It
removes runward.toml where configure made it and nobody wrote anything else in it.

It refuses while containers run that runward created: their engine goes on
calling runward until they end, by the path that they were started with. With
--force links and runtime.handlers stay for them; do not uninstall runward, and
run unconfigure again when they have ended.

Exit codes: 0 done, or nothing to do; 1 with --dry-run or --diff, something would
change; 2 it cannot be done, and nothing was changed; 3 internal error.`,
		Example: "  runwardctl engine unconfigure --diff\n  runwardctl engine unconfigure --engine docker --restart",
		Args:    args(0, 0, "no arguments"),
		RunE:    func(*cobra.Command, []string) error { return a.runUnconfigure(&f, force) },
	}
	f.flags(cmd)
	cmd.Flags().BoolVar(&force, "force", false, "also while containers run that runward created")
	return cmd
}

func (a *app) runUnconfigure(f *changeFlags, force bool) error {
	f.recorded = true
	s, all, notes, unlock, err := f.locked(f.preview())
	if err != nil {
		return err
	}
	defer unlock()
	c := &changed{Engines: []engineChange{}, Notes: notes, Preview: f.preview(), diff: f.diff}
	for _, e := range all {
		if err := a.unconfigureOne(c, s, e, f, force); err != nil {
			return err
		}
	}
	if c.Audit, err = s.EndAudit(f.preview()); err != nil {
		return configuration(err)
	}
	return a.finish(c)
}

func (a *app) unconfigureOne(c *changed, s *engine.System, e *engine.Engine, f *changeFlags, force bool) error {
	record, err := s.Recorded(e.Name)
	if err != nil {
		return configuration(err)
	}
	if record == nil {
		c.Engines = append(c.Engines, engineChange{Engine: e.Name, Files: []fileChange{}})
		return nil
	}
	if f.config == "" && record.Config != "" {
		s.Configs[e.Name] = record.Config
		if record.Config == e.Usual() {
			delete(s.Configs, e.Name)
		}
	}
	var bound []string
	if s.Here() {
		if bound, err = boundTo(e.Name); err != nil {
			return configuration(err)
		}
	}
	if len(bound) > 0 && !force && !f.preview() {
		return usage(e.Name+": "+counted(len(bound), "container")+" that runward created still run, and their engine goes on calling it for them: "+strings.Join(bound, ", "),
			"end them, or use --force, leave runward installed, and run unconfigure again when they have ended")
	}
	plan, err := e.Unconfigure(s, len(bound) > 0)
	if err != nil {
		return configuration(err)
	}
	done := engineChange{Engine: e.Name, Files: filesOf(plan)}
	if len(bound) > 0 {
		done.Notes = append(done.Notes, counted(len(bound), "container")+" that runward created still run: leave runward installed until they have ended")
	}
	return a.make(c, &done, plan, f)
}

// shownBound is how many containers are named.
const shownBound = 5

// boundTo names the containers of an engine that run and that runward created.
func boundTo(name string) ([]string, error) {
	n, err := findRunning(nil)
	if err != nil {
		return nil, err
	}
	var all []string
	more := 0
	for i := range n.containers {
		l := &n.containers[i]
		switch {
		case l.entry == nil || l.entry.Engine != name:
		case len(all) == shownBound:
			more++
		case l.Name != "":
			all = append(all, l.Name)
		default:
			all = append(all, l.ID)
		}
	}
	if more > 0 {
		all = append(all, strconv.Itoa(more)+" more")
	}
	return all, nil
}
