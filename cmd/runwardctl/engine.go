package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/runward/runward/internal/config"
	"github.com/runward/runward/internal/engine"
	"github.com/runward/runward/internal/realruntime"
)

// nodeSystem is where runward's own files are; tests have their own.
var nodeSystem = func() *engine.System {
	return &engine.System{
		Runward: filepath.Join(config.BinDir, "runward"), Links: config.LinksDir(), State: config.EnginesDir(), Settings: config.File(),
		Programs: engine.ProgramDirs(), Configs: map[string]string{},
	}
}

func (a *app) engine() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "engine",
		Short: "Put runward in front of container engines, and take it back",
		Long: `Engine registers runward with containerd, CRI-O, Docker and Podman, shows what goes
through it and what does not, and takes everything back.`,
		Example: `  runwardctl engine configure --diff
  runwardctl engine configure --mode default --restart
  runwardctl engine verify
  runwardctl engine unconfigure --restart`,
	}
	group(cmd)
	cmd.AddCommand(a.engineConfigure(), a.engineStatus(), a.engineUnconfigure(), a.engineUnused(), a.engineVerify())
	return cmd
}

// target says which engines of which system are meant.
type target struct {
	engines      []string
	root, config string
	recorded     bool // auto: also engines that are configured and not installed any more
}

func (t *target) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringSliceVar(&t.engines, "engine", []string{"auto"}, "the `engine`: containerd, cri-o, docker or podman (repeatable); auto: all that are installed")
	f.StringVar(&t.config, "config", "", "the engine's main `file`, where it is not the usual one; with one --engine")
}

func (t *target) rootFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&t.root, "root", "", "work on the files of a system below this `directory`, such as an image; nothing is executed")
}

// find gives the system and the engines.
func (t *target) find() (*engine.System, []*engine.Engine, error) {
	s := nodeSystem()
	if t.root != "" {
		abs, err := filepath.Abs(t.root)
		if err != nil {
			return nil, nil, configuration(err)
		}
		s.Root = abs
	} else if beside := wrapper(); beside != "/proc/self/exe" && !sameFile(beside, s.Runward) {
		s.Runward = beside // by its usual name, which may be a link that outlives a version, where that is it
	}
	if t.config != "" {
		if len(t.engines) != 1 || t.engines[0] == "auto" {
			return nil, nil, usage("--config is the file of one engine", "say which one with --engine")
		}
		if !filepath.IsAbs(t.config) {
			return nil, nil, usage("--config: want an absolute path, found "+quoted(t.config), "")
		}
		s.Configs[t.engines[0]] = t.config
	}
	if slices.Contains(t.engines, "auto") {
		var all []*engine.Engine
		for _, e := range engine.All() {
			r, err := s.Recorded(e.Name)
			if e.Installed(s) || t.recorded && (err != nil || r != nil) {
				all = append(all, e)
			}
		}
		if len(all) == 0 {
			return nil, nil, usage("no engine is installed", "looked for containerd, crio, dockerd and podman; --config names the file of one that is elsewhere")
		}
		return s, all, nil
	}
	var all []*engine.Engine
	for _, name := range t.engines {
		e := engine.Find(name)
		switch {
		case e == nil:
			return nil, nil, usage("--engine: no engine is called "+quoted(name), "want auto, "+strings.Join(engine.Names(), ", "))
		case !e.Installed(s):
			if r, err := s.Recorded(name); err != nil || r == nil { // one that was configured can be unconfigured
				return nil, nil, usage(name+" is not installed", "--config names its file where it is elsewhere")
			}
		}
		all = append(all, e)
	}
	return s, all, nil
}

// locked gives the system and the engines for a command that changes them,
// after what an interrupted one left was taken back. A preview changes nothing.
func (t *target) locked(preview bool) (s *engine.System, all []*engine.Engine, notes []string, unlock func(), err error) {
	if s, all, err = t.find(); err != nil || preview {
		return s, all, nil, func() {}, err
	}
	if unlock, err = s.Lock(); err != nil {
		return nil, nil, nil, nil, configuration(err)
	}
	for _, e := range all {
		was, err := s.Recover(e.Name)
		if err != nil {
			unlock()
			return nil, nil, nil, nil, configuration(err)
		}
		if was {
			notes = append(notes, e.Name+": a change that was interrupted was taken back first")
		}
	}
	return s, all, notes, unlock, nil
}

// checkRunward says that engines will find the wrapper: one that calls a program
// that is missing starts no container.
func checkRunward(s *engine.System) error {
	if !s.Installed(s.Runward) {
		return configuration(errors.New("runward is not at " + filepath.Join(s.Root, s.Runward) + ": install it first; an engine that is told of a missing program starts no container"))
	}
	if s.Here() {
		if err := realruntime.Safe("runward "+s.Runward, s.Runward); err != nil {
			return configuration(err)
		}
	}
	return nil
}

// sameFile tells whether two paths lead to one file.
func sameFile(a, b string) bool {
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(one, other)
}
