package argv

import (
	"errors"
	"strconv"
)

// invocation is what a reading says of every verb.
func (r reading) invocation(argv []string) Invocation {
	return Invocation{
		Argv: argv, Verb: r.verb, Global: r.global, grammar: r.grammar, verbAt: r.at, endAt: len(argv), flags: r.flags,
		Root: text(r.global, "root"), Log: text(r.global, "log"), LogFormat: text(r.global, "log-format"),
		SystemdCgroup: on(r.global, "systemd-cgroup"), CgroupManager: text(r.global, "cgroup-manager"),
	}
}

// fill takes what the verb's flags and arguments say.
func (inv *Invocation) fill(r reading) error {
	var err error
	switch {
	case inv.Verb == "delete":
		if len(r.args) == 1 {
			inv.ID, inv.Force = r.args[0].text, on(r.flags, "force")
		}
		return nil
	case !inv.Covered():
		return nil
	case inv.Verb == "exec":
		err = inv.fillExec(r)
	case inv.Verb == "mounts":
		err = inv.fillMounts(r)
	default:
		err = inv.fillContainer(r)
	}
	if err != nil {
		return r.ofVerb(err)
	}
	inv.Bundle, inv.Config = text(r.flags, "bundle"), text(r.flags, "config")
	inv.PidFile, inv.ConsoleSocket = text(r.flags, "pid-file"), text(r.flags, "console-socket")
	inv.PidfdSocket = text(r.flags, "pidfd-socket")
	inv.NoPivot, inv.NoNewKeyring = on(r.flags, "no-pivot"), on(r.flags, "no-new-keyring")
	inv.NoSubreaper = on(r.flags, "no-subreaper")
	inv.Detach, inv.Keep = on(r.flags, "detach"), on(r.flags, "keep")
	if n, set := last(r.flags, "preserve-fds"); set {
		base := 0 // as in Go source
		if r.grammar == Crun || r.grammar == Youki {
			base = 10
		}
		fds, err := strconv.ParseInt(n, base, 32)
		if err != nil || fds < 0 {
			return r.ofVerb(errors.New("flag --preserve-fds wants a number, not " + strconv.Quote(n) + ", as one"))
		}
		inv.PreserveFDs = int(fds)
	}
	return nil
}

// fillContainer takes what a verb says that has a container and no more.
func (inv *Invocation) fillContainer(r reading) error {
	switch {
	case len(r.args) == 0 || r.args[0].text == "":
		return errors.New("no container id among the arguments")
	case len(r.args) > 1:
		return errors.New("an argument too many, " + strconv.Quote(r.args[1].text) + ", among those")
	}
	inv.ID, inv.idAt = r.args[0].text, r.args[0].at
	for _, f := range r.flags {
		switch inv.Verb {
		case "update":
			if f.Name == "resources" {
				inv.Update.Resources = f.Value
			} else {
				inv.Update.Limits = append(inv.Update.Limits, f)
			}
		case "restore", "checkpoint":
			if forCriu(f.Name) {
				inv.Criu = append(inv.Criu, f)
			}
		}
	}
	return nil
}

// forCriu tells whether a flag of restore or checkpoint has no field of its own.
func forCriu(name string) bool {
	switch name {
	case "bundle", "console-socket", "pid-file", "detach", "no-pivot", "no-subreaper":
		return false
	}
	return true
}

func (inv *Invocation) fillMounts(r reading) error {
	if len(r.args) != 3 || r.args[1].text == "" || r.args[0].text != "add" && r.args[0].text != "remove" {
		return errors.New("not add or remove, a container and a file, but " + strconv.Itoa(len(r.args)) + " arguments, among those")
	}
	inv.Mounts = Mounts{Action: r.args[0].text, File: r.args[2].text}
	inv.ID, inv.idAt = r.args[1].text, r.args[1].at
	return nil
}

func (inv *Invocation) fillExec(r reading) error {
	if len(r.args) == 0 || r.args[0].text == "" {
		return errors.New("no container id among the arguments")
	}
	inv.ID, inv.idAt = r.args[0].text, r.args[0].at
	for _, t := range r.args[1:] {
		inv.Exec.Args = append(inv.Exec.Args, t.text)
	}
	if len(r.args) > 1 {
		inv.endAt = r.args[1].at
	}
	for _, f := range r.flags {
		if f.at > inv.idAt && r.grammar != Youki {
			return errors.New("flag " + strconv.Quote(inv.Argv[f.at]) + " after the container's id, where it is not one")
		}
		if err := inv.Exec.set(f, r.grammar); err != nil {
			return err
		}
	}
	if len(inv.Exec.Args) == 0 && inv.Exec.ProcessFile == "" {
		return errors.New("no command after the container's id, among the arguments")
	}
	return nil
}

// set takes what one flag says about the process.
func (e *Exec) set(f Flag, g Grammar) error {
	switch f.Name {
	case "process":
		e.ProcessFile = f.Value
	case "cwd":
		e.Cwd = f.Value
	case "env":
		e.Env = append(e.Env, f.Value)
	case "tty":
		e.TTY = f.Value == "true"
	case "user":
		e.User = f.Value
	case "additional-gids":
		gid, err := group(f.Value, g)
		if err != nil {
			return err
		}
		e.AdditionalGIDs = append(e.AdditionalGIDs, gid)
	case "process-label":
		e.ProcessLabel = f.Value
	case "apparmor":
		e.AppArmor = f.Value
	case "no-new-privs":
		e.NoNewPrivs = Off
		if f.Value == "true" {
			e.NoNewPrivs = On
		}
	case "cap":
		e.Caps = append(e.Caps, f.Value)
	case "cgroup":
		e.Cgroup = append(e.Cgroup, f.Value)
	case "ignore-paused":
		e.IgnorePaused = f.Value == "true"
	case "pass-fd", "exec-fd", "internal-pid-file":
		e.Other = append(e.Other, f)
	}
	return nil
}

// group reads a group's number. runc takes any 64 bits and keeps 32 of them,
// and 1.6 reads 010 as 8: what is no plain number is nobody's group.
func group(number string, g Grammar) (uint32, error) {
	gid, err := strconv.ParseUint(number, 10, 32)
	if err != nil || (g == Runc || g == RuncV3) && strconv.FormatUint(gid, 10) != number {
		return 0, errors.New("flag --additional-gids wants a group's number, not " + strconv.Quote(number) + ", as one")
	}
	return uint32(gid), nil
}
