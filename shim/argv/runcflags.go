package argv

// runc's flags. Those of every version stand here: one that the installed runc
// does not know it refuses itself.
var (
	runcGlobals = []flag{
		{"debug", "", nothing},
		{"log", "", value},
		{"log-format", "", value},
		{"root", "", value},
		{"criu", "", value}, // until 1.4
		{"systemd-cgroup", "", nothing},
		{"rootless", "", value},
		{"help", "h", nothing},
		{"version", "v", nothing},
	}
	// runc 1.6 has these after the verb too.
	runcPersistent = []flag{
		{"debug", "", nothing},
		{"log", "", value},
		{"log-format", "", value},
		{"root", "", value},
		{"systemd-cgroup", "", nothing},
		{"rootless", "", value},
	}
	runcCreate = []flag{
		{"bundle", "b", value},
		{"console-socket", "", value},
		{"pidfd-socket", "", value},
		{"pid-file", "", value},
		{"no-pivot", "", nothing},
		{"no-new-keyring", "", nothing},
		{"preserve-fds", "", value},
		{"help", "h", nothing},
	}
	runcRun = []flag{
		{"bundle", "b", value},
		{"console-socket", "", value},
		{"pidfd-socket", "", value},
		{"detach", "d", nothing},
		{"keep", "", nothing},
		{"pid-file", "", value},
		{"no-subreaper", "", nothing},
		{"no-pivot", "", nothing},
		{"no-new-keyring", "", nothing},
		{"preserve-fds", "", value},
		{"help", "h", nothing},
	}
	runcExec = []flag{
		{"console-socket", "", value},
		{"pidfd-socket", "", value},
		{"cwd", "", value},
		{"env", "e", list},
		{"tty", "t", nothing},
		{"user", "u", value},
		{"additional-gids", "g", list},
		{"process", "p", value},
		{"detach", "d", nothing},
		{"pid-file", "", value},
		{"process-label", "", value},
		{"apparmor", "", value},
		{"no-new-privs", "", nothing},
		{"cap", "c", list},
		{"preserve-fds", "", value},
		{"cgroup", "", list},
		{"ignore-paused", "", nothing},
		{"help", "h", nothing},
	}
	runcUpdate = []flag{
		{"resources", "r", value},
		{"blkio-weight", "", value},
		{"cpu-period", "", value},
		{"cpu-quota", "", value},
		{"cpu-burst", "", value},
		{"cpu-share", "", value},
		{"cpu-rt-period", "", value},
		{"cpu-rt-runtime", "", value},
		{"cpuset-cpus", "", value},
		{"cpuset-mems", "", value},
		{"kernel-memory", "", value},
		{"kernel-memory-tcp", "", value},
		{"memory", "", value},
		{"cpu-idle", "", value},
		{"memory-reservation", "", value},
		{"memory-swap", "", value},
		{"pids-limit", "", value},
		{"l3-cache-schema", "", value},
		{"mem-bw-schema", "", value},
		{"help", "h", nothing},
	}
	runcRestore = []flag{
		{"console-socket", "", value},
		{"image-path", "", value},
		{"work-path", "", value},
		{"tcp-established", "", nothing},
		{"ext-unix-sk", "", nothing},
		{"shell-job", "", nothing},
		{"file-locks", "", nothing},
		{"manage-cgroups-mode", "", value},
		{"bundle", "b", value},
		{"detach", "d", nothing},
		{"pid-file", "", value},
		{"no-subreaper", "", nothing},
		{"no-pivot", "", nothing},
		{"empty-ns", "", list},
		{"auto-dedup", "", nothing},
		{"lazy-pages", "", nothing},
		{"lsm-profile", "", value},
		{"lsm-mount-context", "", value},
		{"help", "h", nothing},
	}
	runcCheckpoint = []flag{
		{"image-path", "", value},
		{"work-path", "", value},
		{"parent-path", "", value},
		{"leave-running", "", nothing},
		{"tcp-established", "", nothing},
		{"tcp-skip-in-flight", "", nothing},
		{"link-remap", "", nothing},
		{"ext-unix-sk", "", nothing},
		{"shell-job", "", nothing},
		{"lazy-pages", "", nothing},
		{"status-fd", "", value},
		{"page-server", "", value},
		{"file-locks", "", nothing},
		{"pre-dump", "", nothing},
		{"manage-cgroups-mode", "", value},
		{"empty-ns", "", list},
		{"auto-dedup", "", nothing},
		{"help", "h", nothing},
	}
	runcDelete = []flag{
		{"force", "f", nothing},
		{"help", "h", nothing},
	}
)

// runcFlags returns the flags of a verb of which more is read than its name.
func runcFlags(verb string) []flag {
	switch verb {
	case "create":
		return runcCreate
	case "run":
		return runcRun
	case "exec":
		return runcExec
	case "update":
		return runcUpdate
	case "restore":
		return runcRestore
	case "checkpoint":
		return runcCheckpoint
	case "delete":
		return runcDelete
	}
	return nil
}
