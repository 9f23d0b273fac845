package shim

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/runward/runward/internal/config"
	"github.com/runward/runward/internal/ledger"
	"github.com/runward/runward/internal/policyfile"
	"github.com/runward/runward/internal/realruntime"
	"github.com/runward/runward/policy"
	"github.com/runward/runward/shim/argv"
)

// exitRefused is what runc exits with when it could not create.
const exitRefused = 1

// exitExecRefused is what it exits with when it could not exec.
const exitExecRefused = 255

// Main is the whole program: it returns only when the real runtime was not
// executed, with the exit code. compile makes custom rules work; nil: where a
// node has some, the program that has it is executed instead (see withRules).
func Main(start Start, compile policyfile.Compile) int {
	args := start.Args
	cfg, cfgErr := config.Load() // with an error, as much as could be read
	runtime, err := realruntime.Find(cfg, filepath.Base(args[0]), "/proc/self/exe")
	inv, parseErr := argv.Parse(grammar(cfg, filepath.Base(args[0]), runtime), args[1:])
	arguments := inv.Argv
	switch {
	case inv.Covered():
		c := begin(inv, cfg, filepath.Base(args[0]), runtime)
		c.compile = compile
		c.again = func(program string) error { return start.Exec(program, args) }
		switch {
		case cfgErr != nil:
			err = c.deny(cfgErr)
		case err != nil:
			err = c.deny(err)
		case cfg.NodeMode() != policy.Off:
			err = c.judge(parseErr)
		}
		arguments = c.inv.Argv
	case inv.Verb == "delete" && err == nil:
		forget(inv, runtime)
	}
	if err == nil {
		err = start.Exec(runtime, append([]string{runtime}, arguments...))
	}
	refuse(inv, os.Stderr, "runward: "+err.Error())
	if inv.Verb == "exec" {
		return exitExecRefused
	}
	return exitRefused
}

// grammar is how the real runtime reads its arguments: as runtime.grammar says,
// and else by its file's name. What runtime.handlers has for the name that
// runward was called by goes by its file's name, unless it is a runc and the
// setting says which.
func grammar(cfg *config.Config, handler, runtime string) argv.Grammar {
	kind := realruntime.Kind(runtime)
	name := cfg.Runtime.Grammar
	if name == "auto" || cfg.Runtime.Handlers[handler] != "" && !(kind == "runc" && strings.HasPrefix(name, "runc")) {
		name = kind
	}
	g, _ := argv.For(name) // config.Load has checked it, and else it is the one that accepts least
	return g
}

// sweepMost bounds how many other entries a call looks at.
const sweepMost = 4

// forget drops what is kept of a container that is about to be deleted, and of
// some that are gone: nobody calls delete after a run in the foreground. It
// never stands in the way: what it leaves is swept up later.
func forget(inv Invocation, runtime string) {
	if inv.ID != "" { // else it could not be read, and nothing is dropped
		_ = ledger.Forget(config.LedgerDir(), stateRoot(inv, realruntime.Kind(runtime)), inv.ID, inv.Force)
	}
	_, _ = ledger.Sweep(config.LedgerDir(), time.Now(), sweepMost)
}
