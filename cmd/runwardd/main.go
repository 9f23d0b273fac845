// Command runwardd is the node's monitor. It follows the containers that runward
// let start, compares them with what was decided, watches and answers. Its
// settings are the table [monitor] of runward.toml.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/runward/runward/internal/audit"
	"github.com/runward/runward/internal/audit/event"
	"github.com/runward/runward/internal/config"
	"github.com/runward/runward/internal/engine"
	"github.com/runward/runward/internal/ledger"
	"github.com/runward/runward/internal/monitor"
	"github.com/runward/runward/internal/monitor/attest"
	"github.com/runward/runward/internal/monitor/prove"
	"github.com/runward/runward/internal/monitor/settings"
	"github.com/runward/runward/internal/stamp"
)

// exitConfiguration is for settings that must be corrected first: systemd's
// EXIT_CONFIG, so that the unit can leave it at that.
const exitConfiguration = 78

func main() {
	runtime.KeepAlive(stamp.Mark) // in the file, for runwardctl version
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	code := 0
	var level, format string
	cmd := &cobra.Command{
		Use:   "runwardd",
		Short: "Monitor the containers that runward let start",
		Long: `runwardd is the node's monitor: it follows every container that runward let
start, compares what the kernel shows with what was decided, raises alerts, and
answers where policy says so. runwardctl status, containers, alerts and events
ask it; its settings are the table [monitor] of runward.toml.

It is started by systemd, as runwardd.service. Containers never need it, unless
a policy says monitor.required: they start while it is away, and it finds them
when it is back.

Exit codes: 0 it was asked to end; 1 it failed; 2 its arguments are wrong;
78 its settings are wrong.`,
		Args: cobra.NoArgs, SilenceErrors: true, SilenceUsage: true,
		Version: config.Version,
		RunE: func(*cobra.Command, []string) error {
			log, err := logger(level, format)
			if err != nil {
				code = 2
				return err
			}
			code, err = serve(log)
			return err
		},
	}
	cmd.Flags().StringVar(&level, "log-level", "info", "`level` of its own log: debug, info, warning or error")
	cmd.Flags().StringVar(&format, "log-format", "text", "`format` of its own log: text or json")
	cmd.SetArgs(args)
	if err := cmd.Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "runwardd: "+err.Error())
		if code == 0 {
			code = 2
		}
	}
	return code
}

func logger(level, format string) (*logrus.Logger, error) {
	log := logrus.New()
	l, err := logrus.ParseLevel(level)
	if err != nil {
		return nil, errors.New("--log-level: want debug, info, warning or error, found " + strconv.Quote(level))
	}
	log.SetLevel(l)
	switch format {
	case "text":
		// The journal has the time.
		log.SetFormatter(&logrus.TextFormatter{DisableColors: true, DisableTimestamp: os.Getenv("JOURNAL_STREAM") != ""})
	case "json":
		log.SetFormatter(&logrus.JSONFormatter{})
	default:
		return nil, errors.New("--log-format: want text or json, found " + strconv.Quote(format))
	}
	return log, nil
}

func serve(log *logrus.Logger) (code int, err error) {
	if os.Geteuid() != 0 {
		return 1, errors.New("run it as root: it reads what the kernel says of other users' processes")
	}
	cfg, err := config.Load()
	if err != nil {
		return exitConfiguration, err
	}
	own, err := settings.Load()
	if err != nil {
		return exitConfiguration, err
	}
	if err := os.MkdirAll(filepath.Dir(config.MonitorSocket()), 0o755); err != nil {
		return 1, err
	}
	if err := os.MkdirAll(config.StateDir, 0o700); err != nil {
		return 1, err
	}
	sync, _ := audit.ParseSync(cfg.Audit.Sync) // config.Load has checked it
	chain := audit.Config{Path: cfg.Audit.Receipts, Sync: sync}
	node, err := os.Hostname()
	if err != nil {
		return 1, err
	}
	prover, err := prove.New(filepath.Join(config.RunDir, "monitor"), runtimes(cfg)...)
	if err != nil {
		return 1, err
	}
	d, err := monitor.New(monitor.Config{
		Ledger: config.LedgerDir(), Socket: config.MonitorSocket(), Settings: own, Log: log, Version: config.Version,
		Learned: filepath.Join(config.StateDir, "normal.json"), Digests: filepath.Join(config.StateDir, "files.json"), System: system(),
		Record: func(e *event.Event) error { return event.Append(chain, e) },
		Attest: func(entry *ledger.Entry, pid int, start uint64) monitor.Attestation {
			ready, found, err := prover.Attest(entry, pid, start)
			if errors.Is(err, attest.ErrGone) {
				return monitor.Attestation{Ended: true}
			}
			return monitor.Attestation{Ready: ready || err != nil, Differences: found, Unproven: err}
		},
		Chain: chain, Positions: filepath.Join(config.StateDir, "forward"), Node: node,
		Answer:  prover.Answer,
		InForce: prover.InForce,
		Left: func(living []ledger.File) []*ledger.Entry {
			gone, err := prover.Left(living)
			if err != nil {
				log.WithError(err).Warn("what was kept of containers cannot be read")
			}
			return gone
		},
		Known: prover.Known,
		Forget: func(entry *ledger.Entry) {
			if err := prover.Forget(entry); err != nil {
				log.WithError(err).Warn("what was kept of a container is left behind")
			}
		},
	})
	if err != nil {
		return 1, err
	}
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGTERM, unix.SIGINT)
	defer stop()
	err = d.Run(ctx, func() {
		log.WithField("version", config.Version).Info("listening on " + config.MonitorSocket())
		notify(log, daemon.SdNotifyReady)
		go watchdog(ctx, log, func() { _ = d.Status() }) // which takes the lock
	})
	notify(log, daemon.SdNotifyStopping)
	if err != nil {
		return 1, err
	}
	return 0, nil
}

// system is where engines' files are.
func system() *engine.System {
	return &engine.System{
		Runward: config.Wrapper(), Links: config.LinksDir(), State: config.EnginesDir(), Settings: config.File(),
		Programs: engine.ProgramDirs(), Configs: map[string]string{},
	}
}

// runtimes are the real ones that runward may execute.
func runtimes(cfg *config.Config) []string {
	all := append([]string{cfg.Runtime.Path}, config.RuntimePaths...)
	for _, path := range cfg.Runtime.Handlers {
		all = append(all, path)
	}
	return all
}

func notify(log *logrus.Logger, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.WithError(err).Warn("systemd cannot be told " + state)
	}
}

// watchdog tells systemd that the daemon lives, where its unit asks for that,
// as long as check returns.
func watchdog(ctx context.Context, log *logrus.Logger, check func()) {
	every, err := daemon.SdWatchdogEnabled(false)
	if err != nil || every == 0 {
		return
	}
	t := time.NewTicker(every / 3)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			check()
			notify(log, daemon.SdNotifyWatchdog)
		case <-ctx.Done():
			return
		}
	}
}
