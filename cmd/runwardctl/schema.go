package main

import (
	"github.com/spf13/cobra"

	"github.com/runward/runward/internal/policyschema"
	"github.com/runward/runward/policy/rules"
)

func (a *app) policySchema() *cobra.Command {
	var settings bool
	cmd := &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON schema of policy files",
		Long: `Schema prints the JSON schema (draft-07) of policy files and profiles, for
editors: taplo and tombi complete keys and show what they mean. A policy names
it in its first line:

  #:schema /usr/share/runward/policy.schema.json

What only runward can tell it does not check, such as names of capabilities:
runwardctl policy check does.`,
		Example: "  runwardctl policy schema > policy.schema.json\n  runwardctl policy schema --settings > runward.schema.json",
		Args:    args(0, 0, "no arguments"),
		RunE: func(*cobra.Command, []string) error {
			schema, err := policyschema.Policy(rules.All)
			if settings {
				schema, err = policyschema.Settings()
			}
			if err != nil {
				return err
			}
			if a.output == "yaml" {
				return a.printer(a.out).YAML(schema)
			}
			return a.printer(a.out).JSON(schema)
		},
	}
	cmd.Flags().BoolVar(&settings, "settings", false, "the schema of runward.toml instead")
	return cmd
}
