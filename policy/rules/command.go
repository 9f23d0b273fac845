package rules

import (
	"path"
	"strconv"
	"strings"

	"github.com/runward/runward/policy"
)

// CommandSettings says which programs containers may be started with.
type CommandSettings struct {
	Allow           policy.AllowList `toml:"allow" doc:"programs, as globs of the path or the name that the command begins with; left out: any"`
	Forbid          policy.Forbid    `toml:"forbid" doc:"programs, as globs of the path or the name, that may not be: \"sshd\", \"/usr/bin/nsenter\""`
	Arguments       policy.AllowList `toml:"arguments" doc:"arguments, as globs (** crosses /), of which each must be one; left out: any"`
	ForbidArguments policy.Forbid    `toml:"forbid_arguments" doc:"arguments, as globs, of which none may be: \"--insecure*\""`
}

// Command judges the program that a container is started with.
var Command = policy.Rule{
	ID:    "command",
	Title: "Only programs that policy knows are started",
	Doc: "Judges process.args: the first is the program, matched as it is written and by its last name; the init that Docker and Podman put before it (--init) is looked past. " +
		"A program without a path is searched in the image, so that it is forbidden wherever its name is; an allowed path must be written without .. in it. " +
		"This holds people to an agreement and is no boundary: a shell may start anything, and an image may have any program under any name (see image, and exec for what joins later). " +
		"Findings name an argument by its place and never show it, since arguments have passwords in them. A pod's sandbox runs the node's own program and is not judged.",
	Since:   "0.1.0",
	Default: policy.ActionDeny,
	Refs:    []policy.Ref{{Standard: "CIS Docker 1.6", ID: "5.7"}, {Standard: "NIST SP 800-190", ID: "3.4.4"}, {Standard: "MITRE ATT&CK", ID: "T1610"}},
	Check:   policy.Check[CommandSettings](checkCommand),
}

func checkCommand(e *policy.Eval, s *CommandSettings) {
	args := e.Spec.Process.Args
	first := programAt(args)
	if nodesOwn(e.Facts) || first >= len(args) {
		return // without a program the runtime says so
	}
	program := args[first]
	f := policy.Finding{
		Pointer: index("/process/args", first), Found: "the program " + quote(program),
		Hint: "start another program (kubernetes: command; docker, podman: --entrypoint or the command), or ask the administrator to allow it",
	}
	if !s.Allow.Permits(program, isProgram) {
		f.Wanted = oneOfThese(s.Allow)
		e.Deny(f)
	}
	if by, yes := s.Forbid.Forbids(program, mayBeProgram); yes {
		f.Wanted = "none that command.forbid of policy " + by + " has"
		e.Deny(f)
	}
	for i := first + 1; i < len(args); i++ {
		f := policy.Finding{
			Pointer: index("/process/args", i), Found: "argument " + strconv.Itoa(i-first) + " of " + quote(program),
			Hint: "take the argument out (kubernetes: args; docker, podman: the command), or ask the administrator to allow it",
		}
		if !s.Arguments.Permits(args[i], policy.Match) {
			f.Wanted = oneOfThese(s.Arguments)
			e.Deny(f)
		}
		for item := range s.ForbidArguments.Items {
			if policy.Match(item, args[i]) {
				f.Wanted = "none like " + quote(item)
				e.Deny(f)
				break
			}
		}
	}
}

// programAt is the index of the program, behind an engine's own init.
func programAt(args []string) int {
	if len(args) > 1 && args[1] == "--" {
		switch args[0] {
		case "/sbin/docker-init", "/dev/init", "/run/podman-init":
			return 2
		}
	}
	return 0
}

// isProgram tells whether an allow-list's item is the program for certain.
func isProgram(item, program string) bool {
	if strings.Contains(program, "/") && path.Clean(program) != program {
		return false
	}
	return policy.Match(item, program) || policy.Match(item, path.Base(program))
}

// mayBeProgram tells whether a deny-list's item may be the program: one that is
// searched, or found from the working directory, is whatever has its name.
func mayBeProgram(item, program string) bool {
	clean := path.Clean(program)
	return policy.Match(item, program) || policy.Match(item, clean) || policy.Match(item, path.Base(clean)) ||
		(!strings.HasPrefix(program, "/") || hasDotDot(program)) && policy.Match(path.Base(item), path.Base(clean))
}
