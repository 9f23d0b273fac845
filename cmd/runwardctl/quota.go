package main

import (
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/runward/runward/internal/config"
	"github.com/runward/runward/internal/ledger"
	"github.com/runward/runward/internal/policyfile"
	"github.com/runward/runward/internal/quota"
	"github.com/runward/runward/policy"
	"github.com/runward/runward/policy/rules"
)

func (a *app) quota() *cobra.Command {
	return &cobra.Command{
		Use:   "quota",
		Short: "Show what the containers of the node use of their quotas",
		Long: `Quota adds up the limits of the containers that runward created and that live,
by what the node's quotas go by (namespace, engine, user, node), as runward does
before it lets another one through. The quota shown is the least that any of the
group's containers is held to, without exceptions.

A container without a limit is in no sum; how many there are is said below.

Exit codes: 0 clean; 1 some group uses more than its quota; 2 the policies or the
ledger cannot be read; 3 internal error.`,
		Example: `  runwardctl quota
  runwardctl quota -o json`,
		Args: args(0, 0, "no arguments"),
		RunE: func(*cobra.Command, []string) error { return a.runQuota() },
	}
}

func (a *app) runQuota() error {
	cfg, err := config.Load()
	if err != nil {
		return configuration(err)
	}
	set, err := policyfile.Load(cfg.Sources(), rules.All)
	if err != nil {
		return configuration(err)
	}
	all, err := ledger.Living(config.LedgerDir())
	if err != nil {
		return configuration(err)
	}
	r := quota.Add(set, rules.Quota, all, time.Now().Unix())
	if cfg.NodeMode() != policy.Enforce {
		r.Notes = append(r.Notes, "the node's mode is "+cfg.NodeMode().String()+": quotas refuse nothing")
	}
	if r.Over() {
		a.code = exitFindings
	}
	return a.print(r, r.Text)
}

// living returns a reader of the containers that live, which reads them once,
// when it is first called.
func living() func() ([]*ledger.Entry, error) {
	return sync.OnceValues(func() ([]*ledger.Entry, error) { return ledger.Living(config.LedgerDir()) })
}

// usedBeside is policy.Facts.Used for tools: what all containers claim but
// those that not leaves out.
func usedBeside(facts *policy.Facts, living func() ([]*ledger.Entry, error), not func(*ledger.Entry) bool) func(by string) (policy.Usage, error) {
	return func(by string) (policy.Usage, error) {
		all, err := living()
		if err != nil {
			return policy.Usage{}, err
		}
		var others []ledger.Head
		for _, e := range all {
			if !not(e) {
				others = append(others, e.Head())
			}
		}
		return ledger.Used(others, by, facts.Engine, &facts.Identity, "", ""), nil
	}
}
