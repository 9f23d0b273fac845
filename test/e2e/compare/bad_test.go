//go:build e2e

package compare

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// badBundles is what runc refuses by itself, and what only runward would
// refuse. global gives the flags before the verb; nil: no log.
func badBundles(global func(s *sitting, log string) []string, verbs ...string) func(s *sitting) {
	return func(s *sitting) {
		if global != nil && !*full {
			verbs = nil // but for what has no config.json at all
		}
		s.global = []string{"--root", s.state}
		if global != nil {
			s.global = global(s, filepath.Join(s.dir, "log"))
		}
		config := filepath.Join(s.bundle, "config.json")
		all := func(bundle string) {
			for _, verb := range verbs {
				s.runc(verb, "--bundle", bundle, s.id)
				if s.plainly("state", s.id).Code == 0 {
					s.runc("delete", "--force", s.id)
				}
			}
		}
		s.runc("create", "--bundle", s.bundle, s.id) // none yet
		all(s.bundle)
		all("/nonexistent")
		all("")
		all(config)
		for _, text := range badConfigs {
			s.raw(text)
			all(s.bundle)
		}
		s.config("echo ran")
		raw, err := os.ReadFile(config)
		must(s, err)
		for _, edit := range []func(string) string{
			func(x string) string { return "\ufeff" + x },
			func(x string) string { return x + "{}" },
			func(x string) string { return x + "trailing" },
			func(x string) string {
				return strings.Replace(x, `"hostname": "lab"`, `"hostname": "a", "hostname": "b"`, 1)
			},
			func(x string) string { return strings.Replace(x, `"hostname"`, `"HostName"`, 1) },
			func(x string) string {
				return strings.Replace(x, `"hostname": "lab"`, `"unknown": {"a": [1e3]}, "hostname": "l\u0061b"`, 1)
			},
			func(x string) string { return strings.Replace(x, `"lab"`, "\"l\xffb\"", 1) },
			func(x string) string { return strings.Replace(x, `"1.0.2"`, `"9.9.9"`, 1) },
			func(x string) string { return strings.Replace(x, `"1.0.2"`, `""`, 1) },
			func(x string) string { return strings.Replace(x, `"lab"`, `7`, 1) },
			func(x string) string {
				return strings.Replace(x, `"1.0.2"`, `"1.0.2", "big": "`+strings.Repeat("x", 9<<20)+`"`, 1)
			},
		} {
			s.raw(edit(string(raw)))
			all(s.bundle)
		}
		s.raw(string(raw))
		must(s, os.Chmod(config, 0o666))
		all(s.bundle)
		must(s, os.Chmod(config, 0o644))
		must(s, os.Chown(config, 12345, 0))
		all(s.bundle)
		must(s, os.Rename(config, config+".real"))
		must(s, os.Symlink("config.json.real", config))
		all(s.bundle)
		must(s, os.Remove(config))
		must(s, os.Mkdir(config, 0o755))
		all(s.bundle)
		must(s, os.Remove(config))
		must(s, os.Rename(config+".real", config))
		must(s, os.Symlink(s.bundle, filepath.Join(s.dir, "link")))
		all(filepath.Join(s.dir, "link"))
	}
}

var badConfigs = []string{
	"", "not JSON", "null", "[]", "{}", `"text"`, "\x7fELF\x00", strings.Repeat("[", 20000),
	`{"ociVersion":"1.0.2"}`,
	`{"ociVersion":"1.0.2","root":{"path":"rootfs"}}`,
	`{"ociVersion":"1.0.2","root":{"path":"rootfs"},"process":{"args":[],"cwd":"/"}}`,
	`{"ociVersion":"1.0.2","root":{"path":"rootfs"},"process":{"args":["true"],"cwd":"relative"},"linux":{}}`,
	`{"ociVersion":"1.0.2","root":{"path":"nonexistent"},"process":{"args":["true"],"cwd":"/"},"linux":{}}`,
	`{"ociVersion":"1.0.2","process":{"args":["true"],"cwd":"/"},"linux":{}}`,
	`{"ociVersion":"1.0.2","root":{"path":"rootfs"},"process":{"args":"true","cwd":"/"},"linux":{}}`,
	`{"ociVersion":"1.0.2","root":{"path":"rootfs"},"process":{"args":["true"],"cwd":"/","user":{"uid":-1}},"linux":{}}`,
	`{"ociVersion":"1.0.2","root":{"path":"rootfs"},"process":{"args":["true"],"cwd":"/"},"linux":{"namespaces":[{"type":"nonsense"}]}}`,
	`{"ociVersion":"1.0.2","root":{"path":"rootfs"},"process":{"args":["true"],"cwd":"/"},"linux":{"namespaces":[{"type":"mount"},{"type":"mount"}]}}`,
}

var badProcesses = []func(spec *specs.Spec){
	func(spec *specs.Spec) { spec.Process.Args = []string{"nonexistent"} },
	func(spec *specs.Spec) { spec.Process.Args = []string{"/nonexistent"} },
	func(spec *specs.Spec) { spec.Process.Args = []string{"/etc/passwd"} },
	func(spec *specs.Spec) { spec.Process.Args = []string{"/etc"} },
	func(spec *specs.Spec) { spec.Process.Args = []string{""} },
	func(spec *specs.Spec) { spec.Process.Cwd = "/nonexistent/created" },
	func(spec *specs.Spec) { spec.Process.Cwd = "/etc/passwd" },
	func(spec *specs.Spec) { spec.Process.Capabilities.Bounding = []string{"CAP_NONSENSE", "CAP_CHOWN"} },
	func(spec *specs.Spec) { spec.Process.Capabilities = nil },
	func(spec *specs.Spec) { spec.Process.Env = []string{"ODD", "A=1", "A=2", "PATH=/bin"} },
	func(spec *specs.Spec) {
		spec.Process.User = specs.User{UID: 1000, GID: 1000, AdditionalGids: []uint32{5, 6}}
	},
	func(spec *specs.Spec) { spec.Process.NoNewPrivileges = true },
	func(spec *specs.Spec) { spec.Process.Terminal = true },
	func(spec *specs.Spec) { spec.Process.ApparmorProfile = "nonexistent" },
	func(spec *specs.Spec) { spec.Process.SelinuxLabel = "a:b:c:d" },
	func(spec *specs.Spec) { n := -500; spec.Process.OOMScoreAdj = &n },
	func(spec *specs.Spec) {
		spec.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 99, Hard: 100}}
	},
	func(spec *specs.Spec) { spec.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NONSENSE"}} },
	func(spec *specs.Spec) { spec.Root.Readonly = true },
	func(spec *specs.Spec) {
		spec.Linux.Namespaces = append(spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.CgroupNamespace})
	},
	func(spec *specs.Spec) {
		spec.Linux.Namespaces = append(spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
		spec.Linux.UIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: 100000, Size: 1000}}
		spec.Linux.GIDMappings = spec.Linux.UIDMappings
	},
	func(spec *specs.Spec) { spec.Linux.Namespaces = spec.Linux.Namespaces[4:] }, // the host's but for mounts
	func(spec *specs.Spec) {
		spec.Linux.Namespaces[1].Path = "/proc/1/ns/net"
		spec.Hostname = ""
	},
	func(spec *specs.Spec) { spec.Linux.Namespaces[1].Path = "/nonexistent" },
	func(spec *specs.Spec) { spec.Linux.Sysctl = map[string]string{"net.ipv4.ip_forward": "1"} },
	func(spec *specs.Spec) { spec.Linux.Sysctl = map[string]string{"vm.swappiness": "1"} },
	func(spec *specs.Spec) {
		spec.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{{Names: []string{"mkdir"}, Action: specs.ActErrno}}}
	},
	func(spec *specs.Spec) { spec.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: "SCMP_ACT_NONSENSE"} },
	func(spec *specs.Spec) {
		spec.Mounts = append(spec.Mounts, specs.Mount{Destination: "/data", Type: "bind", Source: "/etc", Options: []string{"rbind", "ro"}})
	},
	func(spec *specs.Spec) {
		spec.Mounts = append(spec.Mounts, specs.Mount{Destination: "/data", Type: "bind", Source: "/nonexistent", Options: []string{"rbind"}})
	},
	func(spec *specs.Spec) {
		spec.Mounts = append(spec.Mounts, specs.Mount{Destination: "/data", Type: "nonsense", Source: "x"})
	},
	func(spec *specs.Spec) {
		spec.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/fuse", Type: "c", Major: 10, Minor: 229}}
		spec.Linux.Resources.Devices = append(spec.Linux.Resources.Devices, specs.LinuxDeviceCgroup{Allow: true, Access: "rwm"})
	},
	func(spec *specs.Spec) { n := int64(1); spec.Linux.Resources.Memory = &specs.LinuxMemory{Limit: &n} },
	func(spec *specs.Spec) {
		spec.Linux.CgroupsPath = strings.TrimPrefix(spec.Linux.CgroupsPath, "/") + "-relative"
	},
	func(spec *specs.Spec) { spec.Linux.RootfsPropagation = "nonsense" },
	func(spec *specs.Spec) { spec.Annotations = map[string]string{"a": "b", "org.example": "\u2028<&>"} },
}
