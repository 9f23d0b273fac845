package main

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/runward/runward/internal/audit"
	"github.com/runward/runward/internal/audit/journal"
	"github.com/runward/runward/internal/config"
	"github.com/runward/runward/internal/host"
	"github.com/runward/runward/internal/ledger"
	"github.com/runward/runward/internal/oci"
	"github.com/runward/runward/internal/realruntime"
	"github.com/runward/runward/internal/receipts"
	"github.com/runward/runward/internal/replay"
	"github.com/runward/runward/policy"
	"github.com/runward/runward/policy/rules"
)

type replayFlags struct {
	policies []string
	since    string
}

func (a *app) replay() *cobra.Command {
	var f replayFlags
	cmd := &cobra.Command{
		Use:   "replay",
		Short: "Show what policies would do to the containers that run",
		Long: `Replay judges the containers that runward knows to run by policies that are not
enforced yet, or not installed: it reads their bundles, and changes nothing.
Policies in audit mode count as enforced. Without --policy they are the node's.

Of containers in the receipts that run no more it says only which policies
would select them: receipts do not hold config.json.

Exit codes: 0 every container would start as it is; 1 some would be rewritten or
refused, or cannot be judged; 2 policies, receipts or ledger cannot be read.`,
		Example: `  runwardctl replay --policy ./production.toml
  runwardctl replay --policy /etc/runward/policy.d --policy ./production.toml --since 7d`,
		Args: args(0, 0, "no arguments"),
		RunE: func(*cobra.Command, []string) error { return a.runReplay(f) },
	}
	cmd.Flags().StringArrayVar(&f.policies, "policy", nil, "judge by this `file`, directory or profile instead of the node's policies (repeatable)")
	cmd.Flags().StringVar(&f.since, "since", "7d", "receipts since this `time`: 90m, 24h, 7d, 2006-01-02 or 2006-01-02T15:04:05Z")
	return cmd
}

func (a *app) runReplay(f replayFlags) error {
	since, err := receipts.ParseSince(f.since, time.Now())
	if err != nil {
		return usage("--since: "+err.Error(), "")
	}
	cfg, err := config.Load()
	if err != nil {
		return configuration(err)
	}
	set, _, err := loadSet(cfg, f.policies)
	if err != nil {
		return configuration(err)
	}
	r := &replayer{cfg: cfg, set: replay.Enforced(set), since: since, running: map[string]*audit.Receipt{}}
	r.Running, r.Gone = []replay.Container{}, []replay.Group{}
	if len(f.policies) > 0 {
		r.set.Fallback = &policy.Policy{Name: "unselected"}
		r.Notes = append(r.Notes, "judged by what --policy names alone: the node's other policies, and what holds where none selects (unselected), do not count")
	}
	if err := r.run(); err != nil {
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
	cfg     *config.Config
	set     policy.Set
	since   time.Time
	running map[string]*audit.Receipt // by receipt id; nil until it was found
}

func (r *replayer) run() error {
	entries, listErr := ledger.List(config.LedgerDir())
	if listErr != nil && len(entries) == 0 {
		return listErr
	}
	if listErr != nil {
		r.Notes = append(r.Notes, listErr.Error())
	}
	slices.SortFunc(entries, func(a, b *ledger.Entry) int {
		return cmp.Or(strings.Compare(a.ID, b.ID), strings.Compare(a.Root, b.Root))
	})
	for _, e := range entries {
		r.running[e.Receipt] = nil
	}
	if err := r.readReceipts(); err != nil {
		return err
	}
	for _, e := range entries {
		r.Running = append(r.Running, r.judge(e))
	}
	return nil
}

// readReceipts finds those of the containers that run, and counts the others.
func (r *replayer) readReceipts() error {
	_, inputs, _, done, err := openReceipts()
	if err != nil {
		return err
	}
	defer done()
	for receipt, err := range journal.All(inputs) {
		if err != nil {
			return err
		}
		if _, runs := r.running[receipt.ID]; runs {
			r.running[receipt.ID] = receipt
			continue
		}
		if (receipt.Verb == "create" || receipt.Verb == "run") && !receipt.Time.Before(r.since) {
			r.Add(receipt, r.set)
		}
	}
	return nil
}

// judge decides about a running container anew.
func (r *replayer) judge(e *ledger.Entry) replay.Container {
	c := replay.Container{ID: e.ID, Engine: e.Engine, Identity: e.Identity, Bundle: e.Bundle}
	receipt := r.running[e.Receipt]
	if receipt != nil {
		c.Recorded = receipt.Verdict.String()
	}
	bundle, err := oci.Open(e.Bundle)
	if err != nil {
		c.Problem = err.Error()
		return c
	}
	defer bundle.Close()
	raw, err := bundle.ReadSpec()
	if err != nil {
		c.Problem = err.Error()
		return c
	}
	spec, err := policy.ParseSpec(raw)
	if err != nil {
		c.Problem = "config.json: " + err.Error()
		return c
	}
	c.Config = replay.Judged(audit.Digest(raw), e.Config, receipt)
	facts := host.Assume(host.Invocation{
		Now: time.Now().Unix(), Root: e.Root, Bundle: bundle.Path(), Handler: e.Handler, Runtime: e.Runtime,
		Annotations:        spec.View().Annotations,
		TrustedAnnotations: r.cfg.Trust.Annotations, TrustedLabels: r.cfg.Trust.Labels,
	}, e.Engine)
	facts.Engine, facts.Identity = e.Engine, e.Identity         // as they were proven then
	runtime, _ := realruntime.Find(r.cfg, e.Handler, wrapper()) // without one, a rule that asks for its version says so
	facts.RuntimeVersion = runtimeVersion(runtime)
	c.Judge(r.set, rules.All, spec, facts)
	return c
}
