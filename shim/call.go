package shim

import (
	"errors"
	"time"

	"github.com/runward/runward/internal/audit"
	"github.com/runward/runward/internal/builtin"
	"github.com/runward/runward/internal/config"
	"github.com/runward/runward/internal/ledger"
	"github.com/runward/runward/internal/policyfile"
	"github.com/runward/runward/internal/realruntime"
	"github.com/runward/runward/policy"
	"github.com/runward/runward/policy/rules"
)

// A call is one covered verb on its way.
type call struct {
	inv      Invocation
	cfg      *config.Config
	handler  string
	runtime  string
	began    time.Time
	set      policy.Set
	advises  bool // no policy enforces: record, and let everything pass
	bundle   string
	raw      []byte // config.json, process or resources as the engine wrote them
	final    []byte // as the runtime will read it
	facts    *policy.Facts
	decision policy.Decision
	store    *policyfile.Store
	terminal bool // of exec: the process has one

	held    *ledger.Held               // while it is locked
	living  []ledger.Head              // what it has of containers that live, once a quota asked
	compile policyfile.Compile         // nil: this program has no custom rules
	again   func(program string) error // puts another program in this one's place
}

// begin starts on a covered verb.
func begin(inv Invocation, cfg *config.Config, handler, runtime string) *call {
	return &call{inv: inv, cfg: cfg, handler: handler, runtime: runtime, bundle: inv.Bundle, began: time.Now()}
}

// deny ends a call for which there is no decision: something could not be
// read, understood or kept.
func (c *call) deny(cause error) error {
	r := c.receipt()
	r.Error, r.Final = cause.Error(), ""
	if c.advises {
		r.Verdict = policy.Allow
		return c.append(r)
	}
	r.Verdict = policy.Deny
	if err := c.append(r); err != nil {
		return errors.New(cause.Error() + "; nothing was started, and no receipt could be written: " + err.Error())
	}
	return errors.New(cause.Error() + "; nothing was started (receipt " + r.ID + ")")
}

// refuse ends a call that policy denies.
func (c *call) refuse() error {
	r := c.receipt()
	if err := c.append(r); err != nil {
		return errors.New(denial(c.decision, "none: "+err.Error()))
	}
	return errors.New(denial(c.decision, r.ID))
}

// append writes the receipt. Where the node's settings let containers start
// without one, a failure goes unsaid: standard error is the container's own
// from here on.
func (c *call) append(r *audit.Receipt) error {
	c.release() // the ledger has what it is to have
	r.Micros = time.Since(c.began).Microseconds()
	sync, _ := audit.ParseSync(c.cfg.Audit.Sync) // config.Load has checked it
	err := audit.Append(audit.Config{Path: c.cfg.Audit.Receipts, Sync: sync}, r)
	if err != nil && (c.cfg.Audit.OnFailure == "allow" || c.advises) {
		return nil
	}
	return err
}

// judge holds the call to policy. It returns nil when the real runtime may be
// executed, with everything as policy wants it, and else the reason in one
// line. parseErr is what is wrong with the arguments.
func (c *call) judge(parseErr error) error {
	c.advises = c.cfg.NodeMode() == policy.Audit // whatever is wrong with the policies
	sources := c.cfg.Sources()
	sources.BuiltIn = builtin.Profile
	if sources.Compile = c.compile; c.compile != nil {
		sources.Cache += ".rules" // each program keeps its own
	}
	store, err := policyfile.Open(sources, rules.All)
	if err != nil {
		return c.deny(err)
	}
	defer store.Close()
	c.store = store
	c.set.Digest = store.Digest() // also for the receipt of what cannot be read
	c.advises = c.advises || store.Advises()
	if store.Custom() && c.compile == nil {
		return c.withRules()
	}
	if parseErr != nil {
		return c.deny(parseErr)
	}
	if err := realruntime.Safe("the real runtime "+c.runtime, c.runtime); err != nil {
		return c.deny(err)
	}
	switch c.inv.Verb {
	case "create", "run", "restore":
		return c.create()
	case "exec", "update", "checkpoint":
		return c.later()
	}
	return c.deny(errors.New(c.inv.Verb + " changes a container after it was judged, and no policy can allow that: create the container anew"))
}

// later holds to policy what is asked of a container that exists.
func (c *call) later() error {
	t, err := c.find()
	if errors.Is(err, errNoContainer) {
		return nil // the runtime says so in its own words
	}
	if err != nil {
		return c.deny(err)
	}
	c.bundle, c.facts = t.bundle, t.facts
	if err := c.choose(); err != nil {
		return c.deny(err)
	}
	switch c.inv.Verb {
	case "exec":
		return c.exec(t)
	case "update":
		return c.update(t)
	default:
		return c.checkpoint()
	}
}

// choose picks the policies for the container that the facts are about.
func (c *call) choose() error {
	set, err := c.store.Set(c.facts)
	if err != nil {
		return err
	}
	if c.set = set; c.cfg.NodeMode() == policy.Audit {
		c.set = set.OnlyAudit()
	}
	return nil
}
