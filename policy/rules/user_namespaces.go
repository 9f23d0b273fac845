package rules

import (
	"strconv"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/policy"
)

// UserNamespacesSettings says what a container without a user namespace gets.
type UserNamespacesSettings struct {
	HostIDs policy.Text `toml:"host_ids" doc:"user and group ids of the host that a container without a user namespace is given one with, where that is sure to work: \"100000:65536\" is 65536 ids from 100000 on, which must be nobody's (/etc/subuid, /etc/subgid); left out: it is refused"`
}

// Validate refuses ranges that are none, or hold ids of the host's own users.
func (s *UserNamespacesSettings) Validate() error {
	if !s.HostIDs.Set {
		return nil
	}
	_, err := parseIDRange(s.HostIDs.Value)
	return err
}

// UserNamespaces refuses containers whose ids are the host's.
var UserNamespaces = policy.Rule{
	ID:    "user_namespaces",
	Title: "The container's users are not the host's",
	Doc: "Requires a user namespace: root in it, with every capability, is an ordinary user on the host. A container without one is refused, and so is one that joins the host's or maps the host's id 0 into its own. " +
		"With host_ids one is added where everything it touches is known to work: the runtime says that it makes user namespaces; all others of the container's namespaces are new ones; the root file system belongs to the range, or is read-only with a program that others may run; " +
		"each bind mount belongs to the range, or is read-only and readable by others, or the runtime and the kernel map its ids (runc 1.2, Linux 5.12). Else the container is refused with what stands against it: who owns the files of images and volumes is the engine's to choose, so most containers need hostUsers: false, userns-remap or --userns=auto. " +
		"All containers that get a namespace so have the same ids. " +
		"The container of a pod joins its sandbox's namespace; a pod on the host's network or process namespace cannot have one, nor can what Kubernetes runs with hostUsers left out. Rootless engines run in a user namespace already: their containers pass.",
	Since:   "0.1.0",
	Default: policy.ActionRewrite,
	Refs: []policy.Ref{
		{Standard: "CIS Docker 1.6", ID: "2.9"},
		{Standard: "CIS Docker 1.6", ID: "5.31"},
		{Standard: "NIST SP 800-190", ID: "4.5.2"},
		{Standard: "CVE", ID: "2019-5736"},
	},
	Check: policy.Check[UserNamespacesSettings](checkUserNamespaces),
}

func checkUserNamespaces(e *policy.Eval, s *UserNamespacesSettings) {
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
		e.Deny(f)
		return
	}
	if f.Pointer != "/linux/namespaces" || !s.HostIDs.Set {
		e.Deny(f)
		return
	}
	ids, err := parseIDRange(s.HostIDs.Value)
	if err != nil {
		f.Found += ", and none can be added: " + err.Error()
		e.Deny(f)
		return
	}
	addUserNamespace(e, f, ids)
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
