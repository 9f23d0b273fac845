package shim

import (
	"errors"

	"github.com/runward/runward/internal/config"
	"github.com/runward/runward/internal/owner"
	"github.com/runward/runward/internal/realruntime"
)

// withRules begins the call anew in runward-rules, which is this program and
// what custom rules need. Only nodes that have custom rules pay for that. It is
// executed before anything but policies was read, so it finds everything as
// the engine left it, and it does the whole of what there is to do. It returns
// only on failure, which denies.
func (c *call) withRules() error {
	program := config.RulesProgram()
	err := realruntime.Safe("runward's program for custom rules "+program, program)
	if err == nil {
		err = errors.New("runward's program for custom rules " + program + " cannot be executed: " + owner.Reason(c.again(program)))
	}
	return c.deny(errors.New(err.Error() + "; a policy has custom rules ([[rule]]): install the whole of runward, or take them out"))
}
