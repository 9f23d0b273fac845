// Package config reads the node's own settings, runward.toml.
package config

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/runward/runward/internal/owner"
	"github.com/runward/runward/internal/policyfile"
	"github.com/runward/runward/internal/tomlfile"
	"github.com/runward/runward/policy"
)

// Where things are, absolute, and the version; `make build` sets them. No environment variable
// changes them: the engine's callers could.
var (
	SysConfDir = "/etc"
	RunDir     = "/run/runward"
	LogDir     = "/var/log/runward"
	StateDir   = "/var/lib/runward"
	BinDir     = "/usr/bin"
	LibDir     = "/usr/lib"
	LibExecDir = "/usr/libexec"
	Version    = "dev"
)

// RuntimePaths is where a real runtime is looked for when runward.toml names
// none, in this order.
var RuntimePaths = []string{"/usr/bin/runc", "/usr/sbin/runc", "/usr/local/bin/runc", "/usr/local/sbin/runc", "/usr/bin/crun", "/usr/local/bin/crun"}

// Config is runward.toml.
type Config struct {
	Version int64   `toml:"version" doc:"1"`
	Mode    string  `toml:"mode" doc:"enforce, audit (decide and record, change nothing) or off; for the whole node"`
	Runtime Runtime `toml:"runtime" doc:"the real OCI runtime"`
	Policy  Policy  `toml:"policy" doc:"which policies hold"`
	Audit   Audit   `toml:"audit" doc:"receipts"`
	Ledger  Ledger  `toml:"ledger" doc:"what is kept of containers that live"`
	Trust   Trust   `toml:"trust" doc:"what of a container's own metadata policies may select by"`
}

// Runtime says which real runtime is executed.
type Runtime struct {
	Path     string            `toml:"path" doc:"absolute path; by default the first of a fixed list that exists"`
	Handlers map[string]string `toml:"handlers" doc:"absolute path by the name that runward is called by"`
	Grammar  string            `toml:"grammar" doc:"how the real runtime reads its arguments: auto (by its file's name; of runc, only what every version reads in the same way), runc-v1 (runc 1.1 to 1.5), runc-v3 (runc 1.6), crun, youki or runsc; a runtime of handlers goes by its own name, unless it is a runc and this says which"`
}

// Policy says what holds where no policy file does.
type Policy struct {
	Unselected string `toml:"unselected" doc:"for containers that no policy selects: a profile, allow or deny"`
}

// Audit says how receipts are kept.
type Audit struct {
	Receipts  string `toml:"receipts" doc:"absolute path of the receipts file"`
	Sync      string `toml:"sync" doc:"none: the kernel writes receipts to the disk within about 30 seconds, and a power cut may lose the newest; data: each is on the disk before its container starts, which costs every create one fdatasync (measured: 0.3 to 1.3 ms more on a virtual disk)"`
	Exec      string `toml:"exec" doc:"changed: receipts of processes that join a container only where they have a terminal or something was found, so that the kubelet's probes do not fill the disk; all: of every one"`
	OnFailure string `toml:"on_failure" doc:"deny, or allow: start the container though its receipt cannot be written"`
}

// Ledger says what holds where nothing was kept.
type Ledger struct {
	Missing string `toml:"missing" doc:"for exec and update of a container about which no decision is kept (created before runward was installed, or before /run was cleared): rebuild, its bound is what its runtime's state says it was given; or deny"`
}

// Trust lists, by engine, keys that selectors may use.
type Trust struct {
	Annotations map[string][]string `toml:"annotations" doc:"by engine"`
	Labels      map[string][]string `toml:"labels" doc:"by engine"`
}

// File is where the settings are.
func File() string { return filepath.Join(SysConfDir, "runward", "runward.toml") }

// PolicyDirs are the directories of policy files, first one first.
func PolicyDirs() []string {
	return []string{
		filepath.Join(SysConfDir, "runward", "policy.d"),
		filepath.Join(RunDir, "policy.d"),
		filepath.Join(LibDir, "runward", "policy.d"),
	}
}

// ProfileDirs are the directories of installed profiles.
func ProfileDirs() []string {
	return []string{filepath.Join(SysConfDir, "runward", "profiles"), filepath.Join(LibDir, "runward", "profiles")}
}

// Default is what holds without a file.
func Default() *Config {
	return &Config{
		Version: 1, Mode: "enforce",
		Runtime: Runtime{Grammar: "auto"},
		Policy:  Policy{Unselected: "baseline"},
		Audit:   Audit{Receipts: filepath.Join(LogDir, "receipts.jsonl"), Sync: "none", Exec: "changed", OnFailure: "deny"},
		Ledger:  Ledger{Missing: "rebuild"},
	}
}

// Load reads the file; absent, it gives the defaults. With an error comes as
// much as could be read: verbs that policy does not cover go on with it, since
// a typing error must not make containers unkillable.
func Load() (*Config, error) { return load(File()) }

func load(file string) (*Config, error) {
	c := Default()
	text, err := owner.Read(file, 1<<20)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return c, errors.New(file + " cannot be read: " + owner.Reason(err) + "; correct that, or remove it")
	}
	if err := (owner.Dirs{}).Check(filepath.Dir(file)); err != nil {
		return c, err
	}
	return Parse(file, text)
}

// Parse decodes settings that are in no file yet; file stands in messages. With
// an error comes as much as could be read.
func Parse(file string, text []byte) (*Config, error) {
	c := Default()
	doc, err := tomlfile.Parse(file, text)
	if err != nil {
		return c, err
	}
	// The monitor reads its own table: what it takes to decode that, every
	// container would pay for.
	if err := doc.Decode(doc.Root, nil, c, "monitor"); err != nil {
		part := Default()
		if table, ok := doc.Root["runtime"].(map[string]any); ok {
			_ = doc.Decode(table, []any{"runtime"}, &part.Runtime) // err already says what is wrong
		}
		return part, err
	}
	return c, c.check(doc)
}

func (c *Config) check(doc *tomlfile.Doc) error {
	oneOf := func(value string, path []any, known ...string) error {
		for _, k := range known {
			if value == k {
				return nil
			}
		}
		return doc.Errorf(path, path[len(path)-1].(string)+": want "+strings.Join(known, " or ")+", found "+strconv.Quote(value))
	}
	absolute := func(value string, path ...any) error {
		if value != "" && !filepath.IsAbs(value) {
			return doc.Errorf(path, path[len(path)-1].(string)+": want an absolute path, found "+strconv.Quote(value))
		}
		return nil
	}
	if c.Version != 1 {
		return doc.Errorf([]any{"version"}, "version "+strconv.FormatInt(c.Version, 10)+" is not known to this runward; it reads version 1")
	}
	checks := []error{
		oneOf(c.Mode, []any{"mode"}, "enforce", "audit", "off"),
		oneOf(c.Runtime.Grammar, []any{"runtime", "grammar"}, "auto", "runc-v1", "runc-v3", "crun", "youki", "runsc"),
		oneOf(c.Audit.Sync, []any{"audit", "sync"}, "none", "data"),
		oneOf(c.Audit.Exec, []any{"audit", "exec"}, "changed", "all"),
		oneOf(c.Ledger.Missing, []any{"ledger", "missing"}, "rebuild", "deny"),
		oneOf(c.Audit.OnFailure, []any{"audit", "on_failure"}, "deny", "allow"),
		absolute(c.Runtime.Path, "runtime", "path"),
		absolute(c.Audit.Receipts, "audit", "receipts"),
	}
	for _, handler := range sortedKeys(c.Runtime.Handlers) {
		checks = append(checks, absolute(c.Runtime.Handlers[handler], "runtime", "handlers", handler))
	}
	if c.Audit.Receipts == "" {
		checks = append(checks, doc.Errorf([]any{"audit", "receipts"}, "receipts: want an absolute path"))
	}
	for _, err := range checks {
		if err != nil {
			return err
		}
	}
	return nil
}

// NodeMode is the mode of the whole node.
func (c *Config) NodeMode() policy.Mode {
	m, ok := policy.ParseMode(c.Mode)
	if !ok {
		return policy.Enforce
	}
	return m
}

func sortedKeys(m map[string]string) []string {
	table := make(map[string]any, len(m))
	for k := range m {
		table[k] = nil
	}
	return tomlfile.SortedKeys(table)
}

// LedgerDir is where the decisions about living containers are kept.
func LedgerDir() string { return filepath.Join(RunDir, "ledger") }

// Wrapper is runward, as it is installed.
func Wrapper() string { return filepath.Join(BinDir, "runward") }

// RulesProgram is the wrapper with custom rules: the same program, with what
// evaluates them.
func RulesProgram() string { return filepath.Join(LibExecDir, "runward", "runward-rules") }

// HookProgram is the hook that joins containers to the node's monitor.
func HookProgram() string { return filepath.Join(LibExecDir, "runward", "runward-hook") }

// MonitorSocket is where the monitor listens.
func MonitorSocket() string { return filepath.Join(RunDir, "monitor.sock") }

// LinksDir is where engines find runward under other names.
func LinksDir() string { return filepath.Join(LibExecDir, "runward", "links") }

// EnginesDir is where it stands what runwardctl wrote into engines' files.
func EnginesDir() string { return filepath.Join(StateDir, "engines") }

// PolicyCache is the file in which the decoded policies are kept from one
// create to the next.
func PolicyCache() string { return filepath.Join(RunDir, "policy.cache") }

// Sources says where the node's policies are.
func (c *Config) Sources() policyfile.Sources {
	return policyfile.Sources{Dirs: PolicyDirs(), Profiles: ProfileDirs(), Unselected: c.Policy.Unselected, Cache: PolicyCache()}
}
