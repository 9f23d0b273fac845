package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/runward/runward/internal/engine"
	"github.com/runward/runward/policy/profiles"
)

// choices are the values of flags that take one of some words.
var choices = map[string]func() []string{
	"format":  func() []string { return exportFormats },
	"engine":  func() []string { return engines },
	"kind":    func() []string { return kinds },
	"verdict": func() []string { return []string{"allow", "rewrite", "deny"} },
	"profile": profiles.Names,
	"mode":    engine.Modes,
	"sort":    orders,
}

// complete gives shells the values of every flag that has choices, in this
// command and those below.
func complete(cmd *cobra.Command) error {
	for name, words := range choices {
		if cmd.Flags().Lookup(name) == nil {
			continue
		}
		if parent := cmd.Parent(); name == "engine" && parent != nil && parent.Name() == "engine" {
			words = func() []string { return append([]string{"auto"}, engine.Names()...) }
		}
		if err := cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(words(), cobra.ShellCompDirectiveNoFileComp)); err != nil {
			return err
		}
	}
	for _, c := range cmd.Commands() {
		if err := complete(c); err != nil {
			return err
		}
	}
	return nil
}

// formats are the forms of output of a command.
func formats(cmd *cobra.Command) []string {
	known := []string{"table", "json", "yaml"}
	if more := cmd.Annotations[formatsKey]; more != "" {
		known = slices.Concat(known, strings.Split(more, ","))
	}
	return known
}

// completeOutput completes --output.
func completeOutput(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	return formats(cmd), cobra.ShellCompDirectiveNoFileComp
}
