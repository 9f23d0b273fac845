package rules

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/policy"
)

// NoNewPrivilegesSettings has no settings: the table switches the rule on.
type NoNewPrivilegesSettings struct{}

// NoNewPrivileges sets process.noNewPrivileges.
var NoNewPrivileges = policy.Rule{
	ID:    "no_new_privileges",
	Title: "No program gains privileges when it starts",
	Doc: `With noNewPrivileges set, set-user-id bits and file capabilities of programs in the image have no effect.
Images that rely on sudo, su or ping with a set-user-id bit stop working; most others do not notice.`,
	Since:   "0.1.0",
	Exec:    true,
	Default: policy.ActionRewrite,
	Refs: []policy.Ref{
		{Standard: "PSS restricted", ID: "Privilege Escalation"},
		{Standard: "CIS Docker 1.6", ID: "2.14"},
		{Standard: "CIS Docker 1.6", ID: "5.26"},
		{Standard: "CIS Kubernetes 1.10", ID: "5.2.6"},
	},
	Check: policy.Check[NoNewPrivilegesSettings](checkNoNewPrivileges),
}

func checkNoNewPrivileges(e *policy.Eval, _ *NoNewPrivilegesSettings) {
	if e.Spec.Process.NoNewPrivileges {
		return
	}
	e.Rewrite(policy.Finding{
		Pointer: "/process/noNewPrivileges",
		Found:   "programs may gain privileges (set-user-id, file capabilities)",
		Wanted:  "noNewPrivileges set",
		Hint:    "set securityContext.allowPrivilegeEscalation: false (docker, podman: --security-opt no-new-privileges)",
	}, func(spec *specs.Spec) { spec.Process.NoNewPrivileges = true })
}
