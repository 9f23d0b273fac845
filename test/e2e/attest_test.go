//go:build e2e

package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/runward/runward/internal/ledger"
	"github.com/runward/runward/internal/monitor/attest"
	"github.com/runward/runward/internal/state"
	"github.com/runward/runward/test/e2e/lab"
)

// A subject is a running container that is attested.
type subject struct {
	t     *testing.T
	node  *attest.Node
	entry *ledger.Entry
	want  *attest.Expected
	base  *attest.Baseline
	pid   int
	start uint64
}

// subjects finds the containers that a node's ledger has, waits until each
// executes its own program, and takes how they are then for the baseline.
func subjects(t *testing.T, n *lab.Node) []*subject {
	t.Helper()
	entries, err := ledger.List(filepath.Join(n.Dir, "run/ledger"))
	must(t, err)
	node, err := attest.ReadNode(n.Runward)
	must(t, err)
	var all []*subject
	for _, e := range entries {
		seen, err := state.Look(e.Root, e.ID)
		must(t, err)
		s := &subject{t: t, node: node, entry: e, pid: seen.PID}
		stat, err := state.ReadStat(s.pid)
		must(t, err)
		s.start = stat.Start
		lab.Await(t, e.ID+" executes its program", func() bool {
			ready, err := attest.Ready(s.pid, s.start)
			must(t, err)
			return ready
		})
		s.expect()
		s.base = s.observe().Baseline()
		all = append(all, s)
	}
	return all
}

func (s *subject) expect() {
	s.t.Helper()
	raw, err := attest.Config(s.entry)
	must(s.t, err)
	s.want, err = attest.Expect(raw, s.entry)
	must(s.t, err)
}

func (s *subject) observe() *attest.Observed {
	s.t.Helper()
	entered, err := attest.ReadEntered()
	must(s.t, err)
	o, err := s.node.Observe(s.pid, s.start, s.want, entered, attest.Bounds{})
	must(s.t, err)
	return o
}

// differ returns what attestation finds, without what cannot be observed here.
func (s *subject) differ() []string {
	s.t.Helper()
	var all []string
	for _, d := range s.node.Compare(s.want, s.observe(), s.base) {
		if d.Unread && (d.Field == "devices" || strings.HasPrefix(d.Field, "unified:")) {
			continue // of cgroup v2; asserted by TestAttestSaysWhatItCannotSee
		}
		all = append(all, d.String())
	}
	return all
}

// clean fails the test for every difference.
func (s *subject) clean(name string) {
	s.t.Helper()
	for _, d := range s.differ() {
		s.t.Errorf("%s: %s: %s", name, s.entry.ID, d)
	}
}

// lasting creates and starts a container under runward.
func lasting(t *testing.T, n *lab.Node, edits ...func(*specs.Spec)) *lab.Container {
	t.Helper()
	b := lab.Bundle(t, "while :; do sleep 1000; done", edits...)
	giveRootfs(t, b.Dir)
	do(t, b, n.Runward, "create", "--bundle", b.Dir, b.ID)
	do(t, b, n.Runward, "start", b.ID)
	return b
}

// attestKinds are containers of many kinds.
var attestKinds = []struct {
	name string
	edit func(*testing.T, *specs.Spec)
}{
	{"as engines ask", func(*testing.T, *specs.Spec) {}},
	{"a user, one ambient capability, no new privileges", func(_ *testing.T, s *specs.Spec) {
		one := []string{"CAP_NET_BIND_SERVICE"}
		s.Process.Capabilities = &specs.LinuxCapabilities{Bounding: append([]string{"CAP_CHOWN"}, one...), Effective: one, Permitted: one, Inheritable: one, Ambient: one}
		s.Process.NoNewPrivileges, s.Process.User = true, specs.User{UID: 1000, GID: 1000, AdditionalGids: []uint32{7, 1000}}
	}},
	{"privileged", func(_ *testing.T, s *specs.Spec) {
		var all []string
		for _, name := range capabilityNames {
			if name != "SYS_RESOURCE" { // the machine may lack it
				all = append(all, "CAP_"+name)
			}
		}
		s.Process.Capabilities = &specs.LinuxCapabilities{Bounding: all, Effective: all, Permitted: all}
		s.Linux.MaskedPaths, s.Linux.ReadonlyPaths = nil, nil
		s.Linux.Resources.Devices = []specs.LinuxDeviceCgroup{{Allow: true, Access: "rwm"}}
		for i := range s.Mounts {
			if s.Mounts[i].Destination == "/sys" {
				s.Mounts[i].Options = []string{"nosuid", "noexec", "nodev"}
			}
		}
	}},
	{"read-only", func(_ *testing.T, s *specs.Spec) { s.Root.Readonly = true }},
	{"seccomp", func(_ *testing.T, s *specs.Spec) {
		s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{{Names: []string{"swapon"}, Action: specs.ActErrno}}}
	}},
	{"seccomp that sets no filter", func(_ *testing.T, s *specs.Spec) {
		s.Linux.Seccomp = &specs.LinuxSeccomp{Architectures: []specs.Arch{specs.ArchX86_64}}
	}},
	{"a user namespace", func(_ *testing.T, s *specs.Spec) {
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
		ids := []specs.LinuxIDMapping{{ContainerID: 0, HostID: mappedRoot, Size: 1000}, {ContainerID: 1000, HostID: mappedRoot + 5000, Size: 10}}
		s.Linux.UIDMappings, s.Linux.GIDMappings = ids, ids
		s.Process.NoNewPrivileges, s.Process.User = true, specs.User{UID: 1003, GID: 5}
		s.Linux.Resources = nil // devices are not for user namespaces
	}},
	{"mounts of all kinds", func(t *testing.T, s *specs.Spec) {
		source := lab.Dir(t)
		must(t, os.WriteFile(filepath.Join(source, "file"), []byte("x"), 0o644))
		s.Mounts = append(
			s.Mounts,
			specs.Mount{Destination: "/tmp", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "nodev", "noexec", "mode=1777"}},
			specs.Mount{Destination: "/data", Type: "bind", Source: source, Options: []string{"rbind", "rw", "ro", "nosuid", "rprivate"}},
			specs.Mount{Destination: "/data2", Type: "bind", Source: source, Options: []string{"rbind", "ro", "rw", "rslave"}},
			specs.Mount{Destination: "/etc/hosts", Type: "bind", Source: filepath.Join(source, "file"), Options: []string{"bind", "ro"}},
			specs.Mount{Destination: "/lost/below", Type: "tmpfs", Source: "tmpfs", Options: []string{"ro"}},
			specs.Mount{Destination: "/lost", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid"}},
			specs.Mount{Destination: "/linked/deep", Type: "tmpfs", Source: "tmpfs", Options: []string{"ro", "noexec"}},
			specs.Mount{Destination: "/with space", Type: "tmpfs", Source: "tmpfs", Options: []string{"ro"}},
		)
		s.Linux.MaskedPaths = append(s.Linux.MaskedPaths, "/proc/no-such", "/home", "/linked/mask")
		s.Linux.ReadonlyPaths = append(s.Linux.ReadonlyPaths, "/etc/passwd", "/nothing/here")
	}},
	{"limits", func(_ *testing.T, s *specs.Spec) {
		s.Linux.Resources.Memory = &specs.LinuxMemory{Limit: ptr(int64(64<<20 + 1)), Swap: ptr(int64(96 << 20)), Reservation: ptr(int64(32 << 20))}
		s.Linux.Resources.CPU = &specs.LinuxCPU{Quota: ptr(int64(33333)), Period: ptr(uint64(100000)), Shares: ptr(uint64(700)), Cpus: "0", Mems: "0"}
		s.Linux.Resources.Pids = &specs.LinuxPids{Limit: ptr(int64(50))}
		s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 100, Hard: 200}, {Type: "RLIMIT_CORE", Soft: 0, Hard: 0}, {Type: "RLIMIT_NPROC", Soft: 100, Hard: 300}}
		s.Process.OOMScoreAdj = ptr(500)
		s.Hostname = ""
	}},
	{"no network of its own, a cgroup namespace", func(_ *testing.T, s *specs.Spec) {
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.CgroupNamespace})
	}},
	{"no limits, a relative cgroup", func(_ *testing.T, s *specs.Spec) { s.Linux.Resources, s.Linux.CgroupsPath = nil, "" }},
	{"shared propagation", func(_ *testing.T, s *specs.Spec) { s.Linux.RootfsPropagation = "rslave" }},
}

// free is a policy that lets everything through as it is.
const free = "version = 1\nname = 'free'\n"

// A container that runs as it was decided has no difference, whatever its kind,
// with what it does to itself and with what joins it.
func TestAttestFindsNothingWhereNothingIs(t *testing.T) {
	for _, policy := range []string{"", free} {
		n := lab.NewNode(t)
		if policy != "" {
			n.Policy("10-free.toml", policy)
		}
		for _, kind := range attestKinds {
			b := lab.Bundle(t, "mkdir -p /real; while :; do sleep 1000; done", func(s *specs.Spec) { kind.edit(t, s) })
			must(t, os.MkdirAll(filepath.Join(b.Dir, "rootfs/real"), 0o755))
			must(t, os.Symlink("real", filepath.Join(b.Dir, "rootfs/linked")))
			must(t, os.MkdirAll(filepath.Join(b.Dir, "rootfs/real/mask"), 0o755))
			giveRootfs(t, b.Dir)
			if out := b.Do(n.Runward, "create", "--bundle", b.Dir, b.ID); out.Code != 0 {
				if policy == free {
					t.Errorf("%s: %s", kind.name, out.Stderr)
				}
				continue // the baseline refuses it
			}
			do(t, b, n.Runward, "start", b.ID)
			do(t, b, n.Runward, "exec", "--detach", b.ID, "sleep", "999")
			all := subjects(t, n)
			if len(all) != 1 {
				t.Fatal(len(all), "containers in the ledger")
			}
			all[0].clean(kind.name)
			do(t, b, n.Runward, "delete", "--force", b.ID)
		}
	}
}

var _ = json.Marshal
var _ = exec.Command
var _ = strconv.Itoa
var _ = unix.Kill
