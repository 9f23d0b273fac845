package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/runward/runward/internal/owner"
)

// A Record is the journal of one engine: what runward wrote, where, and what
// was there without it. While a change is under way it has all that is needed
// to take it back.
type Record struct {
	Version  int      `json:"version"` // 1
	Engine   string   `json:"engine"`
	Mode     Mode     `json:"mode,omitempty"`
	Names    []string `json:"names,omitempty"`
	Runward  string   `json:"runward,omitempty"`
	Config   string   `json:"config,omitempty"` // the engine's main file
	Files    []File   `json:"files,omitempty"`
	Pending  []Step   `json:"pending,omitempty"`  // a change that is not done
	Previous *Record  `json:"previous,omitempty"` // what held before it; nil: nothing
}

// A File is one that runward wrote.
type File struct {
	Path string   `json:"path"`
	Base *Content `json:"base"` // without runward
	To   *Content `json:"to"`   // as runward wrote it, without the text
	Undo Undo     `json:"undo"`
	Dirs []string `json:"dirs,omitempty"` // that did not exist before
}

// A Step changes one path.
type Step struct {
	Path string   `json:"path"`
	From *Content `json:"from"`
	To   *Content `json:"to"`             // in the journal without the text
	Via  *Content `json:"via,omitempty"`  // what stands there while the engine is led over; likewise
	Dirs []string `json:"dirs,omitempty"` // that did not exist
}

func (s *System) recordPath(engine string) string { return filepath.Join(s.State, engine+".json") }

// Recorded reads an engine's record; nil: there is none.
func (s *System) Recorded(engine string) (*Record, error) {
	path := s.recordPath(engine)
	c, err := s.read(path)
	if err != nil || c == nil {
		return nil, err
	}
	r := &Record{}
	if err := json.Unmarshal([]byte(c.Text), r); err != nil {
		return nil, errors.New("the journal " + path + " cannot be read: " + err.Error() + "; it says what runwardctl wrote: take that back by hand, and remove it")
	}
	if r.Version != 1 || r.Engine != engine {
		return nil, errors.New("the journal " + path + " is not one that this runwardctl knows how to read")
	}
	return r, nil
}

// keep writes an engine's record, or removes it.
func (s *System) keep(engine string, r *Record) error {
	path := s.recordPath(engine)
	if r == nil {
		return s.write(path, nil)
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the journal %s: %w", path, err)
	}
	if err := os.MkdirAll(s.path(s.State), 0o700); err != nil {
		return fmt.Errorf("the journal's directory: %w", err)
	}
	c := fresh(string(text) + "\n")
	c.Mode = 0o600 // engines keep secrets in their files
	return s.write(path, c)
}

// Lock keeps other runwardctls from changing the same engines until unlock is
// called.
func (s *System) Lock() (unlock func(), err error) {
	dir := s.path(s.State)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, errors.New("the journal's directory " + s.State + " cannot be made: " + owner.Reason(err))
	}
	fd, err := syscall.Open(dir, syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, errors.New("the journal's directory " + s.State + " cannot be opened: " + owner.Reason(err))
	}
	if err := syscall.Flock(fd, syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = syscall.Close(fd) // nothing was written
		return nil, errors.New("another runwardctl changes engines at this moment: wait for it")
	}
	return func() {
		_ = syscall.Close(fd)                // that unlocks it
		_ = syscall.Rmdir(dir)               // where nothing is kept, without a trace
		_ = syscall.Rmdir(filepath.Dir(dir)) // the state directory of all of runward
	}, nil
}

// change makes the steps, lets settled judge the result, and keeps next. An
// error takes all of it back; where the process ends on the way, Recover does.
func (s *System) change(engine string, previous, next *Record, steps []Step, settled func() error) error {
	under := Record{Version: 1, Engine: engine, Previous: previous}
	if next != nil {
		under = *next
		under.Previous = previous
	}
	for _, step := range steps {
		step.To, step.Via = step.To.bare(), step.Via.bare()
		under.Pending = append(under.Pending, step)
	}
	if err := s.keep(engine, &under); err != nil {
		return err
	}
	err := s.walk(steps)
	if err == nil && settled != nil {
		err = settled()
	}
	if err == nil {
		err = s.keep(engine, next)
	}
	if err == nil {
		return nil
	}
	if back := s.takeBack(&under); back != nil {
		return errors.New(err.Error() + "; and it could not be taken back: " + back.Error())
	}
	return err
}

// walk makes steps. Directories are made before, and removed after, where they
// were made for what is taken away.
func (s *System) walk(steps []Step) error {
	for _, step := range steps {
		if step.To == nil {
			if err := s.write(step.Path, nil); err != nil {
				return err
			}
			s.removeEmpty(step.Dirs)
			continue
		}
		for _, dir := range step.Dirs {
			if err := os.Mkdir(s.path(dir), 0o755); err != nil && !errors.Is(err, os.ErrExist) {
				return fmt.Errorf("make %s: %w", dir, err)
			}
		}
		if err := s.write(step.Path, step.To); err != nil {
			return err
		}
	}
	return nil
}

// removeEmpty removes directories, the innermost first, that have nothing in them.
func (s *System) removeEmpty(dirs []string) {
	for _, dir := range slices.Backward(dirs) {
		_ = syscall.Rmdir(s.path(dir)) // with something in it, it stays
	}
}

// takeBack undoes the steps of a change that is under way, the last one first.
func (s *System) takeBack(r *Record) error {
	for _, step := range slices.Backward(r.Pending) {
		_ = os.Remove(s.path(temporary(step.Path))) // where there is one, the interruption left it
		now, err := s.read(step.Path)
		if err != nil {
			return err
		}
		switch {
		case same(now, step.From):
		case same(now, step.To), step.Via != nil && same(now, step.Via):
			if step.From != nil {
				for _, dir := range s.missingDirs(step.Path) {
					if err := os.Mkdir(s.path(dir), 0o755); err != nil {
						return fmt.Errorf("make %s: %w", dir, err)
					}
				}
			}
			if err := s.write(step.Path, step.From); err != nil {
				return err
			}
		default:
			return errors.New(step.Path + " was edited while runwardctl changed it: what it held before stands in " + s.recordPath(r.Engine) + "; put it right by hand, and remove that")
		}
		if step.From == nil {
			s.removeEmpty(step.Dirs)
		}
	}
	return s.keep(r.Engine, r.Previous)
}

// Recover takes back what an interrupted change of the engine left, and tells
// whether there was one.
func (s *System) Recover(engine string) (bool, error) {
	_ = os.Remove(s.path(temporary(s.recordPath(engine)))) // of a journal that was not begun
	r, err := s.Recorded(engine)
	if err != nil || r == nil || len(r.Pending) == 0 {
		return false, err
	}
	return true, s.takeBack(r)
}
