package rules_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"sync"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"pgregory.net/rapid"

	"github.com/runward/runward/internal/jsondoc"
	"github.com/runward/runward/internal/patch"
	"github.com/runward/runward/internal/policyfile"
	"github.com/runward/runward/internal/policytest"
	"github.com/runward/runward/policy"
	"github.com/runward/runward/policy/rules"
)

// What the property tests draw from: every captured and known config.json, and
// as changes to them the patches of the known cases.
var corpus = sync.OnceValue(readCorpus)

type drawn struct {
	specs   [][]byte
	patches []patch.Patch
}

func readCorpus() drawn {
	var c drawn
	for _, glob := range []string{"../../test/specs/*/*/config.json", "../../test/cases/*/config.json"} {
		files, err := filepath.Glob(glob)
		if err != nil || len(files) < 50 {
			panic("no " + glob)
		}
		for _, file := range files {
			raw, err := os.ReadFile(file)
			if err != nil {
				panic(err)
			}
			if _, err := policy.ParseSpec(raw); err == nil {
				c.specs = append(c.specs, raw)
			}
		}
	}
	files, err := filepath.Glob("../../test/cases/*/case.json")
	if err != nil {
		panic(err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			panic(err)
		}
		var one struct{ Patch patch.Patch }
		if err := json.Unmarshal(raw, &one); err != nil {
			panic(err)
		}
		if len(one.Patch) > 0 {
			c.patches = append(c.patches, one.Patch)
		}
	}
	if len(c.patches) < 100 {
		panic("too few patches")
	}
	return c
}

// under draws a number from 0 to n-1, each as likely: rapid's own favour the
// small ones, which here are the first of a list.
func under(t *rapid.T, label string, n int) int {
	bits := 0
	for _, bit := range rapid.SliceOfN(rapid.Bool(), 12, 12).Draw(t, label) {
		bits <<= 1
		if bit {
			bits |= 1
		}
	}
	return bits % n
}

func pick[T any](t *rapid.T, label string, from []T) T { return from[under(t, label, len(from))] }

// drawSpec draws a config.json that can be read: one of the corpus with some
// cases' patches, members taken out, and values moved to the ends of their range.
func drawSpec(t *rapid.T) []byte {
	raw := pick(t, "spec", corpus().specs)
	for range under(t, "changes", 5) {
		var next []byte
		var err error
		switch under(t, "change", 6) {
		case 0, 1:
			next, err = patch.Apply(raw, jsondoc.DefaultLimits(), pick(t, "patch", corpus().patches))
		case 2, 3:
			next, err = patch.Apply(raw, jsondoc.DefaultLimits(), drawLimit(t))
		default:
			next, err = patch.Apply(raw, jsondoc.DefaultLimits(), drawChange(t, raw))
		}
		if err != nil {
			continue
		}
		if _, err := policy.ParseSpec(next); err == nil {
			raw = next
		}
	}
	return raw
}

// drawLimit draws one of the limits, small, large or none.
func drawLimit(t *rapid.T) patch.Patch {
	number := func() string {
		return pick(t, "number", []string{"-1", "0", "1", "99", "500", "2000", "50000", "1048576", "536870912", "17179869184"})
	}
	limit := func(path, value string) patch.Patch {
		return patch.Patch{{Op: "add", Path: path, Value: patch.Raw(value)}}
	}
	switch under(t, "limit", 7) {
	case 0:
		return limit("/linux/resources/memory", `{"limit":`+number()+`,"swap":`+number()+`,"reservation":`+number()+`}`)
	case 1:
		return limit("/linux/resources/pids", `{"limit":`+number()+`}`)
	case 2:
		return limit("/linux/resources/cpu", `{"quota":`+number()+`,"period":`+pick(t, "period", []string{"1000", "100000", "1000000"})+`}`)
	case 3:
		return limit("/process/oomScoreAdj", pick(t, "score", []string{"-1000", "-998", "-501", "0", "1000"}))
	case 4:
		return limit("/linux/maskedPaths", pick(t, "masks", []string{"[]", `["/proc"]`, `["/proc/keys","/proc/kcore"]`}))
	case 5:
		return limit("/process/capabilities", `{"bounding":["CAP_SYS_ADMIN","CAP_CHOWN"],"ambient":["CAP_CHOWN","CAP_NET_RAW"],"inheritable":["CAP_SETUID"]}`)
	default:
		kind := pick(t, "rlimit", []string{"RLIMIT_NOFILE", "RLIMIT_RTPRIO", "RLIMIT_CORE"})
		soft := pick(t, "soft", []string{"0", "10", "700", "5000"})
		return limit("/process/rlimits", `[{"type":"`+kind+`","soft":`+soft+`,"hard":100000}]`)
	}
}

// drawChange draws an operation at some value of the document.
func drawChange(t *rapid.T, raw []byte) patch.Patch {
	doc, err := jsondoc.Parse(raw, jsondoc.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	var at []string
	value := doc.Root()
	for value.Len() > 0 && (len(at) == 0 || under(t, "deeper", 5) > 0) {
		n := under(t, "child", value.Len())
		if value.Kind() == jsondoc.Array {
			at, value = append(at, strconv.Itoa(n)), value.Index(n)
			continue
		}
		child := value.First()
		for range n {
			child = child.Next()
		}
		at, value = append(at, jsondoc.EscapePointer(child.Key())), child
	}
	op := patch.Op{Op: "remove", Path: "/" + strings.Join(at, "/")}
	if to := otherValues(value); len(to) > 0 && rapid.Bool().Draw(t, "replace") {
		op.Op, op.Value = "replace", patch.Raw(pick(t, "value", to))
	}
	return patch.Patch{op}
}

// otherValues are values of the same type, from the ends of its range.
func otherValues(v jsondoc.Value) []string {
	switch v.Kind() {
	case jsondoc.Number:
		return []string{"0", "1", "-1", "2147483648", "4294967295", "9223372036854775807", "1e0"}
	case jsondoc.String:
		return []string{`""`, `"/"`, `"/etc"`, `".."`, `"/proc/1/root"`, `"CAP_SYS_ADMIN"`, `"host"`, `"SCMP_ACT_ALLOW"`, `"rw"`, `"a"`}
	case jsondoc.Array:
		return []string{"[]"}
	case jsondoc.Object:
		return []string{"{}"}
	case jsondoc.Bool:
		return []string{"true", "false"}
	default:
		return nil
	}
}

// settingValues are what policies may have for each list and word, by rule and key.
var settingValues = map[string][]string{
	"require_identity.fields":    {"kind", "namespace", "image", "digest", "user"},
	"image.allow":                {"docker.io/**", "**", "docker.io/library/*:latest", "**@sha256:*"},
	"image.forbid":               {"**:latest", "quay.io/**"},
	"image.forbid_digests":       {"sha256:0000000000000000000000000000000000000000000000000000000000000000"},
	"image.forbid_digest_files":  {"/etc/runward/feeds/*.txt", "/etc/runward/broken"},
	"unknown_fields.allow":       {"/linux/**", "/extension"},
	"user_namespaces.host_ids":   {"100000:65536", "200000:70000"},
	"cgroup_mounts.writable":     {"/sys/fs/cgroup", "/sys/**"},
	"io_limits.read_bytes":       {"{}", "{ \"8:0\" = 1048576 }"},
	"io_limits.write_bytes":      {"{ \"8:0\" = \"1GiB\", \"253:1\" = 1 }"},
	"io_limits.read_operations":  {"{ \"8:0\" = 100 }", "{ \"8:16\" = 1 }"},
	"io_limits.write_operations": {"{ \"8:0\" = 100 }"},
	"io_limits.weight":           {"10", "100", "1000"},
	"hugepages.max":              {"{}", "{ 2MB = 0 }", "{ 1GB = \"1GiB\", 64KB = 65536 }"},
	"quota.memory":               {"{}", "{ namespace = \"4GiB\" }", "{ node = \"1GiB\", engine = 64000000 }"},
	"quota.cpus":                 {"{ namespace = 2 }", "{ user = \"500m\", node = 8 }"},
	"quota.pids":                 {"{ namespace = 100 }", "{ engine = 70000 }"},
	"quota.containers":           {"{ node = 1 }", "{ node = 50, namespace = 3 }"},
	"io_priority.level":          {"0", "5", "7"},
	"memory_policy.modes":        {"MPOL_BIND", "MPOL_DEFAULT", "MPOL_INTERLEAVE"},
	"time_offsets.allow":         {"monotonic", "boottime"},
	"personality.domains":        {"LINUX", "LINUX32"},
	"command.allow":              {"sh", "/bin/**", "**"},
	"command.forbid":             {"sshd", "/bin/sh"},
	"command.arguments":          {"**", "-c"},
	"command.forbid_arguments":   {"--insecure*", "-c"},
	"environment.forbid":         {"default", "PATH", "LD_*"},
	"environment.secrets":        {"*_KEY", "HOME"},
	"environment.not_secrets":    {"TOKEN", "*"},
	"hostname.allow":             {"web*", "*"},
	"hostname.forbid":            {"node*", "*-0"},
	"hostname.domains":           {"example.com"},
	"namespaces.host":            {"pid", "network", "ipc", "uts", "cgroup"},
	"capabilities.allow":         {"CAP_CHOWN", "CAP_NET_RAW", "CAP_SYS_ADMIN", "CAP_NET_BIND_SERVICE", "CAP_SETUID", "CAP_SYS_CHROOT"},
	"capabilities.ambient":       {"CAP_CHOWN", "CAP_NET_BIND_SERVICE"},
	"apparmor.allow":             {"docker-default", "cri-*", "**"},
	"apparmor.profile":           {"docker-default", "cri-containerd.apparmor.d", "missing"},
	"selinux.types":              {"container_t", "container_*", "spc_t"},
	"selinux.mount_types":        {"container_file_t", "*"},
	"seccomp.profile":            {"default"},
	"seccomp.forbid":             {"io_uring_setup", "chown", "clone3", "ptrace"},
	"rootfs.allow":               {"default", "/srv/**", "/var/lib/**", "/**"},
	"host_paths.sources":         {"default", "/srv/**", "/etc/**", "/dev/shm", "/home/user/**"},
	"host_paths.forbid":          {"/srv", "/var/lib/docker/**", "/home/*"},
	"host_paths.read_only":       {"/srv/**", "/var/lib/**", "/etc"},
	"mounts.allow":               {"default", "bind /**", "tmpfs /**", "sysfs /sys", "nfs /data", "proc /proc", "cgroup /sys/fs/cgroup"},
	"masked_paths.masked":        {"/proc/version", "/sys/kernel"},
	"masked_paths.read_only":     {"/proc/tty", "/sys/module"},
	"masked_paths.open":          {"/proc/keys", "/proc/*", "/sys/firmware"},
	"devices.allow":              {"default", "c 10:229 rwm", "b 8:* r", "a *:* rwm", "c 1:* rwm"},
	"hooks.allow":                {"default", "/usr/bin/*", "/usr/libexec/oci/hooks.d/*", "/bin/sh"},
	"monitor.timeout":            {"1", "2", "60"},
	"annotations.allow":          {"default", "com.example.*", "**", "run.oci.**"},
	"annotations.forbid":         {"com.example.*", "io.podman.**"},
	"sysctls.allow":              {"default", "net.*", "kernel.shm_rmid_forced", "*.**"},
	"net_devices.allow":          {"eth0", "default"},
	"cgroup_path.allow":          {"default", "/docker/**", "machine.slice:**"},
	"unified.allow":              {"default", "pids.max", "memory.*"},
	"working_directory.allow":    {"/srv/**"},
	"runtime_version.runc":       {"default", "1.1.12", "1.2.8", "1.3.3", "1.4.0-rc.3+", "=1.1.5+ds1-1+deb12u1"},
	"runtime_version.crun":       {"default", "1.27+", "1.8.1"},
	"runtime_version.youki":      {"default", "0.5.7+"},
	"runtime_flags.allow":        {"default", "no-pivot", "no-new-keyring", "preserve-fds", "cgroup-manager=disabled"},
	"checkpoint_restore.allow":   {"checkpoint", "restore"},
	"exec.commands":              {"/bin/**", "sh"},
	"exec.forbid":                {"/bin/**", "curl"},
	"exec.users":                 {"container", "0", "1000"},
}

// drawPolicy draws a policy file: some rules, some of their settings. Many
// rules refuse most documents, so that most have few.
func drawPolicy(t *rapid.T, name string) *policy.Policy {
	return drawPolicyOf(t, name, rules.All, pick(t, "one rule in", []int{1, 4, 8, 8}))
}

// drawPolicyOf draws a policy of these rules, one in so many.
func drawPolicyOf(t *rapid.T, name string, from []policy.Rule, oneIn int) *policy.Policy {
	b := &strings.Builder{}
	b.WriteString("version = 1\nname = \"" + name + "\"\n")
	for _, r := range from {
		if under(t, name+" "+r.ID, oneIn) > 0 {
			continue
		}
		b.WriteString("[" + r.ID + "]\n")
		if action := pick(t, "action", []string{"", "", "", "rewrite", "deny", "audit"}); action != "" {
			b.WriteString("action = \"" + action + "\"\n")
		}
		fields := reflect.TypeOf(r.NewSettings()).Elem()
		for i := range fields.NumField() {
			if rapid.Bool().Draw(t, "setting") {
				drawSetting(t, b, r.ID, fields.Field(i))
			}
		}
	}
	p, err := policyfile.Parse(name+".toml", []byte(b.String()), rules.All, noProfiles)
	if err != nil && strings.Contains(err.Error(), "gid: it goes with uid") {
		p, err = policyfile.Parse(name+".toml", []byte("version = 1\nname = \""+name+"\"\n"), rules.All, noProfiles)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	return p
}

func drawSetting(t *rapid.T, b *strings.Builder, rule string, field reflect.StructField) {
	key := field.Tag.Get("toml")
	values := settingValues[rule+"."+key]
	one := func(from ...string) string { return pick(t, rule+"."+key, from) }
	value := ""
	switch kind := field.Type.Name(); {
	case kind == "AllowList" || kind == "Forbid":
		if len(values) == 0 {
			t.Fatalf("settingValues has nothing for %s.%s", rule, key)
		}
		some := rapid.SliceOfNDistinct(rapid.SampledFrom(values), 0, min(3, len(values)), rapid.ID).Draw(t, key)
		text, err := json.Marshal(some)
		if err != nil {
			t.Fatal(err)
		}
		value = string(text)
		if some == nil {
			value = "[]"
		}
	case kind == "Text":
		value = strconv.Quote(one(values...))
	case kind == "Permit":
		value = one(`"allow"`, `"deny"`)
	case kind == "Answer":
		value = one(`"alert"`, `"freeze"`, `"kill"`)
	case kind == "Flag":
		value = one("true", "false")
	case len(values) > 0: // a number or a table, as it is written
		value = one(values...)
	case strings.HasPrefix(kind, "MaxTable"):
		value = one("{}", "{ nofile = 1024 }", "{ RLIMIT_NOFILE = 512, core = 0 }", "{ rtprio = 10, nice = 0 }")
	case strings.Contains(kind, "Bytes"):
		value = one("1048576", "\"64MiB\"", "\"4GiB\"")
	case strings.Contains(kind, "CPUs"):
		value = one("\"1m\"", "0.5", "4")
	case strings.HasPrefix(kind, "Min"):
		value = one("-1000", "-500", "0", "1000")
	default:
		value = one("1", "100", "70000")
	}
	b.WriteString(key + " = " + value + "\n")
}

// drawFacts draws a node and an engine; the files that the config.json names
// are on it.
func drawFacts(t *rapid.T, view *specs.Spec) *policy.Facts {
	call := rapid.SampledFrom([]policytest.Call{
		{},
		{Engine: "docker", Root: "/var/run/docker/runtime-runc/moby", Bundle: "/run/docker/containerd/daemon/io.containerd.runtime.v2.task/moby/1", ParentExe: "/usr/bin/containerd-shim-runc-v2"},
		{Engine: "containerd", Root: "/run/containerd/runc/k8s.io", Bundle: "/run/containerd/io.containerd.runtime.v2.task/k8s.io/1", ParentExe: "/usr/bin/containerd-shim-runc-v2"},
		{Engine: "cri-o", Bundle: "/run/containers/storage/overlay-containers/1/userdata", ParentExe: "/usr/bin/conmon"},
		{Engine: "podman", Bundle: "/var/lib/containers/storage/overlay-containers/1/userdata", ParentExe: "/usr/bin/conmon"},
		{Engine: "buildah", Bundle: "/var/tmp/buildah1", ParentExe: "/usr/bin/buildah"},
	}).Draw(t, "call")
	call.CgroupVersion = 1 + under(t, "cgroup version", 2)
	f, tree, err := policytest.CallFacts(call, view)
	if err != nil {
		t.Fatal(err)
	}
	f.Rootless = under(t, "rootless", 6) == 0
	f.SELinux = rapid.Bool().Draw(t, "selinux")
	f.AppArmor.Enabled = rapid.Bool().Draw(t, "apparmor")
	f.AppArmor.Profiles = func() []string { return []string{"docker-default"} }
	used := policy.Usage{Claim: policy.Claim{Memory: pick(t, "memory in use", []int64{0, 1 << 29, 1 << 40}), Pids: 50}, Containers: 2}
	f.Used = func(string) (policy.Usage, error) { return used, nil }
	f.Arch = pick(t, "arch", []string{"amd64", "arm64", "s390x", ""})
	f.Kernel = pick(t, "kernel", [][2]int{{}, {4, 4}, {6, 12}})
	if under(t, "hook", 3) > 0 {
		f.Hook = monitorHook
		mode := pick(t, "hook's mode", []uint32{0o755, 0o755, 0o777})
		if err := tree.Add(monitorHook, policytest.Node{Type: "file", Mode: &mode}); err != nil {
			t.Fatal(err)
		}
	}
	if under(t, "lookup", 10) == 0 {
		f.Lookup = nil
	}
	f.Feed = func(glob string) []policy.FeedFile {
		if glob == "/etc/runward/broken" {
			return []policy.FeedFile{{Path: glob, Text: "nginx"}}
		}
		return []policy.FeedFile{{Path: "/etc/runward/feeds/a.txt", Text: settingValues["image.forbid_digests"][0]}}
	}
	if under(t, "features", 4) > 0 {
		features := policy.Features{UserNamespace: under(t, "user namespaces", 4) > 0, IDMap: rapid.Bool().Draw(t, "idmap")}
		f.Features = func() policy.Features { return features }
	}
	if under(t, "inside", 4) > 0 {
		f.Inside = drawInside(t)
	}
	return f
}

// drawInside draws what programs of an image are like, all of them alike.
func drawInside(t *rapid.T) func(root, path string) policy.InnerFile {
	f := policy.InnerFile{
		Type: policy.Regular, Mode: pick(t, "mode", []uint32{0o755, 0o4755, 0o2755, 0o700}), UID: pick(t, "owner", []uint32{0, 5}),
		Head: pick(t, "head", []string{"\x7fELF", "#!/bin/sh\n"}), Caps: policy.FileCaps{Permitted: pick(t, "file capabilities", []uint64{0, 1 << 10}), Effective: true},
		Parents: []policy.Dir{{Mode: 0o755}},
	}
	return func(_, path string) policy.InnerFile {
		file := f
		if file.Path = path; path == "/bin/sh" {
			file.Head = "\x7fELF"
		}
		return file
	}
}
