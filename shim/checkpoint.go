package shim

import (
	"errors"

	"github.com/runward/runward/policy"
	"github.com/runward/runward/policy/rules"
)

// checkpoint holds to policy that a container's memory leaves it.
func (c *call) checkpoint() error {
	t, err := c.find()
	if errors.Is(err, errNoContainer) {
		return nil
	}
	if err != nil {
		return c.deny(err)
	}
	c.bundle, c.facts = t.bundle, t.facts
	if err := c.choose(); err != nil {
		return c.deny(err)
	}
	spec, err := policy.ParseSpec([]byte(`{"process":{},"linux":{}}`)) // nothing in config.json matters
	if err != nil {
		return c.deny(err)
	}
	c.decision = policy.Evaluate(c.set, []policy.Rule{rules.CheckpointRestore}, spec, c.facts)
	if c.decision.Verdict == policy.Deny {
		return c.refuse()
	}
	return c.recordPassing()
}
