// Package engine registers runward with the container engines of a node, tells
// what runs through it, and takes everything back.
//
// Each engine has one file. What it changes is planned first, as whole new
// texts of files, then written by way of a journal (see Record) that survives
// an interruption at any point.
package engine

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// A Mode says how much of an engine goes through runward.
type Mode string

// The modes; each holds what those before it do.
const (
	Register  Mode = "register"  // runward is there under its own name, for who asks for it
	Default   Mode = "default"   // and for who asks for nothing
	Interpose Mode = "interpose" // and in front of every handler that is a runc's
)

// Modes are the modes, the weakest first.
func Modes() []string { return []string{string(Register), string(Default), string(Interpose)} }

// A System is where things are. Paths are as its engines see them; every file
// is read and written below Root.
type System struct {
	Root     string            // empty: the system that runs
	Runward  string            // the wrapper, absolute
	Links    string            // the directory of links to it, each a name to be called by
	State    string            // the directory of the journal
	Settings string            // runward.toml
	Programs []string          // the directories in which engines and runtimes are looked for
	Configs  map[string]string // by engine, its main file where it is not the usual one

	fault func() error // of tests: called before each change of the disk
}

// ProgramDirs is where distributions and administrators install programs.
func ProgramDirs() []string {
	return []string{"/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/bin", "/sbin"}
}

// Here tells whether the system is the one that runs: only its engines can be
// asked and restarted.
func (s *System) Here() bool { return s.Root == "" }

func (s *System) path(p string) string { return filepath.Join(s.Root, p) }

// program finds an installed program; empty: there is none.
func (s *System) program(name string) string {
	dirs := s.Programs
	if filepath.IsAbs(name) {
		dirs = []string{filepath.Dir(name)}
	}
	for _, dir := range dirs {
		path := filepath.Join(dir, filepath.Base(name))
		if info, err := os.Stat(s.path(path)); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path
		}
	}
	return ""
}

// An Engine is one that runward can stand in front of.
type Engine struct {
	Name string

	program string // its own
	config  string // its main file
	plan    func(*view, *Request) error
	look    func(*view) (*Status, error)
	check   func(*System, *Request) error                     // what was written, by the engine's own program; nil: it has none
	reload  func(s *System, again bool) (how string, _ error) // lets the engine read its files, and waits until it answers; again: after it did not with others
	apply   string                                            // how its files are read anew, for a person; empty: at every call
	via     func(path string, from, to *Content) *Content     // what its file holds while it is led from one to the other; nil: nothing
	ways    func(*System) []string                            // around runward, that no configuration closes
}

func always(ways ...string) func(*System) []string {
	return func(*System) []string { return ways }
}

// All are the engines, in the order in which they are shown.
func All() []*Engine {
	return []*Engine{containerdEngine(), crioEngine(), dockerEngine(), podmanEngine()}
}

// Names are the engines' names.
func Names() []string {
	var names []string
	for _, e := range All() {
		names = append(names, e.Name)
	}
	return names
}

// Find gives the engine with the name; nil: there is none.
func Find(name string) *Engine {
	for _, e := range All() {
		if e.Name == name {
			return e
		}
	}
	return nil
}

// Installed tells whether the engine is there: its program, or its main file
// where one was named.
func (e *Engine) Installed(s *System) bool {
	return s.Configs[e.Name] != "" || s.program(e.program) != ""
}

// file is the engine's main file.
func (e *Engine) file(s *System) string {
	if named := s.Configs[e.Name]; named != "" {
		return named
	}
	return e.config
}

// A Request is what configure is to do.
type Request struct {
	Mode  Mode
	Names []string // handlers to register; the first is the default one
}

// Check says what is wrong with the request.
func (r *Request) Check() error {
	if r.Mode != Register && r.Mode != Default && r.Mode != Interpose {
		return errors.New("no mode is called " + string(r.Mode) + ": want " + strings.Join(Modes(), ", "))
	}
	if len(r.Names) == 0 {
		return errors.New("no handler is named")
	}
	for _, name := range r.Names {
		if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || strings.HasPrefix(name, "-") {
			return errors.New("a handler cannot be called " + name + ": want small letters, digits and -, as a RuntimeClass does")
		}
		if name == "runc" || name == "crun" {
			return errors.New("a handler cannot be called " + name + ": that is another runtime's name; --mode interpose stands in front of those")
		}
	}
	return nil
}

// Usual is the main file of an engine that nobody has told otherwise.
func (e *Engine) Usual() string { return e.config }
