package rules

import (
	"errors"
	"strconv"

	"github.com/runward/runward/policy"
)

// QuotaSettings bound what containers claim together.
type QuotaSettings struct {
	Memory     policy.MaxTable[policy.Bytes] `toml:"memory" doc:"most memory together, by what is added up: { namespace = \"16GiB\" }; or engine, user (rootless owner), node"`
	CPUs       policy.MaxTable[policy.CPUs]  `toml:"cpus" doc:"most processors together"`
	Pids       policy.MaxTable[policy.Count] `toml:"pids" doc:"most processes and threads together"`
	Containers policy.MaxTable[policy.Count] `toml:"containers" doc:"most containers, sandboxes among them"`
}

// Validate refuses groupings that are not known, and bounds of 0 and less.
func (s *QuotaSettings) Validate() error {
	for _, k := range quotaKinds {
		most := k.most(s)
		for _, by := range names(most) {
			if err := oneOf(k.key, by, policy.Groupings[:]); err != nil {
				return err
			}
			if most[by] <= 0 {
				return errors.New(k.key + ": " + by + ": want more than 0")
			}
		}
	}
	return nil
}

// Quota bounds the sum of what runs on the node.
var Quota = policy.Rule{
	ID:    "quota",
	Title: "What runs on the node together is limited",
	Doc: "Adds up the limits of all containers of a namespace, an engine, a rootless owner or the node, and refuses the one that would bring the sum above the maximum, and the update that would raise a limit beyond it. " +
		"Every container that runward created counts, whichever policy selected it, from the moment it is let through until its runtime has no state of it any more; what was started behind runward's back does not. " +
		"Where several policies have a quota, all hold; the namespace is the one that the engine proves, and containers of which it is not said (Docker's and Podman's) are one group. " +
		"A container without a limit of its own could take everything: it is refused, unless another rule (memory, cpu, pids) gives it one before. " +
		"A pod's sandbox without a limit is let through and counts only as a container; so does a container without a limit that an exception lets pass, or that ran before there was a quota. " +
		"memory counts memory without swap. runwardctl quota shows the sums.",
	Since:   "0.1.0",
	Update:  true,
	Default: policy.ActionDeny,
	Refs:    []policy.Ref{{Standard: "NIST SP 800-190", ID: "4.4.3"}, {Standard: "Kubernetes", ID: "ResourceQuota"}},
	Check:   policy.Check[QuotaSettings](checkQuota),
}

// A quotaKind is one thing that is added up.
type quotaKind struct {
	key, what, unit, pointer, hint string
	most                           func(*QuotaSettings) map[string]int64
	claim                          func(policy.Claim) int64
	show                           func(int64) string
}

var quotaKinds = [...]quotaKind{
	{
		"memory", "memory", "of memory", "/linux/resources/memory/limit", "resources.limits.memory (docker, podman: --memory)",
		func(s *QuotaSettings) map[string]int64 { return plainNumbers(s.Memory) },
		func(c policy.Claim) int64 { return c.Memory },
		wholeUnits,
	},
	{
		"cpus", "processor time", "processors", "/linux/resources/cpu/quota", "resources.limits.cpu (docker, podman: --cpus)",
		func(s *QuotaSettings) map[string]int64 { return plainNumbers(s.CPUs) },
		func(c policy.Claim) int64 { return c.CPU },
		func(n int64) string { return policy.CPUs(n).String() },
	},
	{
		"pids", "processes", "processes", "/linux/resources/pids/limit", "the limit on processes (docker, podman: --pids-limit)",
		func(s *QuotaSettings) map[string]int64 { return plainNumbers(s.Pids) },
		func(c policy.Claim) int64 { return c.Pids },
		itoa,
	},
	{
		"containers", "", "containers", "", "",
		func(s *QuotaSettings) map[string]int64 { return plainNumbers(s.Containers) },
		nil,
		itoa,
	},
}

// wholeUnits shows bytes in the largest unit that they are a multiple of: sums
// are seldom whole GiB.
func wholeUnits(n int64) string {
	for _, u := range [...]struct {
		name  string
		bytes int64
	}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if n >= u.bytes && n%u.bytes == 0 {
			return itoa(n/u.bytes) + u.name
		}
	}
	return itoa(n) + " bytes"
}

func checkQuota(e *policy.Eval, s *QuotaSettings) {
	claim := policy.ClaimOf(e.Spec)
	for i := range quotaKinds {
		k := &quotaKinds[i]
		most := k.most(s)
		switch {
		case len(most) == 0:
		case k.claim != nil:
			checkLimit(e, k, most, k.claim(claim))
		case e.Facts.Claim == nil: // an update brings no container more
			checkSum(e, k, most, 1)
		}
	}
}

// checkLimit judges a kind that the container has a limit of.
func checkLimit(e *policy.Eval, k *quotaKind, most map[string]int64, claim int64) {
	had := e.Facts.Claim // before an update
	switch {
	case claim == 0 && (nodesOwn(e.Facts) || had != nil && k.claim(*had) == 0):
	case claim == 0:
		e.Deny(policy.Finding{
			Pointer: k.pointer, Found: "no limit on " + k.what, Wanted: "a limit, which the quota can count",
			Hint: "give " + k.hint,
		})
	case hasString(e.Facts.Flags, "cgroup-manager=disabled"):
		e.Deny(policy.Finding{
			Pointer: k.pointer, Found: "no control group, and so no limit on " + k.what, Wanted: "a limit, which the quota can count",
			Hint: "take cgroup-manager=disabled out of the engine's configuration",
		})
	case had != nil && (k.claim(*had) == 0 || claim <= k.claim(*had)): // no more than it has, whatever the sum
	default:
		checkSum(e, k, most, claim)
	}
}

// checkSum holds what is in use, with this container's claim, to the maxima.
func checkSum(e *policy.Eval, k *quotaKind, most map[string]int64, claim int64) {
	for _, by := range names(most) {
		f := policy.Finding{
			Pointer: k.pointer, Wanted: k.show(most[by]) + " or less together",
			Hint: "remove containers of the group, or lower their limits; runwardctl quota shows who uses what",
		}
		used, err := inUse(e.Facts, by)
		if err != nil {
			f.Found = "what is in use cannot be told: " + err.Error()
			f.Hint = "correct that, or take the quota out of the policy"
			e.Deny(f)
			continue
		}
		have := used.Containers
		if k.claim != nil {
			have = k.claim(used.Claim)
		}
		if sum := policy.Sum(have, claim); sum > most[by] {
			f.Found = k.show(sum) + " " + k.unit + " in " + groupName(e.Facts, by) + ": " + k.show(have) + " in use and " + k.show(claim) + " more"
			e.Deny(f)
		}
	}
}

func inUse(f *policy.Facts, by string) (policy.Usage, error) {
	if f.Used == nil {
		return policy.Usage{}, errors.New("nobody has added it up")
	}
	return f.Used(by)
}

func groupName(f *policy.Facts, by string) string {
	if by == "node" {
		return "the node"
	}
	if group := policy.Group(by, f.Engine, &f.Identity); group != "" {
		return by + " " + strconv.Quote(group)
	}
	return "the containers of no known " + by
}
