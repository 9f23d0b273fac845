package shim

import (
	"os"
	"time"

	"github.com/runward/runward/internal/audit"
	"github.com/runward/runward/internal/ledger"
	"github.com/runward/runward/internal/realruntime"
	"github.com/runward/runward/policy"
)

// receipt is what there is to say of the create so far.
func (c *call) receipt() *audit.Receipt {
	now := time.Now()
	r := &audit.Receipt{
		ID: audit.NewID(now), Time: now.UTC(),
		Verb: c.inv.Verb, Container: c.inv.ID, Bundle: c.bundle,
		Handler: c.handler, Runtime: c.runtime,
		Policy: c.set.Digest, Policies: c.decision.Policies,
		Mode: c.cfg.Mode, Verdict: c.decision.Verdict,
		Findings: c.decision.Findings, Patch: c.decision.Patch, PID: os.Getpid(),
	}
	if c.facts != nil {
		r.Engine, r.Identity = c.facts.Engine, c.facts.Identity
	}
	if c.raw != nil {
		r.Original = audit.Digest(c.raw)
	}
	if c.final != nil {
		r.Final = r.Original
		if c.decision.Verdict == policy.Rewrite {
			r.Final = audit.Digest(c.final)
		}
	}
	return r
}

// entry is what later verbs must know of the container.
func (c *call) entry(r *audit.Receipt) *ledger.Entry {
	return &ledger.Entry{
		ID: c.inv.ID, Root: stateRoot(c.inv, realruntime.Kind(c.runtime)), Bundle: c.bundle,
		Runtime: realruntime.Kind(c.runtime), Engine: c.facts.Engine, Handler: c.handler, Identity: c.facts.Identity,
		Created: c.began.Unix(), Receipt: r.ID, Policy: c.set.Digest, Config: r.Final,
		Ceiling: c.decision.Ceiling, Claim: c.decision.Claim, Enforced: !c.advises,
	}
}
