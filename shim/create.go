package shim

import (
	"errors"

	"github.com/runward/runward/internal/config"
	"github.com/runward/runward/internal/ledger"
	"github.com/runward/runward/internal/oci"
	"github.com/runward/runward/internal/realruntime"
	"github.com/runward/runward/policy"
	"github.com/runward/runward/policy/rules"
)

// create holds a container to policy before it is made: for create, run and,
// where policy allows that at all, restore.
func (c *call) create() error {
	if c.inv.Config != "" {
		return c.deny(errors.New("--config gives another file in place of the bundle's config.json, which is what runward judges: leave it out"))
	}
	bundle, err := oci.Open(c.inv.Bundle)
	if err != nil {
		return c.deny(err)
	}
	defer bundle.Close()
	c.bundle = bundle.Path()
	if c.raw, err = bundle.ReadSpec(); err != nil {
		return c.deny(err)
	}
	spec, err := policy.ParseSpec(c.raw)
	if err != nil {
		return c.deny(errors.New(bundle.Path() + "/config.json: " + err.Error()))
	}
	if err := bundle.CheckOwner(spec.MappedRoot()...); err != nil {
		return c.deny(err)
	}
	c.facts = c.collect(bundle.Path(), spec.View().Annotations)
	if err := c.choose(); err != nil {
		return c.deny(err)
	}
	c.decision = policy.Evaluate(c.set, rules.All, spec, c.facts)
	if c.decision.Verdict == policy.Deny {
		return c.refuse()
	}
	if c.final, err = spec.Apply(c.decision.Patch); err != nil {
		return c.deny(err)
	}
	if c.decision.Verdict == policy.Rewrite {
		if err := bundle.WriteSpec(c.final); err != nil {
			return c.deny(err)
		}
	}
	return c.keep(bundle)
}

// keep records a create that may go on, for later verbs and for people. What
// cannot be kept may not start: the bundle becomes again what it was.
func (c *call) keep(bundle *oci.Bundle) error {
	r := c.receipt()
	err := c.put(c.entry(r))
	if err == nil || c.advises {
		if err = c.append(r); err == nil {
			if c.inv.Verb == "run" { // nobody calls delete after it
				_, _ = ledger.Sweep(config.LedgerDir(), c.began, sweepMost)
			}
			return nil
		}
		_ = ledger.Delete(config.LedgerDir(), stateRoot(c.inv, realruntime.Kind(c.runtime)), c.inv.ID) // the error at hand is the one to report
	}
	if c.decision.Verdict == policy.Rewrite {
		if undo := bundle.WriteSpec(c.raw); undo != nil {
			err = errors.New(err.Error() + "; config.json stays rewritten: " + undo.Error())
		}
	}
	return errors.New(err.Error() + "; nothing was started")
}
