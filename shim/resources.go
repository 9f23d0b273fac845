package shim

import (
	"errors"
	"os"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/internal/jsondoc"
	"github.com/runward/runward/internal/patch"
	"github.com/runward/runward/internal/realruntime"
	"github.com/runward/runward/internal/state"
	"github.com/runward/runward/policy"
	"github.com/runward/runward/policy/rules"
	"github.com/runward/runward/shim/argv"
)

// maxResources is the size in bytes of what update may be given.
const maxResources = 1 << 20

// update holds new limits to the container's ceiling.
func (c *call) update(t *target) error {
	var err error
	var u policy.Update
	if file := c.inv.Update.Resources; file != "" {
		if file == "-" {
			c.raw, err = readAll("resources on standard input", os.Stdin, maxResources)
		} else {
			c.raw, err = readInput("resources", file, maxResources)
		}
		if err != nil {
			return c.deny(err)
		}
		// Where policy only advises the runtime goes on also with what is wrong, and
		// what was read from standard input nobody else can read.
		if c.final = c.raw; c.advises && file == "-" {
			if err := c.handOver(c.inv.RewriteResources, "resources"); err != nil {
				return c.deny(err)
			}
		}
		u.Document = true
		err = decodeResources(c.raw, &u.Resources)
	} else {
		err = limits(c.inv.Update.Limits, &u.Resources)
	}
	if err != nil {
		return c.deny(err)
	}
	u.RDT = given(c.inv.Update.Limits, "l3-cache-schema") || given(c.inv.Update.Limits, "mem-bw-schema")
	if now, err := state.Load(realruntime.Kind(c.runtime), stateRoot(c.inv, realruntime.Kind(c.runtime)), c.inv.ID); err == nil {
		u.Quota, u.Period = now.CPUQuota, now.CPUPeriod
	} else if onlyOne(u.Resources.CPU) {
		return c.deny(errors.New("of quota and period one is not given, and the other cannot be learnt: " + err.Error()))
	}
	entry, err := c.reserve(t)
	if err != nil {
		return c.deny(err)
	}
	c.decision = policy.EvaluateUpdate(c.set, rules.All, u, c.facts, t.ceiling)
	if !c.set.Enforces(c.facts) {
		c.decision = c.decision.Advice()
	}
	if c.decision.Verdict == policy.Deny {
		return c.refuse()
	}
	if u.Document && !c.advises {
		if err := c.handOverResources(&u.Resources); err != nil {
			return c.deny(err)
		}
	}
	if err := c.claim(entry, &u.Resources); err != nil {
		return c.deny(err)
	}
	return c.recordPassing()
}

// handOverResources gives the runtime in a sealed file what was judged, without
// what the decision takes out of it, and makes asked what is left.
func (c *call) handOverResources(asked *specs.LinuxResources) error {
	if c.decision.Verdict == policy.Rewrite {
		var err error
		if c.final, err = patch.Apply(c.raw, jsondoc.DefaultLimits(), c.decision.Patch); err != nil {
			return err
		}
		*asked = specs.LinuxResources{}
		if err := decodeResources(c.final, asked); err != nil {
			return err
		}
	}
	return c.handOver(c.inv.RewriteResources, "resources")
}

func decodeResources(raw []byte, r *specs.LinuxResources) error {
	doc, err := jsondoc.Parse(raw, jsondoc.DefaultLimits())
	if err == nil {
		err = jsondoc.Decode(doc.Root(), r)
	}
	if err != nil {
		return errors.New("the resources to update: " + err.Error())
	}
	return nil
}

func given(flags []argv.Flag, name string) bool {
	for _, f := range flags {
		if f.Name == name && f.Value != "" {
			return true
		}
	}
	return false
}

// onlyOne tells whether of quota and period one alone is to change.
func onlyOne(c *specs.LinuxCPU) bool {
	if c == nil {
		return false
	}
	quota, period := c.Quota != nil && *c.Quota != 0, c.Period != nil && *c.Period != 0
	return quota != period
}

// limits reads the flags of update as the runtime does; the last of a name
// counts.
func limits(flags []argv.Flag, r *specs.LinuxResources) error {
	r.Memory, r.CPU, r.Pids = new(specs.LinuxMemory), new(specs.LinuxCPU), new(specs.LinuxPids)
	for _, f := range flags {
		if f.Value == "" {
			continue
		}
		var err error
		switch f.Name {
		case "memory":
			r.Memory.Limit, err = amount(f.Value)
		case "memory-swap":
			r.Memory.Swap, err = amount(f.Value)
		case "memory-reservation":
			r.Memory.Reservation, err = amount(f.Value)
		case "cpu-quota":
			r.CPU.Quota, err = signed(f.Value)
		case "cpu-period":
			r.CPU.Period, err = unsigned(f.Value)
		case "cpu-rt-runtime":
			r.CPU.RealtimeRuntime, err = signed(f.Value)
		case "cpu-rt-period":
			r.CPU.RealtimePeriod, err = unsigned(f.Value)
		case "pids-limit":
			r.Pids.Limit, err = signed(f.Value)
		case "blkio-weight":
			r.BlockIO, err = weight(f.Value)
		}
		if err != nil {
			return errors.New("update --" + f.Name + " " + strconv.Quote(f.Value) + ": want a number")
		}
	}
	return nil
}

func signed(s string) (*int64, error) {
	n, err := strconv.ParseInt(s, 0, 64)
	return &n, err
}

func unsigned(s string) (*uint64, error) {
	n, err := strconv.ParseUint(s, 0, 64)
	return &n, err
}

func weight(s string) (*specs.LinuxBlockIO, error) {
	n, err := strconv.ParseUint(s, 0, 16) // runc drops the bits above
	w := uint16(n)
	return &specs.LinuxBlockIO{Weight: &w}, err
}

// amount reads bytes as runc does (go-units RAMInBytes): 512m, 1.5GiB, -1 for
// no limit.
func amount(s string) (*int64, error) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return &n, nil
	}
	lower := strings.ToLower(strings.ReplaceAll(s, " ", ""))
	end := strings.IndexFunc(lower, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	if end <= 0 {
		return nil, strconv.ErrSyntax
	}
	number, err := strconv.ParseFloat(lower[:end], 64)
	if err != nil {
		return nil, err
	}
	shift := strings.IndexByte("bkmgtp", lower[end])
	if shift < 0 || strings.Trim(lower[end+1:], "ib") != "" {
		return nil, strconv.ErrSyntax
	}
	n := int64(number * float64(int64(1)<<(10*shift)))
	return &n, nil
}
