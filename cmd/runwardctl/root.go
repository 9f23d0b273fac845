package main

import (
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/runward/runward/internal/display"
	"github.com/runward/runward/internal/nearest"
)

// The exit codes, as policy.md lists them.
const (
	exitClean    = 0
	exitFindings = 1
	exitUsage    = 2 // also configuration
	exitInternal = 3
)

// app is what the commands share.
type app struct {
	out, errOut io.Writer
	output      string // table, json or yaml
	noColor     bool
	code        int // of a command that did its work
}

// run runs one command line and returns the exit code.
func run(args []string, out, errOut io.Writer) (code int) {
	a := &app{out: out, errOut: errOut}
	defer func() {
		if r := recover(); r != nil {
			a.fail(&failure{
				code: exitInternal, msg: fmt.Sprint("this is a defect of runwardctl: ", r),
				hint: "please report it, with the command line and:\n" + string(debug.Stack()),
			})
			code = exitInternal
		}
	}()
	root := a.root()
	root.SetArgs(args)
	err := root.RegisterFlagCompletionFunc("output", completeOutput)
	if err == nil {
		err = complete(root)
	}
	if err == nil {
		err = root.Execute()
	}
	if err != nil {
		return a.fail(err)
	}
	return a.code
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "runwardctl",
		Short: "Explain runward's decisions, check its policies, read its receipts",
		Long: `runwardctl explains what runward decides about containers and why, checks
policies before they hold, reads the receipts of decisions, and registers runward
with container engines. Only engine and enforce change the node, and policy fmt
the files that it is given; only engine verify starts containers.

Exit codes: 0 clean; 1 there are findings; 2 usage or configuration;
3 internal error.`,
		Example: `  runwardctl explain /run/containerd/io.containerd.runtime.v2.task/k8s.io/ID
  runwardctl policy check
  runwardctl receipts list --verdict deny --since 1h`,
		SilenceUsage:      true,
		SilenceErrors:     true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return a.checkOutput(cmd) },
	}
	root.SetOut(a.out)
	root.SetErr(a.errOut)
	root.PersistentFlags().StringVarP(&a.output, "output", "o", "table", "`format`: table, json or yaml; of policy test also junit or sarif")
	root.PersistentFlags().BoolVar(&a.noColor, "no-color", false, "no colours, as with NO_COLOR in the environment")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage(err.Error(), "see "+cmd.CommandPath()+" --help")
	})
	group(root)
	root.AddCommand(a.enforce(), a.engine(), a.explain(), a.policy(), a.quota(), a.receipts(), a.replay(), a.version())
	root.AddCommand(a.status(), a.containers(), a.alerts(), a.events(), a.top())
	root.AddCommand(a.onContainers()...)
	return root
}

// formatsKey is the annotation of a command that has more forms of output.
const formatsKey = "formats"

func (a *app) checkOutput(cmd *cobra.Command) error {
	known := formats(cmd)
	if !slices.Contains(known, a.output) {
		last := len(known) - 1
		return usage("--output: want "+strings.Join(known[:last], ", ")+" or "+known[last]+", found "+quoted(a.output), "")
	}
	return nil
}

// group makes a command that only has others say so.
func group(cmd *cobra.Command) {
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 && !cmd.HasParent() {
			return cmd.Help()
		}
		var names []string
		for _, c := range cmd.Commands() {
			if c.IsAvailableCommand() {
				names = append(names, c.Name())
			}
		}
		hint := "it has: " + strings.Join(names, ", ")
		if len(args) == 0 {
			return usage(cmd.CommandPath()+" wants a command", hint)
		}
		if near := nearest.Word(args[0], names); near != "" {
			hint = "did you mean " + near + "?"
		}
		return usage(cmd.CommandPath()+" has no command "+quoted(args[0]), hint)
	}
}

// args wants between least and most arguments (-1: any number).
func args(least, most int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, given []string) error {
		switch {
		case len(given) < least:
			return usage(cmd.CommandPath()+" wants "+what, "see "+cmd.CommandPath()+" --help")
		case most >= 0 && len(given) > most:
			return usage(cmd.CommandPath()+" wants "+what+", found "+quoted(given[most]), "see "+cmd.CommandPath()+" --help")
		}
		return nil
	}
}

// printer writes to w as its terminal can show it.
func (a *app) printer(w io.Writer) *display.Printer {
	p := display.New(w)
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return p
	}
	p.Colour = !a.noColor && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	if width, _, err := term.GetSize(int(f.Fd())); err == nil {
		p.Width = width
	}
	return p
}

// print writes a result: as JSON or YAML where that is asked for, else as text does.
func (a *app) print(v any, text func(*display.Printer) error) error {
	p := a.printer(a.out)
	switch a.output {
	case "json":
		return p.JSON(v)
	case "yaml":
		return p.YAML(v)
	}
	return text(p)
}
