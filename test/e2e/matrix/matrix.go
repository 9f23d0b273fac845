// Package matrix keeps what TestMatrix found, one cell for each engine, runtime,
// cgroup version and cgroup driver, and shows all cells as one table.
package matrix

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Columns are what every cell is asked, in the order in which they are shown.
func Columns() []string {
	return []string{"allowed", "rewritten", "denied", "exec'd", "updated", "deleted"}
}

// A Cell is one engine with one runtime behind runward, one version of cgroups,
// and one driver of them.
type Cell struct {
	Row      string  `json:"row"`      // the engine and how it is called: "docker run"
	Engine   string  `json:"engine"`   // its version, as it says
	Runtime  string  `json:"runtime"`  // behind runward, with its version: "crun 1.28"
	Cgroup   string  `json:"cgroup"`   // "v1", "v1 hybrid" or "v2"
	Driver   string  `json:"driver"`   // "cgroupfs" or "systemd"
	AppArmor string  `json:"appArmor"` // the profile of a rewritten container, read inside; "off": the kernel has none
	NotRun   string  `json:"notRun,omitempty"`
	Around   string  `json:"around,omitempty"` // how it was shown to go around runward
	Checks   []Check `json:"checks,omitempty"`
}

// A Result of a check is one of these.
type Result string

// The results.
const (
	Held   Result = "held"
	Failed Result = "failed"
	None   Result = "none" // the engine has no such thing
)

// A Check is one column of a cell.
type Check struct {
	Column string `json:"column"`
	Result Result `json:"result"`
	Inside string `json:"inside,omitempty"` // what was read inside the container, or of its cgroup
	Says   string `json:"says,omitempty"`   // what the user sees: at a denial the engine's text; of None why there is none
}

// Check gives a column of the cell; nil: it was not come to.
func (c *Cell) Check(column string) *Check {
	for i := range c.Checks {
		if c.Checks[i].Column == column {
			return &c.Checks[i]
		}
	}
	return nil
}

// Append adds a cell to a file, one a line.
func Append(file string, c *Cell) error {
	line, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("encode a cell: %w", err)
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("open %s: %w", file, err)
	}
	if _, err := f.Write(append(line, '\n')); err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", file, err), f.Close())
	}
	return f.Close()
}

// Read gives the cells of files that Append wrote, in their order.
func Read(files ...string) ([]Cell, error) {
	var cells []Cell
	for _, file := range files {
		f, err := os.Open(filepath.Clean(file))
		if err != nil {
			return nil, fmt.Errorf("open %s: %w", file, err)
		}
		more := json.NewDecoder(f)
		for {
			var c Cell
			if err = more.Decode(&c); err != nil {
				break
			}
			cells = append(cells, c)
		}
		if !errors.Is(err, io.EOF) {
			return nil, errors.Join(fmt.Errorf("read %s: %w", file, err), f.Close())
		}
		if err := f.Close(); err != nil {
			return nil, fmt.Errorf("close %s: %w", file, err)
		}
	}
	return cells, nil
}
