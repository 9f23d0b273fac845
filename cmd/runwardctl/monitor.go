package main

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/runward/runward/internal/audit/event"
	"github.com/runward/runward/internal/audit/journal"
	"github.com/runward/runward/internal/config"
	"github.com/runward/runward/internal/display"
	"github.com/runward/runward/internal/monitor/api"
	"github.com/runward/runward/internal/monitor/client"
	"github.com/runward/runward/internal/monitorview"
)

func monitorClient() *client.Client { return client.New(config.MonitorSocket()) }

// asked turns what the monitor did not do into a failure that says what to do.
func asked(err error) error {
	var refused *client.Refusal
	switch {
	case err == nil:
		return nil
	case errors.Is(err, client.ErrAbsent):
		return &failure{code: exitUsage, msg: "the monitor does not run: nothing listens on " + config.MonitorSocket(), hint: "systemctl start runwardd; containers are held to policy without it as well", err: err}
	case errors.As(err, &refused) && refused.Status == http.StatusInternalServerError:
		return &failure{code: exitFindings, msg: refused.Text, hint: "journalctl -u runwardd says more", err: err}
	default:
		return usage(err.Error(), "")
	}
}

func (a *app) status() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show how the node's monitor is, and what it follows",
		Long: `Status asks the monitor, runwardd, how many containers it follows, for how many
the kernel shows what was decided, and which alerts hold. What of the engines
goes through runward, engine status shows.

Exit codes: 0 no alert holds; 1 some do; 2 the monitor does not run, or refuses;
3 internal error.`,
		Example: "  runwardctl status\n  runwardctl status -o json",
		Args:    args(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := monitorClient().Status(cmd.Context())
			if err != nil {
				return asked(err)
			}
			if len(s.Alerts) > 0 {
				a.code = exitFindings
			}
			return a.print(s, func(p *display.Printer) error { return monitorview.Status(p, &s, time.Now()) })
		},
	}
}

func (a *app) containers() *cobra.Command {
	return &cobra.Command{
		Use:   "containers",
		Short: "List the containers that the monitor follows",
		Long: `Containers lists what runward let start and what lives of it, with what the
monitor found when it last compared the kernel with the decision.

Exit codes: 0 clean; 1 some container is not as decided; 2 the monitor does not
run, or refuses; 3 internal error.`,
		Example: "  runwardctl containers\n  runwardctl containers -o json",
		Args:    args(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := monitorClient().Containers(cmd.Context())
			if err != nil {
				return asked(err)
			}
			for i := range all {
				if notAsDecided(&all[i]) {
					a.code = exitFindings
				}
			}
			return a.print(all, func(p *display.Printer) error { return monitorview.Containers(p, all, time.Now()) })
		},
	}
}

// notAsDecided tells whether a container differs from its decision, or cannot be
// compared with it. What this kernel shows of no container is neither.
func notAsDecided(c *api.Container) bool {
	return c.Verdict == api.Differs || c.Verdict == api.Unproven
}

func (a *app) alerts() *cobra.Command {
	return &cobra.Command{
		Use:   "alerts",
		Short: "List the alerts that hold",
		Long: `Alerts lists what is not as it should be now, the worst first. Those that are
over stand in the receipts' file, with all others; events shows them as they come.

Exit codes: 0 none; 1 some; 2 the monitor does not run, or refuses; 3 internal
error.`,
		Example: "  runwardctl alerts\n  runwardctl alerts -o json",
		Args:    args(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := monitorClient().Alerts(cmd.Context())
			if err != nil {
				return asked(err)
			}
			if len(all) > 0 {
				a.code = exitFindings
			}
			return a.print(all, func(p *display.Printer) error {
				if len(all) == 0 {
					p.Line("No alert holds.")
					return p.Err()
				}
				return monitorview.Alerts(p, all, time.Now())
			})
		},
	}
}

func (a *app) events() *cobra.Command {
	var follow bool
	var newest int
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Show alerts, answers and lives of containers",
		Long: `Events shows the newest of what the monitor recorded, the last one last, and with
-f what it records from then on, until it is interrupted: a line each, with -o
json or yaml as JSON lines. Decisions are not among them: receipts list shows
those.

Exit codes: 0 clean; 2 the receipts cannot be read, or with -f the monitor does
not run or refuses; 3 internal error.`,
		Example: "  runwardctl events -f\n  runwardctl events -n 1000 -o json | jq 'select(.kind == \"alert\")'",
		Args:    args(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if newest < 0 {
				return usage("-n: want a number of events", "")
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, unix.SIGTERM)
			defer stop()
			return a.runEvents(ctx, follow, newest)
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on until interrupted")
	cmd.Flags().IntVarP(&newest, "newest", "n", 20, "begin with the newest `count`")
	return cmd
}

func (a *app) runEvents(ctx context.Context, follow bool, newest int) error {
	p := a.printer(a.out)
	show := func(e *event.Event) error {
		if a.output != "table" {
			return p.JSONLine(e)
		}
		return monitorview.Event(p, e)
	}
	// Joined before what was is read, so that nothing between is missed.
	last := uint64(0)
	past := func() error {
		all, err := newestEvents(newest)
		for _, e := range all {
			last = max(last, e.Seq)
			err = errors.Join(err, show(e))
		}
		return err
	}
	if !follow {
		return past()
	}
	return asked(monitorClient().Events(ctx, past, func(e event.Event) error {
		if e.Seq != 0 && e.Seq <= last {
			return nil // shown already
		}
		return show(&e)
	}))
}

func newestEvents(count int) ([]*event.Event, error) {
	_, inputs, _, done, err := openReceipts()
	if err != nil {
		return nil, err
	}
	defer done()
	var all []*event.Event
	for r, err := range journal.Records(inputs) {
		if err != nil {
			return all, err
		}
		if r.Event == nil {
			continue
		}
		if all = append(all, r.Event); len(all) > count {
			all = all[1:]
		}
	}
	return all, nil
}

// onContainer makes a command that has something done to one container.
func (a *app) onContainer(action, short, long string, reason bool) *cobra.Command {
	var root, why string
	var egress, shared bool
	cmd := &cobra.Command{
		Use:     action + " ID",
		Short:   short,
		Long:    long,
		Example: "  runwardctl " + action + " 3f2a1c",
		Args:    args(1, 1, "the id of one container"),
		RunE: func(cmd *cobra.Command, args []string) error {
			options := url.Values{}
			if root != "" {
				options.Set("root", root)
			}
			for name, on := range map[string]bool{"egress": egress, "shared": shared} {
				if on {
					options.Set(name, "1")
				}
			}
			c, err := monitorClient().Do(cmd.Context(), action, args[0], why, options)
			if err != nil {
				return asked(err)
			}
			if action == "attest" && notAsDecided(&c) {
				a.code = exitFindings
			}
			return a.print(c, func(p *display.Printer) error { return monitorview.Container(p, &c, time.Now()) })
		},
	}
	cmd.Flags().StringVar(&root, "root", "", "the runtime's state `directory`, where two engines use one id")
	if action == "quarantine" {
		cmd.Flags().BoolVar(&egress, "egress", false, "only its way out: it may answer whoever connects to it")
		cmd.Flags().BoolVar(&shared, "shared", false, "also those that share its network, as the containers of a pod do")
	}
	if reason {
		cmd.Flags().StringVar(&why, "why", "", "the `reason`, for the record")
	}
	return cmd
}

func (a *app) onContainers() []*cobra.Command {
	const exits = "\n\nExit codes: 0 done; 1 it did not work; 2 there is no such container, the monitor\ndoes not run, or refuses; 3 internal error."
	return []*cobra.Command{
		a.onContainer("attest", "Compare a container with its decision now", `Attest has the monitor compare what the kernel shows of the container's processes,
mounts and limits with what was decided, and shows what is not as decided.

Exit codes: 0 as decided; 1 something is not; 2 there is no such container, the
monitor does not run, or refuses; 3 internal error.`, false),
		a.onContainer("freeze", "Stop all of a container's processes where they are",
			"Freeze stops all processes of the container, which keep their memory, for a look\nat them; release lets them go on."+exits, true),
		a.onContainer("quarantine", "Cut a container off the network", "Quarantine cuts the container off the network in both directions; its processes go\non. release undoes it."+exits, true),
		a.onContainer("release", "Undo freeze and quarantine", "Release lets a frozen container go on, and gives one that is cut off its network\nback."+exits, true),
		a.onContainer("kill", "Kill all of a container's processes",
			"Kill kills all processes of the container, by the kernel and at once. Its engine\nsees that it ended, and may start it anew."+exits, true),
	}
}
