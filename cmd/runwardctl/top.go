package main

import (
	"cmp"
	"context"
	"os"
	"os/signal"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/runward/runward/internal/display"
	"github.com/runward/runward/internal/monitor/api"
	"github.com/runward/runward/internal/monitorview"
)

// orders are what top can sort by.
func orders() []string { return []string{"cpu", "memory", "pids", "network", "disk"} }

func (a *app) top() *cobra.Command {
	var by string
	var once bool
	cmd := &cobra.Command{
		Use:   "top",
		Short: "Show what the containers use, the most first",
		Long: `Top shows what the containers that the monitor follows use, by its last samples,
anew every two seconds until it is interrupted. Where the output is no terminal,
or with --once, -o json or yaml, it shows it once.

Exit codes: 0 clean; 2 the monitor does not run, or refuses; 3 internal error.`,
		Example: "  runwardctl top\n  runwardctl top --sort memory --once",
		Args:    args(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !slices.Contains(orders(), by) {
				return usage("--sort: want cpu, memory, pids, network or disk, found "+quoted(by), "")
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, unix.SIGTERM)
			defer stop()
			f, terminal := a.out.(*os.File)
			if terminal {
				terminal = term.IsTerminal(int(f.Fd()))
			}
			if !terminal || a.output != "table" {
				once = true
			}
			return asked(a.runTop(ctx, by, once))
		},
	}
	cmd.Flags().StringVar(&by, "sort", "cpu", "the most of this first: `resource`, one of cpu, memory, pids, network, disk")
	cmd.Flags().BoolVar(&once, "once", false, "show it once")
	return cmd
}

func (a *app) runTop(ctx context.Context, by string, once bool) error {
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	for {
		all, err := monitorClient().Containers(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		all = slices.DeleteFunc(all, func(c api.Container) bool { return c.Phase != api.Running })
		slices.SortStableFunc(all, func(x, y api.Container) int { return -cmp.Compare(used(&x, by), used(&y, by)) })
		if once {
			return a.print(all, func(p *display.Printer) error { return monitorview.Top(p, all) })
		}
		p := a.printer(a.out)
		p.Text("\x1b[H\x1b[2J") // home, and clear
		if err := monitorview.Top(p, all); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func used(c *api.Container, by string) float64 {
	u := c.Usage
	if u == nil {
		return -1
	}
	switch by {
	case "memory":
		return float64(u.Memory)
	case "pids":
		return float64(u.Pids)
	case "network":
		return u.Received + u.Sent
	case "disk":
		return u.Read + u.Written
	default:
		return u.CPU
	}
}
