package rules

import (
	"errors"
	"path"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/policy"
)

// MaskedPathsSettings says what of /proc and /sys stays covered.
type MaskedPathsSettings struct {
	Masked   policy.Forbid    `toml:"masked" doc:"paths that must be masked besides the engines' own"`
	ReadOnly policy.Forbid    `toml:"read_only" doc:"paths that must be read-only or masked besides the engines' own"`
	Open     policy.AllowList `toml:"open" doc:"paths that may stay uncovered; left out: none"`
}

// Default makes an absent list the empty one.
func (s *MaskedPathsSettings) Default() { s.Open.Default([]string{policy.DefaultItem}) }

// Validate refuses paths that cannot be masked.
func (s *MaskedPathsSettings) Validate() error {
	for _, lists := range [][]policy.List{s.Masked.Lists, s.ReadOnly.Lists, s.Open.Lists} {
		if err := items(lists, absolute("masked_paths")); err != nil {
			return err
		}
	}
	return nil
}

// absolute refuses items that are not clean absolute paths.
func absolute(rule string) func(item string) error {
	return func(item string) error {
		if !strings.HasPrefix(item, "/") || path.Clean(item) != item {
			return errors.New(rule + ": want an absolute path without . and .., found " + quote(item))
		}
		return nil
	}
}

// What every engine covers, in all the versions in use, is what a container
// must at least have covered. What is missing is added as the newer engines
// have it.
var (
	coreMasked = []string{
		"/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
		"/proc/sched_debug", "/proc/scsi", "/sys/firmware",
	}
	newerMasked  = []string{"/proc/interrupts", "/sys/devices/virtual/powercap"}
	coreReadOnly = []string{"/proc/asound", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}
)

// MaskedPaths covers what of /proc and /sys is the host's.
var MaskedPaths = policy.Rule{
	ID:    "masked_paths",
	Title: "The host's part of /proc and /sys is masked or read-only",
	Doc: "/proc and /sys show and change the host as well: kernel memory, keys, firmware, sysrq. Engines mask and write-protect those files unless asked not to " +
		"(procMount: Unmasked, --security-opt systempaths=unconfined or unmask). What is missing from what all engines cover is appended to linux.maskedPaths and linux.readonlyPaths; " +
		"what is there stays. An entry counts by what it covers: a parent does, a path that leads elsewhere does not.",
	Since:   "0.1.0",
	Default: policy.ActionRewrite,
	Refs:    []policy.Ref{{Standard: "PSS baseline", ID: "/proc Mount Type"}, {Standard: "CIS Docker 1.6", ID: "5.4"}},
	Check:   policy.Check[MaskedPathsSettings](checkMaskedPaths),
}

func checkMaskedPaths(e *policy.Eval, s *MaskedPathsSettings) {
	l := e.Spec.Linux
	uncovered := func(required []string, by ...[]string) []string {
		var out []string
		for _, p := range required {
			if !covered(p, by...) && !mayStayOpen(s, p) && !hasString(out, p) {
				out = append(out, p)
			}
		}
		return out
	}
	if missing := uncovered(append(coreMasked[:len(coreMasked):len(coreMasked)], each(s.Masked)...), l.MaskedPaths); len(missing) > 0 {
		add := uncovered(append(missing, newerMasked...), l.MaskedPaths)
		e.Rewrite(policy.Finding{
			Pointer: "/linux/maskedPaths",
			Found:   "not masked: " + strings.Join(missing, ", "),
			Wanted:  "what every engine masks",
			Hint:    "leave procMount at Default (docker, podman: no --security-opt systempaths=unconfined, unmask or --privileged)",
		}, func(spec *specs.Spec) {
			spec.Linux.MaskedPaths = append(spec.Linux.MaskedPaths, add...)
		})
	}
	masked := e.Spec.Linux.MaskedPaths
	if missing := uncovered(append(coreReadOnly[:len(coreReadOnly):len(coreReadOnly)], each(s.ReadOnly)...), masked, l.ReadonlyPaths); len(missing) > 0 {
		e.Rewrite(policy.Finding{
			Pointer: "/linux/readonlyPaths",
			Found:   "writable: " + strings.Join(missing, ", "),
			Wanted:  "what every engine makes read-only",
			Hint:    "leave procMount at Default (docker, podman: no --security-opt systempaths=unconfined, unmask or --privileged)",
		}, func(spec *specs.Spec) {
			spec.Linux.ReadonlyPaths = append(spec.Linux.ReadonlyPaths, missing...)
		})
	}
}

func mayStayOpen(s *MaskedPathsSettings, p string) bool {
	return s.Open.Permits(p, orDefault(func(string) bool { return false }, policy.Match))
}

// covered tells whether an entry of the lists is the path or above it. Runtimes
// pass over an entry that is not there, so one with ".." proves nothing.
func covered(p string, lists ...[]string) bool {
	for _, list := range lists {
		for _, entry := range list {
			if strings.HasPrefix(entry, "/") && !hasDotDot(entry) && within(p, path.Clean(entry)) {
				return true
			}
		}
	}
	return false
}

// each is every item of a list of requirements.
func each(f policy.Forbid) []string {
	var out []string
	f.Items(func(item string) bool {
		out = append(out, item)
		return true
	})
	return out
}
