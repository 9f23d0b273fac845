package main

import (
	"errors"
	"io/fs"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/runward/runward/internal/audit"
	"github.com/runward/runward/internal/audit/journal"
	"github.com/runward/runward/internal/config"
	"github.com/runward/runward/internal/ledger"
	"github.com/runward/runward/internal/replay"
	"github.com/runward/runward/policy"
	"github.com/runward/runward/policy/rules"
)

type replayFlags struct {
	policies, states []string
	since            string
	running, verbose bool
}

func (a *app) replay() *cobra.Command {
	var f replayFlags
	cmd := &cobra.Command{
		Use:   "replay",
		Short: "Show what policies would do to the containers that run",
		Long: `Replay finds every container that runs on this node, whatever engine started it,
with runward or without, and judges it by policies that are not enforced yet, or
not installed. Policies in audit mode count as enforced. Without --policy they
are the node's.

It reads what runc, crun, youki, containerd, Docker, Podman and CRI-O keep in
files, and the processes that they leave with containers; it asks no engine,
takes no lock and changes nothing. What it cannot read it says and counts. A
container of a runtime with a state directory of its own, which no process of
an engine watches over, is found by --state.

Of containers in the receipts that run no more it says only which policies
would select them: receipts do not hold config.json.

Exit codes: 0 every container would start as it is; 1 some would be rewritten or
refused, or cannot be judged; 2 policies, receipts or ledger cannot be read.`,
		Example: `  runwardctl replay --policy ./production.toml
  runwardctl replay --running -v
  runwardctl replay --policy /etc/runward/policy.d --policy ./production.toml --since 7d`,
		Args: args(0, 0, "no arguments"),
		RunE: func(*cobra.Command, []string) error { return a.runReplay(f) },
	}
	cmd.Flags().StringArrayVar(&f.policies, "policy", nil, "judge by this `file`, directory or profile instead of the node's policies (repeatable)")
	cmd.Flags().StringArrayVar(&f.states, "state", nil, "look also into this state `directory` of a runtime, its --root (repeatable)")
	sinceFlag(cmd, &f.since, "7d", "receipts since")
	cmd.Flags().BoolVar(&f.running, "running", false, "leave out the receipts of containers that run no more")
	cmd.Flags().BoolVarP(&f.verbose, "verbose", "v", false, "show what was found of each container")
	return cmd
}

func (a *app) runReplay(f replayFlags) error {
	since, err := parseSince(f.since)
	if err != nil {
		return err
	}
	cfg, err := config.Load()
	if err != nil {
		return configuration(err)
	}
	set, _, err := loadSet(cfg, f.policies)
	if err != nil {
		return configuration(err)
	}
	r := &replayer{cfg: cfg, set: replay.Enforced(set), since: since, gone: !f.running, living: living()}
	r.Running, r.Verbose = []replay.Container{}, f.verbose
	if len(f.policies) > 0 {
		r.set.Fallback = &policy.Policy{Name: "unselected"}
		r.Notes = append(r.Notes, "judged by what --policy names alone: the node's other policies, and what holds where none selects (unselected), do not count")
	}
	if err := r.run(f.states); err != nil {
		return configuration(err)
	}
	if !r.Clean() {
		a.code = exitFindings
	}
	return a.print(&r.Report, r.Text)
}

// replayer is one replay on its way.
type replayer struct {
	replay.Report
	cfg    *config.Config
	set    policy.Set
	since  time.Time
	gone   bool // report receipts of containers that run no more
	living func() ([]*ledger.Entry, error)
}

func (r *replayer) run(states []string) error {
	n, err := findRunning(states)
	if err != nil {
		return err
	}
	r.Notes = append(r.Notes, n.notes...)
	if err := r.readReceipts(n); err != nil {
		return err
	}
	for i := range n.containers {
		r.Running = append(r.Running, r.judge(&n.containers[i]))
	}
	r.Sort()
	r.Count(n.ended)
	return nil
}

// readReceipts finds those of the containers that run, and counts the others.
func (r *replayer) readReceipts(n *inventory) error {
	_, inputs, _, done, err := openReceipts()
	if err != nil {
		return err
	}
	defer done()
	for receipt, err := range journal.All(inputs) {
		if err != nil {
			return err
		}
		if receipt.Verb != "create" && receipt.Verb != "run" && receipt.Verb != "restore" {
			continue
		}
		if c := n.of(receipt); c != nil {
			c.receipt = receipt
			continue
		}
		if r.gone && !receipt.Time.Before(r.since) {
			r.Add(receipt, r.set)
		}
	}
	return nil
}

// judge decides about a running container anew.
func (r *replayer) judge(l *live) replay.Container {
	c := replay.Container{ID: l.ID, Name: l.Name, Space: l.Namespace, Runtime: l.Kind, Root: l.Root, Bundle: l.Bundle, PID: l.PID}
	read := ""
	if l.entry != nil {
		c.Engine, c.Identity, read = l.entry.Engine, l.entry.Identity, l.entry.Config
	}
	if l.receipt != nil {
		c.Recorded = l.receipt.Verdict.String()
	}
	raw, spec, err := l.spec()
	if err != nil {
		c.Problem = err.Error()
		if l.Problem == "" && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ENOTDIR) {
			c.Verdict = policy.Deny.String() // as runward does with a bundle that it cannot trust or understand
		}
		return c
	}
	c.Config = replay.Judged(audit.Digest(raw), read, l.receipt)
	facts, notes := l.facts(r.cfg, spec)
	c.Engine, c.Identity, c.Notes = facts.Engine, facts.Identity, notes
	_, _ = l.ask(facts, r.cfg, r.living) // without a runtime, a rule that asks for its version says so
	c.Judge(r.set, rules.All, spec, facts)
	return c
}
