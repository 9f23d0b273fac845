package shim

import (
	"errors"

	"github.com/runward/runward/internal/config"
	"github.com/runward/runward/internal/host"
	"github.com/runward/runward/internal/ledger"
	"github.com/runward/runward/internal/realruntime"
	"github.com/runward/runward/internal/state"
	"github.com/runward/runward/policy"
)

// A target is the container that exec, update or checkpoint is about.
type target struct {
	bundle  string
	ceiling *policy.Ceiling
	facts   *policy.Facts
	rebuilt bool // the ledger had no entry
}

// find tells what is known of the container: what the ledger has kept, and
// where it has nothing, what the node's settings say.
func (c *call) find() (*target, error) {
	kind := realruntime.Kind(c.runtime)
	root := stateRoot(c.inv, kind)
	entry, err := ledger.Get(config.LedgerDir(), root, c.inv.ID)
	if err == nil {
		t := &target{bundle: entry.Bundle, ceiling: &entry.Ceiling}
		t.facts = c.collect(entry.Bundle, nil)
		t.facts.Engine, t.facts.Identity, t.facts.Ceiling = entry.Engine, entry.Identity, t.ceiling
		return t, nil
	}
	if !errors.Is(err, ledger.ErrNotFound) {
		return nil, err
	}
	if c.cfg.Ledger.Missing == "deny" {
		return nil, errors.New("no decision is kept about container " + c.inv.ID + ", which runward did not create or has forgotten, and ledger.missing in " + config.File() + " says deny: create it anew")
	}
	own, err := state.Load(kind, root, c.inv.ID)
	if errors.Is(err, state.ErrNotFound) {
		return nil, errNoContainer // the runtime says so in its own words
	}
	if err != nil {
		return nil, errors.New("no decision is kept about container " + c.inv.ID + ", and its state cannot be read: " + err.Error())
	}
	for _, key := range own.Unclear { // what cannot be told apart proves nobody's identity
		delete(own.Annotations, key)
	}
	t := &target{bundle: own.Bundle, ceiling: &own.Ceiling, facts: c.collect(own.Bundle, own.Annotations), rebuilt: true}
	claim := ledger.InForce(&own.Ceiling)
	t.facts.Claim = &claim
	if own.UserKnown {
		t.facts.Ceiling = &own.Ceiling
	}
	return t, nil
}

// errNoContainer is what find returns where the runtime has none by that id.
var errNoContainer = errors.New("there is no such container")

// collect gathers the facts about a container of that bundle.
func (c *call) collect(bundle string, annotations map[string]string) *policy.Facts {
	f := host.Collect(host.Invocation{
		Now: c.began.Unix(), Root: c.inv.Root, Bundle: bundle, Handler: c.handler, Runtime: realruntime.Kind(c.runtime), Hook: config.HookProgram(),
		Annotations:        annotations,
		TrustedAnnotations: c.cfg.Trust.Annotations, TrustedLabels: c.cfg.Trust.Labels,
	})
	f.Verb, f.Flags, f.Used = c.inv.Verb, c.flags(), c.used
	f.Features = func() policy.Features { return realruntime.Features(c.runtime) }
	f.RuntimeVersion = func() policy.RuntimeVersion { return realruntime.Version(c.runtime) }
	return f
}

// flags are those of the call that decide what the container gets.
func (c *call) flags() []string {
	var flags []string
	if c.inv.NoPivot {
		flags = append(flags, "no-pivot")
	}
	if c.inv.NoNewKeyring {
		flags = append(flags, "no-new-keyring")
	}
	if c.inv.PreserveFDs > 0 {
		flags = append(flags, "preserve-fds")
	}
	if c.inv.CgroupManager == "disabled" {
		flags = append(flags, "cgroup-manager=disabled")
	}
	return flags
}
