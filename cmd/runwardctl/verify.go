package main

import (
	"github.com/spf13/cobra"

	"github.com/runward/runward/internal/audit/journal"
	"github.com/runward/runward/internal/display"
	"github.com/runward/runward/internal/engine"
	"github.com/runward/runward/internal/owner"
)

func (a *app) engineVerify() *cobra.Command {
	var t target
	var noProbe bool
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Prove by containers what of each engine goes through runward",
		Long: `Verify starts a container under every handler of each engine, and one that asks
for none, and looks for the receipts that runward leaves of them; then it takes
them away. The container is a copy of runwardctl and nothing else, which prints
its version; it has no network. One that policy refuses proves as much. It
works offline, and pulls nothing.

containerd's handlers are for pods, which need a network and an image: what they
call is probed through containerd's own socket, and whether the daemon has loaded
them is asked by crictl, where that is installed.

It lists the ways that remain around runward: those that configure can close, and
those that no configuration of the engine can.

Exit codes: 0 whoever takes none of the latter goes through runward; 1 ways remain,
or a probe left no receipt, or an engine does not answer; 2 a file cannot be read; 3
internal error.`,
		Example: "  runwardctl engine verify\n  runwardctl engine verify --engine docker -o json",
		Args:    args(0, 0, "no arguments"),
		RunE:    func(*cobra.Command, []string) error { return a.runEngineVerify(&t, noProbe) },
	}
	t.flags(cmd)
	cmd.Flags().BoolVar(&noProbe, "no-probe", false, "start no container, only list the ways around runward")
	return cmd
}

// verified is what verify prints.
type verified struct {
	Engines []verifiedEngine `json:"engines"`
	Proven  bool             `json:"proven"` // see the exit codes
}

type verifiedEngine struct {
	*engine.Status
	Probes []engine.Probe `json:"probes"`
}

func (a *app) runEngineVerify(t *target, noProbe bool) error {
	s, all, err := t.find()
	if err != nil {
		return err
	}
	prober := &engine.Prober{System: s, Program: "/proc/self/exe", Args: []string{"version"}, Receipt: receiptOf}
	out := verified{Proven: true}
	for _, e := range all {
		st, err := t.status(s, e)
		if err != nil {
			return err
		}
		v := verifiedEngine{Status: st, Probes: []engine.Probe{}}
		if !noProbe {
			probes, notes, err := prober.Probe(st)
			if err != nil {
				st.Problems = append(st.Problems, "it could not be probed: "+owner.Reason(err))
			}
			v.Probes = append(v.Probes, probes...)
			v.Notes = append(v.Notes, notes...)
		}
		out.Engines = append(out.Engines, v)
		out.Proven = out.Proven && v.proven()
	}
	if !out.Proven {
		a.code = exitFindings
	}
	return a.print(&out, out.text)
}

func (v *verifiedEngine) proven() bool {
	for _, p := range v.Probes {
		if p.Receipt == "" && !p.Reserved {
			return false
		}
	}
	return v.All()
}

// receiptOf gives the id of the receipt of a container's create.
func receiptOf(container string) (string, error) {
	_, inputs, _, done, err := openReceipts()
	if err != nil {
		return "", err
	}
	defer done()
	id := ""
	for r, err := range journal.All(inputs) {
		if err != nil {
			return "", err
		}
		if r.Container == container && (r.Verb == "create" || r.Verb == "run") {
			id = r.ID
		}
	}
	return id, nil
}

func (o *verified) text(p *display.Printer) error {
	for i := range o.Engines {
		if i > 0 {
			p.Line()
		}
		o.Engines[i].text(p)
	}
	p.Line()
	if o.Proven {
		p.Line("Every handler goes through runward; what is listed as always there does not.")
	} else {
		p.Line("Not everything goes through runward.")
	}
	return p.Err()
}

func (v *verifiedEngine) text(p *display.Printer) {
	p.Line(p.Paint(display.Bold, v.Engine), " ", v.Version)
	for _, probe := range v.Probes {
		what := "the default handler"
		if probe.Handler != "" {
			what = "handler " + probe.Handler
		}
		switch {
		case probe.Receipt != "" && probe.Problem != "":
			p.Note("ok: "+what+" goes through runward, receipt "+probe.Receipt+"; the probe did not run: "+probe.Problem, 2)
		case probe.Receipt != "":
			p.Note("ok: "+what+" goes through runward, receipt "+probe.Receipt, 2)
		case probe.Problem != "":
			p.Note("not proven: "+what+": "+probe.Problem, 2)
		case probe.Reserved:
			p.Note("always there: "+what+" started a container that left no receipt", 2)
		default:
			p.Note("around runward: "+what+" started a container that left no receipt", 2)
		}
	}
	for _, problem := range v.Problems {
		p.Note("problem: "+problem, 2)
	}
	for _, way := range v.Open {
		p.Note("around runward: "+way, 2)
	}
	for _, way := range v.Ways {
		p.Note("always there: "+way, 2)
	}
	for _, note := range v.Notes {
		p.Note("note: "+note, 2)
	}
}
