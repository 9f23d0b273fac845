package rules

import (
	"strconv"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/policy"
)

// UserNamespacesSettings has no settings: the table switches the rule on.
type UserNamespacesSettings struct{}

// UserNamespaces refuses containers whose ids are the host's.
var UserNamespaces = policy.NewRule(policy.Rule{
	ID:    "user_namespaces",
	Title: "The container's users are not the host's",
	Doc: "Requires a user namespace: root in it, with every capability, is an ordinary user on the host. A container without one is refused, and so is one that joins the host's or maps the host's id 0 into its own. " +
		"No namespace is added: the files of the image, of volumes and of the engine's own mounts belong to ids that the engine has chosen, and only the engine can choose others. " +
		"The container of a pod joins its sandbox's namespace; a pod on the host's network or process namespace cannot have one, nor can what Kubernetes runs with hostUsers left out. Rootless engines run in a user namespace already: their containers pass.",
	Since:   "0.1.0",
	Default: policy.ActionDeny,
	Refs: []policy.Ref{
		{Standard: "CIS Docker 1.6", ID: "2.9"},
		{Standard: "CIS Docker 1.6", ID: "5.31"},
		{Standard: "NIST SP 800-190", ID: "4.5.2"},
		{Standard: "CVE", ID: "2019-5736"},
	},
}, checkUserNamespaces)

func checkUserNamespaces(e *policy.Eval, _ *UserNamespacesSettings) {
	if e.Facts.Rootless {
		return
	}
	f := policy.Finding{
		Pointer: "/linux/namespaces", Found: "no user namespace: root in the container is root on the host", Wanted: "a user namespace of the container's own",
		Hint: "set hostUsers: false in the pod (docker: userns-remap, podman: --userns=auto)",
	}
	for i, ns := range e.Spec.Linux.Namespaces {
		if ns.Type != specs.UserNamespace {
			continue
		}
		f.Pointer = index("/linux/namespaces", i)
		if ns.Path != "" {
			if host, odd := namespaceAt(e.Facts, ns); host != "" || odd != "" {
				f.Pointer += "/path"
				f.Found = "the user namespace at " + quote(ns.Path) + ", which is the host's or cannot be judged"
				break
			}
			return
		}
		at, id := hostRoot(e.Spec.Linux)
		if at == "" {
			return
		}
		f.Pointer, f.Found = at, "a user namespace in which id "+strconv.FormatUint(uint64(id), 10)+" is the host's root"
		break
	}
	e.Deny(f)
}

// hostRoot finds the mapping that has the host's id 0, and what it is in the
// container. An empty list is one too: crun then maps the host's root.
func hostRoot(l *specs.Linux) (at string, id uint32) {
	for _, m := range [...]struct {
		at   string
		maps []specs.LinuxIDMapping
	}{{"/linux/uidMappings", l.UIDMappings}, {"/linux/gidMappings", l.GIDMappings}} {
		if len(m.maps) == 0 {
			return m.at, 0
		}
		for i, mapping := range m.maps {
			if mapping.HostID == 0 && mapping.Size > 0 {
				return index(m.at, i), mapping.ContainerID
			}
		}
	}
	return "", 0
}
