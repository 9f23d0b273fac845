package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/runward/runward/internal/audit"
	"github.com/runward/runward/internal/audit/journal"
	"github.com/runward/runward/internal/config"
	"github.com/runward/runward/internal/monitor/ocsf"
	"github.com/runward/runward/internal/receipts"
)

// exportFormats are what records can be exported as.
var exportFormats = []string{"json", "ocsf"}

func (a *app) receiptsExport() *cobra.Command {
	var format, since, node string
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write receipts and events for other programs",
		Long: `Export writes every receipt and event to standard output, one a line: as json
each as it stands in the chain, byte for byte, so that its hash can be checked
elsewhere; as ocsf each as an event of the Open Cybersecurity Schema Framework
1.2.0. There a denial or an alert is a Detection Finding, what started a
Compliance Finding that passed or was corrected, an answer an Update of a
finding, and lifecycle Application Lifecycle; raw_data has the record.`,
		Example: `  runwardctl receipts export --format ocsf --since 24h >yesterday.ocsf.jsonl`,
		Args:    args(0, 0, "no arguments"),
		RunE:    func(*cobra.Command, []string) error { return a.runReceiptsExport(format, since, node) },
	}
	cmd.Flags().StringVar(&format, "format", "json", "`format`: json or ocsf")
	cmd.Flags().StringVar(&node, "node", "", "`name` of the node in OCSF events; by default this one's")
	sinceFlag(cmd, &since, "", "only since")
	return cmd
}

func (a *app) runReceiptsExport(format, since, node string) error {
	if format != "json" && format != "ocsf" {
		return usage("--format: want json or ocsf, found "+quoted(format), "")
	}
	from, err := parseSince(since)
	if err != nil {
		return err
	}
	if node == "" {
		if node, err = os.Hostname(); err != nil {
			return usage("the node's name is not known: "+err.Error(), "give --node")
		}
	}
	source := ocsf.Source{Node: node, Version: config.Version}
	return followReceipts(func(f *journal.Follower) error {
		return eachLine(f, func(r journal.Record, line []byte) error {
			switch {
			case r.Time().Before(from):
				return nil
			case format == "json":
				_, err := a.out.Write(append(bytes.Clone(line), '\n'))
				return err
			}
			enc := json.NewEncoder(a.out)
			enc.SetEscapeHTML(false)
			return enc.Encode(source.Record(r, line))
		})
	})
}

func (a *app) receiptsTail() *cobra.Command {
	var follow bool
	var newest int
	cmd := &cobra.Command{
		Use:   "tail",
		Short: "Show the newest receipts and events, and those that come",
		Long: `Tail shows the newest receipts and events, one a line, as JSON as they stand in
the chain. With -f it goes on with those that come, through rotation, until it
is interrupted.`,
		Example: "  runwardctl receipts tail -f",
		Args:    args(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return a.runReceiptsTail(ctx, follow, newest)
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on with those that come")
	cmd.Flags().IntVarP(&newest, "newest", "n", 10, "begin with the newest `count`")
	return cmd
}

// tailPoll is how often tail -f looks.
const tailPoll = 250 * time.Millisecond

func (a *app) runReceiptsTail(ctx context.Context, follow bool, newest int) error {
	if a.output == "yaml" {
		return usage("--output: want table or json, found \"yaml\"", "")
	}
	if newest < 0 {
		return usage("-n: want a number of records", "")
	}
	p := a.printer(a.out)
	show := func(r journal.Record, line []byte) error {
		if a.output == "json" {
			_, err := a.out.Write(append(bytes.Clone(line), '\n'))
			return err
		}
		return receipts.Tail(p, r)
	}
	return followReceipts(func(f *journal.Follower) error {
		type record struct {
			journal.Record
			line []byte
		}
		var last []record
		err := eachLine(f, func(r journal.Record, line []byte) error {
			if last = append(last, record{r, line}); len(last) > newest {
				last = last[1:]
			}
			return nil
		})
		for _, r := range last {
			err = errors.Join(err, show(r.Record, r.line))
		}
		tick := time.NewTicker(tailPoll)
		defer tick.Stop()
		for err == nil && follow {
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
				err = eachLine(f, show)
			}
		}
		return err
	})
}

// followReceipts gives a follower of the node's chain, from the oldest record.
func followReceipts(do func(*journal.Follower) error) error {
	cfg, err := config.Load()
	if err != nil {
		return configuration(err)
	}
	if _, err := os.Stat(filepath.Dir(cfg.Audit.Receipts)); errors.Is(err, fs.ErrNotExist) {
		return nil // nothing was decided yet
	}
	f := journal.Follow(cfg.Audit.Receipts, audit.Link{})
	defer f.Close()
	if err := do(f); err != nil {
		return configuration(err)
	}
	return nil
}

// eachLine gives the records that are there by now.
func eachLine(f *journal.Follower, do func(journal.Record, []byte) error) error {
	for {
		lines, err := f.Next(1000, 4<<20)
		if err != nil || len(lines) == 0 {
			return err
		}
		for _, l := range lines {
			r, err := journal.Parse(l.Text)
			if err != nil {
				return err
			}
			if err := do(r, l.Text); err != nil {
				return err
			}
		}
	}
}
