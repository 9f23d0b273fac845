package rules

import (
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/policy"
)

// AppArmorSettings bound process.apparmorProfile.
type AppArmorSettings struct {
	Allow    policy.AllowList `toml:"allow" doc:"profiles that a container may name, as globs; without it any but unconfined"`
	Profile  policy.Text      `toml:"profile" doc:"the profile to write for one that is missing or not allowed; without it the engine's default"`
	Required policy.Flag      `toml:"required" doc:"refuse a container without a profile also where the profile to write is not loaded"`
}

// AppArmor confines containers where the kernel does it with AppArmor.
var AppArmor = policy.Rule{
	ID:    "apparmor",
	Title: "AppArmor confines the container",
	Doc: `Where AppArmor is on, a container without a profile, with unconfined or with one that is not allowed gets the engine's default. A
runtime cannot use a profile that is not loaded: then an unconfined or disallowed profile is refused, and an absent one,
which is how engines without AppArmor support write it, is reported where no engine's profile is loaded, or refused where required says so
or a policy names the profile to write. Where AppArmor is off nothing is done.`,
	Since:   "0.1.0",
	Exec:    true,
	Default: policy.ActionRewrite,
	Refs: []policy.Ref{
		{Standard: "PSS baseline", ID: "AppArmor"}, {Standard: "CIS Docker 1.6", ID: "5.2"},
	},
	Check: policy.Check[AppArmorSettings](checkAppArmor),
}

// engineProfiles are the names by which engines load their default profiles, as
// globs: Podman's has the version of containers-common in it.
var engineProfiles = [...]struct{ engine, profile string }{
	{"docker", "docker-default"},
	{"buildkit", "docker-default"},
	{"containerd", "cri-containerd.apparmor.d"},
	{"containerd", "nerdctl-default"},
	{"cri-o", "crio-default"},
	{"podman", "containers-default-*"},
	{"buildah", "containers-default-*"},
}

func checkAppArmor(e *policy.Eval, s *AppArmorSettings) {
	profile := e.Spec.Process.ApparmorProfile
	if !e.Facts.AppArmor.Enabled || profileAllowed(s, profile) || profile == "" && joins(e) {
		return
	}
	f := policy.Finding{
		Pointer: "/process/apparmorProfile",
		Found:   "the AppArmor profile " + strconv.Quote(profile),
		Wanted:  "one of " + s.Allow.String(),
		Hint:    "use the engine's default profile (kubernetes: appArmorProfile.type: RuntimeDefault; docker, podman: take out --security-opt apparmor=)",
	}
	if !s.Allow.IsSet() {
		f.Wanted = "a profile other than unconfined"
	}
	if profile == "" {
		f.Found = "no AppArmor profile"
	}
	name := defaultProfile(e.Facts, s)
	switch {
	case name != "":
		f.Wanted = "the profile " + name
		e.Rewrite(f, func(spec *specs.Spec) { spec.Process.ApparmorProfile = name })
	case (profile == "" && !s.Required.On || e.Facts.Rootless) && !s.Profile.Set && !engineProfileLoaded(e.Facts):
		e.Report(f)
	default:
		f.Hint += "; no default profile that is allowed is loaded on this node"
		e.Deny(f)
	}
}

func profileAllowed(s *AppArmorSettings, profile string) bool {
	return profile != "" && !unconfinedProfile(profile) && s.Allow.Permits(profile, policy.Match)
}

// unconfinedProfile tells whether a profile's name means no confinement, also
// inside a policy namespace (:ns:unconfined, :ns://unconfined) or stacked.
func unconfinedProfile(profile string) bool {
	for _, part := range strings.Split(profile, "//&") {
		part = strings.TrimSpace(part)
		if i := strings.LastIndexAny(part, ":/"); i >= 0 && strings.HasPrefix(part, ":") {
			part = part[i+1:]
		}
		if part, _, _ = strings.Cut(part, " "); part != "unconfined" {
			return false
		}
	}
	return true
}

// engineProfileLoaded tells whether a profile could be written, were it not for
// what policies allow.
func engineProfileLoaded(facts *policy.Facts) bool {
	for _, p := range engineProfiles {
		if facts.AppArmor.Loaded(p.profile) != "" {
			return true
		}
	}
	return false
}

// defaultProfile returns the profile to write: the policy's, the engine's, or
// where the engine is not known any engine's; loaded, and allowed.
func defaultProfile(facts *policy.Facts, s *AppArmorSettings) string {
	usable := func(glob string) string {
		if name := facts.AppArmor.Loaded(glob); profileAllowed(s, name) {
			return name
		}
		return ""
	}
	if s.Profile.Set {
		for name := range s.Profile.Each {
			if usable(name) == name {
				return name
			}
		}
		return ""
	}
	for _, own := range [...]bool{true, false} {
		for _, p := range engineProfiles {
			if (p.engine == facts.Engine) != own {
				continue
			}
			if name := usable(p.profile); name != "" {
				return name
			}
		}
	}
	return ""
}
