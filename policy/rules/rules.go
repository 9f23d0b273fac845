// Package rules holds runward's rules, one a file, each with its cases beside
// it in a .txtar file of the same name.
package rules

import "github.com/runward/runward/policy"

// All are the rules in the order in which they run. The order matters:
// privileged judges the untouched config.json, hooks the engine's hooks before
// monitor adds its own, seccomp is specialised to the
// capabilities that remain, quota adds up the limits that the rest leaves.
var All = []policy.Rule{
	RequireIdentity,
	Image,
	UnknownFields,
	Privileged,
	Namespaces,
	UserNamespaces,
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
	CgroupMounts,
	MaskedPaths,
	Devices,
	Hooks,
	Monitor,
	Annotations,
	Sysctls,
	Memory,
	CPU,
	Pids,
	IOLimits,
	Hugepages,
	Rlimits,
	OOMScoreAdj,
	CgroupPath,
	Unified,
	IntelRdt,
	WorkingDirectory,
	Command,
	Environment,
	Hostname,
	Scheduler,
	IOPriority,
	MemoryPolicy,
	TimeOffsets,
	Personality,
	Propagation,
	NetDevices,
	Platforms,
	RuntimeFlags,
	RuntimeVersion,
	CheckpointRestore,
	Exec,
	Compatibility,
	Quota,
}
