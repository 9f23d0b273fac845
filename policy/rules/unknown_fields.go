package rules

import (
	"strings"
	"unicode"

	"github.com/runward/runward/policy"
)

// UnknownFieldsSettings says what a config.json may have besides what
// runtime-spec knows.
type UnknownFieldsSettings struct {
	Allow policy.AllowList `toml:"allow" doc:"members, as globs of their JSON pointer, that are let through: \"/linux/resources/extension\"; left out: none"`
}

// Default makes an absent list the empty one.
func (s *UnknownFieldsSettings) Default() { s.Allow.Default([]string{}) }

// UnknownFields refuses what no rule can judge.
var UnknownFields = policy.Rule{
	ID:    "unknown_fields",
	Title: "Nothing in config.json that runtime-spec does not know",
	Doc: "A member that runtime-spec 1.3 has no name for may be an order to a runtime that is newer or has its own extensions, and no rule judges it. Without this rule such members stay as they are. " +
		"With it the container is refused; action = \"audit\" reports them first, which is the way to switch it on. What containerd, CRI-O, Docker, Podman and Buildah write of themselves is all known. " +
		"Values are not shown. Extensions by annotation are the rule annotations'.",
	Since:   "0.1.0",
	Exec:    true,
	Default: policy.ActionDeny,
	Refs:    []policy.Ref{{Standard: "runtime-spec", ID: "config: extensibility"}, {Standard: "NIST SP 800-53", ID: "SI-10"}},
	Check:   policy.Check[UnknownFieldsSettings](checkUnknownFields),
}

// mostUnknown are so many findings as a person reads; mostExtensions so many
// members as an allow-list may let through, since each is searched for.
const mostUnknown, mostExtensions = 16, 100

func checkUnknownFields(e *policy.Eval, s *UnknownFieldsSettings) {
	const wanted, hint = "only members of runtime-spec 1.3", "take the member out, or ask the administrator to allow it in unknown_fields.allow"
	denied, seen := 0, 0
	for key, pointer := range e.Unknown {
		if seen++; denied == mostUnknown || seen > mostExtensions {
			e.Deny(policy.Finding{Pointer: "", Found: "more members that are not known", Wanted: wanted, Hint: hint})
			return
		}
		if s.Allow.Permits(pointer, policy.Match) {
			continue
		}
		if strings.ContainsFunc(pointer, unicode.IsControl) || len(pointer) > 1000 {
			pointer, key = "", key[:min(len(key), 100)]
		}
		denied++
		e.Deny(policy.Finding{Pointer: pointer, Found: "the member " + quote(key), Wanted: wanted, Hint: hint})
	}
}
