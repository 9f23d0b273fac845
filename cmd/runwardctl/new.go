package main

import (
	_ "embed"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/runward/runward/internal/policyfile"
	"github.com/runward/runward/policy/profiles"
	"github.com/runward/runward/policy/rules"
)

// starter is the policy that `policy new` prints; NAME and PROFILE stand for
// what was asked for.
//
//go:embed starter.toml
var starter string

func (a *app) policyNew() *cobra.Command {
	var profile string
	cmd := &cobra.Command{
		Use:   "new NAME",
		Short: "Print a policy to start from",
		Long: `New prints a policy with comments, which holds every container to a profile and
only records at first. To roll it out: check it, replay it against what runs,
install it, read the receipts, and set its mode to enforce.`,
		Example: `  runwardctl policy new production > production.toml
  runwardctl policy check production.toml
  runwardctl replay --running --policy production.toml
  install -m 0644 production.toml /etc/runward/policy.d/50-production.toml`,
		Args: args(1, 1, "the new policy's name"),
		RunE: func(_ *cobra.Command, args []string) error { return a.runPolicyNew(args[0], profile) },
	}
	cmd.Flags().StringVar(&profile, "profile", "baseline", "the built-in `profile` that it extends")
	return cmd
}

func (a *app) runPolicyNew(name, profile string) error {
	if _, ok := profiles.Text(profile); !ok {
		return usage("--profile: no built-in profile is called "+quoted(profile), "built in are "+strings.Join(profiles.Names(), ", "))
	}
	if name == "" || strings.ContainsAny(name, "+|\n\r\t ") {
		return usage("a policy cannot be called "+quoted(name), `no spaces, "+" or "|"`)
	}
	text := strings.NewReplacer(`"NAME"`, strconv.Quote(name), `"PROFILE"`, strconv.Quote(profile)).Replace(starter)
	if _, err := policyfile.Parse(name+".toml", []byte(text), rules.All, policyfile.BuiltInExtend(rules.All)); err != nil {
		return usage("a policy cannot be called "+quoted(name), "letters, digits, - and _ are fine")
	}
	p := a.printer(a.out)
	p.Text(text)
	return p.Err()
}
