package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/runward/runward/internal/audit"
	"github.com/runward/runward/internal/audit/event"
	"github.com/runward/runward/internal/config"
	"github.com/runward/runward/internal/engine"
	"github.com/runward/runward/internal/ledger"
	"github.com/runward/runward/internal/running"
	"github.com/runward/runward/internal/state"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"runwardctl":     func() { inWorkDirectory(); main() },
		"append-receipt": func() { inWorkDirectory(); appendReceipts() },
		"append-event":   func() { inWorkDirectory(); appendEvents() },
		"put-entry":      func() { inWorkDirectory(); putEntries() },
	})
}

// inWorkDirectory puts every path below the script's own directory, and takes
// from the environment what only tests may.
func inWorkDirectory() {
	work := os.Getenv("WORK")
	config.SysConfDir = filepath.Join(work, "etc")
	config.RunDir = filepath.Join(work, "run")
	config.LogDir = filepath.Join(work, "log")
	config.LibDir = filepath.Join(work, "lib")
	// Of what runs, what putEntries says.
	places = func() running.Places { return running.Places{States: []string{filepath.Join(work, "runtime")}} }
	config.StateDir = filepath.Join(work, "state")
	config.LibExecDir = filepath.Join(work, "libexec")
	nodeSystem = func() *engine.System { // of a system below --root
		return &engine.System{
			Runward: "/usr/bin/runward", Links: "/usr/libexec/runward/links", State: "/var/lib/runward/engines", Settings: "/etc/runward/runward.toml",
			Programs: []string{"/usr/bin"}, Configs: map[string]string{},
		}
	}
	config.RuntimePaths = []string{filepath.Join(work, "bin", "runc")}
}

// appendReceipts appends the receipts on standard input, a JSON object each, as
// runward does. WORK in a bundle is the script's directory, and Final is "as it
// is" for the digest of the bundle's config.json.
func appendReceipts() {
	in := json.NewDecoder(bufio.NewReader(os.Stdin))
	for in.More() {
		var r audit.Receipt
		if err := in.Decode(&r); err != nil {
			die(err)
		}
		r.Bundle = strings.Replace(r.Bundle, "WORK", os.Getenv("WORK"), 1)
		if raw, err := os.ReadFile(filepath.Join(r.Bundle, "config.json")); err == nil && r.Final == "as it is" {
			r.Final = audit.Digest(raw)
		}
		if err := audit.Append(audit.Config{Path: config.Default().Audit.Receipts}, &r); err != nil {
			die(err)
		}
	}
}

// appendEvents appends the events on standard input, a JSON object each, as the
// daemon does.
func appendEvents() {
	in := json.NewDecoder(bufio.NewReader(os.Stdin))
	for in.More() {
		var e event.Event
		if err := in.Decode(&e); err != nil {
			die(err)
		}
		if err := event.Append(audit.Config{Path: config.Default().Audit.Receipts}, &e); err != nil {
			die(err)
		}
	}
}

// putEntries keeps the decisions on standard input, a JSON object each, as
// runward does, and lets their containers run, as far as runc's state says so:
// with this process's parent as their own, or as ended. Config is "as it is"
// for the digest of the bundle's; without it no decision is kept.
func putEntries() {
	in := json.NewDecoder(bufio.NewReader(os.Stdin))
	for in.More() {
		var e struct {
			ledger.Entry
			Ended bool `json:"ended"`
		}
		if err := in.Decode(&e); err != nil {
			die(err)
		}
		e.Bundle = filepath.Join(os.Getenv("WORK"), e.Bundle)
		e.Root = filepath.Join(os.Getenv("WORK"), "runtime")
		if raw, err := os.ReadFile(filepath.Join(e.Bundle, "config.json")); err == nil && e.Config == "as it is" {
			e.Config = audit.Digest(raw)
		}
		if e.Config != "" {
			if err := ledger.Put(config.LedgerDir(), &e.Entry); err != nil {
				die(err)
			}
		}
		if err := putState(&e.Entry, e.Ended); err != nil {
			die(err)
		}
	}
}

// putState writes the state that runc would.
func putState(e *ledger.Entry, ended bool) error {
	pid := os.Getppid()
	st, err := state.ReadStat(pid)
	if err != nil {
		return err
	}
	if ended {
		st.Start++
	}
	dir := filepath.Join(e.Root, e.ID)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	text := fmt.Sprintf(`{"id":%q,"init_process_pid":%d,"init_process_start":%d,"config":{"labels":["bundle=%s"]}}`, e.ID, pid, st.Start, e.Bundle)
	return os.WriteFile(filepath.Join(dir, "state.json"), []byte(text), 0o600)
}

func die(err error) {
	os.Stderr.WriteString(err.Error() + "\n")
	os.Exit(1)
}

func TestScripts(t *testing.T) {
	files, err := filepath.Glob("../../test/script/runwardctl_*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts found: %v", err)
	}
	testscript.Run(t, testscript.Params{
		Files:         files,
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
		Condition: func(cond string) (bool, error) { // whoever is not root cannot make files another's
			if cond == "root" {
				return os.Geteuid() == 0, nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
	})
}

// An engine that calls runwardctl in runward's place must get an error. That
// there are kill and events as of the monitor changes nothing of it: create
// comes before them.
func TestNoRuntimeVerbAtTopLevel(t *testing.T) {
	verbs := []string{
		"create", "run", "start", "state", "delete", "exec", "ps", "list", "pause", "resume", "update",
		"checkpoint", "restore", "spec", "features", "init", "mounts",
	}
	for _, c := range (&app{}).root().Commands() {
		for _, name := range append(c.Aliases, c.Name()) {
			if slices.Contains(verbs, name) {
				t.Errorf("runwardctl has the runtime's verb %s", name)
			}
		}
	}
	for _, line := range []string{"--root /run/runc --log /run/log kill --all c1 15", "--root /run/runc events --stats c1"} { // as engines call them
		var out, errOut bytes.Buffer
		if code := run(strings.Fields(line), &out, &errOut); code != exitUsage || out.Len() > 0 {
			t.Errorf("runwardctl %s: exit code %d, %q", line, code, &out)
		}
	}
}
