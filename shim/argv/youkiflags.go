package argv

// youki's flags, of liboci-cli 0.5 and later.
var (
	youkiGlobals = []flag{
		{"log", "l", value},
		{"debug", "", nothing},
		{"log-format", "", value},
		{"root", "r", value},
		{"systemd-cgroup", "s", nothing},
		{"systemd-log", "", nothing},
		{"log-level", "", value},
		{"version", "v", nothing},
		{"help", "h", nothing},
	}
	youkiCreate = []flag{
		{"bundle", "b", value},
		{"console-socket", "c", value},
		{"pid-file", "p", value},
		{"no-pivot", "", nothing},
		{"no-new-keyring", "", nothing},
		{"preserve-fds", "", value},
		{"help", "h", nothing},
	}
	youkiRun = []flag{
		{"bundle", "b", value},
		{"console-socket", "c", value},
		{"pid-file", "p", value},
		{"no-subreaper", "", nothing},
		{"no-pivot", "", nothing},
		{"no-new-keyring", "", nothing},
		{"preserve-fds", "", value},
		{"keep", "", nothing},
		{"detach", "d", nothing},
		{"help", "h", nothing},
	}
	youkiExec = []flag{
		{"console-socket", "", value},
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
		{"cap", "", list},
		{"preserve-fds", "", value},
		{"ignore-paused", "", nothing},
		{"cgroup", "", value},
		{"help", "h", nothing},
	}
	youkiUpdate = []flag{
		{"resources", "r", value},
		{"blkio-weight", "", value},
		{"cpu-period", "", value},
		{"cpu-quota", "", dashes},
		{"cpu-rt-period", "", value},
		{"cpu-rt-runtime", "", value},
		{"cpu-share", "", value},
		{"cpu-burst", "", value},
		{"cpu-idle", "", value},
		{"cpuset-cpus", "", value},
		{"cpuset-mems", "", value},
		{"memory", "", value},
		{"memory-reservation", "", value},
		{"memory-swap", "", value},
		{"pids-limit", "", value},
		{"l3-cache-schema", "", value},
		{"mem-bw-schema", "", value},
		{"help", "h", nothing},
	}
	youkiRestore = []flag{
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
		{"help", "h", nothing},
	}
	youkiCheckpoint = []flag{
		{"image-path", "", value},
		{"work-path", "", value},
		{"leave-running", "", nothing},
		{"tcp-established", "", nothing},
		{"ext-unix-sk", "", nothing},
		{"shell-job", "", nothing},
		{"file-locks", "", nothing},
		{"help", "h", nothing},
	}
	youkiDelete = []flag{
		{"force", "f", nothing},
		{"help", "h", nothing},
	}
)

// youkiFlags returns the flags of a verb of which more is read than its name.
func youkiFlags(verb string) []flag {
	switch verb {
	case "create":
		return youkiCreate
	case "run":
		return youkiRun
	case "exec":
		return youkiExec
	case "update":
		return youkiUpdate
	case "restore":
		return youkiRestore
	case "checkpoint":
		return youkiCheckpoint
	case "delete":
		return youkiDelete
	}
	return nil
}
