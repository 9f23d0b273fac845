package argv

// crun's options, of every version. Each table ends with those that argp adds.
// What crun takes them for is asked of it in crun_test.go.
var (
	crunGlobals = []flag{
		{"debug", "", nothing},
		{"cgroup-manager", "", value},
		{"systemd-cgroup", "", nothing},
		{"log", "", value},
		{"log-format", "", value},
		{"log-level", "", value},
		{"root", "", value},
		{"rootless", "", value},
		{"version", "v", nothing},
		{"version", "V", nothing},
		{"help", "?", nothing},
		{"usage", "", nothing},
		{"program-name", "", refused},
		{"HANG", "", refused},
	}
	crunCreate = []flag{
		{"bundle", "b", value},
		{"config", "f", value},
		{"console-socket", "", value},
		{"preserve-fds", "", value},
		{"no-pivot", "", nothing},
		{"pid-file", "", value},
		{"no-subreaper", "", nothing},
		{"no-new-keyring", "", nothing},
		{"help", "?", nothing},
		{"usage", "", nothing},
		{"program-name", "", refused},
		{"HANG", "", refused},
	}
	crunRun = []flag{
		{"bundle", "b", value},
		{"config", "f", value},
		{"detach", "d", nothing},
		{"console-socket", "", value},
		{"preserve-fds", "", value},
		{"no-pivot", "", nothing},
		{"pid-file", "", value},
		{"keep", "", nothing},
		{"no-subreaper", "", nothing},
		{"no-new-keyring", "", nothing},
		{"help", "?", nothing},
		{"usage", "", nothing},
		{"program-name", "", refused},
		{"HANG", "", refused},
	}
	crunExec = []flag{
		{"console-socket", "", value},
		{"tty", "t", perhaps},
		{"process", "p", value},
		{"cwd", "", value},
		{"cgroup", "", value},
		{"detach", "d", nothing},
		{"user", "u", value},
		{"env", "e", list},
		{"cap", "c", list},
		{"pid-file", "", value},
		{"preserve-fds", "", value},
		{"no-new-privs", "", nothing},
		{"process-label", "", value},
		{"apparmor", "", value},
		{"help", "?", nothing},
		{"usage", "", nothing},
		{"program-name", "", refused},
		{"HANG", "", refused},
	}
	crunUpdate = []flag{
		{"resources", "r", value},
		{"blkio-weight", "", value},
		{"cpu-period", "", value},
		{"cpu-quota", "", value},
		{"cpu-share", "", value},
		{"cpu-rt-period", "", value},
		{"cpu-rt-runtime", "", value},
		{"cpu-burst", "", value},
		{"cpu-idle", "", value},
		{"cpuset-cpus", "", value},
		{"cpuset-mems", "", value},
		{"kernel-memory", "", value},
		{"kernel-memory-tcp", "", value},
		{"memory", "", value},
		{"memory-reservation", "", value},
		{"memory-swap", "", value},
		{"pids-limit", "", value},
		{"l3-cache-schema", "", value},
		{"mem-bw-schema", "", value},
		{"help", "?", nothing},
		{"usage", "", nothing},
		{"program-name", "", refused},
		{"HANG", "", refused},
	}
	crunRestore = []flag{
		{"bundle", "b", value},
		{"image-path", "", value},
		{"work-path", "", value},
		{"tcp-established", "", nothing},
		{"tcp-close", "", nothing},
		{"ext-unix-sk", "", nothing},
		{"shell-job", "", nothing},
		{"detach", "d", nothing},
		{"pid-file", "", value},
		{"console-socket", "", value},
		{"file-locks", "", nothing},
		{"manage-cgroups-mode", "", value},
		{"network-lock", "", separate},
		{"lsm-profile", "", value},
		{"lsm-mount-context", "", value},
		{"help", "?", nothing},
		{"usage", "", nothing},
		{"program-name", "", refused},
		{"HANG", "", refused},
	}
	crunCheckpoint = []flag{
		{"image-path", "", value},
		{"work-path", "", value},
		{"leave-running", "", nothing},
		{"tcp-established", "", nothing},
		{"ext-unix-sk", "", nothing},
		{"shell-job", "", nothing},
		{"parent-path", "", value},
		{"pre-dump", "", nothing},
		{"manage-cgroups-mode", "", value},
		{"file-locks", "", nothing},
		{"network-lock", "", separate},
		{"help", "?", nothing},
		{"usage", "", nothing},
		{"program-name", "", refused},
		{"HANG", "", refused},
	}
	crunDelete = []flag{
		{"force", "f", nothing},
		{"regex", "r", nothing},
		{"help", "?", nothing},
		{"usage", "", nothing},
		{"program-name", "", refused},
		{"HANG", "", refused},
	}
	crunMounts = []flag{
		{"help", "?", nothing},
		{"usage", "", nothing},
		{"program-name", "", refused},
		{"HANG", "", refused},
	}
)

// crunFlags returns the options of a verb of which more is read than its name.
func crunFlags(verb string) []flag {
	switch verb {
	case "create":
		return crunCreate
	case "run":
		return crunRun
	case "exec":
		return crunExec
	case "update":
		return crunUpdate
	case "restore":
		return crunRestore
	case "checkpoint":
		return crunCheckpoint
	case "delete":
		return crunDelete
	case "mounts":
		return crunMounts
	}
	return nil
}
