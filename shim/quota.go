package shim

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/internal/config"
	"github.com/runward/runward/internal/ledger"
	"github.com/runward/runward/internal/realruntime"
	"github.com/runward/runward/policy"
)

// What quotas add up is read, and what this container claims is written, while
// the ledger is held: of two creates that would each fit alone, the second
// sees the first. The lock is flock's: it ends with this process, and the real
// runtime does not get it (O_CLOEXEC).

// hold locks the ledger until release; a second call does nothing.
func (c *call) hold() (err error) {
	if c.held == nil {
		c.held, err = ledger.Hold(config.LedgerDir())
	}
	return err
}

func (c *call) release() {
	c.held.Release()
	c.held = nil
}

// used is policy.Facts.Used. Who never asks pays nothing.
func (c *call) used(by string) (policy.Usage, error) {
	if c.living == nil {
		if err := c.hold(); err != nil {
			return policy.Usage{}, err
		}
		living, err := c.held.Living()
		if err != nil {
			return policy.Usage{}, err
		}
		c.living = living
	}
	root := stateRoot(c.inv, realruntime.Kind(c.runtime))
	return ledger.Used(c.living, by, c.facts.Engine, &c.facts.Identity, root, c.inv.ID), nil
}

// put keeps the decision about a create.
func (c *call) put(e *ledger.Entry) error {
	if c.held == nil {
		return ledger.Put(config.LedgerDir(), e)
	}
	defer c.release()
	return c.held.Put(e)
}

// claim keeps what an update that may go on asks for and makes the container
// claim, before the runtime changes it. Until it has, the larger claim counts.
func (c *call) claim(e *ledger.Entry, asked *specs.LinuxResources) error {
	if e == nil {
		return nil
	}
	changed := *e
	added := changed.Ask(asked)
	if c.decision.Claim != e.Claim {
		changed.Claim = e.Claim.Larger(c.decision.Claim)
		return c.held.Update(&changed)
	}
	if added {
		return c.held.Note(&changed)
	}
	return nil
}

// reserve holds the ledger for an update and returns the container's entry, so
// that no other changes its claim meanwhile; nil where nothing is kept of it:
// then its runtime's state says what it claims, and the claim is not kept.
func (c *call) reserve(t *target) (*ledger.Entry, error) {
	if t.rebuilt {
		return nil, nil
	}
	if err := c.hold(); err != nil {
		return nil, err
	}
	e, err := c.held.Get(stateRoot(c.inv, realruntime.Kind(c.runtime)), c.inv.ID)
	if err != nil {
		return nil, err
	}
	c.facts.Claim = &e.Claim
	return e, nil
}
