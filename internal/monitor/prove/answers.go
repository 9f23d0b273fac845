package prove

import (
	"errors"
	"strings"
	"time"

	"github.com/runward/runward/internal/ledger"
	"github.com/runward/runward/internal/monitor/answer"
	"github.com/runward/runward/internal/monitor/attest"
)

// actTakes bounds how long a freeze or a kill may take.
const actTakes = 10 * time.Second

// Target finds a container's cgroups.
func (p *Prover) target(entry *ledger.Entry, pid int, start uint64) (*answer.Target, error) {
	want, err := expect(entry)
	if err != nil {
		return nil, err
	}
	node, entered, err := p.around()
	if err != nil {
		return nil, err
	}
	seen, err := node.Observe(pid, start, want, entered, attest.Bounds{Processes: 1})
	if err != nil {
		return nil, err
	}
	t := &answer.Target{PID: pid, Start: start}
	t.Freezer, t.Unified = node.Groups(seen, want)
	return t, nil
}

// How is the way in which a container is cut off.
type How struct {
	Egress bool // it may answer whoever connects to it
	Shared bool // together with those that share its network namespace
}

// Answer freezes, quarantines, releases or kills a container, and returns what
// is in force after it; empty: nothing.
func (p *Prover) Answer(action string, how How, entry *ledger.Entry, pid int, start uint64) (inForce string, err error) {
	t, err := p.target(entry, pid, start)
	if err != nil {
		return "", err
	}
	switch action {
	case "freeze":
		err = answer.Freeze(t, actTakes)
	case "kill":
		return "", answer.Kill(t, actTakes)
	case "quarantine":
		if how.Egress {
			_, err = answer.CutEgress(t, how.Shared)
		} else {
			_, err = answer.CutNetwork(t, how.Shared)
		}
	case "release":
		err = release(t)
	default:
		return "", errors.New("nothing is known of how to " + action + " a container")
	}
	if err != nil {
		return "", err
	}
	return stateText(t)
}

// release undoes what is in force, and leaves alone what is not.
func release(t *answer.Target) error {
	now, err := answer.StateOf(t)
	if err != nil {
		return err
	}
	if now.Network != answer.NetworkOpen {
		err = answer.Restore(t)
	}
	if now.Frozen { // last: it does not go on before all is as it was
		err = errors.Join(err, answer.Thaw(t, actTakes))
	}
	return err
}

// InForce says what is in force on a container, by the kernel's word.
func (p *Prover) InForce(entry *ledger.Entry, pid int, start uint64) (string, error) {
	t, err := p.target(entry, pid, start)
	if err != nil {
		return "", err
	}
	return stateText(t)
}

func stateText(t *answer.Target) (string, error) {
	s, err := answer.StateOf(t)
	if err != nil {
		return "", err
	}
	var all []string
	if s.Frozen {
		all = append(all, "frozen")
	}
	if s.Network != answer.NetworkOpen {
		all = append(all, "network "+string(s.Network))
	}
	return strings.Join(all, ", "), nil
}
