package shim

import (
	"os"
	"path/filepath"
	"time"

	"github.com/runward/runward/internal/config"
	"github.com/runward/runward/internal/ledger"
	"github.com/runward/runward/internal/realruntime"
	"github.com/runward/runward/policy"
)

// exitRefused is what runc exits with when it could not create.
const exitRefused = 1

// Main is the whole program: it returns only when the real runtime was not
// executed, with the exit code. args[0] is the name that it was called by;
// ignored is as in Exec.
func Main(args, env []string, ignored uint64) int {
	inv, parseErr := Parse(args[1:])
	cfg, cfgErr := config.Load() // with an error, as much as could be read
	runtime, err := realruntime.Find(cfg, filepath.Base(args[0]), "/proc/self/exe")
	switch {
	case inv.Covered():
		c := begin(inv, cfg, filepath.Base(args[0]), runtime)
		switch {
		case cfgErr != nil:
			err = c.deny(cfgErr)
		case err != nil:
			err = c.deny(err)
		case cfg.NodeMode() != policy.Off:
			err = c.decide(parseErr)
		}
	case inv.Verb == "delete" && err == nil:
		forget(inv, runtime)
	}
	if err == nil {
		err = Exec(runtime, inv.Argv, env, ignored)
	}
	refuse(inv, os.Stderr, "runward: "+err.Error())
	return exitRefused
}

// sweepMost bounds how many other entries a call looks at.
const sweepMost = 4

// forget drops what is kept of a container that is about to be deleted, and of
// some that are gone: nobody calls delete after a run in the foreground. It
// never stands in the way: what it leaves is swept up later.
func forget(inv Invocation, runtime string) {
	if id, force, ok := parseDelete(inv); ok {
		_ = ledger.Forget(config.LedgerDir(), inv.root(realruntime.Kind(runtime)), id, force)
	}
	_, _ = ledger.Sweep(config.LedgerDir(), time.Now(), sweepMost)
}
