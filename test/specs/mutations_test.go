package specs_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/runward/runward/internal/jsondoc"
	"github.com/runward/runward/internal/patch"
)

// A mutation is one change of a config.json: what it is called begins with
// remove, flip, add or set, and the pointer.
type mutation struct {
	what string
	ops  patch.Patch
}

// mutations are all changes of one document.
func mutations(t *testing.T, raw []byte) []mutation {
	t.Helper()
	doc, err := jsondoc.Parse(raw, jsondoc.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	m := &mutator{doc: doc}
	m.walk(doc.Root())
	m.process()
	m.namespaces()
	m.mounts()
	m.devices()
	m.seccomp()
	m.values()
	return m.all
}

type mutator struct {
	doc *jsondoc.Doc
	all []mutation
}

// walk takes out every member and element, and turns every boolean. Of the
// hundreds of names of a filter's system calls the first is enough.
func (m *mutator) walk(v jsondoc.Value) {
	at := v.Pointer()
	if at != "" {
		m.all = append(m.all, mutation{m.removal(v), patch.Patch{{Op: "remove", Path: at}}})
	}
	switch v.Kind() {
	case jsondoc.Object:
		for child := v.First(); child.Exists(); child = child.Next() {
			m.walk(child)
		}
	case jsondoc.Array:
		for i := range v.Len() {
			if strings.HasSuffix(at, "/names") && i > 0 {
				return
			}
			m.walk(v.Index(i))
		}
	case jsondoc.Bool:
		m.all = append(m.all, mutation{strings.Replace(m.removal(v), "remove", "flip", 1), patch.Patch{{Op: "replace", Path: at, Value: patch.Raw(strconv.FormatBool(!v.Bool()))}}})
	case jsondoc.Invalid, jsondoc.Null, jsondoc.String, jsondoc.Number: // see values
	}
}

// removal names what is taken out: of lists whose order says nothing by its
// value, of mounts by their kind.
func (m *mutator) removal(v jsondoc.Value) string {
	at := v.Pointer()
	parts := strings.Split(at, "/")
	if len(parts) > 3 && parts[1] == "mounts" {
		kind := " of a file system of its own"
		if bind(m.lookup("/mounts/" + parts[2])) {
			kind = " of a bind"
		}
		if len(parts) == 5 {
			return "remove option " + v.Str() + kind
		}
		return "remove " + parts[3] + kind
	}
	if list := strings.Join(parts[:len(parts)-1], "/"); list == "/linux/maskedPaths" || list == "/linux/readonlyPaths" {
		return "remove " + parts[2] + " " + v.Str()
	}
	if len(parts) > 4 && parts[3] == "syscalls" {
		rule := m.lookup(strings.Join(parts[:5], "/"))
		return "remove /" + strings.Join(parts[5:], "/") + " of the system call " + rule.Get("names").Index(0).Str() + " with " + rule.Get("action").Str()
	}
	if len(parts) > 4 && parts[3] == "devices" {
		what := "denies"
		if m.lookup(strings.Join(parts[:5], "/")).Get("allow").Bool() {
			what = "allows"
		}
		return "remove /" + strings.Join(parts[5:], "/") + " of a device rule that " + what
	}
	return "remove " + at
}

func (m *mutator) lookup(pointer string) jsondoc.Value {
	v, _ := m.doc.Lookup(pointer)
	return v
}

// bind tells whether a mount is one of something of the host's.
func bind(mount jsondoc.Value) bool {
	options := mount.Get("options")
	for i := range options.Len() {
		if o := options.Index(i).Str(); o == "bind" || o == "rbind" {
			return true
		}
	}
	return mount.Get("type").Str() == "bind"
}

// set puts a value at a pointer, and the objects and arrays above it where
// they are missing.
func (m *mutator) set(at, value string) { m.put("set "+at+" "+value, at, value) }

func (m *mutator) put(what, at, value string) {
	var ops patch.Patch
	for i := 1; i < len(at); i++ {
		if at[i] != '/' {
			continue
		}
		if v, ok := m.doc.Lookup(at[:i]); !ok || v.Kind() == jsondoc.Null {
			empty := "{}"
			if rest := at[i:]; rest == "/-" || strings.HasPrefix(rest, "/-/") {
				empty = "[]"
			}
			ops = append(ops, patch.Op{Op: "add", Path: at[:i], Value: patch.Raw(empty)})
		}
	}
	m.all = append(m.all, mutation{what, append(ops, patch.Op{Op: "add", Path: at, Value: patch.Raw(value)})})
}

func (m *mutator) sets(at string, values ...string) {
	for _, v := range values {
		m.set(at, v)
	}
}

func (m *mutator) process() {
	for _, set := range []string{"bounding", "effective", "permitted", "inheritable", "ambient"} {
		for _, name := range []string{
			"CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP", "LINUX_IMMUTABLE", "NET_BIND_SERVICE",
			"NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN",
			"SYS_BOOT", "SYS_NICE", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP", "MAC_OVERRIDE",
			"MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF", "CHECKPOINT_RESTORE",
		} {
			at := "/process/capabilities/" + set + "/-"
			m.put("add "+at+" CAP_"+name, at, `"CAP_`+name+`"`)
		}
	}
	m.sets("/process/user/uid", "0")
	m.sets("/process/user/gid", "0")
	m.sets("/process/user/additionalGids/-", "0")
	m.sets("/process/user/umask", "0")
	m.sets("/process/noNewPrivileges", "false")
	m.sets("/process/apparmorProfile", `"unconfined"`, `""`)
	m.sets("/process/selinuxLabel", `"system_u:system_r:spc_t:s0"`, `"unconfined_u:unconfined_r:unconfined_t:s0"`)
	m.sets("/linux/mountLabel", `"system_u:object_r:etc_t:s0"`)
	m.sets("/process/oomScoreAdj", "-1000", "-999")
	m.sets("/process/cwd", `"/proc/self/fd/7"`, `"/proc/self/fd/../fd/7"`, `"../.."`, `"/sys"`)
	m.sets("/process/scheduler", `{"policy":"SCHED_FIFO","priority":99}`, `{"policy":"SCHED_DEADLINE","runtime":1,"deadline":2,"period":2}`, `{"policy":"SCHED_OTHER","nice":-20}`)
	m.sets("/process/ioPriority", `{"class":"IOPRIO_CLASS_RT","priority":0}`)
	m.sets("/process/rlimits/-", `{"type":"RLIMIT_RTPRIO","hard":99,"soft":99}`, `{"type":"RLIMIT_NICE","hard":40,"soft":40}`)
	m.sets("/process/env/-", `"LD_PRELOAD=/tmp/x.so"`)
	m.sets("/process/terminal", "true")
}

func (m *mutator) namespaces() {
	list, _ := m.doc.Lookup("/linux/namespaces")
	for i := range list.Len() {
		kind := list.Index(i).Get("type").Str()
		file := map[string]string{"network": "net", "mount": "mnt"}[kind]
		if file == "" {
			file = kind
		}
		m.sets("/linux/namespaces/"+strconv.Itoa(i)+"/path", `"/proc/1/ns/`+file+`"`, `"/proc/self/ns/`+file+`"`, `"/proc/1/root/proc/1/ns/`+file+`"`)
	}
	m.sets("/linux/uidMappings", `[{"containerID":0,"hostID":0,"size":4294967295}]`)
	m.sets("/linux/namespaces/-", `{"type":"user","path":"/proc/1/ns/user"}`, `{"type":"user"}`, `{"type":"time","path":"/proc/1/ns/time"}`)
	m.sets("/linux/timeOffsets", `{"boottime":{"secs":100}}`)
}

// hostPlaces are the host's own, under their names and others.
var hostPlaces = []string{
	"/", "/etc", "/etc/shadow", "/root", "/root/.ssh", "/home", "/var", "/var/lib", "/var/run", "/run", "/run/docker.sock", "/run/containerd/containerd.sock",
	"/run/crio/crio.sock", "/proc", "/proc/1/root", "/proc/self/root", "/sys", "/sys/fs/cgroup", "/sys/kernel/debug", "/dev", "/dev/sda", "/dev/mem", "/dev/kmsg",
	"/lib/modules", "/usr", "/usr/bin", "/boot", "/var/lib/kubelet", "/var/lib/kubelet/pods", "/var/lib/docker", "/var/lib/containerd", "/var/log", "/opt/cni/bin",
	"/etc/kubernetes/admin.conf", "/srv/data", "/var/run/../../etc", "//etc", "../../../etc", "/tmp",
}

func (m *mutator) mounts() {
	for _, from := range hostPlaces {
		for _, options := range []string{`["rbind","rw"]`, `["bind","ro"]`} {
			m.put("add bind of "+from, "/mounts/-", `{"destination":"/host","type":"bind","source":"`+from+`","options":`+options+`}`)
		}
		m.put("add hidden bind of "+from, "/mounts/-", `{"destination":"/host","type":"tmpfs","source":"`+from+`","options":["rbind"]}`)
	}
	for _, kind := range []string{"proc", "sysfs", "cgroup", "cgroup2", "debugfs", "tracefs", "bpf", "overlay", "ext4", "devtmpfs", "securityfs", "nfs", "fuse", "mqueue", "devpts", "hugetlbfs"} {
		m.put("add "+kind, "/mounts/-", `{"destination":"/host","type":"`+kind+`","source":"`+kind+`"}`)
	}
	for _, to := range []string{"/proc", "/proc/sys", "/sys", "/dev/pts", "/dev/null", "/", "/proc/self/attr", "../x", "/dev/console"} {
		m.put("add tmpfs over "+to, "/mounts/-", `{"destination":"`+to+`","type":"tmpfs","source":"tmpfs"}`)
	}
	list, _ := m.doc.Lookup("/mounts")
	for i := range list.Len() {
		at := "/mounts/" + strconv.Itoa(i)
		kind := " to a file system of its own"
		if bind(list.Index(i)) {
			kind = " to a bind"
			m.put("bind /etc elsewhere", at+"/source", `"/etc"`)
			m.put("map the host's root"+kind, at+"/uidMappings", `[{"containerID":0,"hostID":0,"size":1}]`)
		}
		if to := list.Index(i).Get("destination").Str(); to == "/sys" || strings.HasPrefix(to, "/sys/") || to == "/proc" {
			kind = " to " + to
		}
		for _, o := range []string{"rw", "suid", "dev", "exec", "shared", "rshared", "remount", "rrw", "idmap"} {
			m.put("add option "+o+kind, at+"/options/-", `"`+o+`"`)
		}
	}
	m.sets("/root/path", `"/"`, `"/etc"`, `"../../../../../.."`, `"/proc/1/root"`)
	m.sets("/root/readonly", "false")
	m.sets("/linux/rootfsPropagation", `"shared"`, `"rshared"`, `"slave"`, `"unbindable"`)
}

func (m *mutator) devices() {
	for _, rule := range []string{
		`{"allow":true,"access":"rwm"}`, `{"allow":true,"type":"a","access":"rwm"}`, `{"allow":true,"type":"b","access":"rwm"}`, `{"allow":true,"type":"b","major":8,"minor":0,"access":"r"}`,
		`{"allow":true,"type":"c","major":1,"minor":1,"access":"rw"}`, `{"allow":true,"type":"c","major":10,"access":"rwm"}`, `{"allow":true,"type":"c","major":1,"minor":11,"access":"r"}`,
	} {
		m.sets("/linux/resources/devices/-", rule)
	}
	for _, node := range []string{
		`{"path":"/dev/sda","type":"b","major":8,"minor":0}`, `{"path":"/dev/null","type":"b","major":8,"minor":0}`, `{"path":"/dev/mem","type":"c","major":1,"minor":1}`,
		`{"path":"/dev/fuse","type":"c","major":10,"minor":229}`, `{"path":"/dev/x","type":"u","major":1,"minor":1}`,
	} {
		m.sets("/linux/devices/-", node)
	}
	m.sets("/linux/netDevices", `{"eth0":{}}`)
}

func (m *mutator) seccomp() {
	m.sets("/linux/seccomp", "null", "{}", `{"defaultAction":"SCMP_ACT_ALLOW"}`, `{"defaultAction":"SCMP_ACT_LOG"}`, `{"architectures":["SCMP_ARCH_X86_64"]}`)
	if _, ok := m.doc.Lookup("/linux/seccomp/syscalls"); !ok {
		return
	}
	m.sets("/linux/seccomp/defaultAction", `"SCMP_ACT_ALLOW"`, `"SCMP_ACT_LOG"`, `"SCMP_ACT_TRACE"`, `"SCMP_ACT_NOTIFY"`)
	m.sets("/linux/seccomp/listenerPath", `"/run/x.sock"`)
	for _, name := range []string{"mount", "bpf", "unshare", "setns", "init_module", "kexec_load", "open_by_handle_at", "perf_event_open", "reboot", "keyctl", "pivot_root", "clone"} {
		if m.lets(name) {
			continue
		}
		m.put("add system call "+name, "/linux/seccomp/syscalls/-", `{"names":["`+name+`"],"action":"SCMP_ACT_ALLOW"}`)
		m.put("add logged system call "+name, "/linux/seccomp/syscalls/-", `{"names":["`+name+`"],"action":"SCMP_ACT_LOG"}`)
	}
}

// lets tells whether the filter lets a system call through already.
func (m *mutator) lets(name string) bool {
	list := m.lookup("/linux/seccomp/syscalls")
	for i := range list.Len() {
		names := list.Index(i).Get("names")
		for j := range names.Len() {
			if names.Index(j).Str() == name && list.Index(i).Get("action").Str() == "SCMP_ACT_ALLOW" && list.Index(i).Get("args").Len() == 0 {
				return true
			}
		}
	}
	return false
}

// values puts what widens where it could stand.
func (m *mutator) values() {
	for _, name := range []string{"kernel.core_pattern", "kernel/core_pattern", "kernel.msgmax", "net.core.somaxconn", "net.ipv4.ip_forward", "vm.overcommit_memory", "fs.file-max", "kernel.yama.ptrace_scope", "net/ipv4/../../kernel/core_pattern"} {
		m.put("set the sysctl "+name, "/linux/sysctl/"+jsondoc.EscapePointer(name), `"1"`)
	}
	m.put("set a value of two sysctls", "/linux/sysctl/net.ipv4.tcp_syncookies", `"1\nkernel.core_pattern=|/x"`)
	for _, name := range []string{
		"org.systemd.property.ExecStartPre", "org.criu.config", "run.oci.handler", "run.oci.hooks.stdout", "krun.ram_mib", "module.wasm.image/variant", "bundle", "a=b",
		"io.kubernetes.cri.container-type", "io.kubernetes.cri-o.ContainerType", "io.kubernetes.cri-o.TrustedSandbox", "run.oci.systemd.force_cgroup_v1", "org.systemd.property.DeviceAllow",
	} {
		m.put("set the annotation "+name, "/annotations/"+jsondoc.EscapePointer(name), `"privileged"`)
	}
	for _, kind := range []string{"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"} {
		m.put("add a hook "+kind, "/hooks/"+kind+"/-", `{"path":"/bin/sh","args":["sh","-c","id"]}`)
	}
	m.sets("/linux/cgroupsPath", `"/"`, `"../.."`, `"/system.slice/containerd.service"`, `"system.slice:runc:x"`)
	m.sets("/linux/resources/unified", `{"memory.max":"max"}`, `{"cgroup.procs":"1"}`)
	m.sets("/linux/resources/cpu/realtimeRuntime", "950000")
	m.sets("/linux/resources/memory/disableOOMKiller", "true")
	m.sets("/linux/intelRdt", `{"closID":"x","l3CacheSchema":"L3:0=ffff"}`)
	m.sets("/linux/personality", `{"domain":"LINUX32"}`)
	m.sets("/linux/memoryPolicy", `{"mode":"MPOL_BIND","nodes":"0"}`)
	m.sets("/vm", `{"kernel":{"path":"/boot/vmlinuz"}}`)
	m.sets("/windows", `{"layerFolders":["C:\\x"],"network":{"networkNamespace":"host"}}`)
	m.sets("/solaris", `{}`)
	limit := func(at string, values ...json.Number) {
		for _, v := range values {
			m.set(at, v.String())
		}
	}
	limit("/linux/resources/memory/limit", "-1", "1099511627776")
	limit("/linux/resources/memory/swap", "-1")
	limit("/linux/resources/pids/limit", "-1", "4194304")
	limit("/linux/resources/cpu/quota", "-1", "100000000")
	limit("/linux/resources/cpu/shares", "262144")
	limit("/linux/resources/blockIO/weight", "1000")
}
