// Package rules holds runward's rules, one a file, each with its cases beside
// it in a .txtar file of the same name.
package rules

import "github.com/runward/runward/policy"

// All are the rules in the order in which they run. The order matters:
// privileged judges the untouched config.json, seccomp is specialised to the
// capabilities that remain.
var All = []policy.Rule{
	Privileged,
	Namespaces,
	User,
	Capabilities,
	NoNewPrivileges,
	AppArmor,
	SELinux,
	Seccomp,
	ReadOnlyRootfs,
	Rootfs,
	HostPaths,
	Mounts,
	MaskedPaths,
	Devices,
	Hooks,
	Annotations,
	Sysctls,
	Memory,
	CPU,
	Pids,
	Rlimits,
	OOMScoreAdj,
	CgroupPath,
	Unified,
	IntelRdt,
	WorkingDirectory,
	Scheduler,
	Propagation,
	NetDevices,
	Platforms,
	RuntimeFlags,
	CheckpointRestore,
	Exec,
}
