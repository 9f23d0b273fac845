package rules

import (
	"errors"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/policy"
)

// SysctlsSettings says which kernel parameters a container may set.
type SysctlsSettings struct {
	Allow policy.AllowList `toml:"allow" doc:"names, as globs, of kernel parameters that may be set; \"default\" is the safe list of the Pod Security Standards; only parameters with namespaces can ever be set"`
}

// Default makes an absent list the safe one.
func (s *SysctlsSettings) Default() { s.Allow.Default([]string{policy.DefaultItem}) }

// Validate refuses names that could never be allowed.
func (s *SysctlsSettings) Validate() error {
	return items(s.Allow.Lists, func(item string) error {
		if strings.Contains(item, "/") {
			return errors.New("sysctls.allow: write " + quote(strings.ReplaceAll(item, "/", ".")) + " with dots, found " + quote(item))
		}
		if !strings.HasPrefix(item, "*") && sysctlNamespace(strings.ReplaceAll(item, "*", "x")) == "" {
			return errors.New("sysctls.allow: " + quote(item) + " has no namespace: whoever sets it sets it for the whole node")
		}
		return nil
	})
}

// Sysctls bounds linux.sysctl.
var Sysctls = policy.Rule{
	ID:    "sysctls",
	Title: "Kernel parameters are set in the container's own namespaces, and only safe ones",
	Doc: "A parameter that is written oddly, whose value could smuggle in another (CVE-2022-0811), that has no namespace, or whose namespace the container shares with the host, is refused. " +
		"One that has a namespace but is not on the list is taken out: the process starts without it. The list of the Pod Security Standards holds unless a policy gives another.",
	Since:   "0.1.0",
	Default: policy.ActionRewrite,
	Refs:    []policy.Ref{{Standard: "PSS baseline", ID: "Sysctls"}, {Standard: "CVE", ID: "2022-0811"}},
	Check:   policy.Check[SysctlsSettings](checkSysctls),
}

func safeSysctl(name string) bool {
	switch name {
	case "kernel.shm_rmid_forced",
		"net.ipv4.ip_local_port_range", "net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range",
		"net.ipv4.ip_unprivileged_port_start", "net.ipv4.ip_local_reserved_ports",
		"net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes",
		"net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem",
		"net.ipv4.tcp_slow_start_after_idle", "net.ipv4.tcp_notsent_lowat":
		return true
	}
	return false
}

func checkSysctls(e *policy.Eval, s *SysctlsSettings) {
	match := orDefault(safeSysctl, policy.Match)
	for _, name := range names(e.Spec.Linux.Sysctl) {
		f := policy.Finding{
			Pointer: member("/linux/sysctl", name),
			Found:   quote(name) + " = " + quote(e.Spec.Linux.Sysctl[name]),
			Hint:    "take it out of securityContext.sysctls (docker, podman: --sysctl)",
		}
		if refused := refusedSysctl(e, name, e.Spec.Linux.Sysctl[name]); refused != "" {
			f.Wanted = refused
			e.Deny(f)
			continue
		}
		if s.Allow.Permits(name, match) {
			continue
		}
		f.Wanted = "only parameters on the list sysctls.allow"
		e.Rewrite(f, func(spec *specs.Spec) { delete(spec.Linux.Sysctl, name) })
	}
}

// refusedSysctl says what is wanted in place of a parameter that could reach
// the host; empty where it could not.
func refusedSysctl(e *policy.Eval, name, value string) string {
	if !plainSysctl(name) {
		return "a name of letters, digits, _ and - with single dots between, as net.ipv4.tcp_syncookies"
	}
	namespace := sysctlNamespace(name)
	if namespace == "" {
		return "a parameter that has a namespace: this one is the whole node's"
	}
	if !hasOwnNamespace(e, namespace) {
		return "a container with its own " + string(namespace) + " namespace: here the parameter is the host's"
	}
	if !plainValue(value) {
		return "a value without line breaks, control characters, =, + and |"
	}
	return ""
}

// plainSysctl accepts one spelling only: runtimes turn dots into slashes, and
// what has both, or empty parts, leads elsewhere.
func plainSysctl(name string) bool {
	parts := 0
	for part := range strings.SplitSeq(name, ".") {
		if part == "" || part[0] == '-' {
			return false
		}
		for i := 0; i < len(part); i++ {
			c := part[i]
			if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-' {
				return false
			}
		}
		parts++
	}
	return parts > 1
}

func plainValue(value string) bool {
	for i := 0; i < len(value); i++ {
		if c := value[i]; c < ' ' && c != '\t' || c == 0x7f || c == '=' || c == '+' || c == '|' {
			return false
		}
	}
	return true
}

// sysctlNamespace is the namespace that a parameter belongs to; empty: none.
func sysctlNamespace(name string) specs.LinuxNamespaceType {
	switch name {
	case "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall", "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced":
		return specs.IPCNamespace
	case "kernel.domainname", "kernel.hostname":
		return specs.UTSNamespace
	}
	switch {
	case strings.HasPrefix(name, "fs.mqueue."):
		return specs.IPCNamespace
	case strings.HasPrefix(name, "net."):
		return specs.NetworkNamespace
	}
	return ""
}

// hasOwnNamespace tells whether the container's namespace is not the host's.
func hasOwnNamespace(e *policy.Eval, kind specs.LinuxNamespaceType) bool {
	for i := range e.Spec.Linux.Namespaces {
		ns := &e.Spec.Linux.Namespaces[i]
		if ns.Type != kind {
			continue
		}
		if ns.Path == "" || e.Facts.Lookup == nil {
			return true
		}
		file := string(kind)
		if kind == specs.NetworkNamespace {
			file = "net"
		}
		host := e.Facts.Lookup("/proc/1/ns/" + file)
		return !e.Facts.Lookup(ns.Path).SameAs(host.Dev, host.Ino)
	}
	return false
}
