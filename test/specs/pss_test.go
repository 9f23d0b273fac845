package specs_test

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/runward/runward/internal/jsondoc"
	"github.com/runward/runward/internal/patch"
	"github.com/runward/runward/internal/policyfile"
	"github.com/runward/runward/internal/policytest"
	"github.com/runward/runward/policy"
	"github.com/runward/runward/policy/rules"
)

// The Pod Security Standards as k8s.io/pod-security-admission checks them: each control at
// each level, its fields' values that are allowed and that are not, as
// containerd's CRI writes them into config.json. The captured pod meets
// restricted; each row changes it.

// pssControls are the checks of k8s.io/pod-security-admission by their ids, with the level.
// Those with a reason are not in any config.json.
var pssControls = []struct{ id, level, elsewhere string }{
	{"appArmorProfile", "baseline", ""},
	{"capabilities_baseline", "baseline", ""},
	{"hostNamespaces", "baseline", ""},
	{"hostPathVolumes", "baseline", ""},
	{"hostPorts", "baseline", "the engine's port mapping or the kubelet's: no runtime hears of it"},
	{"hostProbesAndHostLifecycle", "baseline", "whom the kubelet asks: no runtime hears of it"},
	{"privileged", "baseline", ""},
	{"procMount", "baseline", ""},
	{"seLinuxOptions", "baseline", ""},
	{"seccompProfile_baseline", "baseline", ""},
	{"sysctls", "baseline", ""},
	{"windowsHostProcess", "baseline", ""},
	{"allowPrivilegeEscalation", "restricted", ""},
	{"capabilities_restricted", "restricted", ""},
	{"restrictedVolumes", "restricted", ""},
	{"runAsNonRoot", "restricted", ""},
	{"runAsUser", "restricted", ""},
	{"seccompProfile_restricted", "restricted", ""},
}

const (
	allowed = "allow"
	podDir  = "/var/lib/kubelet/pods/3f5a8a7e-6c1d-4b8e-9d53-2a7c5f0e1b64/"
)

// pssRows: what the profiles of both levels do, "allow" or the verdict and the
// rule that speaks; "report": it is allowed, and said.
var pssRows = []struct {
	control, value       string
	change               patch.Patch
	baseline, restricted string
}{
	{"privileged", "false", nil, allowed, allowed},
	{"privileged", "true", privileged(), "deny privileged", "deny privileged"},

	{"hostNamespaces", "none", nil, allowed, allowed},
	{"hostNamespaces", "hostPID", hostNamespace(0, "pid", "pid"), "deny namespaces", "deny namespaces"},
	{"hostNamespaces", "hostPID without a namespace", patch.Patch{{Op: "remove", Path: "/linux/namespaces/0"}}, "deny namespaces", "deny namespaces"},
	{"hostNamespaces", "hostIPC", hostNamespace(1, "ipc", "ipc"), "deny namespaces", "deny namespaces"},
	{"hostNamespaces", "hostNetwork", hostNamespace(4, "network", "net"), "deny namespaces", "deny namespaces"},

	{"hostPathVolumes", "a directory of the host's", bindOf("/etc", "rw"), "deny host_paths", "deny host_paths"},
	{"hostPathVolumes", "read-only", bindOf("/var/log", "ro"), "deny host_paths", "deny host_paths"},
	{"hostPathVolumes", "the runtime's socket", bindOf("/run/containerd/containerd.sock", "rw"), "deny host_paths", "deny host_paths"},
	{"hostPathVolumes", "a directory of data", bindOf("/srv/data", "rw"), "deny host_paths", "deny host_paths"},

	{"capabilities_baseline", "those of the engine, with NET_RAW", capabilities(strings.Fields("CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE")...), allowed, "rewrite capabilities"},
	{"capabilities_baseline", "add NET_ADMIN", capabilities("NET_ADMIN"), "rewrite capabilities", "rewrite capabilities"},
	{"capabilities_baseline", "add SYS_ADMIN", capabilities("SYS_ADMIN"), "rewrite capabilities", "rewrite capabilities"},
	{"capabilities_baseline", "add SYS_PTRACE", capabilities("SYS_PTRACE"), "rewrite capabilities", "rewrite capabilities"},
	{"capabilities_restricted", "drop ALL", nil, allowed, allowed},
	{"capabilities_restricted", "drop ALL, add NET_BIND_SERVICE", capabilities("NET_BIND_SERVICE"), allowed, allowed},
	{"capabilities_restricted", "drop ALL, add CHOWN", capabilities("CHOWN"), allowed, "rewrite capabilities"},

	{"appArmorProfile", "RuntimeDefault", set("/process/apparmorProfile", `"cri-containerd.apparmor.d"`), allowed, allowed},
	{"appArmorProfile", "Localhost", set("/process/apparmorProfile", `"site-web"`), allowed, allowed},
	{"appArmorProfile", "Unconfined", set("/process/apparmorProfile", `"unconfined"`), "rewrite apparmor", "rewrite apparmor"},

	{"seLinuxOptions", "type container_t", set("/process/selinuxLabel", `"system_u:system_r:container_t:s0:c1,c2"`), allowed, allowed},
	{"seLinuxOptions", "type container_init_t", set("/process/selinuxLabel", `"system_u:system_r:container_init_t:s0:c1,c2"`), allowed, allowed},
	{"seLinuxOptions", "type container_kvm_t", set("/process/selinuxLabel", `"system_u:system_r:container_kvm_t:s0:c1,c2"`), allowed, allowed},
	{"seLinuxOptions", "type container_engine_t", set("/process/selinuxLabel", `"system_u:system_r:container_engine_t:s0:c1,c2"`), allowed, allowed},
	{"seLinuxOptions", "type spc_t", set("/process/selinuxLabel", `"system_u:system_r:spc_t:s0:c1,c2"`), "deny selinux", "deny selinux"},
	{"seLinuxOptions", "a user", set("/process/selinuxLabel", `"sysadm_u:system_r:container_t:s0:c1,c2"`), "deny selinux", "deny selinux"},
	{"seLinuxOptions", "a role", set("/process/selinuxLabel", `"system_u:sysadm_r:container_t:s0:c1,c2"`), "deny selinux", "deny selinux"},

	{"procMount", "Default", nil, allowed, allowed},
	{"procMount", "Unmasked", patch.Patch{{Op: "remove", Path: "/linux/maskedPaths"}, {Op: "remove", Path: "/linux/readonlyPaths"}}, "rewrite masked_paths", "rewrite masked_paths"},

	{"seccompProfile_baseline", "RuntimeDefault", nil, allowed, allowed},
	{"seccompProfile_restricted", "RuntimeDefault", nil, allowed, allowed},
	{"seccompProfile_restricted", "Localhost", set("/linux/seccomp", `{"defaultAction":"SCMP_ACT_ERRNO","architectures":["SCMP_ARCH_X86_64"],"syscalls":[{"names":["read","write","exit_group","execve"],"action":"SCMP_ACT_ALLOW"}]}`), allowed, allowed},
	// Baseline lets a pod leave the profile out, which is the same in
	// config.json as Unconfined, which it does not: the engine's default is given.
	{"seccompProfile_baseline", "Unconfined", patch.Patch{{Op: "remove", Path: "/linux/seccomp"}}, "rewrite seccomp", "rewrite seccomp"},
	{"seccompProfile_restricted", "left out", patch.Patch{{Op: "remove", Path: "/linux/seccomp"}}, "rewrite seccomp", "rewrite seccomp"},

	{"sysctls", "not on the list", set("/linux/sysctl", `{"net.core.somaxconn":"1024"}`), "rewrite sysctls", "deny sysctls"},
	{"sysctls", "the host's", set("/linux/sysctl", `{"kernel.core_pattern":"|/bin/sh"}`), "deny sysctls", "deny sysctls"},

	{"windowsHostProcess", "true", set("/windows", `{"layerFolders":["C:\\layer"],"network":{}}`), "report platforms", "report platforms"}, // Linux runtimes pass it over

	{"allowPrivilegeEscalation", "false", nil, allowed, allowed},
	{"allowPrivilegeEscalation", "true", set("/process/noNewPrivileges", "false"), allowed, "rewrite no_new_privileges"},
	{"allowPrivilegeEscalation", "left out", patch.Patch{{Op: "remove", Path: "/process/noNewPrivileges"}}, allowed, "rewrite no_new_privileges"},

	{"restrictedVolumes", "configMap", bindOf(podDir+"volumes/kubernetes.io~configmap/config", "ro"), allowed, allowed},
	{"restrictedVolumes", "secret", bindOf(podDir+"volumes/kubernetes.io~secret/keys", "ro"), allowed, allowed},
	{"restrictedVolumes", "projected", bindOf(podDir+"volumes/kubernetes.io~projected/all", "ro"), allowed, allowed},
	{"restrictedVolumes", "downwardAPI", bindOf(podDir+"volumes/kubernetes.io~downward-api/info", "ro"), allowed, allowed},
	{"restrictedVolumes", "emptyDir", bindOf(podDir+"volumes/kubernetes.io~empty-dir/scratch", "rw"), allowed, allowed},
	{"restrictedVolumes", "persistentVolumeClaim, ephemeral, csi", bindOf(podDir+"volumes/kubernetes.io~csi/pvc-1/mount", "rw"), allowed, allowed},
	{"restrictedVolumes", "hostPath", bindOf("/srv/data", "rw"), "deny host_paths", "deny host_paths"},
	{"restrictedVolumes", "another pod's", bindOf("/var/lib/kubelet/pods/11111111-2222-3333-4444-555555555555/volumes/kubernetes.io~secret/keys", "ro"), "deny host_paths", "deny host_paths"},

	{"runAsNonRoot", "true, the image's user is another", nil, allowed, allowed},
	{"runAsNonRoot", "false, the image's user is root", set("/process/user/uid", "0"), allowed, "deny user"},
	{"runAsUser", "1000", nil, allowed, allowed},
	{"runAsUser", "0", set("/process/user", `{"uid":0,"gid":0}`), allowed, "deny user"},
}

// pssSysctls are those that the standard allows.
var pssSysctls = []string{
	"kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_unprivileged_port_start", "net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range",
	"net.ipv4.ip_local_reserved_ports", "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes",
	"net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem", "net.ipv4.tcp_slow_start_after_idle", "net.ipv4.tcp_notsent_lowat",
}

func set(at, value string) patch.Patch {
	return patch.Patch{{Op: "add", Path: at, Value: patch.Raw(value)}}
}

// hostNamespace makes namespace i of the captured pod the host's.
func hostNamespace(i int, kind, file string) patch.Patch {
	return set("/linux/namespaces/"+strconv.Itoa(i), `{"type":"`+kind+`","path":"/proc/1/ns/`+file+`"}`)
}

func bindOf(source, mode string) patch.Patch {
	return set("/mounts/-", `{"destination":"/data","type":"bind","source":"`+source+`","options":["rbind","rprivate","`+mode+`"]}`)
}

// capabilities are what containerd makes of securityContext.capabilities.
func capabilities(names ...string) patch.Patch {
	list := `["CAP_` + strings.Join(names, `","CAP_`) + `"]`
	return set("/process/capabilities", `{"bounding":`+list+`,"effective":`+list+`,"permitted":`+list+`}`)
}

// privileged is the captured pod as containerd writes a privileged one.
func privileged() patch.Patch {
	return append(capabilities("SYS_ADMIN", "NET_ADMIN", "SYS_MODULE", "SYS_RAWIO", "SYS_PTRACE", "SYS_BOOT", "SYS_TIME", "SYSLOG", "MAC_ADMIN", "BPF", "PERFMON"),
		patch.Op{Op: "remove", Path: "/linux/maskedPaths"}, patch.Op{Op: "remove", Path: "/linux/readonlyPaths"}, patch.Op{Op: "remove", Path: "/linux/seccomp"},
		patch.Op{Op: "add", Path: "/linux/resources/devices", Value: patch.Raw(`[{"allow":true,"access":"rwm"}]`)})
}

func TestPodSecurityStandards(t *testing.T) {
	tested := map[string]int{}
	for _, row := range pssRows {
		tested[row.control]++
		t.Run(row.control+"/"+row.value, func(t *testing.T) {
			pss(t, "baseline", row.change, row.baseline)
			pss(t, "restricted", row.change, row.restricted)
		})
	}
	for _, name := range pssSysctls {
		t.Run("sysctls/"+name, func(t *testing.T) {
			change := set("/linux/sysctl", `{"`+name+`":"1"}`)
			pss(t, "baseline", change, allowed)
			pss(t, "restricted", change, allowed)
		})
	}
	for _, c := range pssControls {
		if (c.elsewhere == "") != (tested[c.id] > 0) {
			t.Errorf("control %s: %d rows", c.id, tested[c.id])
		}
		delete(tested, c.id)
	}
	for id := range tested {
		t.Errorf("no such control: %s", id)
	}
}

// pss holds what a level does about the captured pod with one change: allow
// without a word, or the verdict and the rule that it is for. What it rewrites
// it then allows.
func pss(t *testing.T, level string, change patch.Patch, want string) {
	t.Helper()
	raw, facts := capture(t, filepath.Join("cri", "restricted"))
	raw, err := patch.Apply(raw, jsondoc.DefaultLimits(), append(patch.Patch{{Op: "add", Path: "/process/apparmorProfile", Value: patch.Raw(`"cri-containerd.apparmor.d"`)}}, change...))
	if err != nil {
		t.Fatal(err)
	}
	facts.SELinux = slices.ContainsFunc(change, func(op patch.Op) bool { return op.Path == "/process/selinuxLabel" })
	spec, err := policy.ParseSpec(raw)
	if err != nil {
		t.Fatal(err)
	}
	profile, err := policyfile.BuiltIn(level, rules.All)
	if err != nil {
		t.Fatal(err)
	}
	policies := policy.Set{Policies: []*policy.Policy{profile}}
	d := policy.Evaluate(policies, rules.All, spec, facts)
	policytest.CheckRewrite(t, policies, rules.All, spec, facts, d)
	verdict, rule, _ := strings.Cut(want, " ")
	var done policy.Done
	switch verdict {
	case "deny":
		done = policy.Denied
	case "rewrite":
		done = policy.Rewritten
	case "report":
		verdict, done = allowed, policy.Reported
	}
	speaks := slices.ContainsFunc(d.Findings, func(f policy.Finding) bool { return f.Rule == rule && f.Done == done })
	if d.Verdict.String() != verdict || rule != "" && !speaks || rule == "" && len(d.Findings) > 0 {
		t.Errorf("%s: %v, want %s: %+v", level, d.Verdict, want, d.Findings)
	}
}
