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
	inv, err := Parse(args[1:])
	if err != nil {
		refuse(inv, os.Stderr, "runward: "+err.Error()+"; nothing was started")
		return exitRefused
	}
	handler := filepath.Base(args[0])
	cfg, cfgErr := config.Load() // with an error, as much as could be read
	runtime, err := realruntime.Find(cfg, handler, "/proc/self/exe")
	switch {
	case inv.Covered() && cfgErr != nil:
		err = cfgErr
	case err != nil:
	case inv.Covered() && cfg.NodeMode() != policy.Off:
		err = create(inv, cfg, handler, runtime)
	case inv.Verb == "delete":
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
