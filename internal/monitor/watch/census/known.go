package census

import (
	"github.com/runward/runward/internal/ledger"
	"github.com/runward/runward/internal/running"
)

// KnownOf joins what engines and runtimes have of containers that run with what
// the ledger has.
func KnownOf(containers []running.Container, entries []*ledger.Entry) []Known {
	var all []Known
	for i := range containers {
		c := &containers[i]
		k := Known{ID: c.ID, Name: c.Name, PID: c.PID, Bundle: c.Bundle, User: c.User, Engine: engineOfNamespace(c)}
		for _, e := range entries {
			if e.ID == c.ID && (e.Root == c.Root || e.Bundle == c.Bundle) {
				k.Entered, k.Engine = true, e.Engine
			}
		}
		all = append(all, k)
	}
	return all
}

// engineOfNamespace guesses by containerd's name space.
func engineOfNamespace(c *running.Container) string {
	switch c.Namespace {
	case "":
		return ""
	case "moby":
		return "docker"
	default:
		return "containerd"
	}
}
