package rules

import (
	"errors"

	"github.com/runward/runward/policy"
)

// RuntimeFlagsSettings say which flags of the runtime are allowed.
type RuntimeFlagsSettings struct {
	Allow policy.AllowList `toml:"allow" doc:"no-pivot, no-new-keyring, preserve-fds, cgroup-manager=disabled; \"default\" is no-new-keyring and preserve-fds"`
}

// Default allows those that engines use and that open nothing.
func (s *RuntimeFlagsSettings) Default() { s.Allow.Default([]string{policy.DefaultItem}) }

// Validate refuses what is no such flag.
func (s *RuntimeFlagsSettings) Validate() error {
	return items(s.Allow.Lists, func(item string) error {
		switch item {
		case "no-pivot", "no-new-keyring", "preserve-fds", "cgroup-manager=disabled":
			return nil
		}
		return errors.New("runtime_flags.allow: want no-pivot, no-new-keyring, preserve-fds or cgroup-manager=disabled, found " + quote(item))
	})
}

// RuntimeFlags judges how the runtime is called, which config.json does not say.
var RuntimeFlags = policy.Rule{
	ID:    "runtime_flags",
	Title: "The runtime is not told to isolate less",
	Doc: `Some isolation depends on the runtime's command line. With --no-pivot the container's root is a chroot in the host's mount namespace tree, which CAP_SYS_CHROOT
or a left-over directory leaves; with --no-new-keyring it shares the caller's session keyring, as containerd does on request; --preserve-fds hands open files of the engine to the container, which Podman does on request; with crun's --cgroup-manager=disabled it has no cgroup of its own, and so no limits.`,
	Since:   "0.1.0",
	Exec:    true,
	Default: policy.ActionDeny,
	Refs:    []policy.Ref{{Standard: "runc", ID: "create --no-pivot"}, {Standard: "CVE", ID: "2024-21626"}},
	Check:   policy.Check[RuntimeFlagsSettings](checkRuntimeFlags),
}

func checkRuntimeFlags(e *policy.Eval, s *RuntimeFlagsSettings) {
	permits := orDefault(func(flag string) bool { return flag == "no-new-keyring" || flag == "preserve-fds" }, func(item, flag string) bool { return item == flag })
	for _, flag := range e.Facts.Flags {
		if !s.Allow.Permits(flag, permits) {
			e.Deny(policy.Finding{
				Found: "the runtime's flag --" + flag, Wanted: "only flags on the list runtime_flags.allow",
				Hint: "take it out of the engine's configuration (docker: DOCKER_RAMDISK; containerd: no_pivot_root, no_new_keyring)",
			})
		}
	}
}
