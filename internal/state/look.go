package state

import (
	"errors"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/runward/runward/internal/jsondoc"
	"github.com/runward/runward/internal/owner"
)

// Seen is what a glance at a runtime's record of a container tells.
type Seen struct {
	Kind   string // runc, crun or youki
	Bundle string // absolute
	PID    int    // of the init process, 0: none was recorded
	Start  uint64 // of it, in clock ticks since boot; 0: not recorded
}

// Running tells whether the init process still runs.
func (s *Seen) Running() bool {
	if s.PID <= 0 {
		return false
	}
	if s.Start == 0 {
		st, err := ReadStat(s.PID)
		return err == nil && st.State != 'Z' && st.State != 'X'
	}
	return Alive(s.PID, s.Start)
}

// glance is the records of all three runtimes, as far as it is needed.
type glance struct {
	InitPID   int    `json:"init_process_pid"` // runc
	InitStart uint64 `json:"init_process_start"`
	Config    *struct {
		Labels []string `json:"labels"`
	} `json:"config"`

	PID       int    `json:"pid"`                // crun, youki
	PIDStart  uint64 `json:"process-start-time"` // crun
	BundleDir string `json:"bundle"`
}

// Look finds out which runtime keeps container id in root, where its bundle is
// and whether it runs, for tools that only read: who owns the record is not
// asked. ErrNotFound: there is no record of a runtime that is known here.
func Look(root, id string) (*Seen, error) {
	dir, err := unix.Open(filepath.Join(root, id), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, errors.New(filepath.Join(root, id) + ": " + owner.Reason(err))
	}
	defer unix.Close(dir)
	for _, name := range []string{"state.json", "status"} {
		data, err := owner.ReadAt(dir, name, MaxFile, MaxFile, anyone)
		if errors.Is(err, unix.ENOENT) {
			continue
		}
		var s *Seen
		if err == nil {
			s, err = seen(data, name)
		}
		if err != nil {
			return nil, errors.New(filepath.Join(root, id, name) + ": " + owner.Reason(err))
		}
		return s, nil
	}
	return nil, ErrNotFound
}

func seen(data []byte, name string) (*Seen, error) {
	doc, err := jsondoc.Parse(data, jsondoc.Limits{Bytes: MaxFile, Depth: 64})
	if err != nil {
		return nil, err
	}
	var g glance
	if err := jsondoc.Decode(doc.Root(), &g); err != nil {
		return nil, err
	}
	s := &Seen{Kind: "youki", Bundle: g.BundleDir, PID: g.PID}
	switch {
	case name == "status":
		s.Kind, s.Start = "crun", g.PIDStart
	case g.Config != nil:
		s.Kind, s.PID, s.Start = "runc", g.InitPID, g.InitStart
		if s.Bundle, err = bundleLabel(g.Config.Labels); err != nil {
			return nil, err
		}
	}
	if !filepath.IsAbs(s.Bundle) || strings.IndexByte(s.Bundle, 0) >= 0 {
		return nil, errors.New("its bundle is not an absolute path")
	}
	return s, nil
}

// bundleLabel finds the bundle among runc's labels, as readLabels does.
func bundleLabel(labels []string) (string, error) {
	c := Container{}
	err := c.readLabels(labels)
	return c.Bundle, err
}
