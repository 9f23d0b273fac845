//go:build e2e

package e2e

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/runward/runward/internal/state"
	"github.com/runward/runward/test/e2e/lab"
)

// started starts a container with plain runc and returns what the kernel says
// of its process: the fields of /proc/PID/status.
func started(t *testing.T, edits ...func(*specs.Spec)) (*lab.Container, map[string]string) {
	t.Helper()
	runc := lab.Runc(t)
	c := lab.Bundle(t, `echo up > /data/fifo; while :; do sleep 1000; done`, edits...)
	fifo := filepath.Join(c.Dir, "rootfs/data/fifo")
	if err := unix.Mkfifo(fifo, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(fifo, 0o666); err != nil { // the umask
		t.Fatal(err)
	}
	giveRootfs(t, c.Dir)
	do(t, c, runc, "create", "--bundle", c.Dir, c.ID)
	do(t, c, runc, "start", c.ID)
	if up, err := os.ReadFile(fifo); err != nil || string(up) != "up\n" { // blocks until the process runs
		t.Fatal(string(up), err)
	}
	dir, err := unix.Open(filepath.Join(c.Root, c.ID), unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(dir)
	pid, _, ok := state.RuncInit(dir, c.ID)
	if !ok {
		t.Fatal("runc has no init process of", c.ID)
	}
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		t.Fatal(err)
	}
	status := map[string]string{"pid": strconv.Itoa(pid)}
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(line, ":")
		status[key] = strings.TrimSpace(value)
	}
	return c, status
}

// giveRootfs lets the mapped root of a user namespace reach the root file system.
func giveRootfs(t *testing.T, bundle string) {
	t.Helper()
	for _, dir := range []string{filepath.Dir(bundle), bundle} {
		if err := os.Chmod(dir, 0o711); err != nil {
			t.Fatal(err)
		}
	}
	err := filepath.WalkDir(filepath.Join(bundle, "rootfs"), func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, mappedRoot, mappedRoot)
	})
	if err != nil {
		t.Fatal(err)
	}
}

const mappedRoot = 100000

func do(t *testing.T, c *lab.Container, runtime string, args ...string) {
	t.Helper()
	if r := c.Do(runtime, args...); r.Code != 0 {
		log, _ := os.ReadFile(c.Log) // only shown
		t.Fatalf("%s %v: exit code %d\n%s%s", runtime, args, r.Code, r.Stderr, log)
	}
}

// capabilityNames are in the order of their numbers.
var capabilityNames = strings.Fields(`CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE
	NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN
	SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG
	WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE`)

// held lists the capabilities in the process's sets, sorted.
func held(t *testing.T, status map[string]string) []string {
	t.Helper()
	var mask uint64
	for _, set := range []string{"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"} {
		bits, err := strconv.ParseUint(status[set], 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		mask |= bits
	}
	names := []string{}
	for i, name := range capabilityNames {
		if mask&(1<<i) != 0 {
			names = append(names, "CAP_"+name)
		}
	}
	slices.Sort(names)
	return names
}

// What is read from runc's state is what the kernel says of the container.
func TestStateAgreesWithTheKernel(t *testing.T) {
	memory, quota, period := int64(64<<20), int64(50000), uint64(100000)
	errno := uint(1)
	for _, tt := range []struct {
		name string
		edit func(*specs.Spec)
	}{
		{"as engines ask", func(*specs.Spec) {}},
		{"no capabilities", func(s *specs.Spec) { s.Process.Capabilities = &specs.LinuxCapabilities{} }},
		{"one ambient, no new privileges, a user", func(s *specs.Spec) {
			one := []string{"CAP_NET_BIND_SERVICE"}
			s.Process.Capabilities = &specs.LinuxCapabilities{Bounding: append([]string{"CAP_CHOWN"}, one...), Effective: one, Permitted: one, Inheritable: one, Ambient: one}
			s.Process.NoNewPrivileges, s.Process.User = true, specs.User{UID: 1000, GID: 1000}
		}},
		{"seccomp", func(s *specs.Spec) {
			s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{{Names: []string{"swapon"}, Action: specs.ActErrno, ErrnoRet: &errno}}}
		}},
		{"a user namespace", func(s *specs.Spec) {
			s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
			ids := []specs.LinuxIDMapping{{ContainerID: 0, HostID: mappedRoot, Size: 65536}}
			s.Linux.UIDMappings, s.Linux.GIDMappings = ids, ids
			s.Linux.Resources = nil // devices are not for user namespaces
		}},
		{"limits", func(s *specs.Spec) {
			s.Linux.Resources.Memory = &specs.LinuxMemory{Limit: &memory}
			s.Linux.Resources.CPU = &specs.LinuxCPU{Quota: &quota, Period: &period}
			pids := int64(50)
			s.Linux.Resources.Pids = &specs.LinuxPids{Limit: &pids}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, status := started(t, tt.edit)
			got, err := state.Load("runc", c.Root, c.ID)
			if err != nil {
				t.Fatal(err)
			}
			if want := held(t, status); !slices.Equal(*got.Ceiling.Capabilities, want) {
				t.Errorf("capabilities %v, the kernel has %v", *got.Ceiling.Capabilities, want)
			}
			if got.Bundle != c.Dir {
				t.Errorf("bundle %s, want %s", got.Bundle, c.Dir)
			}
			if want := status["NoNewPrivs"] == "1"; got.Ceiling.NoNewPrivileges != want {
				t.Errorf("no new privileges %v, the kernel has %v", got.Ceiling.NoNewPrivileges, want)
			}
			if want := status["Seccomp"] == "2"; got.Ceiling.Seccomp != want {
				t.Errorf("seccomp %v, the kernel has %v", got.Ceiling.Seccomp, want)
			}
			if want := hostRoot(t, status["pid"]); *orNil(got.Ceiling.UserNamespace) != want {
				t.Errorf("the container's root is %d, the kernel has %d", *orNil(got.Ceiling.UserNamespace), want)
			}
			holdsLimits(t, c, got)
		})
	}
}

func orNil(id *uint32) *uint32 {
	if id == nil {
		return new(uint32)
	}
	return id
}

// hostRoot reads which user of the host the process's namespace has as 0.
func hostRoot(t *testing.T, pid string) uint32 {
	t.Helper()
	text, err := os.ReadFile("/proc/" + pid + "/uid_map")
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(text))
	id, err := strconv.ParseUint(fields[1], 10, 32)
	if err != nil || fields[0] != "0" {
		t.Fatal(string(text), err)
	}
	return uint32(id)
}

// holdsLimits compares with the container's cgroup.
func holdsLimits(t *testing.T, c *lab.Container, got *state.Container) {
	t.Helper()
	memory, pids := groupFile(t, c, "memory", "memory.limit_in_bytes", "memory.max"), groupFile(t, c, "pids", "pids.max", "pids.max")
	for _, tt := range []struct {
		name string
		got  *int64
		file string
	}{{"memory", got.Ceiling.Memory, memory}, {"pids", got.Ceiling.Pids, pids}} {
		want, err := strconv.ParseInt(tt.file, 10, 64)
		none := err != nil || want > 1<<62
		if none != (tt.got == nil) || !none && *tt.got != want {
			t.Errorf("%s: %v, the kernel has %s", tt.name, tt.got, tt.file)
		}
	}
	var fields []string
	if _, err := os.Stat("/sys/fs/cgroup/cpu"); err == nil {
		fields = []string{groupFile(t, c, "cpu", "cpu.cfs_quota_us", ""), groupFile(t, c, "cpu", "cpu.cfs_period_us", "")}
	} else {
		fields = strings.Fields(groupFile(t, c, "cpu", "", "cpu.max"))
	}
	quota, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil {
		quota = -1
	}
	period, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	want := state.Processors(quota, period)
	if (want == nil) != (got.Ceiling.CPU == nil) || want != nil && *want != *got.Ceiling.CPU {
		t.Errorf("cpu: %v, the kernel has %v", got.Ceiling.CPU, fields)
	}
}

// unified tells whether the node has cgroup v2, and nothing else.
func unified() bool {
	_, err := os.Stat("/sys/fs/cgroup/cgroup.controllers")
	return err == nil
}

func groupFile(t *testing.T, c *lab.Container, controller, v1, v2 string) string {
	t.Helper()
	text, err := os.ReadFile("/sys/fs/cgroup/" + controller + "/" + c.ID + "/" + v1)
	if err != nil {
		text, err = os.ReadFile("/sys/fs/cgroup/" + c.ID + "/" + v2)
	}
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// runc forgets in its record what an update does not name, and the kernel keeps
// it; what is read is the kernel's, and what one half of the CPU limit leaves of
// the other is foretold.
func TestStateFollowsUpdates(t *testing.T) {
	memory, quota, period := int64(64<<20), int64(50000), uint64(100000)
	c, _ := started(t, func(s *specs.Spec) {
		s.Linux.Resources.Memory = &specs.LinuxMemory{Limit: &memory}
		s.Linux.Resources.CPU = &specs.LinuxCPU{Quota: &quota, Period: &period}
	})
	load := func() *state.Container {
		t.Helper()
		got, err := state.Load("runc", c.Root, c.ID)
		if err != nil {
			t.Fatal(err)
		}
		holdsLimits(t, c, got)
		return got
	}
	for _, tt := range []struct {
		flag, value string
		cpu         func(before *state.Container) *int64 // as foretold
	}{
		{"--pids-limit", "40", func(before *state.Container) *int64 { return before.Ceiling.CPU }},
		{"--cpu-period", "50000", func(before *state.Container) *int64 { return state.Processors(before.CPUQuota, 50000) }},
		{"--memory", "33554432", func(before *state.Container) *int64 { return before.Ceiling.CPU }},
		{"--cpu-quota", "20000", func(before *state.Container) *int64 { return state.Processors(20000, before.CPUPeriod) }},
		{"--cpu-period", "100000", func(before *state.Container) *int64 { return state.Processors(before.CPUQuota, 100000) }},
	} {
		before := load()
		do(t, c, lab.Runc(t), "update", tt.flag, tt.value, c.ID)
		after, want := load(), tt.cpu(before)
		// Of a quota that runc has forgotten, a new period leaves nothing on cgroup v2.
		none := tt.flag != "--pids-limit" && unified()
		if after.Ceiling.CPU == nil && (want != nil || !none) || after.Ceiling.CPU != nil && (want == nil || *after.Ceiling.CPU != *want) {
			t.Errorf("%s %s: %v, foretold %v", tt.flag, tt.value, after.Ceiling.CPU, want)
		}
	}
	if got := load(); got.Ceiling.Memory == nil || *got.Ceiling.Memory != 32<<20 || got.Ceiling.Pids == nil || *got.Ceiling.Pids != 40 {
		t.Errorf("%+v", got.Ceiling)
	}
}

// An annotation that runc would take for the bundle's path.
func TestStateRefusesForgedBundles(t *testing.T) {
	for _, key := range []string{"bundle", "bundle=/evil"} {
		c, _ := started(t, func(s *specs.Spec) { s.Annotations = map[string]string{key: "/evil", "other": "x=y"} })
		_, err := state.Load("runc", c.Root, c.ID)
		if want := "state.json: it names more than one bundle: an annotation named bundle forges the container's own"; err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: %v", key, err)
		}
	}
}
