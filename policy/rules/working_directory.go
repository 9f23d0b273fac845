package rules

import (
	"path"
	"strconv"
	"strings"

	"github.com/runward/runward/policy"
)

// WorkingDirectorySettings has no settings: the table switches the rule on.
type WorkingDirectorySettings struct{}

// WorkingDirectory keeps process.cwd out of the kernel's file systems.
var WorkingDirectory = policy.Rule{
	ID:    "working_directory",
	Title: "The working directory is one of the container's own",
	Doc: `process.cwd must be absolute and lead neither into /proc nor /sys nor /dev/fd: through /proc/self/fd/7 a
container started by runc up to 1.1.11 began in a directory of the host's.`,
	Since:   "0.1.0",
	Exec:    true,
	Default: policy.ActionDeny,
	Refs:    []policy.Ref{{Standard: "CVE", ID: "2024-21626"}, {Standard: "MITRE ATT&CK", ID: "T1611"}},
	Check:   policy.Check[WorkingDirectorySettings](checkWorkingDirectory),
}

func checkWorkingDirectory(e *policy.Eval, _ *WorkingDirectorySettings) {
	cwd := e.Spec.Process.Cwd
	wanted := ""
	if !strings.HasPrefix(cwd, "/") {
		wanted = "an absolute path"
	}
	// As written as well as cleaned: what a link before ".." leads to is the
	// container's to choose.
	for _, p := range [...]string{path.Clean("/" + cwd), "/" + strings.TrimLeft(cwd, "/.")} {
		for _, root := range [...]string{"/proc", "/sys", "/dev/fd"} {
			if p == root || strings.HasPrefix(p, root+"/") {
				wanted = "a directory outside " + root
			}
		}
	}
	if wanted != "" {
		e.Deny(policy.Finding{
			Pointer: "/process/cwd", Found: "the working directory " + strconv.Quote(cwd), Wanted: wanted,
			Hint: "set workingDir in the pod (docker, podman: --workdir), or WORKDIR in the Dockerfile, to a directory of the image",
		})
	}
}
