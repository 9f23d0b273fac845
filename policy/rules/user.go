package rules

import (
	"errors"
	"strconv"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/policy"
)

// UserSettings bound whom the container's first process runs as.
type UserSettings struct {
	NonRoot     policy.Flag                  `toml:"non_root" doc:"refuse user id 0, unless a user namespace maps it to another on the host; true unless said"`
	UID         policy.Default[policy.Count] `toml:"uid" doc:"run as this user id what would run as 0, instead of refusing it"`
	GID         policy.Default[policy.Count] `toml:"gid" doc:"the group id that goes with uid"`
	NoRootGroup policy.Flag                  `toml:"no_root_group" doc:"take group 0 from the additional groups of a user other than root"`
}

// User refuses root.
var User = policy.Rule{
	ID:    "user",
	Title: "The container does not run as root",
	Doc: `process.user.uid, where absent 0, must not be the host's root. A user namespace that maps it to another
id is enough. No user id is invented: files in the image belong to somebody; only where a policy names uid
is it used. The sandbox of a pod runs the node's own image, which only waits: root there is reported. Root's group in gid or additionalGids opens files that belong to group root; it is reported, since images
made for OpenShift use it on purpose, and taken from additionalGids where no_root_group asks for it.`,
	Since:   "0.1.0",
	Exec:    true,
	Default: policy.ActionRewrite,
	Refs: []policy.Ref{
		{Standard: "PSS restricted", ID: "Running as Non-root"},
		{Standard: "PSS restricted", ID: "Running as Non-root user"},
		{Standard: "CIS Docker 1.6", ID: "4.1"},
		{Standard: "CIS Kubernetes 1.10", ID: "5.2.7"},
		{Standard: "NSA Kubernetes Hardening", ID: "non-root containers"},
	},
	Check: policy.Check[UserSettings](checkUser),
}

// Default requires a user other than root.
func (s *UserSettings) Default() { s.NonRoot.Default(true) }

// Validate refuses ids that are root's or no ids.
func (s *UserSettings) Validate() error {
	if s.UID.Set && (s.UID.Value < 1 || s.UID.Value > maxID) {
		return errors.New("uid: want a user id from 1 to 4294967294")
	}
	if s.GID.Set && (s.GID.Value < 1 || s.GID.Value > maxID) {
		return errors.New("gid: want a group id from 1 to 4294967294")
	}
	if s.GID.Set && !s.UID.Set {
		return errors.New("gid: it goes with uid; write uid as well")
	}
	return nil
}

// Limit refuses root later, unless the container is root in a user namespace.
func (s *UserSettings) Limit(c *policy.Ceiling) {
	c.NonRoot = c.NonRoot || s.NonRoot.On && c.UID != 0
}

const maxID = 1<<32 - 2 // the last id; -1 means none

func checkUser(e *policy.Eval, s *UserSettings) {
	// A user namespace that policy adds does not keep a user id from being set.
	if s.NonRoot.On && (isHostRoot(e, e.Spec) || s.UID.Set && isHostRoot(e, e.Original()) && e.Spec.Process.User.UID == 0) {
		f := policy.Finding{
			Pointer: "/process/user/uid",
			Found:   "user 0 (root)",
			Wanted:  "a user other than root",
			Hint:    "set securityContext.runAsUser (docker, podman: --user), or USER with a number in the Dockerfile",
		}
		switch {
		case e.Facts.Identity.Kind == "sandbox":
			f.Hint = "use a pause image of Kubernetes' own, which runs as 65535"
			e.Report(f)
		case !s.UID.Set:
			e.Deny(f)
		default:
			f.Wanted = "user " + s.UID.Value.String()
			uid, gid := uint32(s.UID.Value), uint32(s.GID.Value)
			e.Rewrite(f, func(spec *specs.Spec) {
				spec.Process.User.UID = uid
				if gid != 0 {
					spec.Process.User.GID = gid
				}
			})
		}
	}
	checkRootGroup(e, s)
}

// checkRootGroup speaks only of users that are not root: root has the files anyway.
func checkRootGroup(e *policy.Eval, s *UserSettings) {
	u := e.Spec.Process.User
	if u.UID == 0 {
		return
	}
	if u.GID == 0 {
		e.Report(policy.Finding{
			Pointer: "/process/user/gid",
			Found:   "group 0 (root) for user " + strconv.FormatUint(uint64(u.UID), 10),
			Wanted:  "a group other than root's",
			Hint:    "set securityContext.runAsGroup (docker, podman: --user UID:GID)",
		})
		return // an additional group 0 adds nothing to it
	}
	for _, gid := range u.AdditionalGids {
		if gid != 0 {
			continue
		}
		f := policy.Finding{
			Pointer: "/process/user/additionalGids",
			Found:   "additional group 0 (root) for user " + strconv.FormatUint(uint64(u.UID), 10),
			Wanted:  "no membership in root's group",
			Hint:    "take 0 from securityContext.supplementalGroups (docker, podman: --group-add), and the user from group root in the image",
		}
		if !s.NoRootGroup.On {
			e.Report(f)
			return
		}
		e.Rewrite(f, func(spec *specs.Spec) {
			var kept []uint32
			for _, gid := range spec.Process.User.AdditionalGids {
				if gid != 0 {
					kept = append(kept, gid)
				}
			}
			spec.Process.User.AdditionalGids = kept
		})
		return
	}
}

// isHostRoot tells whether the process is root on the host. Of a user namespace
// joined by path the mapping in config.json is believed, which the runtime
// compares (runc 1.2) and the engine wrote; without one it counts as root.
func isHostRoot(e *policy.Eval, spec *specs.Spec) bool {
	if spec.Process.User.UID != 0 {
		return false
	}
	if e.Facts.Rootless {
		return false // at most the owner
	}
	for _, ns := range spec.Linux.Namespaces {
		if ns.Type != specs.UserNamespace {
			continue
		}
		for _, m := range spec.Linux.UIDMappings {
			if m.ContainerID == 0 && m.Size > 0 {
				return m.HostID == 0
			}
		}
	}
	return true
}
