package rules

import (
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/policy"
)

// SeccompSettings bound the system calls.
type SeccompSettings struct {
	Required policy.Flag   `toml:"required" doc:"write the default profile where there is none, or one that refuses nothing; true unless said"`
	Profile  policy.Text   `toml:"profile" doc:"the profile to write: default, which is Moby's, specialised to the capabilities that remain"`
	Strict   policy.Flag   `toml:"strict" doc:"replace every profile that lets through what the default refuses, not only what is dangerous"`
	Forbid   policy.Forbid `toml:"forbid" doc:"system calls that no profile may let through, also where the default does"`
}

// Seccomp requires a filter that refuses what no container needs.
var Seccomp = policy.Rule{
	ID:    "seccomp",
	Title: "System calls are filtered",
	Doc: `A container without a filter gets the default one: Moby's, specialised to the capabilities that remain after the
capabilities rule. So does one whose filter refuses nothing: an empty object, no system calls, or a default action of ALLOW, LOG or TRACE, or one that is not known
(an object with only architectures switches seccomp off without a word). Another profile is compared by what it lets through, not
by its name: something dangerous that the default refuses with these capabilities is taken out of it, or let through under the default's conditions; what else it refuses it goes on refusing.
Dangerous are the calls that load code into the kernel, make or join namespaces, mount, set the clock, open files
by handle, reach other processes or keyrings, and old ones that nothing uses. Podman's, Buildah's and CRI-O's own profile lets through some of them, such as unshare and mount, and leaves
them to the kernel's checks; under those engines it may. io_uring is in the profiles of Docker up to 24 and containerd up to 1.7 and
so is not among them: forbid it by name where nothing needs it. Where rules for a call contradict each other, the one
that lets it through counts, as in libseccomp. ERRNO, TRAP and the KILL actions refuse alike. Architectures never
widen a filter: the runtime adds its own and refuses what is not listed. A filter that hands decisions to a listener (NOTIFY, listenerPath) is refused.`,
	Since:   "0.1.0",
	Default: policy.ActionRewrite,
	Refs: []policy.Ref{
		{Standard: "PSS baseline", ID: "Seccomp"},
		{Standard: "PSS restricted", ID: "Seccomp"},
		{Standard: "CIS Docker 1.6", ID: "2.17"},
		{Standard: "CIS Docker 1.6", ID: "5.22"},
		{Standard: "CIS Kubernetes 1.10", ID: "4.2.14"},
		{Standard: "CIS Kubernetes 1.10", ID: "5.7.2"},
	},
	Check: policy.Check[SeccompSettings](checkSeccomp),
}

// Default requires a filter.
func (s *SeccompSettings) Default() { s.Required.Default(true) }

// Validate refuses a profile that runward does not have, and system calls that
// Linux does not.
func (s *SeccompSettings) Validate() error {
	for name := range s.Forbid.Items {
		if !knownCall(name) {
			return oneOf("forbid", name, append(append([]string{}, dangerousCalls[:]...), otherCalls[:]...))
		}
	}
	if s.Profile.Set {
		return oneOf("profile", s.Profile.Value, []string{"default"})
	}
	return nil
}

func checkSeccomp(e *policy.Eval, s *SeccompSettings) {
	sc := e.Spec.Linux.Seccomp
	if at := listener(sc); at != "" {
		e.Deny(policy.Finding{
			Pointer: at, Found: "system calls are decided by a listener outside the container", Wanted: "a filter that decides by itself",
			Hint: "take listenerPath and SCMP_ACT_NOTIFY out of the seccomp profile",
		})
		return
	}
	f := policy.Finding{
		Pointer: "/linux/seccomp",
		Wanted:  "the default profile",
		Hint:    "use the engine's default (kubernetes: seccompProfile.type: RuntimeDefault; docker, podman: take out --security-opt seccomp=)",
	}
	node := seccompNodeOf(e, s.Forbid)
	if f.Found = unconfined(sc); f.Found != "" {
		if s.Required.On {
			node.refused = refusedCalls(sc)
			e.Rewrite(f, func(spec *specs.Spec) { spec.Linux.Seccomp = node.profile() })
		}
		return
	}
	open := node.lets(e, sc, s.Strict.On)
	if len(open) == 0 {
		return
	}
	f.Pointer = "/linux/seccomp/syscalls"
	f.Found = "a seccomp profile that lets through " + several(open, 20)
	f.Wanted = "a profile that lets through none of what the default refuses"
	f.Hint = "take these system calls out of the seccomp profile, or use the engine's default"
	narrowed := node.narrow(e, sc, s.Strict.On)
	if len(narrowed) == 0 {
		e.Deny(f)
		return
	}
	e.Rewrite(f, func(spec *specs.Spec) { spec.Linux.Seccomp.Syscalls = narrowed })
}

// several lists words, at most n of them.
func several(words []string, n int) string {
	if len(words) <= n {
		return strings.Join(words, ", ")
	}
	return strings.Join(words[:n], ", ") + " and " + strconv.Itoa(len(words)-n) + " more"
}

// listener returns the pointer to what hands decisions to a listener, or "".
func listener(sc *specs.LinuxSeccomp) string {
	switch {
	case sc == nil:
		return ""
	case sc.ListenerPath != "":
		return "/linux/seccomp/listenerPath"
	case sc.DefaultAction == specs.ActNotify:
		return "/linux/seccomp/defaultAction"
	}
	for i := range sc.Syscalls {
		if sc.Syscalls[i].Action == specs.ActNotify {
			return "/linux/seccomp/syscalls/" + strconv.Itoa(i) + "/action"
		}
	}
	return ""
}

// unconfined says why the filter refuses nothing, or "". A default action
// that no runtime knows counts as one that refuses nothing.
func unconfined(sc *specs.LinuxSeccomp) string {
	switch {
	case sc == nil:
		return "no seccomp profile"
	case sc.DefaultAction == "" && len(sc.Syscalls) == 0:
		return "a seccomp profile without an action, which switches itself off"
	case !refuses(sc.DefaultAction):
		return "a seccomp profile whose default action is " + strconv.Quote(string(sc.DefaultAction))
	case len(sc.Syscalls) == 0:
		return "a seccomp profile without system calls"
	}
	return ""
}

// refuses tells whether a call with this action is not carried out.
func refuses(a specs.LinuxSeccompAction) bool {
	switch a {
	case specs.ActErrno, specs.ActTrap, specs.ActKill, specs.ActKillThread, specs.ActKillProcess:
		return true
	default: // ALLOW and LOG; TRACE and NOTIFY, which leave it to a program; what no runtime knows
		return false
	}
}
