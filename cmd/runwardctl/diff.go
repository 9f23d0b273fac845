package main

import (
	"github.com/spf13/cobra"

	"github.com/runward/runward/internal/config"
	"github.com/runward/runward/internal/display"
	"github.com/runward/runward/internal/policydiff"
	"github.com/runward/runward/internal/policyfile"
	"github.com/runward/runward/policy"
	"github.com/runward/runward/policy/rules"
)

func (a *app) policyDiff() *cobra.Command {
	return &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Say what becomes stricter and what looser from one policy to another",
		Long: `Diff compares two policy files or profiles, or two directories of policies by
their names, with all that they extend, and says in words what becomes looser
and what stricter.

Exit codes: 0 they decide the same; 1 they differ; 2 one cannot be read.`,
		Example: "  runwardctl policy diff baseline restricted\n  runwardctl policy diff /etc/runward/policy.d ./policy.d",
		Args:    args(2, 2, "two policy files, directories or profiles"),
		RunE:    func(_ *cobra.Command, args []string) error { return a.runPolicyDiff(args[0], args[1]) },
	}
}

func (a *app) runPolicyDiff(before, after string) error {
	cfg, err := config.Load()
	if err != nil {
		return configuration(err)
	}
	var sets [2][]*policy.Policy
	for i, name := range []string{before, after} {
		set, err := policyfile.LoadNamed(sources(cfg), []string{name}, rules.All)
		if err != nil {
			return configuration(err)
		}
		sets[i] = set.Policies
	}
	changes := policydiff.Compare(sets[0], sets[1], rules.All)
	if len(changes) > 0 {
		a.code = exitFindings
	}
	return a.print(changes, func(p *display.Printer) error { return policydiff.Text(p, changes) })
}
