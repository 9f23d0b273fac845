package rules

import (
	"errors"
	"math"
	"sort"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/policy"
)

// RlimitsSettings bounds process.rlimits.
type RlimitsSettings struct {
	Max policy.MaxTable[policy.Count] `toml:"max" doc:"most of each, soft and hard, by name: nofile, nproc, core, ...; left out: { rtprio = 0, nice = 20 }"`
}

// Default makes an absent table the one that keeps a container from
// raising its own priority.
func (s *RlimitsSettings) Default() {
	if s.Max.Values == nil {
		s.Max.Values = map[string]policy.Count{"rtprio": 0, "nice": 20}
	}
}

// Validate refuses names that no kernel has, and values below 0.
func (s *RlimitsSettings) Validate() error {
	for _, name := range names(s.Max.Values) {
		if s.Max.Values[name] < 0 {
			return errors.New("rlimits.max." + name + ": want 0 or more")
		}
		if !knownRlimit(rlimitName(name)) {
			return errors.New("rlimits.max: no limit is called " + quote(name) + "; the limits are " + rlimitNames)
		}
	}
	return nil
}

const rlimitNames = "as, core, cpu, data, fsize, locks, memlock, msgqueue, nice, nofile, nproc, rss, rtprio, rttime, sigpending, stack"

func knownRlimit(name string) bool {
	return name != "" && !strings.ContainsAny(name, ", ") && strings.Contains(" "+rlimitNames+",", " "+name+",")
}

// rlimitName brings RLIMIT_NOFILE and nofile to one spelling.
func rlimitName(s string) string {
	return strings.TrimPrefix(strings.ToLower(s), "rlimit_")
}

// Rlimits clamps process.rlimits.
var Rlimits = policy.Rule{
	ID:    "rlimits",
	Title: "Resource limits of processes stay under a maximum",
	Doc: "Lowers the soft and hard values of process.rlimits to the maximum of their name. A limit that is absent is the engine's own, which the container inherits: " +
		"it is added only for names that a policy gives. With nothing given, rtprio and nice are bounded where they are present, so that no process gets a higher priority than the engine's.",
	Since:   "0.1.0",
	Exec:    true,
	Default: policy.ActionRewrite,
	Refs:    []policy.Ref{{Standard: "CIS Docker 1.6", ID: "2.8"}, {Standard: "CIS Docker 1.6", ID: "5.19"}},
	Check:   policy.Check[RlimitsSettings](checkRlimits),
}

func checkRlimits(e *policy.Eval, s *RlimitsSettings) {
	for i := range e.Spec.Process.Rlimits {
		r := e.Spec.Process.Rlimits[i]
		name := rlimitName(r.Type)
		most, ok := maxOf(s.Max.Values, name)
		if !ok || r.Soft <= most && r.Hard <= most {
			continue
		}
		e.Rewrite(policy.Finding{
			Pointer: index("/process/rlimits", i),
			Found:   quote(r.Type) + " of " + rlimitValue(max(r.Soft, r.Hard)),
			Wanted:  rlimitValue(most) + " or less",
			Hint:    "lower it (docker, podman: --ulimit " + name + "=" + rlimitValue(most) + ")",
		}, func(spec *specs.Spec) {
			r := &spec.Process.Rlimits[i]
			r.Soft, r.Hard = min(r.Soft, most), min(r.Hard, most)
		})
	}
	for _, name := range names(s.Max.Values) {
		checkAbsentRlimit(e, s, rlimitName(name))
	}
}

// checkAbsentRlimit adds a bounded limit that the container would inherit.
func checkAbsentRlimit(e *policy.Eval, s *RlimitsSettings, name string) {
	if name == "rtprio" || name == "nice" {
		return // inherited from an engine, they are 0
	}
	for i := range e.Spec.Process.Rlimits {
		if rlimitName(e.Spec.Process.Rlimits[i].Type) == name {
			return
		}
	}
	most, _ := maxOf(s.Max.Values, name)
	e.Rewrite(policy.Finding{
		Pointer: "/process/rlimits/-",
		Found:   "the engine's own limit " + name,
		Wanted:  rlimitValue(most) + " or less",
		Hint:    "give the limit (docker, podman: --ulimit " + name + "=" + rlimitValue(most) + ")",
	}, func(spec *specs.Spec) {
		spec.Process.Rlimits = append(spec.Process.Rlimits, specs.POSIXRlimit{
			Type: "RLIMIT_" + strings.ToUpper(name), Soft: most, Hard: most,
		})
	})
}

// maxOf finds a name in whatever spelling policies have it; the smallest wins.
func maxOf(values map[string]policy.Count, name string) (uint64, bool) {
	most, ok := uint64(math.MaxUint64), false
	for have, v := range values {
		if rlimitName(have) == name {
			most, ok = min(most, uint64(max(v, 0))), true
		}
	}
	return most, ok
}

func rlimitValue(v uint64) string {
	if v > math.MaxInt64 {
		return "unlimited"
	}
	return itoa(int64(v))
}

func names[T any](m map[string]T) []string {
	out := make([]string, 0, len(m))
	for name := range m {
		out = append(out, name)
	}
	sort.Strings(out)
	return out
}
