package main

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/runward/runward/internal/config"
	"github.com/runward/runward/internal/display"
	"github.com/runward/runward/internal/engine"
	"github.com/runward/runward/internal/ledger"
)

// unused is what stands against taking runward off the node.
type unused struct {
	Unused     bool     `json:"unused"`
	Containers []string `json:"containers"` // ids of those that live and that runward created
	Engines    []string `json:"engines"`    // whose files call runward
	hint       string
}

func (a *app) engineUnused() *cobra.Command {
	var t target
	cmd := &cobra.Command{
		Use:   "unused",
		Short: "Check that nothing on the node needs runward any more",
		Long: `Unused checks that runward can be taken off the node: no container lives that it
created, whose engine would call it once more, and no engine's files name it, by
configure or by hand. It changes nothing. Packages ask it before they are removed.

Exit codes: 0 nothing needs it; 1 something does; 2 that cannot be told; 3
internal error.`,
		Args: args(0, 0, "no arguments"),
		RunE: func(*cobra.Command, []string) error {
			s := nodeSystem()
			if t.root != "" {
				root, err := filepath.Abs(t.root)
				if err != nil {
					return configuration(err)
				}
				s.Root = root
			}
			u, err := whatNeeds(s)
			if err != nil {
				return configuration(err)
			}
			if !u.Unused {
				a.code = exitFindings
			}
			return a.print(u, u.text)
		},
	}
	t.rootFlag(cmd)
	return cmd
}

func whatNeeds(s *engine.System) (*unused, error) {
	u := &unused{Containers: []string{}, Engines: []string{}}
	if s.Here() { // in an image nothing lives
		living, err := ledger.Living(config.LedgerDir())
		if err != nil {
			return nil, err
		}
		for _, e := range living {
			u.Containers = append(u.Containers, e.ID)
		}
	}
	slices.Sort(u.Containers)
	byHand := false
	for _, e := range engine.All() {
		record, err := s.Recorded(e.Name)
		if err != nil {
			return nil, err
		}
		calls := record != nil
		if !calls && e.Installed(s) {
			st, err := e.Status(s)
			if err != nil {
				return nil, err
			}
			calls, byHand = st.Registered, byHand || st.Registered
		}
		if calls {
			u.Engines = append(u.Engines, e.Name)
		}
	}
	u.Unused = len(u.Containers)+len(u.Engines) == 0
	switch {
	case len(u.Containers) > 0:
		u.hint = "end them first"
	case byHand:
		u.hint = "take runward out of its files, and restart it"
	}
	if len(u.Engines) > 0 && !byHand {
		u.hint = strings.TrimPrefix(u.hint+", then run runwardctl engine unconfigure --restart", ", then ")
	}
	return u, nil
}

// text is one line: a package's script passes it on.
func (u *unused) text(p *display.Printer) error {
	if u.Unused {
		p.Line("Nothing needs runward.")
		return p.Err()
	}
	var needs []string
	if n := len(u.Containers); n > 0 {
		named := u.Containers[:min(n, shownBound)]
		if n > shownBound {
			named = append(slices.Clone(named), strconv.Itoa(n-shownBound)+" more")
		}
		needs = append(needs, counted(n, "container")+" that it created: "+strings.Join(named, ", "))
	}
	if len(u.Engines) > 0 {
		needs = append(needs, "the files of "+strings.Join(u.Engines, ", "))
	}
	p.Line("runward is needed by ", display.Clean(strings.Join(needs, "; and by ")), "; ", u.hint)
	return p.Err()
}
