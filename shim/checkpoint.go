package shim

import (
	"github.com/runward/runward/policy"
	"github.com/runward/runward/policy/rules"
)

// checkpoint holds to policy that a container's memory leaves it.
func (c *call) checkpoint() error {
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
