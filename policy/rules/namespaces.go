package rules

import (
	"path"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/policy"
)

// NamespacesSettings say which of the host's namespaces a container may share.
type NamespacesSettings struct {
	Host       policy.AllowList `toml:"host" doc:"host namespaces that may be shared: pid, network, ipc, uts, cgroup; without it none"`
	ReportUser policy.Flag      `toml:"report_user" doc:"report a container without a user namespace of its own"`
}

// Namespaces keeps the container out of the host's namespaces.
var Namespaces = policy.Rule{
	ID:    "namespaces",
	Title: "The container has namespaces of its own",
	Doc: `A namespace is the host's where its type is absent from linux.namespaces, or where a path leads to it: paths are
compared by device and inode with those of process 1. The host's pid, network and ipc namespaces are refused, since the container
asked for them and a fresh network would have no interface; uts and cgroup are added, cgroup only on version 2: on version 1
no engine gives one by itself, and systemd in a container does not start in one. The mount namespace must be new. Joining
another container's namespace, as the containers of a pod do, is allowed. A path that leads nowhere, or to something that is no namespace,
is refused, and so are types given twice and types that runtimes do not know. The mappings of a user namespace must leave out the host's id 0, and neither
overlap nor run beyond the last id.`,
	Since:   "0.1.0",
	Default: policy.ActionRewrite,
	Refs: []policy.Ref{
		{Standard: "PSS baseline", ID: "Host Namespaces"},
		{Standard: "CIS Docker 1.6", ID: "5.10"},
		{Standard: "CIS Docker 1.6", ID: "5.16"},
		{Standard: "CIS Docker 1.6", ID: "5.17"},
		{Standard: "CIS Docker 1.6", ID: "5.21"},
		{Standard: "CIS Docker 1.6", ID: "5.31"},
		{Standard: "CIS Kubernetes 1.10", ID: "5.2.3"},
		{Standard: "CIS Kubernetes 1.10", ID: "5.2.4"},
		{Standard: "CIS Kubernetes 1.10", ID: "5.2.5"},
		{Standard: "CVE", ID: "2021-29922"},
	},
	Check: policy.Check[NamespacesSettings](checkNamespaces),
}

// Default lets none of the host's namespaces be shared.
func (s *NamespacesSettings) Default() { s.Host.Default([]string{}) }

// Validate refuses names that are no namespace or may never be shared.
func (s *NamespacesSettings) Validate() error {
	for _, l := range s.Host.Lists {
		for _, item := range l.Items {
			if err := oneOf("host", item, []string{"pid", "network", "ipc", "uts", "cgroup"}); err != nil {
				return err
			}
		}
	}
	return nil
}

// nsfs is the statfs type of a namespace file (linux/magic.h NSFS_MAGIC).
const nsfs = 0x6e736673

// procName is the name of a namespace's file under /proc/PID/ns.
func procName(t specs.LinuxNamespaceType) string {
	switch t {
	case specs.NetworkNamespace:
		return "net"
	case specs.MountNamespace:
		return "mnt"
	case specs.PIDNamespace, specs.IPCNamespace, specs.UTSNamespace, specs.UserNamespace, specs.CgroupNamespace, specs.TimeNamespace:
		return string(t)
	}
	return ""
}

func checkNamespaces(e *policy.Eval, s *NamespacesSettings) {
	var seen []specs.LinuxNamespaceType
	// The rules before this one do not change namespaces, so the indexes hold;
	// a rewrite here only clears paths and appends.
	for i, ns := range e.Spec.Linux.Namespaces {
		at := "/linux/namespaces/" + strconv.Itoa(i)
		if procName(ns.Type) == "" {
			e.Deny(policy.Finding{
				Pointer: at + "/type", Found: "namespace type " + strconv.Quote(string(ns.Type)),
				Wanted: "pid, network, mount, ipc, uts, user, cgroup or time", Hint: "take this namespace out",
			})
			continue
		}
		for _, t := range seen {
			if t == ns.Type {
				e.Deny(policy.Finding{
					Pointer: at, Found: "a second " + string(ns.Type) + " namespace", Wanted: "each type once", Hint: "take one of the two out",
				})
			}
		}
		seen = append(seen, ns.Type)
		if ns.Path != "" {
			checkNamespacePath(e, s, i, ns)
		}
	}
	for _, t := range []specs.LinuxNamespaceType{
		specs.MountNamespace, specs.PIDNamespace, specs.NetworkNamespace, specs.IPCNamespace, specs.UTSNamespace, specs.CgroupNamespace,
	} {
		if t == specs.CgroupNamespace && !e.Facts.CgroupV2 {
			continue // see Doc
		}
		if !hasNamespace(seen, t) && !permitsHost(s, t) {
			hostNamespace(e, "/linux/namespaces", t, "the host's "+string(t)+" namespace (none is given)",
				func(spec *specs.Spec) {
					spec.Linux.Namespaces = append(spec.Linux.Namespaces, specs.LinuxNamespace{Type: t})
				})
		}
	}
	if hasNamespace(seen, specs.UserNamespace) {
		checkMappings(e)
	} else if s.ReportUser.On {
		e.Report(policy.Finding{
			Pointer: "/linux/namespaces", Found: "no user namespace: root in the container is root on the host",
			Wanted: "a user namespace", Hint: "set hostUsers: false in the pod (docker: userns-remap, podman: --userns=auto)",
		})
	}
}

func permitsHost(s *NamespacesSettings, t specs.LinuxNamespaceType) bool {
	return s.Host.Permits(string(t), func(item, value string) bool { return item == value })
}

func hasNamespace(list []specs.LinuxNamespaceType, t specs.LinuxNamespaceType) bool {
	for _, have := range list {
		if have == t {
			return true
		}
	}
	return false
}

// hostNamespace refuses a namespace of the host's, or gives the container its
// own where it works as well with one.
func hostNamespace(e *policy.Eval, at string, t specs.LinuxNamespaceType, found string, own func(*specs.Spec)) {
	f := policy.Finding{Pointer: at, Found: found, Wanted: "a new or another container's " + string(t) + " namespace", Hint: namespaceHint(t)}
	if t == specs.UTSNamespace || t == specs.CgroupNamespace {
		e.Rewrite(f, own)
		return
	}
	e.Deny(f)
}

func namespaceHint(t specs.LinuxNamespaceType) string {
	switch t {
	case specs.PIDNamespace:
		return "take out hostPID: true (docker, podman: --pid=host)"
	case specs.NetworkNamespace:
		return "take out hostNetwork: true (docker, podman: --network=host)"
	case specs.IPCNamespace:
		return "take out hostIPC: true (docker, podman: --ipc=host)"
	case specs.UTSNamespace:
		return "take out --uts=host"
	case specs.CgroupNamespace:
		return "use --cgroupns=private"
	case specs.UserNamespace:
		return "take out --userns=host, or the path"
	default: // the engines have no option for it
		return "take the path out"
	}
}

func checkNamespacePath(e *policy.Eval, s *NamespacesSettings, i int, ns specs.LinuxNamespace) {
	at := "/linux/namespaces/" + strconv.Itoa(i) + "/path"
	deny := func(found, wanted string) {
		e.Deny(policy.Finding{Pointer: at, Found: found, Wanted: wanted, Hint: namespaceHint(ns.Type)})
	}
	if ns.Type == specs.MountNamespace {
		deny("the mount namespace "+strconv.Quote(ns.Path), "a new mount namespace")
		return
	}
	host, odd := namespaceAt(e.Facts, ns)
	switch {
	case odd != "":
		deny(strconv.Quote(ns.Path)+": "+odd, "a path to a namespace of type "+string(ns.Type))
	case host == "":
	case host != procName(ns.Type):
		deny(strconv.Quote(ns.Path)+" is the host's "+host+" namespace", "a path to a namespace of type "+string(ns.Type))
	case !permitsHost(s, ns.Type):
		hostNamespace(e, at, ns.Type, strconv.Quote(ns.Path)+" is the host's "+string(ns.Type)+" namespace",
			func(spec *specs.Spec) { spec.Linux.Namespaces[i].Path = "" })
	}
}

var namespaceFiles = [...]string{"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"}

// namespaceAt tells which of the host's namespaces the path leads to, by the
// name of its file, or nothing for another's, or what is odd about the path.
func namespaceAt(facts *policy.Facts, ns specs.LinuxNamespace) (host, odd string) {
	if facts.Lookup == nil {
		return lexicalNamespace(ns.Path)
	}
	f := facts.Lookup(ns.Path)
	switch {
	case f.Err != "":
		return "", "cannot be resolved (" + f.Err + ")"
	case f.Type == policy.Missing:
		return "", "there is nothing at this path"
	case f.FS != nsfs:
		return "", "this is not a namespace"
	case f.Magic:
		return "", "the runtime may find something else behind this path"
	}
	if kind := kindOf(f.Path); kind != "" && kind != procName(ns.Type) {
		return "", "this is a namespace of another type (" + kind + ")"
	}
	if name := initialNamespace(f.Ino); name != "" {
		return name, ""
	}
	// Where process 1 may not be looked at (it has capabilities that we lack),
	// our own namespaces stand for the host's: engines run in those.
	seen := false
	for _, pid := range [...]string{"1", "self"} {
		for _, name := range namespaceFiles {
			h := facts.Lookup("/proc/" + pid + "/ns/" + name)
			if h.FS != nsfs {
				continue
			}
			if f.SameAs(h.Dev, h.Ino) {
				return name, ""
			}
			seen = seen || name == procName(ns.Type)
		}
	}
	if !seen {
		return "", "the host's own namespace cannot be seen to compare with"
	}
	return "", ""
}

// initialNamespace names the namespace that the kernel starts with by its
// inode, which is fixed (linux/nsfs.h, since 3.8; net and mnt since 6.17).
func initialNamespace(ino uint64) string {
	switch ino {
	case 0xefffffff:
		return "ipc"
	case 0xeffffffe:
		return "uts"
	case 0xeffffffd:
		return "user"
	case 0xeffffffc:
		return "pid"
	case 0xeffffffb:
		return "cgroup"
	case 0xeffffffa:
		return "time"
	case 0xeffffff9:
		return "net"
	case 0xeffffff8:
		return "mnt"
	}
	return ""
}

// kindOf tells the type of a namespace from its canonical path, /proc/PID/ns/NAME
// or a name such as net:[4026531840], or "" where the path does not say.
func kindOf(p string) string {
	dir, name := path.Split(p)
	if kind, _, ok := strings.Cut(name, ":["); ok {
		return kind
	}
	if strings.HasPrefix(dir, "/proc/") && strings.HasSuffix(dir, "/ns/") {
		return strings.TrimSuffix(name, "_for_children")
	}
	return ""
}

// lexicalNamespace judges a path by its spelling, where nothing can be looked up.
func lexicalNamespace(p string) (host, odd string) {
	parts := strings.Split(path.Clean(p), "/")
	if p[0] != '/' || strings.Contains("/"+p+"/", "/../") {
		return "", "this path cannot be judged without looking it up"
	}
	if len(parts) >= 5 && parts[1] == "proc" && parts[len(parts)-2] == "ns" {
		switch parts[2] {
		case "1", "self", "thread-self":
			return strings.TrimSuffix(parts[len(parts)-1], "_for_children"), ""
		}
		if len(parts) > 5 {
			return "", "this path cannot be judged without looking it up"
		}
	}
	return "", ""
}
