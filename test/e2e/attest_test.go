//go:build e2e

package e2e

import (
	"errors"
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
	t     testing.TB
	node  *attest.Node
	entry *ledger.Entry
	want  *attest.Expected
	base  *attest.Baseline
	pid   int
	start uint64
}

// subjects finds the containers that a node's ledger has, waits until each
// executes its own program, and takes how they are then for the baseline.
func subjects(t testing.TB, n *lab.Node) []*subject {
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
			specs.Mount{Destination: "/lost/below", Type: "tmpfs", Source: "tmpfs", Options: []string{"noexec"}},
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

// groupDir is where the cgroup of a process is, by controller.
func groupDir(t testing.TB, pid int, controller string) string {
	t.Helper()
	for line := range strings.Lines(read(t, "/proc/"+strconv.Itoa(pid)+"/cgroup")) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		switch {
		case unified() && parts[1] == "":
			return "/sys/fs/cgroup" + parts[2]
		case !unified() && parts[1] == controller:
			return "/sys/fs/cgroup/" + controller + parts[2]
		}
	}
	t.Fatal("no cgroup of", controller)
	return ""
}

func overwrite(t *testing.T, file, text string) {
	t.Helper()
	must(t, os.WriteFile(file, []byte(text), 0o644))
}

// enter runs a command of the container's in its mount namespace.
func (s *subject) enter(args ...string) {
	s.t.Helper()
	all := append([]string{"--target", strconv.Itoa(s.pid), "--mount", "--pid", "--ipc", "--", "/bin/busybox"}, args...)
	if out := lab.Try(s.t, "", nil, lab.Tool(s.t, "nsenter"), all...); out.Code != 0 {
		s.t.Fatalf("nsenter %v: %s%s", args, out.Stdout, out.Stderr)
	}
}

// joined is the process of the container that executes `sleep NUMBER`.
func (s *subject) joined(number string) int {
	s.t.Helper()
	pid := 0
	lab.Await(s.t, "sleep "+number, func() bool {
		for p := range strings.FieldsSeq(read(s.t, groupDir(s.t, s.pid, "pids")+"/cgroup.procs")) {
			if line, err := os.ReadFile("/proc/" + p + "/cmdline"); err == nil && string(line) == "sleep\x00"+number+"\x00" {
				pid, err = strconv.Atoi(p)
				must(s.t, err)
			}
		}
		return pid != 0
	})
	return pid
}

// Each way of changing a container that runs is one difference, of that name,
// and undone it is none.
func TestAttestNamesTampering(t *testing.T) {
	n := lab.NewNode(t)
	n.Policy("10-free.toml", free)
	b := lasting(t, n, func(s *specs.Spec) {
		s.Root.Readonly = true
		s.Process.NoNewPrivileges = true
		s.Process.OOMScoreAdj = ptr(500)
		s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 100, Hard: 200}}
		s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{{Names: []string{"swapon"}, Action: specs.ActErrno}}}
		s.Linux.Resources.Memory = &specs.LinuxMemory{Limit: ptr(int64(64 << 20))}
		s.Linux.Resources.CPU = &specs.LinuxCPU{Quota: ptr(int64(50000)), Period: ptr(uint64(100000)), Shares: ptr(uint64(512))}
		s.Linux.Resources.Pids = &specs.LinuxPids{Limit: ptr(int64(50))}
		s.Mounts = append(s.Mounts, specs.Mount{Destination: "/tmp", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "nodev", "noexec"}})
	})
	do(t, b, n.Runward, "exec", "--detach", b.ID, "sleep", "999")
	s := subjects(t, n)[0]
	exec999 := s.joined("999")
	s.clean("before")
	procs := func(pid int) string { return "/proc/" + strconv.Itoa(pid) }
	limit := func(controller, v1, v2, value string) func() {
		file := v1
		if unified() {
			file = v2
		}
		return func() { overwrite(t, groupDir(t, s.pid, controller)+"/"+file, value) }
	}
	elsewhere := func(pid, how string) func() {
		top := "/sys/fs/cgroup/memory"
		if unified() {
			top = "/sys/fs/cgroup/" + b.ID + "-elsewhere"
			must(t, os.MkdirAll(top, 0o755))
			t.Cleanup(func() { _ = os.Remove(top) })
		}
		return func() { overwrite(t, top+"/cgroup.procs", pid) }
	}
	home := func(pid int) func() {
		dir := groupDir(t, s.pid, "memory")
		return func() { overwrite(t, dir+"/cgroup.procs", strconv.Itoa(pid)) }
	}
	var entered *exec.Cmd
	for _, c := range []struct {
		name       string
		act, undo  func()
		want       string // the beginning of the one difference
		unifiedHas string // instead, with cgroup v2 alone
	}{
		{name: "limit on processes raised", act: limit("pids", "pids.max", "pids.max", "max"), undo: limit("pids", "pids.max", "pids.max", "50"), want: "pids.limit: no limit, want at most 50"},
		{name: "memory raised", act: limit("memory", "memory.limit_in_bytes", "memory.max", "67112960"), undo: limit("memory", "memory.limit_in_bytes", "memory.max", "67108864"), want: "memory.limit: "},
		{name: "processor time raised", act: limit("cpu", "cpu.cfs_quota_us", "cpu.max", "52000"), undo: limit("cpu", "cpu.cfs_quota_us", "cpu.max", "50000"), want: "cpu.quota: 0.52 processors, want at most 0.5 processors"},
		{name: "shares raised", act: limit("cpu", "cpu.shares", "cpu.weight", "9000"), undo: limit("cpu", "cpu.shares", "cpu.weight", "20"), want: "cpu.shares: 9000, want at most 512", unifiedHas: "cpu.weight: 9000, want at most "},
		{name: "root made writable", act: func() { s.enter("mount", "-o", "remount,rw,bind", "/") }, undo: func() { s.enter("mount", "-o", "remount,ro,bind", "/") }, want: "rootfs: writable, want read-only"},
		{name: "flags lost", act: func() { s.enter("mount", "-o", "remount,bind,exec,nosuid,nodev", "/tmp") }, undo: func() { s.enter("mount", "-o", "remount,rw,bind,nosuid,nodev,noexec", "/tmp") }, want: "mounts:/tmp: without noexec, want with nosuid,nodev,noexec"},
		{name: "mask taken away", act: func() { s.enter("umount", "/proc/timer_list") }, undo: func() { s.enter("mount", "--bind", "/dev/null", "/proc/timer_list") }, want: "masked:/proc/timer_list: open, want masked"},
		{name: "read-only path made writable", act: func() { s.enter("mount", "-o", "remount,rw,bind", "/proc/sys") }, undo: func() { s.enter("mount", "-o", "remount,ro,bind,nosuid,nodev,noexec", "/proc/sys") }, want: "readonly:/proc/sys: writable, want read-only"},
		{name: "bind mount added", act: func() { s.enter("mount", "--bind", "/tmp", "/data") }, undo: func() { s.enter("umount", "/data") }, want: "mount_added:/data: tmpfs / of "},
		{name: "mount of config.json taken away", act: func() { s.enter("umount", "/dev/mqueue") }, undo: func() { s.enter("mount", "-t", "mqueue", "-o", "nosuid,noexec,nodev", "mqueue", "/dev/mqueue") }, want: "mounts:/dev/mqueue: not mounted, want mounted"},
		{name: "oom_score_adj lowered", act: func() { overwrite(t, procs(s.pid)+"/oom_score_adj", "499") }, undo: func() { overwrite(t, procs(s.pid)+"/oom_score_adj", "501") }, want: "oom_score_adj: 499, want at least 500"},
		{name: "first process moved away", act: elsewhere(strconv.Itoa(s.pid), ""), undo: home(s.pid), want: "cgroup: memory:/, want /" + b.ID, unifiedHas: "cgroup: /" + b.ID + "-elsewhere, want /" + b.ID},
		{name: "joined process moved away", act: elsewhere(strconv.Itoa(exec999), ""), undo: home(exec999), want: "cgroup: memory:/, want /" + b.ID, unifiedHas: `process.outside: "sleep" in the container's mount namespace and none of its cgroups`},
		{name: "entered with everything", act: func() {
			entered = exec.Command(lab.Tool(t, "nsenter"), "--target", strconv.Itoa(s.pid), "--mount", "--uts", "--ipc", "--net", "--", "/bin/sleep", "996")
			must(t, entered.Start())
			lab.Await(t, "nsenter has executed sleep", func() bool {
				line, err := os.ReadFile(procs(entered.Process.Pid) + "/cmdline")
				return err == nil && string(line) == "/bin/sleep\x00996\x00"
			})
		}, undo: func() {
			must(t, entered.Process.Kill())
			_ = entered.Wait() // killed
		}, want: `process.outside: "sleep" in the container's mount namespace and none of its cgroups, capabilities 1f`},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := c.want
			if unified() && c.unifiedHas != "" {
				want = c.unifiedHas
			}
			c.act()
			if got := s.differ(); len(got) != 1 || !strings.HasPrefix(got[0], want) {
				t.Errorf("got  %q\nwant %q", got, want)
			}
			c.undo()
			if got := s.differ(); len(got) != 0 {
				t.Errorf("undone: %q", got)
			}
		})
	}
	if !unified() {
		overwrite(t, groupDir(t, s.pid, "devices")+"/devices.allow", "b 254:0 rwm")
		if got := s.differ(); len(got) != 1 || got[0] != "devices: also b 254:0 rwm, want those that it was given" {
			t.Errorf("a device more: %q", got)
		}
		overwrite(t, groupDir(t, s.pid, "devices")+"/devices.deny", "b 254:0 rwm")
	}
	// What makes it tighter, and what a process may do with itself.
	limit("pids", "pids.max", "pids.max", "40")()
	limit("memory", "memory.limit_in_bytes", "memory.max", "60000000")()
	must(t, unix.Prlimit(s.pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 150, Max: 180}, nil))
	overwrite(t, procs(s.pid)+"/oom_score_adj", "900")
	s.enter("mount", "-o", "remount,ro,bind,nosuid,nodev,noexec", "/tmp")
	do(t, b, n.Runward, "exec", "--detach", b.ID, "unshare", "--user", "--map-root-user", "sleep", "995")
	s.joined("995")
	s.clean("tighter")
	// Another process is never taken for it.
	if _, err := s.node.Observe(s.pid, s.start+1, s.want, nil, attest.Bounds{}); !errors.Is(err, attest.ErrGone) {
		t.Error(err)
	}
	if _, err := attest.Ready(s.pid, s.start+1); !errors.Is(err, attest.ErrGone) {
		t.Error(err)
	}
}

// Containers of engines, with what engines add, and a pod's shared namespaces.
func TestAttestContainersOfEngines(t *testing.T) {
	check := func(t *testing.T, n *lab.Node, count int) {
		t.Helper()
		all := subjects(t, n)
		if len(all) != count {
			t.Errorf("%d containers in the ledger, want %d", len(all), count)
		}
		for _, s := range all {
			s.clean(s.entry.Engine + " " + strings.Join(s.want.Cgroups, " "))
		}
	}
	t.Run("podman", func(t *testing.T) {
		n := lab.NewNode(t)
		n.Policy("10-free.toml", free)
		p := lab.Podman(t, n.Runward)
		volume := lab.Dir(t)
		for _, options := range [][]string{
			{},
			{"--privileged"},
			{"--read-only", "--tmpfs", "/tmp", "--volume", volume + ":/data:ro,Z"},
			{"--user", "1000:1000", "--cap-drop", "all", "--security-opt", "no-new-privileges"},
			{"--security-opt", "seccomp=unconfined", "--pids-limit", "20", "--memory", "64m", "--cpus", "0.7", "--cpu-shares", "300"},
			{"--uidmap", "0:100000:5000", "--gidmap", "0:100000:5000"},
			{"--pid", "host", "--ipc", "host", "--uts", "host", "--cgroupns", "host"},
			{"--systemd", "always"},
			{"--init", "--oom-score-adj", "700"},
		} {
			args := append(append([]string{"--detach"}, options...), lab.Image, "sleep", "1000")
			if out := p.TryRun(args...); out.Code != 0 {
				t.Errorf("%v: %s", options, out.Stderr)
			}
		}
		first := strings.TrimSpace(p.Run("--detach", "--name", "first", lab.Image, "sleep", "1000"))
		p.Run("--detach", "--name", "second", "--pid", "container:"+first, "--ipc", "container:"+first, lab.Image, "sleep", "1000")
		if out := p.Try("exec", "--detach", "--privileged", "first", "sleep", "999"); out.Code != 0 {
			t.Error(out.Stderr)
		}
		check(t, n, 11)
		if out := p.Try("rm", "--force", "--time", "0", "second"); out.Code != 0 { // the first one has to wait for it
			t.Error(out.Stderr)
		}
	})
	t.Run("ctr", func(t *testing.T) {
		n := lab.NewNode(t)
		n.Policy("10-free.toml", free)
		d := lab.Containerd(t, n.Runward)
		for i, options := range [][]string{
			{},
			{"--read-only"},
			{"--seccomp", "--memory-limit", "67108864", "--cpus", "0.5"},
			{"--net-host"},
			{"--mount", "type=bind,src=/tmp,dst=/data,options=rbind:ro"},
		} {
			d.Ctr(append(append([]string{"run", "--detach", "--runc-binary", n.Runward}, options...), lab.Image, "c"+strconv.Itoa(i), "sleep", "1000")...)
		}
		check(t, n, 5)
	})
	t.Run("kubernetes", func(t *testing.T) {
		n := lab.NewNode(t)
		n.Policy("10-free.toml", free)
		d := lab.Containerd(t, n.Runward)
		if out := d.KeepPod(d.PodRequest("true")); out.Code != 0 {
			t.Fatal(out.Stderr)
		}
		check(t, n, 2)
	})
	t.Run("docker", func(t *testing.T) {
		n := lab.NewNode(t)
		n.Policy("10-free.toml", free)
		d := lab.Docker(t, n.Runward)
		for _, options := range [][]string{
			{},
			{"--cap-add", "SYS_ADMIN", "--device", "/dev/zero:/dev/x", "--security-opt", "seccomp=unconfined"}, // the machine may lack what --privileged gives
			{"--read-only", "--tmpfs", "/tmp:noexec", "--volume", "/tmp:/data:ro"},
			{"--user", "1000", "--cap-drop", "all", "--security-opt", "no-new-privileges"},
			{"--pids-limit", "20", "--memory", "64m", "--cpus", "0.7", "--cpu-shares", "300", "--ulimit", "nofile=100:200"},
			{"--pid", "host", "--ipc", "host", "--uts", "host"},
			{"--init"},
		} {
			if out := d.TryRun(append(append([]string{"--detach"}, options...), lab.Image, "sleep", "1000")...); out.Code != 0 {
				t.Errorf("%v: %s", options, out.Stderr)
			}
		}
		first := strings.TrimSpace(d.Try("ps", "--quiet", "--latest").Stdout)
		if out := d.TryRun("--detach", "--pid", "container:"+first, lab.Image, "sleep", "1000"); out.Code != 0 {
			t.Error(out.Stderr)
		}
		check(t, n, 8)
		if out := d.Try("update", "--memory", "100m", "--memory-swap", "150m", "--cpu-shares", "900", "--pids-limit", "30", first); out.Code != 0 {
			t.Error(out.Stderr)
		}
		check(t, n, 8)
	})
}

// Under crun, and where systemd makes the cgroups.
func TestAttestOtherRuntimesAndSystemd(t *testing.T) {
	if _, err := os.Stat("/run/systemd/system"); err != nil {
		t.Skip("the machine was not started by systemd: there is no /run/systemd/system")
	}
	for _, runtime := range []string{lab.Runc(t), needCrun(t)} {
		for _, systemd := range []bool{false, true} {
			n := lab.NewNode(t)
			n.Policy("10-free.toml", free)
			n.Settings("[runtime]\npath = '" + runtime + "'\n")
			for _, kind := range attestKinds {
				if kind.name == "seccomp that sets no filter" && filepath.Base(runtime) == "crun" {
					continue // crun refuses it
				}
				b := lab.Bundle(t, "while :; do sleep 1000; done", func(s *specs.Spec) {
					kind.edit(t, s)
					if systemd && s.Linux.CgroupsPath != "" {
						s.Linux.CgroupsPath = "system.slice:lab:" + strings.TrimPrefix(s.Linux.CgroupsPath, "/")
					}
				})
				must(t, os.MkdirAll(filepath.Join(b.Dir, "rootfs/real/mask"), 0o755))
				must(t, os.Symlink("real", filepath.Join(b.Dir, "rootfs/linked")))
				giveRootfs(t, b.Dir)
				call := func(args ...string) lab.Result {
					all := []string{"--root", b.Root}
					if systemd {
						all = append(all, "--systemd-cgroup")
					}
					return lab.Try(t, b.Dir, nil, n.Runward, append(all, args...)...)
				}
				t.Cleanup(func() { lab.Try(t, "", nil, runtime, "--root", b.Root, "delete", "--force", b.ID) })
				if out := call("create", "--bundle", b.Dir, b.ID); out.Code != 0 {
					t.Errorf("%s systemd %v: %s: %s", runtime, systemd, kind.name, out.Stderr)
					continue
				}
				if out := call("start", b.ID); out.Code != 0 {
					t.Error(out.Stderr)
				}
				if out := call("exec", "--detach", b.ID, "sleep", "999"); out.Code != 0 {
					t.Error(out.Stderr)
				}
				all := subjects(t, n)
				if len(all) != 1 {
					t.Fatal(len(all), "containers in the ledger")
				}
				all[0].clean(runtime + " systemd " + strconv.FormatBool(systemd) + " " + kind.name)
				if out := call("update", "--pids-limit", "33", "--memory", "100000000", "--memory-swap", "200000000", "--cpu-share", "333", b.ID); out.Code == 0 {
					again, err := ledger.List(filepath.Join(n.Dir, "run/ledger"))
					must(t, err)
					all[0].entry = again[0]
					all[0].expect()
					all[0].clean(runtime + " systemd " + strconv.FormatBool(systemd) + " updated " + kind.name)
				}
				call("delete", "--force", b.ID)
			}
		}
	}
}

// What a look at one of ten containers costs: all of it, without the list of
// the node's processes, and with config.json read and understood anew.
func BenchmarkAttest(b *testing.B) {
	n := lab.NewNode(b)
	n.Policy("10-free.toml", free)
	for range 10 {
		c := lab.Bundle(b, "while :; do sleep 1000; done")
		for _, args := range [][]string{{"create", "--bundle", c.Dir, c.ID}, {"start", c.ID}} {
			if out := c.Do(n.Runward, args...); out.Code != 0 {
				b.Fatal(out.Stderr)
			}
		}
	}
	all := subjects(b, n)
	entered, err := attest.ReadEntered()
	must(b, err)
	look := func(s *subject) {
		o, err := s.node.Observe(s.pid, s.start, s.want, entered, attest.Bounds{})
		must(b, err)
		if found := s.node.Compare(s.want, o, s.base); len(found) > 1 {
			b.Fatal(found)
		}
	}
	b.Run("look", func(b *testing.B) {
		var before, after unix.Rusage
		must(b, unix.Getrusage(unix.RUSAGE_SELF, &before))
		defer func() { // on a machine that does other things too
			must(b, unix.Getrusage(unix.RUSAGE_SELF, &after))
			cpu := after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
			b.ReportMetric(float64(cpu)/float64(b.N), "cpu-ns/op")
		}()
		for i := 0; b.Loop(); i++ {
			look(all[i%len(all)])
		}
	})
	b.Run("with-config", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			all[i%len(all)].expect()
			look(all[i%len(all)])
		}
	})
	b.Run("processes", func(b *testing.B) {
		for b.Loop() {
			_, err := attest.ReadEntered()
			must(b, err)
		}
		b.ReportMetric(float64(len(entered)), "namespaces")
	})
}
