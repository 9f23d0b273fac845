package rules

import (
	"errors"
	"path"
	"strconv"
	"strings"

	"github.com/runward/runward/policy"
)

// ExecSettings say which processes may join a container.
type ExecSettings struct {
	Deny       policy.Flag      `toml:"deny" doc:"no process may join a container that runs; the kubelet's exec probes fail as well"`
	Commands   policy.AllowList `toml:"commands" doc:"programs, as globs of the path or the name that the command begins with, that may be executed; without it all"`
	Forbid     policy.Forbid    `toml:"forbid" doc:"programs, as globs of the path or the name, that may not be executed"`
	Users      policy.AllowList `toml:"users" doc:"user ids that the process may have, \"container\" for the container's own; without it all that the rule user allows"`
	NoTerminal policy.Flag      `toml:"no_terminal" doc:"no terminal: kubectl exec -it and docker exec -it are refused, probes and plain commands are not"`
	NoShell    policy.Flag      `toml:"no_shell" doc:"no shell with a terminal"`
}

// Validate refuses users that are none.
func (s *ExecSettings) Validate() error {
	return items(s.Users.Lists, func(item string) error {
		if _, err := strconv.ParseUint(item, 10, 32); err != nil && item != "container" {
			return errors.New("exec.users: want a user id, or container, found " + quote(item))
		}
		return nil
	})
}

// Exec judges the processes that join a container.
var Exec = policy.Rule{
	ID:    "exec",
	Title: "Who may join a container that runs, and with what",
	Doc: `Judges docker exec, podman exec, kubectl exec, the kubelet's exec probes and ctr task exec. Besides this rule every rule that concerns
processes (user, capabilities, no_new_privileges, apparmor, selinux, rlimits, oom_score_adj, scheduler, io_priority, working_directory, environment, unknown_fields) judges the process as it does the
container's first one, and whatever the container was left with at create is its ceiling: engines build the process from their own records and ask for what create took away, or for everything (docker exec --privileged). Without a table [exec] only that holds.
Programs are matched by the first word of the command, as written, and by its last name: a shell in the image under another name is not known by it.`,
	Since:   "0.1.0",
	Exec:    true,
	Default: policy.ActionDeny,
	Refs: []policy.Ref{
		{Standard: "CIS Docker 1.6", ID: "5.23"},
		{Standard: "CIS Docker 1.6", ID: "5.24"},
		{Standard: "MITRE ATT&CK", ID: "T1609"},
		{Standard: "CVE", ID: "2026-30892"},
	},
	Check: policy.Check[ExecSettings](checkExec),
}

func checkExec(e *policy.Eval, s *ExecSettings) {
	if !joins(e) {
		return
	}
	p := e.Spec.Process
	deny := func(at, found, wanted, hint string) {
		e.Deny(policy.Finding{Pointer: "/process" + at, Found: found, Wanted: wanted, Hint: hint})
	}
	program := ""
	if len(p.Args) > 0 {
		program = p.Args[0]
	}
	byName := func(item, value string) bool {
		return policy.Match(item, value) || policy.Match(item, path.Base(value))
	}
	if s.Deny.On {
		deny("", "a process that joins the container", "none", "look at the logs, or use a debug container of its own")
		return
	}
	if !s.Commands.Permits(program, byName) {
		deny("/args", "the program "+quote(program), "one of "+s.Commands.String(), "use one of these programs, or ask the administrator to put it on the list exec.commands")
	}
	if by, yes := s.Forbid.Forbids(program, byName); yes {
		deny("/args", "the program "+quote(program), "none that exec.forbid of policy "+by+" has", "use another program")
	}
	uid := strconv.FormatUint(uint64(p.User.UID), 10)
	own := e.Facts.Ceiling != nil && p.User.UID == e.Facts.Ceiling.UID
	if !s.Users.Permits(uid, func(item, value string) bool { return item == value || item == "container" && own }) {
		deny("/user/uid", "user "+uid, "one of "+s.Users.String(), "run it as the container's own user (docker, podman: exec without --user)")
	}
	if !p.Terminal {
		return
	}
	if s.NoTerminal.On {
		deny("/terminal", "a terminal", "no terminal", "run the command without -t")
	} else if s.NoShell.On && isShell(path.Base(program)) {
		deny("/args", "the shell "+quote(program)+" with a terminal", "no shell with a terminal", "run the command itself in place of a shell")
	}
}

// joins tells whether the process joins a container that runs. What it leaves
// out it gets from the container.
func joins(e *policy.Eval) bool { return e.Facts.Verb == "exec" }

func isShell(name string) bool {
	switch strings.TrimPrefix(name, "-") {
	case "sh", "ash", "bash", "dash", "zsh", "ksh", "mksh", "csh", "tcsh", "fish", "busybox", "pwsh", "nu":
		return true
	}
	return false
}
