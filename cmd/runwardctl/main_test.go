package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/runward/runward/internal/audit"
	"github.com/runward/runward/internal/config"
	"github.com/runward/runward/internal/ledger"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"runwardctl":     func() { inWorkDirectory(); main() },
		"append-receipt": func() { inWorkDirectory(); appendReceipts() },
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
	config.LibExecDir = filepath.Join(work, "libexec")
	config.RuntimePaths = []string{filepath.Join(work, "bin", "runc")}
}

// appendReceipts appends the receipts on standard input, a JSON object each, as
// runward does.
func appendReceipts() {
	in := json.NewDecoder(bufio.NewReader(os.Stdin))
	for in.More() {
		var r audit.Receipt
		if err := in.Decode(&r); err != nil {
			die(err)
		}
		if err := audit.Append(audit.Config{Path: config.Default().Audit.Receipts}, &r); err != nil {
			die(err)
		}
	}
}

// putEntries keeps the decisions on standard input, a JSON object each, as
// runward does. Config is "as it is" for the digest of the bundle's.
func putEntries() {
	in := json.NewDecoder(bufio.NewReader(os.Stdin))
	for in.More() {
		var e ledger.Entry
		if err := in.Decode(&e); err != nil {
			die(err)
		}
		e.Bundle = filepath.Join(os.Getenv("WORK"), e.Bundle)
		e.Root = filepath.Join(os.Getenv("WORK"), "runtime")
		if raw, err := os.ReadFile(filepath.Join(e.Bundle, "config.json")); err == nil && e.Config == "as it is" {
			e.Config = audit.Digest(raw)
		}
		if err := ledger.Put(config.LedgerDir(), &e); err != nil {
			die(err)
		}
	}
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

// An engine that calls runwardctl in runward's place must get an error.
func TestNoRuntimeVerbAtTopLevel(t *testing.T) {
	verbs := []string{
		"create", "run", "start", "state", "kill", "delete", "exec", "ps", "list", "pause", "resume", "events", "update",
		"checkpoint", "restore", "spec", "features", "init", "mounts",
	}
	for _, c := range (&app{}).root().Commands() {
		for _, name := range append(c.Aliases, c.Name()) {
			if slices.Contains(verbs, name) {
				t.Errorf("runwardctl has the runtime's verb %s", name)
			}
		}
	}
}
