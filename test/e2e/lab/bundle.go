package lab

import (
	"path/filepath"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Container is a bundle on disk and the id under which it runs.
type Container struct {
	ID   string
	Dir  string // the bundle
	Root string // the runtime's --root
	Log  string // the runtime's --log, in JSON
	t    testing.TB
	runc string
}

// Bundle writes a bundle whose process is `sh -c script`, with DefaultSpec as changed by edits. Whatever
// is left of the container after the test is deleted with plain runc.
func Bundle(t testing.TB, script string, edits ...func(*specs.Spec)) *Container {
	t.Helper()
	dir := Dir(t)
	c := &Container{
		ID: Name(), Dir: filepath.Join(dir, "bundle"), Root: filepath.Join(dir, "state"),
		Log: filepath.Join(dir, "log.json"), t: t, runc: Runc(t),
	}
	Rootfs(t, filepath.Join(c.Dir, "rootfs"))
	spec := DefaultSpec(script)
	spec.Linux.CgroupsPath = "/" + c.ID
	for _, edit := range edits {
		edit(spec)
	}
	c.WriteSpec(encode(t, spec))
	t.Cleanup(func() { Try(t, "", nil, c.runc, "--root", c.Root, "delete", "--force", c.ID).want(t, "runc delete") })
	return c
}

// WriteSpec replaces config.json, also by what is no JSON at all.
func (c *Container) WriteSpec(raw []byte) {
	c.t.Helper()
	write(c.t, filepath.Join(c.Dir, "config.json"), raw, 0o644)
}

// Run runs the container to its end and returns what it printed; the test fails if it does not succeed.
func (c *Container) Run(runtime string) string {
	c.t.Helper()
	return c.Try(runtime).want(c.t, runtime, "run")
}

// Try is Run for a container that may be refused.
func (c *Container) Try(runtime string) Result {
	c.t.Helper()
	return c.Do(runtime, "run", "--bundle", c.Dir, c.ID)
}

// Do calls the runtime with the flags that engines put first, and then args: a verb, its flags, an id.
func (c *Container) Do(runtime string, args ...string) Result {
	c.t.Helper()
	return c.DoStdin("", runtime, args...)
}

// DoStdin is Do for a verb that reads stdin.
func (c *Container) DoStdin(stdin, runtime string, args ...string) Result {
	c.t.Helper()
	global := []string{"--root", c.Root, "--log", c.Log, "--log-format", "json"}
	return TryStdin(c.t, stdin, c.Dir, nil, runtime, append(global, args...)...)
}

// DefaultSpec is what engines ask for by default: the 14 capabilities of docker and containerd, five
// namespaces, the usual mounts and masks. Seccomp and limits are left out.
func DefaultSpec(script string) *specs.Spec {
	capabilities := []string{
		"CAP_AUDIT_WRITE", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_MKNOD",
		"CAP_NET_BIND_SERVICE", "CAP_NET_RAW", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT",
	}
	return &specs.Spec{
		Version:  "1.0.2",
		Root:     &specs.Root{Path: "rootfs"},
		Hostname: "lab",
		Process: &specs.Process{
			Args: []string{"sh", "-c", script}, Env: []string{"PATH=/bin"}, Cwd: "/",
			Capabilities: &specs.LinuxCapabilities{Bounding: capabilities, Effective: capabilities, Permitted: capabilities},
		},
		Mounts: []specs.Mount{
			{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid", "noexec", "nodev"}},
			{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "strictatime", "mode=755", "size=65536k"}},
			{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
			{Destination: "/dev/shm", Type: "tmpfs", Source: "shm", Options: []string{"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}},
			{Destination: "/dev/mqueue", Type: "mqueue", Source: "mqueue", Options: []string{"nosuid", "noexec", "nodev"}},
			{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: []string{"nosuid", "noexec", "nodev", "ro"}},
			{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{"nosuid", "noexec", "nodev", "relatime", "ro"}},
		},
		Linux: &specs.Linux{
			Resources: &specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{{Allow: false, Access: "rwm"}}},
			Namespaces: []specs.LinuxNamespace{
				{Type: specs.PIDNamespace},
				{Type: specs.NetworkNamespace},
				{Type: specs.IPCNamespace},
				{Type: specs.UTSNamespace},
				{Type: specs.MountNamespace},
			},
			MaskedPaths: []string{
				"/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
				"/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi",
			},
			ReadonlyPaths: []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"},
		},
	}
}
