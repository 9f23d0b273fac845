package shim

import (
	"errors"
	"io"
	"os"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/internal/jsondoc"
	"github.com/runward/runward/internal/oci"
	"github.com/runward/runward/internal/owner"
	"github.com/runward/runward/policy"
	"github.com/runward/runward/policy/rules"
	"github.com/runward/runward/shim/argv"
)

// exec holds a process that joins a container to policy and to the
// container's ceiling. The runtime gets the whole process from a sealed file,
// also where nothing is changed: the engine's own could be changed after it
// was judged.
func (c *call) exec(t *target) error {
	for _, path := range c.inv.Exec.Cgroup {
		if leaves(path) {
			return c.deny(errors.New("exec --cgroup " + strconv.Quote(path) + " leads out of the container's cgroup: give a path below it"))
		}
	}
	var err error
	if c.raw, err = c.process(t.bundle); err != nil {
		return c.deny(err)
	}
	if c.advises && c.inv.Exec.ProcessFile != "" {
		// The file may be a pipe, which nobody else can read any more.
		c.final = c.raw
		if err := c.handOver(c.inv.Rewrite, "process"); err != nil {
			return c.deny(err)
		}
	}
	spec, err := policy.ParseProcess(c.raw, t.ceiling)
	if err != nil {
		return c.deny(errors.New("the process to execute: " + err.Error()))
	}
	held := t.ceiling
	if !c.set.Enforces(c.facts) {
		held = nil
	}
	c.terminal = spec.View().Process.Terminal
	c.decision = policy.EvaluateExec(c.set, rules.All, spec, c.facts, held)
	if t.rebuilt {
		c.decision.Findings = append(c.decision.Findings, policy.Finding{
			Rule: "ceiling", Policy: "create", Done: policy.Reported, Found: "no decision kept about this container",
			Wanted: "what its runtime's state says it was given, and no more",
		})
	}
	if c.decision.Verdict == policy.Deny {
		return c.refuse()
	}
	whole, err := spec.Apply(c.decision.Patch)
	if err != nil {
		return c.deny(err)
	}
	if c.final, err = processOf(whole); err != nil {
		return c.deny(err)
	}
	if !c.advises {
		if err := c.handOver(c.inv.Rewrite, "process"); err != nil {
			return c.deny(err)
		}
	}
	return c.recordPassing()
}

// leaves tells whether a path of [CONTROLLER:]PATH has a ".." in it.
func leaves(cgroup string) bool {
	_, path, both := strings.Cut(cgroup, ":")
	if !both {
		path = cgroup
	}
	for _, name := range strings.Split(path, "/") {
		if name == ".." {
			return true
		}
	}
	return false
}

// handOver gives the runtime c.final in a sealed file, by arguments that
// rewrite makes for its path.
func (c *call) handOver(rewrite func(path string) ([]string, error), what string) error {
	path, err := sealed(what, c.final)
	if err != nil {
		return err
	}
	args, err := rewrite(path)
	if err != nil {
		return err
	}
	c.inv.Argv = args
	return nil
}

// recordPassing writes the receipt of what goes on.
func (c *call) recordPassing() error {
	if !c.worthRecording() {
		return nil
	}
	if err := c.append(c.receipt()); err != nil {
		return errors.New(err.Error() + "; nothing was started")
	}
	return nil
}

// worthRecording spares the receipts the kubelet's probes, several a minute
// for every container, unless the node's settings want every exec.
func (c *call) worthRecording() bool {
	return c.inv.Verb != "exec" || c.cfg.Audit.Exec == "all" || c.decision.Verdict != policy.Allow ||
		len(c.decision.Findings) > 0 || c.terminal
}

// process returns the process that the runtime would execute.
func (c *call) process(bundle string) ([]byte, error) {
	e := &c.inv.Exec
	if e.ProcessFile != "" {
		return readInput("process", e.ProcessFile, oci.MaxSpec)
	}
	b, err := oci.Open(bundle)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	raw, err := b.ReadSpec()
	if err != nil {
		return nil, err
	}
	spec, err := policy.ParseSpec(raw)
	if err != nil {
		return nil, errors.New(b.Path() + "/config.json: " + err.Error())
	}
	if err := b.CheckOwner(spec.MappedRoot()...); err != nil {
		return nil, err
	}
	var wrong error
	whole, err := spec.Change(func(s *specs.Spec) { wrong = applyFlags(e, s.Process) })
	if wrong != nil {
		err = wrong
	}
	if err != nil {
		return nil, err
	}
	return processOf(whole)
}

// applyFlags does to the container's process what the flags of exec say, as
// runc does.
func applyFlags(e *argv.Exec, p *specs.Process) error {
	p.Args = e.Args
	p.Env = append(p.Env, e.Env...)
	p.Terminal = e.TTY
	p.User.AdditionalGids = append(p.User.AdditionalGids, e.AdditionalGIDs...)
	if e.Cwd != "" {
		p.Cwd = e.Cwd
	}
	if e.AppArmor != "" {
		p.ApparmorProfile = e.AppArmor
	}
	if e.ProcessLabel != "" {
		p.SelinuxLabel = e.ProcessLabel
	}
	if e.NoNewPrivs != argv.Unset {
		p.NoNewPrivileges = e.NoNewPrivs == argv.On
	}
	if len(e.Caps) > 0 {
		for _, set := range []*[]string{&p.Capabilities.Bounding, &p.Capabilities.Effective, &p.Capabilities.Permitted} {
			*set = append(*set, e.Caps...)
		}
	}
	return applyUser(e.User, &p.User)
}

// applyUser reads UID[:GID].
func applyUser(user string, u *specs.User) error {
	if user == "" {
		return nil
	}
	uids, gids, both := strings.Cut(user, ":")
	uid, err := strconv.ParseUint(uids, 10, 32)
	if err == nil && both {
		var gid uint64
		if gid, err = strconv.ParseUint(gids, 10, 32); err == nil {
			u.GID = uint32(gid)
		}
	}
	if err != nil {
		return errors.New("exec --user " + strconv.Quote(user) + ": want UID or UID:GID, in numbers")
	}
	u.UID = uint32(uid)
	return nil
}

// processOf cuts the process out of a whole document.
func processOf(whole []byte) ([]byte, error) {
	doc, err := jsondoc.Parse(whole, jsondoc.DefaultLimits())
	if err != nil {
		return nil, err
	}
	return doc.Root().Get("process").Raw(), nil
}

// readInput reads what the runtime would: a file of at most limit bytes.
func readInput(what, path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, errors.New("the " + what + " file " + path + " cannot be read: " + owner.Reason(err))
	}
	defer func() { _ = f.Close() }() // it is only read from
	return readAll(what+" file "+path, f, limit)
}

func readAll(what string, f *os.File, limit int64) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(f, limit+1))
	switch {
	case err != nil:
		return nil, errors.New("the " + what + " cannot be read: " + owner.Reason(err))
	case int64(len(raw)) > limit:
		return nil, errors.New("the " + what + " is larger than " + policy.Bytes(limit).String())
	}
	return raw, nil
}
