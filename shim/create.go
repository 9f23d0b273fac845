package shim

import (
	"errors"
	"time"

	"github.com/runward/runward/internal/audit"
	"github.com/runward/runward/internal/builtin"
	"github.com/runward/runward/internal/config"
	"github.com/runward/runward/internal/host"
	"github.com/runward/runward/internal/ledger"
	"github.com/runward/runward/internal/oci"
	"github.com/runward/runward/internal/policyfile"
	"github.com/runward/runward/internal/realruntime"
	"github.com/runward/runward/policy"
	"github.com/runward/runward/policy/rules"
)

// decide holds one container to policy. It returns nil when the real runtime
// may be executed, with the bundle as policy wants it, and else the reason in
// one line. parseErr is what is wrong with the arguments.
func (c *creation) decide(parseErr error) error {
	c.advises = c.cfg.NodeMode() == policy.Audit // whatever is wrong with the policies
	sources := c.cfg.Sources()
	sources.BuiltIn = builtin.Profile
	store, err := policyfile.Open(sources, rules.All)
	if err != nil {
		return c.deny(err)
	}
	defer store.Close()
	c.set.Digest = store.Digest() // also for the receipt of what cannot be read
	c.advises = c.advises || store.Advises()
	if parseErr != nil {
		return c.deny(parseErr)
	}
	if err := realruntime.Safe(c.runtime); err != nil {
		return c.deny(err)
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
	c.facts = host.Collect(host.Invocation{
		Now: c.began.Unix(), Root: c.inv.Root, Bundle: bundle.Path(), Handler: c.handler, Runtime: realruntime.Kind(c.runtime),
		Annotations:        spec.View().Annotations,
		TrustedAnnotations: c.cfg.Trust.Annotations, TrustedLabels: c.cfg.Trust.Labels,
	})
	if c.set, err = store.Set(c.facts); err != nil {
		return c.deny(err)
	}
	if c.cfg.NodeMode() == policy.Audit {
		c.set = c.set.OnlyAudit()
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

// creation is one create on its way.
type creation struct {
	inv      Invocation
	cfg      *config.Config
	handler  string
	runtime  string
	began    time.Time
	set      policy.Set
	advises  bool // no policy enforces: record, and let everything pass
	bundle   string
	raw      []byte // config.json as the engine wrote it
	final    []byte // as the runtime will read it
	facts    *policy.Facts
	decision policy.Decision
}

// begin starts on a create.
func begin(inv Invocation, cfg *config.Config, handler, runtime string) *creation {
	return &creation{inv: inv, cfg: cfg, handler: handler, runtime: runtime, bundle: inv.Bundle, began: time.Now()}
}

// deny ends a create for which there is no decision: something could not be
// read, understood or kept.
func (c *creation) deny(cause error) error {
	r := c.receipt()
	r.Error, r.Final = cause.Error(), ""
	if c.advises {
		r.Verdict = policy.Allow
		return c.append(r)
	}
	r.Verdict = policy.Deny
	if err := c.append(r); err != nil {
		return errors.New(cause.Error() + "; nothing was started, and no receipt could be written: " + err.Error())
	}
	return errors.New(cause.Error() + "; nothing was started (receipt " + r.ID + ")")
}

// refuse ends a create that policy denies.
func (c *creation) refuse() error {
	r := c.receipt()
	if err := c.append(r); err != nil {
		return errors.New(denial(c.decision, "none: "+err.Error()))
	}
	return errors.New(denial(c.decision, r.ID))
}

// keep records a create that may go on, for later verbs and for people. What
// cannot be kept may not start: the bundle becomes again what it was.
func (c *creation) keep(bundle *oci.Bundle) error {
	r := c.receipt()
	err := ledger.Put(config.LedgerDir(), c.entry(r))
	if err == nil || c.advises {
		if err = c.append(r); err == nil {
			if c.inv.Verb == "run" { // nobody calls delete after it
				_, _ = ledger.Sweep(config.LedgerDir(), c.began, sweepMost)
			}
			return nil
		}
		_ = ledger.Delete(config.LedgerDir(), c.inv.root(realruntime.Kind(c.runtime)), c.inv.ID) // the error at hand is the one to report
	}
	if c.decision.Verdict == policy.Rewrite {
		if undo := bundle.WriteSpec(c.raw); undo != nil {
			err = errors.New(err.Error() + "; config.json stays rewritten: " + undo.Error())
		}
	}
	return errors.New(err.Error() + "; nothing was started")
}

// append writes the receipt. Where the node's settings let containers start
// without, a failure is said on standard error and goes on.
func (c *creation) append(r *audit.Receipt) error {
	r.Micros = time.Since(c.began).Microseconds()
	sync, _ := audit.ParseSync(c.cfg.Audit.Sync) // config.Load has checked it
	err := audit.Append(audit.Config{Path: c.cfg.Audit.Receipts, Sync: sync}, r)
	if err != nil && (c.cfg.Audit.OnFailure == "allow" || c.advises) {
		return nil
	}
	return err
}
