package engine

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"github.com/runward/runward/internal/tomlfile"
)

// A Plan is a change of one engine that can be shown, and made.
type Plan struct {
	Engine string
	Steps  []Step
	Notes  []string

	sys            *System
	engine         *Engine
	previous, next *Record
	request        *Request
}

// open reads what runward wrote for an engine before.
func (s *System) open(e *Engine) (*view, *Record, error) {
	record, err := s.Recorded(e.Name)
	if err != nil {
		return nil, nil, err
	}
	v := &view{sys: s, engine: e, base: map[string]*Content{}}
	if record != nil {
		if len(record.Pending) > 0 {
			return nil, nil, errors.New("a change of " + e.Name + " was interrupted: runwardctl engine configure or unconfigure takes it back first")
		}
		v.files = record.Files
	}
	return v, record, nil
}

// Configure plans what registers runward with the engine.
func (e *Engine) Configure(s *System, r *Request) (*Plan, error) {
	if err := r.Check(); err != nil {
		return nil, err
	}
	v, record, err := s.open(e)
	if err != nil {
		return nil, err
	}
	if record != nil && record.Config != e.file(s) {
		return nil, errors.New(e.Name + " is configured with " + record.Config + ", not with " + e.file(s) + ": unconfigure that first")
	}
	if err := e.plan(v, r); err != nil {
		return nil, err
	}
	if err := v.settle(); err != nil {
		return nil, err
	}
	p := &Plan{Engine: e.Name, Notes: v.notes, sys: s, engine: e, previous: record, request: r}
	if p.Steps, err = v.steps(); err != nil {
		return nil, err
	}
	p.next = &Record{Version: 1, Engine: e.Name, Mode: r.Mode, Names: r.Names, Runward: s.Runward, Config: e.file(s)}
	for _, f := range v.planned {
		f.To, f.Dirs = f.To.bare(), v.dirsOf(f.Path)
		p.next.Files = append(p.next.Files, f)
	}
	return p, nil
}

// dirsOf are the directories that go with a file of runward's, if they are
// empty then.
func (v *view) dirsOf(path string) []string {
	for _, f := range v.files {
		if f.Path == path {
			return f.Dirs
		}
	}
	dirs := v.sys.missingDirs(path)
	if filepath.Dir(path) != v.sys.Links {
		return dirs
	}
	for _, dir := range []string{filepath.Dir(v.sys.Links), v.sys.Links} { // another engine may have made them
		if !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// Unconfigure plans what takes everything back. Links and what runward.toml
// says of them stay where keep is set: containers call them.
func (e *Engine) Unconfigure(s *System, keep bool) (*Plan, error) {
	v, record, err := s.open(e)
	if err != nil || record == nil {
		return nil, err
	}
	p := &Plan{Engine: e.Name, sys: s, engine: e, previous: record}
	if keep {
		kept := *record
		kept.Files = nil
		v.files = nil
		for _, f := range record.Files {
			if f.Path == s.Settings || strings.HasPrefix(f.Path, s.Links+"/") {
				kept.Files = append(kept.Files, f)
			} else {
				v.files = append(v.files, f)
			}
		}
		if kept.Mode = ""; len(kept.Files) > 0 {
			p.next = &kept
		}
	}
	p.Steps, err = v.steps()
	return p, err
}

// Links tells whether a record has links that containers may call.
func (r *Record) Links(s *System) bool {
	return r != nil && slices.ContainsFunc(r.Files, func(f File) bool { return strings.HasPrefix(f.Path, s.Links+"/") })
}

// Empty tells whether there is nothing to do.
func (p *Plan) Empty() bool { return len(p.Steps) == 0 }

// ReadAnew says how a person lets the engine read its files; empty: it does so
// at every call.
func (p *Plan) ReadAnew() string {
	for _, step := range p.Steps {
		if step.Via != nil {
			return "systemctl restart docker (a reload leaves it what the file has no more, and 20.10 ends over a default runtime that is gone)"
		}
	}
	return p.engine.apply
}

// Apply makes the change. With reload the engine is made to read its files, and
// asked whether it is well; how says what was done. An error has taken
// everything back.
func (p *Plan) Apply(reload bool) (how string, err error) {
	reloaded := false
	err = p.sys.change(p.Engine, p.previous, p.next, p.Steps, func() error {
		if p.engine.check != nil && p.request != nil && p.sys.Here() {
			if err := p.engine.check(p.sys, p.request); err != nil {
				return err
			}
		}
		if !reload || p.Empty() {
			return nil
		}
		reloaded = true
		var err error
		how, err = p.engine.reload(p.sys, false)
		return err
	})
	if err != nil && reloaded {
		err = errors.New(p.Engine + " does not come up with the new files: " + err.Error() + "; they were taken back")
		if _, again := p.engine.reload(p.sys, true); again != nil {
			err = errors.New(err.Error() + ", and it does not come up without them either: " + again.Error())
		}
	}
	return how, err
}

// settingsRecord is the journal of runward.toml, where configure made it.
const settingsRecord = "settings"

// BeginAudit writes a runward.toml that only records, where there is none, and
// tells whether it did, or would.
func (s *System) BeginAudit(dry bool) (bool, error) {
	if !dry {
		if _, err := s.Recover(settingsRecord); err != nil {
			return false, err
		}
	}
	c, err := s.read(s.Settings)
	if err != nil || c != nil {
		return false, err
	}
	if dry {
		return true, nil
	}
	to, dirs := fresh(auditSettings), s.missingDirs(s.Settings)
	next := &Record{Version: 1, Engine: settingsRecord, Files: []File{{Path: s.Settings, To: to.bare(), Undo: Undo{Own: true}, Dirs: dirs}}}
	return true, s.change(settingsRecord, nil, next, []Step{{Path: s.Settings, To: to, Dirs: dirs}}, nil)
}

// NodeMode is the mode that runward.toml says; enforce where it says none.
func (s *System) NodeMode() string {
	c, err := s.read(s.Settings)
	if err != nil || c == nil {
		return "enforce"
	}
	doc, err := tomlfile.Parse(s.Settings, []byte(c.Text))
	if err != nil {
		return "enforce"
	}
	if mode, ok := doc.Root["mode"].(string); ok {
		return mode
	}
	return "enforce"
}

// EndAudit takes runward.toml back where configure made it, no engine is
// configured any more, and nobody has written anything else in it. It says what
// became of it; empty: nothing.
func (s *System) EndAudit(dry bool) (string, error) {
	if !dry {
		if _, err := s.Recover(settingsRecord); err != nil {
			return "", err
		}
	}
	record, err := s.Recorded(settingsRecord)
	if err != nil || record == nil || len(record.Files) != 1 {
		return "", err
	}
	for _, name := range Names() {
		if r, err := s.Recorded(name); err != nil || r != nil {
			return "", err
		}
	}
	f := record.Files[0]
	now, err := s.read(f.Path)
	if err != nil {
		return "", err
	}
	if now != nil && now.Text != auditSettings {
		enforced, err := SetMode(f.Path, auditSettings, "enforce")
		if err != nil {
			return "", err
		}
		if now.Text != enforced {
			if dry {
				return f.Path + " stays: it was edited since runwardctl wrote it", nil
			}
			return f.Path + " stays: it was edited since runwardctl wrote it", s.keep(settingsRecord, nil)
		}
	}
	if dry {
		return f.Path + " goes", nil
	}
	return f.Path + " was removed", s.change(settingsRecord, record, nil, []Step{{Path: f.Path, From: now, Dirs: f.Dirs}}, nil)
}
