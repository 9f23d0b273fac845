package main

import (
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/runward/runward/internal/config"
	"github.com/runward/runward/internal/customrule"
	"github.com/runward/runward/internal/host"
	"github.com/runward/runward/internal/policycheck"
	"github.com/runward/runward/internal/policyfile"
	"github.com/runward/runward/internal/realruntime"
	"github.com/runward/runward/policy"
	"github.com/runward/runward/policy/rules"
)

func (a *app) policy() *cobra.Command {
	cmd := &cobra.Command{Use: "policy", Short: "Check, show and compare policies"}
	group(cmd)
	check := &cobra.Command{
		Use:   "check [FILE|DIRECTORY|PROFILE...]",
		Short: "Check the node's policies, or those that are named",
		Long: `Check decodes policies as runward does and shows what each selects and which
rules it switches on. It reports every file that is refused, with the line, and
what decodes but likely does not do what is meant.

Without arguments it checks what is installed on this node, owners and modes
included. Named files may be anybody's, so that policies can be checked before
they are installed.

Exit codes: 0 nothing wrong; 1 warnings; 2 a policy or runward.toml is refused.`,
		Example: `  runwardctl policy check
  runwardctl policy check ./production.toml restricted`,
		RunE: func(_ *cobra.Command, args []string) error { return a.runPolicyCheck(args) },
	}
	cmd.AddCommand(check, a.policyShow(), a.policyTest(), a.policySchema(), a.policyDiff(), a.policyNew(), a.policyFmt())
	return cmd
}

func (a *app) runPolicyCheck(names []string) error {
	cfg, cfgErr := config.Load()
	all, err := examine(cfg, names)
	if err != nil {
		return configuration(err)
	}
	report := policycheck.Check(all, rules.All, node(cfg, len(names) == 0))
	if cfgErr != nil {
		report.Problems = append([]policycheck.Problem{policycheck.ProblemOf(policycheck.Error, config.File(), cfgErr)}, report.Problems...)
		report.Refuses = len(names) == 0
	}
	switch {
	case report.Count(policycheck.Error) > 0:
		a.code = exitUsage
	case report.Count(policycheck.Warning) > 0:
		a.code = exitFindings
	}
	return a.print(report, report.Text)
}

func examine(cfg *config.Config, names []string) ([]policyfile.Examined, error) {
	if len(names) == 0 {
		return policyfile.Examine(sources(cfg), rules.All)
	}
	return policyfile.ExamineNamed(sources(cfg), names, rules.All)
}

// sources are the node's policies, with what compiles custom rules.
func sources(cfg *config.Config) policyfile.Sources {
	src := cfg.Sources()
	src.Compile = customrule.Compile
	return src
}

func node(cfg *config.Config, complete bool) policycheck.Node {
	custom := ""
	if err := realruntime.Safe("runward's program for them "+config.RulesProgram(), config.RulesProgram()); err != nil {
		custom = err.Error()
	}
	hook := ""
	if err := realruntime.Safe("runward's hook "+config.HookProgram(), config.HookProgram()); err != nil {
		hook = err.Error()
	}
	return policycheck.Node{
		Custom: custom, Hook: hook,
		Now: time.Now().Unix(), Unselected: cfg.Policy.Unselected, Complete: complete,
		TrustedAnnotations: slices.Concat(slices.Collect(maps.Values(cfg.Trust.Annotations))...),
		TrustedLabels:      slices.Concat(slices.Collect(maps.Values(cfg.Trust.Labels))...),
		Feeds:              func(p *policy.Policy) []string { return rules.FeedProblems(p, host.ReadFeed) },
	}
}
