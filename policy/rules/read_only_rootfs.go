package rules

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/policy"
)

// ReadOnlyRootfsSettings has none: the rule's table switches it on.
type ReadOnlyRootfsSettings struct{}

// ReadOnlyRootfs makes the root file system read-only.
var ReadOnlyRootfs = policy.Rule{
	ID:    "read_only_rootfs",
	Title: "The root file system is read-only",
	Doc: "Sets root.readonly. What an attacker changes in the image's files does not last and cannot be run. " +
		"A program that writes outside its volumes fails, so no profile asks for it; give such a program a tmpfs or a volume.",
	Since:   "0.1.0",
	Default: policy.ActionRewrite,
	Refs:    []policy.Ref{{Standard: "CIS Docker 1.6", ID: "5.13"}, {Standard: "NIST SP 800-190", ID: "4.4.4"}, {Standard: "NSA Kubernetes Hardening", ID: "immutable container file systems"}},
	Check:   policy.Check[ReadOnlyRootfsSettings](checkReadOnlyRootfs),
}

func checkReadOnlyRootfs(e *policy.Eval, _ *ReadOnlyRootfsSettings) {
	if e.Spec.Root.Readonly {
		return
	}
	e.Rewrite(policy.Finding{
		Pointer: "/root/readonly",
		Found:   "a writable root file system",
		Wanted:  "a read-only one",
		Hint:    "set securityContext.readOnlyRootFilesystem: true (docker, podman: --read-only) and mount a volume or tmpfs where the program writes",
	}, func(s *specs.Spec) { s.Root.Readonly = true })
}
