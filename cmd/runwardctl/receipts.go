package main

import (
	"errors"
	"io/fs"
	"time"

	"github.com/spf13/cobra"

	"github.com/runward/runward/internal/audit"
	"github.com/runward/runward/internal/audit/event"
	"github.com/runward/runward/internal/audit/journal"
	"github.com/runward/runward/internal/config"
	"github.com/runward/runward/internal/display"
	"github.com/runward/runward/internal/receipts"
)

func (a *app) receipts() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "receipts",
		Short: "Read and verify the receipts of decisions",
		Long: `Receipts are what runward leaves of each decision: one JSON line each, linked to
the one before by its hash. Alerts, lifecycle and answers of the monitor (events)
are lines of the same chain. Where it is is said in runward.toml (audit.receipts).`,
	}
	group(cmd)
	cmd.AddCommand(a.receiptsExport(), a.receiptsList(), a.receiptsShow(), a.receiptsTail(), a.receiptsVerify())
	return cmd
}

type listFlags struct {
	verdict, since, container string
	newest                    int
	events                    bool
}

func (a *app) receiptsList() *cobra.Command {
	var f listFlags
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List receipts, the newest last",
		Example: `  runwardctl receipts list -n 20
  runwardctl receipts list --verdict deny --since 1h`,
		Args: args(0, 0, "no arguments"),
		RunE: func(*cobra.Command, []string) error { return a.runReceiptsList(f) },
	}
	cmd.Flags().StringVar(&f.verdict, "verdict", "", "only this `verdict`: allow, rewrite or deny")
	sinceFlag(cmd, &f.since, "", "only since")
	cmd.Flags().StringVar(&f.container, "container", "", "only containers whose `id` begins so")
	cmd.Flags().IntVarP(&f.newest, "newest", "n", 0, "only the newest `count`")
	cmd.Flags().BoolVar(&f.events, "events", false, "list alerts, lifecycle and answers in place of receipts")
	return cmd
}

func (a *app) runReceiptsList(f listFlags) error {
	filter := receipts.Filter{Container: f.container}
	var err error
	if filter.Verdict, err = receipts.ParseVerdict(f.verdict); err != nil {
		return usage("--verdict: "+err.Error(), "")
	}
	if filter.Since, err = parseSince(f.since); err != nil {
		return err
	}
	if f.newest < 0 {
		return usage("-n: want a number of receipts, or 0 for all", "")
	}
	path, inputs, _, done, err := openReceipts()
	if err != nil {
		return err
	}
	defer done()
	if f.events {
		return a.listEvents(path, inputs, filter, f.newest)
	}
	table, list := receipts.NewTable(f.newest), []*audit.Receipt{}
	for r, err := range journal.All(inputs) {
		switch {
		case err != nil:
			return err
		case !filter.Match(r):
		case a.output != "table":
			list = append(list, r)
			if f.newest > 0 && len(list) > f.newest {
				list = list[1:]
			}
		default:
			table.Add(r)
		}
	}
	if a.output == "table" && table.Len() == 0 {
		p := a.printer(a.errOut)
		p.Line(nothing(path, len(inputs) == 0))
	}
	return a.print(list, table.Text)
}

func (a *app) listEvents(path string, inputs []journal.Input, filter receipts.Filter, newest int) error {
	list := []*event.Event{}
	for r, err := range journal.Records(inputs) {
		if err != nil {
			return err
		}
		if r.Event == nil || !filter.MatchEvent(r.Event) {
			continue
		}
		if list = append(list, r.Event); newest > 0 && len(list) > newest {
			list = list[1:]
		}
	}
	if a.output == "table" && len(list) == 0 {
		p := a.printer(a.errOut)
		p.Line("No event in ", display.Clean(path), " matches.")
	}
	return a.print(list, func(p *display.Printer) error { return receipts.Events(p, list) })
}

func nothing(path string, noFile bool) string {
	if noFile {
		return "There are no receipts yet: " + display.Clean(path) + " is missing. runward makes it with its first decision."
	}
	return "No receipt in " + display.Clean(path) + " matches."
}

func (a *app) receiptsShow() *cobra.Command {
	return &cobra.Command{
		Use:     "show ID",
		Short:   "Show one receipt or event in full",
		Long:    "Show shows one receipt or event in full. The beginning of its id is enough where only one\nreceipt begins so; a refusal's message names the id.",
		Example: "  runwardctl receipts show 01JD8W",
		Args:    args(1, 1, "the id of one receipt"),
		RunE:    func(_ *cobra.Command, args []string) error { return a.runReceiptsShow(args[0]) },
	}
}

func (a *app) runReceiptsShow(id string) error {
	path, inputs, _, done, err := openReceipts()
	if err != nil {
		return err
	}
	defer done()
	r, err := journal.FindRecord(inputs, id)
	switch {
	case errors.Is(err, journal.ErrNotFound):
		hint := "runwardctl receipts list shows their ids"
		if len(id) < journal.ShortestID {
			hint = "give at least 6 characters of the id"
		}
		return usage("no receipt in "+path+" has the id "+quoted(id), hint)
	case errors.Is(err, journal.ErrAmbiguous):
		return usage(err.Error(), "give more of the id")
	case err != nil:
		return err
	}
	return a.print(r.Any(), func(p *display.Printer) error {
		if r.Event != nil {
			return receipts.ShowEvent(p, r.Event)
		}
		return receipts.Show(p, r.Receipt)
	})
}

func (a *app) receiptsVerify() *cobra.Command {
	return &cobra.Command{
		Use:   "verify [FILE...]",
		Short: "Check that no receipt was changed or removed",
		Long: `Verify follows the chain of receipts through the file and what rotation left of
earlier ones, or through the files that are named, and says where it first
breaks. Whoever is root can make a whole new chain: compare the last hash with
one that was kept on another machine.

Exit codes: 0 whole; 1 broken; 2 a file cannot be read; 3 internal error.`,
		Example: `  runwardctl receipts verify
  runwardctl receipts verify /backup/receipts.jsonl.2.gz /backup/receipts.jsonl.1`,
		RunE: func(_ *cobra.Command, args []string) error { return a.runReceiptsVerify(args) },
	}
}

func (a *app) runReceiptsVerify(files []string) error {
	var inputs []journal.Input
	var head *audit.Head
	var done func()
	var err error
	if len(files) > 0 {
		inputs, done, err = journal.Named(files)
	} else {
		_, inputs, head, done, err = openReceipts()
	}
	if err != nil {
		return configuration(err)
	}
	defer done()
	report, err := journal.Verify(inputs, head)
	if err != nil {
		return configuration(err)
	}
	if !report.Whole() {
		a.code = exitFindings
	}
	return a.print(report, func(p *display.Printer) error { return receipts.Verified(p, report) })
}

// openReceipts opens the node's receipts. Settings that cannot be read are no
// reason not to show receipts, unless they could say where those are.
func openReceipts() (path string, inputs []journal.Input, head *audit.Head, done func(), err error) {
	cfg, err := config.Load()
	if err != nil {
		return "", nil, nil, nil, configuration(err)
	}
	path = cfg.Audit.Receipts
	inputs, head, done, err = journal.Files(path)
	if errors.Is(err, fs.ErrNotExist) {
		return path, nil, nil, func() {}, nil // no directory yet
	}
	if err != nil {
		return path, nil, nil, nil, configuration(err)
	}
	return path, inputs, head, done, nil
}

// sinceFlag is --since of what reads receipts.
func sinceFlag(cmd *cobra.Command, since *string, usual, what string) {
	cmd.Flags().StringVar(since, "since", usual, what+" this `time`: 90m, 24h, 7d, 2006-01-02 or 2006-01-02T15:04:05Z")
}

func parseSince(since string) (time.Time, error) {
	at, err := receipts.ParseSince(since, time.Now())
	if err != nil {
		return at, usage("--since: "+err.Error(), "")
	}
	return at, nil
}
