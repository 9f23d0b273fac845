package main

import (
	"errors"
	"time"

	"github.com/runward/runward/internal/audit"
	"github.com/runward/runward/internal/config"
	"github.com/runward/runward/internal/host"
	"github.com/runward/runward/internal/ledger"
	"github.com/runward/runward/internal/oci"
	"github.com/runward/runward/internal/realruntime"
	"github.com/runward/runward/internal/running"
	"github.com/runward/runward/policy"
)

// places is where runtimes and engines keep what runs; tests have their own.
var places = running.Node

// A live is a container that runs, with what runward has kept of it.
type live struct {
	running.Container
	entry   *ledger.Entry  // nil: none
	receipt *audit.Receipt // of its create; nil: none was found
}

// An inventory is what runs on this one.
type inventory struct {
	containers []live
	ended      int
	notes      []string
}

// findRunning finds the containers that run, also in state directories that are
// named.
func findRunning(states []string) (*inventory, error) {
	entries, err := ledger.List(config.LedgerDir())
	if err != nil && len(entries) == 0 {
		return nil, err
	}
	n := &inventory{}
	if err != nil {
		n.notes = append(n.notes, err.Error())
	}
	where := places()
	where.States = append(where.States, states...)
	for _, e := range entries {
		where.States = append(where.States, e.Root)
	}
	found := running.Find(where)
	n.ended, n.notes = found.Ended, append(n.notes, found.Problems...)
	for _, c := range found.Containers {
		l := live{Container: c}
		for _, e := range entries {
			if e.ID == c.ID && (e.Root == c.Root || e.Bundle == c.Bundle) {
				l.entry = e
			}
		}
		n.containers = append(n.containers, l)
	}
	return n, nil
}

// of gives the container that a receipt is about; nil: it runs no more. The
// ledger knows the receipt by its id; where it has lost the container, the last
// receipt of the bundle is the one.
func (n *inventory) of(r *audit.Receipt) *live {
	for i := range n.containers {
		c := &n.containers[i]
		switch {
		case c.entry != nil && c.entry.Receipt == r.ID:
			return c
		case c.entry == nil && c.ID == r.Container && c.Bundle == r.Bundle && r.Verdict != policy.Deny:
			return c
		}
	}
	return nil
}

// spec reads the container's config.json as the wrapper does.
func (l *live) spec() ([]byte, *policy.Spec, error) {
	if l.Problem != "" {
		return nil, nil, errors.New(l.Problem)
	}
	bundle, err := oci.Open(l.Bundle)
	if err != nil {
		return nil, nil, err
	}
	defer bundle.Close()
	l.Bundle = bundle.Path()
	raw, err := bundle.ReadSpec()
	if err != nil {
		return nil, nil, err
	}
	spec, err := policy.ParseSpec(raw)
	if err != nil {
		return nil, nil, errors.New("config.json: " + err.Error())
	}
	return raw, spec, bundle.CheckOwner(append(spec.MappedRoot(), l.User)...)
}

// facts gathers what the wrapper would know of the container, and what of it
// is assumed. Ledger and receipt have the engine and the identity as they were proven.
func (l *live) facts(cfg *config.Config, spec *policy.Spec) (*policy.Facts, []string) {
	in := host.Invocation{
		Now: time.Now().Unix(), Root: l.Root, Bundle: l.Bundle, Handler: "runward", Runtime: l.Kind, Hook: config.HookProgram(),
		Annotations:        spec.View().Annotations,
		TrustedAnnotations: cfg.Trust.Annotations, TrustedLabels: cfg.Trust.Labels,
	}
	switch {
	case l.entry != nil:
		in.Handler, in.Runtime = l.entry.Handler, l.entry.Runtime
	case l.receipt != nil:
		in.Handler = l.receipt.Handler
	}
	if in.Runtime == "" {
		in.Runtime = "runc"
	}
	facts, proven := host.Running(in, l.PID, l.User)
	var notes []string
	switch {
	case l.entry != nil:
		facts.Engine, facts.Identity = l.entry.Engine, l.entry.Identity
	case l.receipt != nil:
		facts.Engine, facts.Identity = l.receipt.Engine, l.receipt.Identity
	case facts.Engine != "" && !proven:
		notes = append(notes, "the engine is assumed from the bundle's path")
	}
	if facts.Rootless && l.User != 0 {
		notes = append(notes, "a user's own engine started it: runward can only advise there")
	}
	return facts, notes
}

// ask adds to facts what only rules that some policies have ask for, and
// returns the real runtime of a container like it.
func (l *live) ask(facts *policy.Facts, cfg *config.Config, living func() ([]*ledger.Entry, error)) (runtime string, err error) {
	facts.Used = usedBeside(facts, living, func(kept *ledger.Entry) bool { return kept.ID == l.ID && kept.Root == l.Root })
	runtime, err = realruntime.Find(cfg, facts.Handler, wrapper())
	facts.RuntimeVersion, facts.Features = runtimeVersion(runtime), runtimeFeatures(runtime)
	return runtime, err
}
