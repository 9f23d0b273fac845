package engine

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// A Status is how an engine stands to runward, by its files.
type Status struct {
	Engine     string          `json:"engine"`
	Version    string          `json:"version,omitempty"`
	Mode       Mode            `json:"mode,omitempty"` // as configure wrote it; empty: it did not
	Registered bool            `json:"registered"`     // a handler is runward
	IsDefault  bool            `json:"isDefault"`      // whoever asks for nothing goes through runward
	Interposed bool            `json:"interposed"`     // so does every handler that a runtime class or an option can name
	Default    string          `json:"default"`        // the handler for who asks for nothing
	Handlers   []StatusHandler `json:"handlers"`
	Files      []string        `json:"files"`
	Open       []string        `json:"open,omitempty"`     // ways around runward that configure can close
	Ways       []string        `json:"ways,omitempty"`     // those that no configuration closes
	Problems   []string        `json:"problems,omitempty"` // what somebody has to look after
	Notes      []string        `json:"notes,omitempty"`
	Inactive   bool            `json:"inactive,omitempty"` // it has no handlers at all
}

// A StatusHandler is a name under which an engine runs containers.
type StatusHandler struct {
	Name     string `json:"name"`
	Runtime  string `json:"runtime,omitempty"` // the program
	Type     string `json:"type,omitempty"`    // what it is instead of a runc
	Through  bool   `json:"through"`           // it is runward
	Reserved bool   `json:"reserved,omitempty"`
}

// Status reads the engine's files.
func (e *Engine) Status(s *System) (*Status, error) {
	record, err := s.Recorded(e.Name)
	if err != nil {
		return nil, err
	}
	v := &view{sys: s, engine: e, base: map[string]*Content{}}
	st, err := e.look(v)
	if err != nil {
		return nil, err
	}
	st.Engine, st.Ways = e.Name, e.ways(s)
	if s.Here() {
		st.Version = version(s.program(e.program))
	}
	if st.Handlers == nil {
		st.Handlers = []StatusHandler{}
	}
	if record != nil {
		st.Mode = record.Mode
		st.Problems = append(st.Problems, edited(s, record)...)
	}
	st.count(s)
	return st, nil
}

// count sums the handlers up.
func (st *Status) count(s *System) {
	var around []StatusHandler
	for _, h := range st.Handlers {
		switch {
		case h.Through:
			st.Registered = true
			st.IsDefault = st.IsDefault || h.Name == st.Default
			if !s.Installed(h.Runtime) {
				st.Problems = append(st.Problems, "the handler "+h.Name+" calls "+h.Runtime+", which is missing: no container of its starts")
			}
		case !h.Reserved:
			around = append(around, h)
		}
	}
	st.Interposed = st.Registered && len(around) == 0 && st.IsDefault
	switch {
	case st.Inactive:
	case !st.IsDefault:
		st.Open = append(st.Open, "whoever asks for no handler gets "+st.Default+": --mode default, or interpose")
	}
	for _, h := range around {
		switch {
		case h.Type != "":
			st.Open = append(st.Open, "the handler "+h.Name+" is of the type "+h.Type+", in front of which runward cannot stand: take it out where nobody needs it")
		case h.Name != st.Default:
			st.Open = append(st.Open, "the handler "+h.Name+": --mode interpose")
		}
	}
}

// All tells whether every container goes through runward that does not take one
// of the ways that no configuration closes.
func (st *Status) All() bool { return st.Inactive || len(st.Open) == 0 && len(st.Problems) == 0 }

// edited says which files of runward's somebody changed.
func edited(s *System, r *Record) []string {
	var all []string
	if len(r.Pending) > 0 {
		all = append(all, "a change was interrupted: runwardctl engine configure or unconfigure takes it back first")
	}
	for _, f := range r.Files {
		now, err := s.read(f.Path)
		switch {
		case err != nil:
			all = append(all, err.Error())
		case same(now, f.To):
		case now == nil:
			all = append(all, f.Path+" was removed since runwardctl wrote it: run runwardctl engine configure again")
		default:
			if _, err := f.without(now); err != nil {
				all = append(all, err.Error())
			}
		}
	}
	return all
}

// Installed tells whether a program is at exactly this path.
func (s *System) Installed(path string) bool {
	info, err := os.Stat(s.path(path))
	if errors.Is(err, fs.ErrNotExist) {
		target, err := os.Readlink(s.path(path)) // below another root a link leads elsewhere
		return err == nil && strings.HasPrefix(target, "/") && s.Root != "" && s.Installed(target)
	}
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// Wrapped are the names under which an engine's files have runward.
func (st *Status) Wrapped() []string {
	var names []string
	for _, h := range st.Handlers {
		if h.Through {
			names = append(names, h.Name)
		}
	}
	slices.Sort(names)
	return names
}
