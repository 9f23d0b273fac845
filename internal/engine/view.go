package engine

import (
	"errors"
	"path/filepath"
	"reflect"
	"slices"

	"github.com/runward/runward/internal/tomlfile"
)

// A view is the system's files, as they are or as they would be without
// runward, and what is planned for them.
type view struct {
	sys     *System
	engine  *Engine
	files   []File              // that runward wrote; reading takes its part out
	base    map[string]*Content // what was read
	planned []File              // with To's text
	notes   []string
}

// Undo says how runward's part is taken out of a file that was edited since.
type Undo struct {
	Own      bool     `json:"own,omitempty"`      // all of it is runward's
	JSON     []Edit   `json:"json,omitempty"`     // members of a JSON document
	Import   string   `json:"import,omitempty"`   // an element of imports in containerd's main file
	Handlers []Behind `json:"handlers,omitempty"` // lines of runtime.handlers in runward.toml
}

// read gives the file as it is without runward; nil: it is not there.
func (v *view) read(path string) (*Content, error) {
	if c, ok := v.base[path]; ok {
		return c, nil
	}
	c, err := v.sys.read(path)
	if err != nil {
		return nil, err
	}
	for i := range v.files {
		if v.files[i].Path == path {
			if c, err = v.files[i].without(c); err != nil {
				return nil, err
			}
		}
	}
	if c != nil && c.Link && filepath.Dir(path) != v.sys.Links {
		return nil, errors.New(path + " is a symbolic link to " + c.Text + ": name the file itself with --config")
	}
	v.base[path] = c
	return c, nil
}

// without is what a file holds without runward's part.
func (f *File) without(now *Content) (*Content, error) {
	switch {
	case same(now, f.To):
		return f.Base, nil
	case now == nil && f.Base == nil, same(now, f.Base):
		return now, nil
	case f.Undo.Own:
		return nil, errors.New(f.Path + " is runward's own, and was edited since: put what was added into a file of its own, remove this one, and try again")
	case now == nil:
		return nil, errors.New(f.Path + " was removed by somebody: runward only wrote a part of it; restore it, and try again")
	}
	text, err := f.Undo.from(f.Path, now.Text)
	if err != nil {
		return nil, err
	}
	return now.with(text), nil
}

func (u *Undo) from(path, text string) (string, error) {
	switch {
	case len(u.JSON) > 0:
		return takeMembers(path, text, u.JSON)
	case u.Import != "":
		return takeImport(path, text, u.Import)
	case len(u.Handlers) > 0:
		return takeHandlers(path, text, u.Handlers)
	}
	return text, nil
}

// now gives the file as it will be: what is planned, else what is there.
func (v *view) now(path string) (*Content, error) {
	for i := range v.planned {
		if v.planned[i].Path == path {
			return v.planned[i].To, nil
		}
	}
	return v.read(path)
}

// write plans a text for a file, with the mode and owner that it has.
func (v *view) write(path, text string, undo Undo) error {
	base, err := v.read(path)
	if err != nil {
		return err
	}
	to := fresh(text)
	if base != nil {
		to = base.with(text)
	}
	v.plan(File{Path: path, Base: base, To: to, Undo: undo})
	return nil
}

func (v *view) plan(f File) {
	v.planned = slices.DeleteFunc(v.planned, func(p File) bool { return p.Path == f.Path })
	v.planned = append(v.planned, f)
}

func (v *view) note(s string) { v.notes = append(v.notes, s) }

// binary is the path under which an engine calls runward by a name: runward
// itself, or a link that is planned.
func (v *view) binary(name string) (string, error) {
	if name == filepath.Base(v.sys.Runward) {
		return v.sys.Runward, nil
	}
	path := filepath.Join(v.sys.Links, name)
	base, err := v.read(path)
	if err != nil {
		return "", err
	}
	if base != nil && (!base.Link || base.Text != v.sys.Runward) {
		return "", errors.New(path + " is there already, and no link to " + v.sys.Runward + ": remove it")
	}
	if base == nil {
		v.plan(File{Path: path, To: freshLink(v.sys.Runward), Undo: Undo{Own: true}})
	}
	return path, nil
}

// ours tells whether a runtime's path is runward, by whatever name.
func (v *view) ours(path string) bool {
	if path == v.sys.Runward || filepath.Dir(path) == v.sys.Links {
		return true
	}
	c, err := v.sys.read(path)
	return err == nil && c != nil && c.Link && c.Text == v.sys.Runward
}

// interpose plans a link for an engine's handler and says in runward.toml which
// runtime stands behind it. It returns the link, or why that cannot be.
func (v *view) interpose(handler, runtime string) (path, why string, err error) {
	behind := v.sys.program(runtime)
	if behind == "" {
		return "", "its runtime " + runtime + " is not installed", nil
	}
	if behind == v.sys.Runward || filepath.Dir(behind) == v.sys.Links {
		return "", "", nil // it is runward already
	}
	name := v.engine.Name + "-" + handler
	if path, err = v.binary(name); err != nil {
		return "", "", err
	}
	return path, "", v.addHandler(name, behind)
}

// runtimeBehind is the program that stands behind a name of runward's, as
// runward.toml says, else the first one that runward finds.
func (v *view) runtimeBehind(name string) string {
	if doc, err := v.toml(v.sys.Settings); err == nil && doc != nil {
		for _, keys := range [][]string{{"runtime", "handlers", name}, {"runtime", "path"}} {
			if path, ok := at(doc.Root, keys...).(string); ok && path != "" {
				return path
			}
		}
	}
	for _, name := range []string{"runc", "crun"} {
		if path := v.sys.program(name); path != "" {
			return path
		}
	}
	return ""
}

// toml reads a file of TOML; nil: it is not there.
func (v *view) toml(path string) (*tomlfile.Doc, error) { return readTOML(path, v.read) }

// settle leaves files as they are that have all of runward's part already, if
// perhaps at another place: nothing is moved for its own sake.
func (v *view) settle() error {
	for i := range v.planned {
		p := &v.planned[i]
		for _, f := range v.files {
			if f.Path != p.Path || !reflect.DeepEqual(f.Undo, p.Undo) {
				continue
			}
			now, err := v.sys.read(p.Path)
			if err != nil {
				return err
			}
			if now != nil && p.Undo.in(p.Path, now.Text) {
				p.To = now
			}
		}
	}
	return nil
}

// in tells whether runward's part is in a text, all of it.
func (u *Undo) in(path, text string) bool {
	switch {
	case len(u.JSON) > 0:
		doc, err := parseJSON(path, text)
		if err != nil {
			return false
		}
		return !slices.ContainsFunc(u.JSON, func(e Edit) bool {
			at := doc.Root()
			for _, key := range e.Path {
				at = at.Get(key)
			}
			return !at.Exists() || !e.Parent && !equalJSON(at.Raw(), e.After)
		})
	case u.Import != "" || len(u.Handlers) > 0:
		doc, err := tomlfile.Parse(path, []byte(text))
		if err != nil || u.Import != "" && !slices.Contains(importsOf(doc), u.Import) {
			return false
		}
		return !slices.ContainsFunc(u.Handlers, func(b Behind) bool { return at(doc.Root, "runtime", "handlers", b.Name) != b.Path })
	}
	return false
}

// steps are what leads from the files as they are to the plan: what is new or
// changed first, then what is not needed any more.
func (v *view) steps() ([]Step, error) {
	var steps []Step
	add := func(path string, to *Content, dirs []string) error {
		from, err := v.sys.read(path)
		if err != nil {
			return err
		}
		if !same(from, to) {
			step := Step{Path: path, From: from, To: to, Dirs: dirs}
			if v.engine.via != nil && path == v.engine.file(v.sys) {
				step.Via = v.engine.via(path, from, to)
			}
			steps = append(steps, step)
		}
		return nil
	}
	for i := range v.planned {
		if err := add(v.planned[i].Path, v.planned[i].To, v.sys.missingDirs(v.planned[i].Path)); err != nil {
			return nil, err
		}
	}
	for _, f := range slices.Backward(v.files) {
		if slices.ContainsFunc(v.planned, func(p File) bool { return p.Path == f.Path }) {
			continue
		}
		base, err := v.read(f.Path)
		if err != nil {
			return nil, err
		}
		if err := add(f.Path, base, f.Dirs); err != nil {
			return nil, err
		}
	}
	return steps, nil
}
