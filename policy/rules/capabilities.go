package rules

import (
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/internal/patch"
	"github.com/runward/runward/policy"
)

// CapabilitiesSettings bound the five sets of process.capabilities.
type CapabilitiesSettings struct {
	Allow   policy.AllowList `toml:"allow" doc:"capabilities a container may have; without it what Docker gives by default, which is the Pod Security baseline and CAP_NET_RAW"`
	Ambient policy.AllowList `toml:"ambient" doc:"those of them that may also be ambient and inheritable, which a process that is not root keeps when it starts another; without it none"`
}

// Capabilities intersects what a container asks for with what policy allows.
var Capabilities = policy.Rule{
	ID:    "capabilities",
	Title: "Capabilities are limited to a list",
	Doc: `Every one of the five sets keeps only what the list allows, in the order and spelling it had.
Names count in any letter case and without CAP_, as crun reads them; a name that no kernel has is taken out.
The ambient and inheritable sets are emptied but for what ambient lists: through them a process that is not
root hands powers to programs it starts (CVE-2022-29162, CVE-2022-27650).`,
	Since:   "0.1.0",
	Exec:    true,
	Default: policy.ActionRewrite,
	Refs: []policy.Ref{
		{Standard: "PSS baseline", ID: "Capabilities"},
		{Standard: "PSS restricted", ID: "Capabilities"},
		{Standard: "CIS Docker 1.6", ID: "5.4"},
		{Standard: "CIS Kubernetes 1.10", ID: "5.2.8"},
		{Standard: "CIS Kubernetes 1.10", ID: "5.2.9"},
		{Standard: "CIS Kubernetes 1.10", ID: "5.2.10"},
		{Standard: "CVE", ID: "2022-29162"},
		{Standard: "CVE", ID: "2022-27650"},
	},
	Check: policy.Check[CapabilitiesSettings](checkCapabilities),
}

// Default fills in the lists of the standards.
func (s *CapabilitiesSettings) Default() {
	s.Allow.Default(engineCapabilities)
	s.Ambient.Default([]string{})
}

// Validate refuses names that no kernel has.
func (s *CapabilitiesSettings) Validate() error {
	if err := validCapabilities("allow", s.Allow); err != nil {
		return err
	}
	return validCapabilities("ambient", s.Ambient)
}

func checkCapabilities(e *policy.Eval, s *CapabilitiesSettings) {
	if !joins(e) && !e.Has("/process/capabilities") {
		e.RewriteRaw(policy.Finding{
			Pointer: "/process/capabilities", Found: "no capabilities section: runc 1.3 and later would give all that they have", Wanted: "a section, if an empty one",
			Hint: "write an empty capabilities section into config.json, which every engine does",
		}, patch.Op{Op: "add", Path: "/process/capabilities", Value: patch.Raw("{}")})
	}
	allow := allowedCapabilities(s.Allow)
	ambient := allow & allowedCapabilities(s.Ambient)
	c := e.Spec.Process.Capabilities
	var refused, escaping []string
	refused = refusedCapabilities(refused, c.Bounding, allow)
	refused = refusedCapabilities(refused, c.Effective, allow)
	refused = refusedCapabilities(refused, c.Permitted, allow)
	refused = refusedCapabilities(refused, c.Inheritable, allow)
	refused = refusedCapabilities(refused, c.Ambient, allow)
	escaping = refusedCapabilities(escaping, allowedOf(c.Inheritable, allow), ambient)
	escaping = refusedCapabilities(escaping, allowedOf(c.Ambient, allow), ambient)

	if len(refused) > 0 {
		names := strings.Join(refused, ", ")
		e.Rewrite(policy.Finding{
			Pointer: "/process/capabilities",
			Found:   names,
			Wanted:  "at most " + s.Allow.String(),
			Hint:    "drop " + names + " from securityContext.capabilities.add (docker, podman: --cap-add), or drop ALL",
		}, func(spec *specs.Spec) { keepCapabilities(spec.Process.Capabilities, allow, allow) })
	}
	if len(escaping) > 0 {
		e.Rewrite(policy.Finding{
			Pointer: "/process/capabilities",
			Found:   "ambient or inheritable " + strings.Join(escaping, ", "),
			Wanted:  "of these at most " + s.Ambient.String(),
			Hint:    "nothing to do for root; another user's programs need file capabilities in the image instead",
		}, func(spec *specs.Spec) { keepCapabilities(spec.Process.Capabilities, allow, ambient) })
	}
}

// allowedCapabilities are those on every list.
func allowedCapabilities(list policy.AllowList) uint64 {
	set := ^uint64(0)
	for _, l := range list.Lists {
		set &= policy.CapabilitySet(l.Items)
	}
	return set
}

func capabilityAllowed(name string, allow uint64) bool {
	n := policy.CapabilityNumber(name)
	return n >= 0 && allow&(1<<n) != 0
}

// refusedCapabilities adds to list the names that are not allowed, each once,
// and in quotes where it is no capability's name.
func refusedCapabilities(list, names []string, allow uint64) []string {
	for _, name := range names {
		if capabilityAllowed(name, allow) {
			continue
		}
		if policy.CapabilityNumber(name) < 0 {
			name = strconv.Quote(name)
		}
		if !inList(list, name) {
			list = append(list, name)
		}
	}
	return list
}

func allowedOf(names []string, allow uint64) []string {
	var kept []string
	for _, name := range names {
		if capabilityAllowed(name, allow) {
			kept = append(kept, name)
		}
	}
	return kept
}

// keepCapabilities leaves a set alone where all of it may stay, so that an
// empty list stays an empty list.
func keepCapabilities(c *specs.LinuxCapabilities, allow, ambient uint64) {
	keep := func(names *[]string, allow uint64) {
		if kept := allowedOf(*names, allow); len(kept) < len(*names) {
			*names = kept
		}
	}
	keep(&c.Bounding, allow)
	keep(&c.Effective, allow)
	keep(&c.Permitted, allow)
	keep(&c.Inheritable, ambient)
	keep(&c.Ambient, ambient)
}

func inList(list []string, s string) bool {
	for _, have := range list {
		if have == s {
			return true
		}
	}
	return false
}
