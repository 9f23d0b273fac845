package rules

import (
	"path"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/policy"
)

// CompatibilitySettings has no settings: action = "deny" makes a refusal of it.
type CompatibilitySettings struct{}

// Compatibility foretells what the other rules' rewrites break.
var Compatibility = policy.Rule{
	ID:    "compatibility",
	Title: "What policy takes away does not break the program",
	Doc: "Looks at the image where a rewrite may keep the program from working, and reports what is sure to: a program that the user whom policy sets, or who lost CAP_DAC_OVERRIDE, may not execute, or whose script they may not read; " +
		"file capabilities that the kernel insists on and policy takes (coredns, ping and others then do not start); a set-user-id or set-group-id program, or one with file capabilities, that noNewPrivileges makes an ordinary one; " +
		"a directory for temporary files (TMPDIR and the like) on a root file system that becomes read-only. " +
		"action = \"deny\" refuses such a container in place of starting what will not work. Nothing is said where something is mounted over the program, of containers with a user namespace, of rootless ones and of gVisor's. " +
		"Links in the image are followed as in the container and never lead out of it.",
	Since:   "0.1.0",
	Always:  true,
	Default: policy.ActionAudit,
	Refs: []policy.Ref{
		{Standard: "NIST SP 800-190", ID: "4.1.2"},
		{Standard: "PSS restricted", ID: "Privilege Escalation"},
		{Standard: "CVE", ID: "2024-0132"},
	},
	Check: policy.Check[CompatibilitySettings](checkCompatibility),
}

func checkCompatibility(e *policy.Eval, _ *CompatibilitySettings) {
	was, is := e.Original(), e.Spec
	if was == is || e.Refused() || e.Facts.Inside == nil || e.Facts.Rootless || e.Facts.Runtime == "runsc" || e.Facts.Verb == "restore" {
		return
	}
	for _, ns := range is.Linux.Namespaces {
		if ns.Type == specs.UserNamespace {
			return
		}
	}
	before, after := credsOf(was.Process), credsOf(is.Process)
	if !before.same(&after) {
		f := newFinder(e)
		if found := broken(f, &before, &after); len(found) > 0 {
			f.resolveMounts()
			for _, finding := range broken(f, &before, &after) {
				e.Warn(finding)
			}
		}
	}
	if is.Root.Readonly && !was.Root.Readonly {
		checkWritten(e, &after)
	}
}

func (c *creds) same(o *creds) bool {
	return c.uid == o.uid && c.gid == o.gid && slices.Equal(c.groups, o.groups) && c.noGains == o.noGains &&
		c.bounding == o.bounding && c.permitted == o.permitted && c.effective == o.effective && c.inheritable == o.inheritable && c.ambient == o.ambient
}

// broken says what keeps the program from starting, or from what its file
// gives it, for the process as policy leaves it and not as it was asked for.
func broken(f *finder, before, after *creds) []policy.Finding {
	was := f.find(before)
	if was.state != programStarts {
		return nil
	}
	is := f.find(after)
	given, started := before.exec(&was.file)
	if is.state == programUnknown || !started {
		return nil
	}
	name := "the program " + quote(f.spec.Process.Args[0])
	if is.at != f.spec.Process.Args[0] {
		name += " (" + quote(is.at) + ")"
	}
	if is.state == programRefused {
		found := policy.Finding{
			Pointer: "/process/user", Found: name + ", " + is.refuse, Wanted: "a program that this user can start",
			Hint: "let others read and execute it in the image (chmod -R a+rX), or ask the administrator for an exception from the rule that sets the user",
		}
		if before.uid == after.uid {
			found.Pointer = "/process/capabilities"
			found.Hint = "let others read and execute it in the image (chmod -R a+rX), or ask the administrator to allow CAP_DAC_OVERRIDE"
		}
		return []policy.Finding{found}
	}
	if was.at != is.at {
		return nil // another of the same name, which starts
	}
	if is.file.Path != is.at {
		name += ", by its interpreter " + quote(is.file.Path) + ","
	}
	left, started := after.exec(&is.file)
	if !started {
		names := capabilityText(is.file.Caps.Permitted &^ (after.bounding | is.file.Caps.Inheritable&after.inheritable))
		return []policy.Finding{{
			Pointer: "/process/capabilities", Found: name + " has the file capabilities " + names + ": without them the kernel does not start it", Wanted: "a program that starts without " + names,
			Hint: "take them off in the image (setcap -r), or ask the administrator to allow " + names,
		}}
	}
	return gainless(name, &is.file, before, after, &given, &left)
}

// gainless says what the program's file gives and noNewPrivileges takes.
func gainless(name string, f *policy.InnerFile, before, after, given, left *creds) []policy.Finding {
	const pointer = "/process/noNewPrivileges"
	var all []policy.Finding
	if after.noGains && !before.noGains {
		const hint = "start the container as that user (docker, podman: --user; kubernetes: runAsUser, runAsGroup), or ask the administrator for an exception from the rule no_new_privileges"
		uid, gid := after.becomes(f)
		if uid != after.uid {
			all = append(all, policy.Finding{
				Pointer: pointer, Found: name + " is set-user-id " + itoa(int64(uid)) + ", which has no effect with noNewPrivileges: it runs as user " + itoa(int64(after.uid)),
				Wanted: "a program that needs no other user", Hint: hint,
			})
		}
		if gid != after.gid {
			all = append(all, policy.Finding{
				Pointer: pointer, Found: name + " is set-group-id " + itoa(int64(gid)) + ", which has no effect with noNewPrivileges: it runs in group " + itoa(int64(after.gid)),
				Wanted: "a program that needs no other group", Hint: hint,
			})
		}
	}
	lost := f.Caps.Permitted & given.effective &^ left.effective
	if !f.Caps.Effective || f.NoSuid || lost == 0 {
		return all
	}
	names := capabilityText(lost)
	return append(all, policy.Finding{
		Pointer: pointer, Found: name + " has the file capabilities " + names + ", which have no effect here: noNewPrivileges is set and the container does not have them permitted",
		Wanted: "a program that works without " + names,
		Hint:   "add " + names + " to the container's capabilities, if policy allows that, or ask the administrator for an exception from the rule no_new_privileges",
	})
}

func capabilityText(set uint64) string {
	var names []string
	for i, name := range policy.CapabilityNames {
		if set&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// checkWritten speaks of what config.json declares to be written and is on the
// root file system. Volumes that images declare are mounts already.
func checkWritten(e *policy.Eval, after *creds) {
	f := newFinder(e)
	for i, variable := range e.Spec.Process.Env {
		name, dir, _ := strings.Cut(variable, "=")
		switch name {
		case "TMPDIR", "TMP", "TEMP", "XDG_RUNTIME_DIR":
		default:
			continue
		}
		if dir == "" || dir[0] != '/' {
			continue
		}
		at := f.look(dir)
		if at.Type != policy.Directory || !after.reaches(&at) || !after.may(at.UID, at.GID, at.Mode, true, mayWrite|mayExec) {
			continue // nothing is written there anyway
		}
		if f.known(dir, &at) && !f.blind {
			f.resolveMounts()
		}
		if !f.known(dir, &at) {
			continue
		}
		e.Warn(policy.Finding{
			Pointer: index("/process/env", i), Found: name + " says " + quote(path.Clean(dir)) + ", which is on the root file system, and that becomes read-only",
			Wanted: "a directory that can be written", Hint: "mount a tmpfs or a volume there (docker, podman: --tmpfs " + path.Clean(dir) + "; kubernetes: emptyDir)",
		})
	}
}
