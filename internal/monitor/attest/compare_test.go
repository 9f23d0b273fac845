package attest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"pgregory.net/rapid"

	"github.com/runward/runward/internal/ledger"
	"github.com/runward/runward/policy"
)

// drawSpec draws a container's config.json.
func drawSpec(t *rapid.T) *specs.Spec {
	subset := func(name string, of []string) []string {
		var out []string
		for _, item := range of {
			if rapid.Bool().Draw(t, name+" "+item) {
				out = append(out, item)
			}
		}
		return out
	}
	yes := func(name string) bool { return rapid.Bool().Draw(t, name) }
	bounding := subset("bounding", []string{"CAP_CHOWN", "CAP_KILL", "CAP_SETUID", "CAP_SETGID", "CAP_NET_RAW"})
	s := &specs.Spec{
		Version: "1.0.2", Root: &specs.Root{Path: "rootfs", Readonly: yes("read-only root")},
		Process: &specs.Process{
			Args: []string{"sh"}, Cwd: "/", NoNewPrivileges: yes("no new privileges"),
			Capabilities: &specs.LinuxCapabilities{Bounding: bounding, Permitted: bounding, Effective: bounding},
			Rlimits:      []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 100, Hard: 200}},
			OOMScoreAdj:  ptr(rapid.IntRange(-900, 900).Draw(t, "score")),
			User:         specs.User{UID: uint32(rapid.SampledFrom([]int{0, 1000}).Draw(t, "uid")), GID: 7, AdditionalGids: []uint32{8}},
		},
		Mounts: []specs.Mount{
			{Destination: "/proc", Type: "proc", Options: []string{"nosuid", "noexec", "nodev"}},
			{Destination: "/tmp", Type: "tmpfs", Options: []string{"nosuid", "nodev"}},
			{Destination: "/data", Type: "bind", Options: []string{"rbind", "ro"}},
		},
		Linux: &specs.Linux{
			CgroupsPath: "/lab/one",
			Namespaces:  []specs.LinuxNamespace{{Type: specs.MountNamespace}, {Type: specs.PIDNamespace}, {Type: specs.NetworkNamespace, Path: "/run/netns/x"}},
			MaskedPaths: []string{"/proc/kcore", "/proc/none"}, ReadonlyPaths: []string{"/proc/sys"},
			Resources: &specs.LinuxResources{
				Devices: []specs.LinuxDeviceCgroup{{Access: "rwm"}, {Allow: true, Type: "c", Major: ptr(int64(10)), Minor: ptr(int64(229)), Access: "rw"}},
				Memory:  &specs.LinuxMemory{Limit: ptr(int64(64 << 20)), Swap: ptr(int64(96 << 20))},
				CPU:     &specs.LinuxCPU{Quota: ptr(int64(50000)), Period: ptr(uint64(100000)), Shares: ptr(uint64(512)), Cpus: "0-1"},
				Pids:    &specs.LinuxPids{Limit: ptr(int64(50))},
				BlockIO: &specs.LinuxBlockIO{ThrottleReadBpsDevice: []specs.LinuxThrottleDevice{throttle(8, 0, 1000)}},
			},
		},
	}
	if yes("seccomp") {
		s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActErrno}
	}
	if yes("user namespace") {
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
		s.Linux.UIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: 100000, Size: 5000}}
		s.Linux.GIDMappings = s.Linux.UIDMappings
	}
	if yes("AppArmor") {
		s.Process.ApparmorProfile = "lab"
	}
	return s
}

func throttle(major, minor int64, rate uint64) specs.LinuxThrottleDevice {
	var d specs.LinuxThrottleDevice
	d.Major, d.Minor, d.Rate = major, minor, rate
	return d
}

var testNode = &Node{
	AppArmor:   true,
	Namespaces: [nsCount][]uint64{{1}, {2}, {3}, {4}, {5}, {6}, {7}, {8}},
	Hierarchies: map[string]Hierarchy{
		"": {"/u", "/"}, "memory": {"/m", "/"}, "cpu": {"/c", "/"}, "pids": {"/p", "/"}, "devices": {"/d", "/"},
	},
}

// asDecided is what the kernel shows of a container that a runtime made of s.
func asDecided(s *specs.Spec) *Observed {
	p := s.Process
	caps := policy.CapabilitySet(p.Capabilities.Bounding)
	shift, users := uint32(0), uint64(6)
	for _, ns := range s.Linux.Namespaces {
		if ns.Type == specs.UserNamespace {
			shift, users = 100000, 60
		}
	}
	first := Process{
		PID: 10, Start: 1, Name: "sh", State: 'S', Inside: true, Rooted: true, Login: noLogin, Session: noLogin,
		Capabilities: [capSets]uint64{0, caps, caps, caps, 0}, NoNewPrivs: p.NoNewPrivileges,
		UIDs: all(p.User.UID + shift), GIDs: all(p.User.GID + shift), Groups: []uint32{7 + shift, 8 + shift},
		Namespaces: [nsCount]uint64{10, 20, 30, 4, 5, users, 7, 8},
		Cgroups:    map[string]string{"memory": "/lab/one", "cpu": "/lab/one", "pids": "/lab/one", "devices": "/lab/one", "": "/"},
		Rlimits:    map[string]Rlimit{"RLIMIT_NOFILE": {100, 200}}, OOMScoreAdj: *p.OOMScoreAdj,
		Label: "unconfined",
	}
	if s.Linux.Seccomp != nil {
		first.Seccomp, first.Filters = 2, 1
	}
	if p.ApparmorProfile != "" {
		first.Label = p.ApparmorProfile + " (enforce)"
	}
	second := first
	second.PID = 11
	second.Cgroups = map[string]string{"memory": "/lab/one/below", "cpu": "/lab/one", "pids": "/lab/one", "devices": "/lab/one"}
	o := &Observed{
		Init: first, Others: []Process{second}, Named: map[string]uint64{"/run/netns/x": 30},
		Mounts: []Mount{
			{ID: 1, Device: "0:1", Root: "/", Point: "/", FS: "overlay", Flags: readOnly, Slave: true},
			{ID: 2, Parent: 1, Device: "0:2", Root: "/", Point: "/proc", FS: "proc", Flags: noSuid | noDev | noExec},
			{ID: 3, Parent: 2, Device: "0:3", Root: "/null", Point: "/proc/kcore", FS: "tmpfs"},
			{ID: 4, Parent: 2, Device: "0:2", Root: "/sys", Point: "/proc/sys", FS: "proc", Flags: readOnly | noSuid | noDev | noExec},
			{ID: 5, Parent: 1, Device: "0:5", Root: "/", Point: "/tmp", FS: "tmpfs", Flags: noSuid | noDev},
			{ID: 6, Parent: 1, Device: "8:1", Root: "/x", Point: "/data", FS: "ext4", Flags: readOnly},
			{ID: 7, Parent: 1, Device: "0:7", Root: "/", Point: "/own", FS: "tmpfs", Flags: noExec},
		},
		Paths: map[string]Path{"/proc/none": {}},
		Limits: Limits{
			Seen: true, Memory: ptr(int64(64 << 20)), Swap: ptr(int64(96 << 20)), Quota: ptr(int64(50000)), Period: ptr(int64(100000)),
			Shares: ptr(int64(512)), Pids: ptr(int64(50)), CPUs: "0-1", Mems: "0", Throttle: map[string]int64{"8:0 rbps": 1000},
			Devices: []string{"c *:* m", "c 1:3 rwm", "c 10:229 rw"},
		},
	}
	if shift > 0 {
		o.UIDMap, o.GIDMap = []IDMap{{0, 100000, 5000}}, []IDMap{{0, 100000, 5000}}
	}
	return o
}

func all(id uint32) [4]uint32 { return [4]uint32{id, id, id, id} }

// A change is made to what is observed.
type change struct {
	name  string
	apply func(o *Observed)
	field string                 // of the one difference; empty: none
	when  func(*specs.Spec) bool // nil: always
}

func locked(s *specs.Spec) bool {
	set := policy.CapabilitySet(s.Process.Capabilities.Bounding)
	return s.Process.NoNewPrivileges && set&(1<<policy.CapabilityNumber("CAP_SETUID")|1<<policy.CapabilityNumber("CAP_SETGID")) == 0
}

func ownUsers(s *specs.Spec) bool { return len(s.Linux.UIDMappings) > 0 }

// changes are each way of being wider, by its one name, and ways of being
// tighter, which have none.
func changes() []change {
	list := []change{
		{name: "no_new_privileges", apply: func(o *Observed) { o.Init.NoNewPrivs = false }, field: "no_new_privileges", when: func(s *specs.Spec) bool { return s.Process.NoNewPrivileges }},
		{name: "no_new_privileges of another", apply: func(o *Observed) { o.Others[0].NoNewPrivs = false }, field: "no_new_privileges", when: func(s *specs.Spec) bool { return s.Process.NoNewPrivileges }},
		{name: "no filter", apply: func(o *Observed) { o.Init.Seccomp, o.Init.Filters = 0, 0 }, field: "seccomp", when: func(s *specs.Spec) bool { return s.Linux.Seccomp != nil }},
		{name: "a mode without filters", apply: func(o *Observed) { o.Others[0].Filters = 0 }, field: "seccomp", when: func(s *specs.Spec) bool { return s.Linux.Seccomp != nil }},
		{name: "filters not counted", apply: func(o *Observed) { o.Init.Filters = -1 }, when: func(s *specs.Spec) bool { return s.Linux.Seccomp != nil }},
		{name: "another user", apply: func(o *Observed) { o.Init.UIDs[1]++ }, field: "user.uid", when: locked},
		{name: "another group", apply: func(o *Observed) { o.Init.GIDs[3]++ }, field: "user.gid", when: locked},
		{name: "one more group", apply: func(o *Observed) { o.Init.Groups = append(o.Init.Groups, 4) }, field: "user.groups", when: locked},
		{name: "a user of the host", apply: func(o *Observed) { o.Others[0].UIDs[2] = 0 }, field: "user.uid", when: ownUsers},
		{name: "a group of the host", apply: func(o *Observed) { o.Others[0].GIDs[0] = 105000 }, field: "user.gid", when: ownUsers},
		{name: "one more id", apply: func(o *Observed) { o.UIDMap[0].Size++ }, field: "uid_map", when: ownUsers},
		{name: "one more group id", apply: func(o *Observed) { o.GIDMap = append(o.GIDMap, IDMap{5000, 0, 1}) }, field: "gid_map", when: ownUsers},
		{name: "unconfined", apply: func(o *Observed) { o.Init.Label = "unconfined" }, field: "apparmor", when: func(s *specs.Spec) bool { return s.Process.ApparmorProfile != "" }},
		{name: "complaining", apply: func(o *Observed) { o.Init.Label = "lab (complain)" }, field: "apparmor", when: func(s *specs.Spec) bool { return s.Process.ApparmorProfile != "" }},
		{name: "a profile below", apply: func(o *Observed) { o.Init.Label = "lab//child (enforce)" }},
		{name: "mount namespace", apply: func(o *Observed) { o.Others[0].Namespaces[nsMount] = 1 }, field: "namespace.mount"},
		{name: "pid namespace", apply: func(o *Observed) { o.Init.Namespaces[nsPID] = 2 }, field: "namespace.pid"},
		{name: "another network", apply: func(o *Observed) { o.Init.Namespaces[nsNet] = 31 }, field: "namespace.network"},
		{name: "the path leads elsewhere later", apply: func(o *Observed) { o.Named["/run/netns/x"] = 31 }},
		{name: "the path is gone later", apply: func(o *Observed) { o.Named["/run/netns/x"] = 0 }},
		{name: "user namespace", apply: func(o *Observed) { o.Init.Namespaces[nsUser] = 6; o.Others[0].Namespaces[nsUser] = 6 }, field: "namespace.user", when: ownUsers},
		{name: "an unrelated user namespace", apply: func(o *Observed) { o.Others[0].Namespaces[nsUser] = 99 }, field: "namespace.user"},
		{name: "a nested user namespace with all capabilities", apply: func(o *Observed) {
			p := &o.Others[0]
			p.Namespaces[nsUser], p.Nested, p.Capabilities = 99, true, [capSets]uint64{0, 1<<41 - 1, 1<<41 - 1, 1<<41 - 1, 0}
		}},
		{name: "moved away", apply: func(o *Observed) { o.Init.Cgroups["memory"] = "/lab/onemore" }, field: "cgroup"},
		{name: "another moved away", apply: func(o *Observed) { o.Others[0].Cgroups["pids"] = "/" }, field: "cgroup"},
		{name: "came in from outside", apply: func(o *Observed) {
			p := &o.Others[0]
			p.Outside, p.Capabilities, p.NoNewPrivs, p.Seccomp = true, [capSets]uint64{0, 1<<41 - 1, 1<<41 - 1, 1<<41 - 1, 0}, false, 0
		}, field: "process.outside"},
		{name: "the runtime on its way", apply: func(o *Observed) {
			p := &o.Others[0]
			p.Inside, p.Runtime, p.Namespaces[nsMount], p.Capabilities[capEffective] = false, true, 1, 1<<41-1
		}},
		{name: "hard limit", apply: func(o *Observed) { o.Init.Rlimits["RLIMIT_NOFILE"] = Rlimit{100, 201} }, field: "rlimit.nofile"},
		{name: "soft limit raised", apply: func(o *Observed) { o.Init.Rlimits["RLIMIT_NOFILE"] = Rlimit{200, 200} }},
		{name: "limits lowered", apply: func(o *Observed) { o.Init.Rlimits["RLIMIT_NOFILE"] = Rlimit{1, 1} }},
		{name: "score lowered", apply: func(o *Observed) { o.Init.OOMScoreAdj-- }, field: "oom_score_adj"},
		{name: "score raised", apply: func(o *Observed) { o.Init.OOMScoreAdj++ }},
		{name: "writable root", apply: func(o *Observed) { o.Mounts[0].Flags = 0 }, field: "rootfs", when: func(s *specs.Spec) bool { return s.Root.Readonly }},
		{name: "flags since the start", apply: func(o *Observed) { o.Mounts[6].Flags = 0 }, field: "mounts:/own"},
		{name: "shared root", apply: func(o *Observed) { o.Mounts[0].Shared = true }, field: "rootfs"},
		{name: "shared mount", apply: func(o *Observed) { o.Mounts[4].Shared = true }, field: "mounts:/tmp"},
		{name: "flag lost", apply: func(o *Observed) { o.Mounts[4].Flags = noSuid }, field: "mounts:/tmp"},
		{name: "flag won", apply: func(o *Observed) { o.Mounts[4].Flags |= noExec | readOnly }},
		{name: "bind made writable", apply: func(o *Observed) { o.Mounts[5].Flags = 0 }, field: "mounts:/data"},
		{name: "mask gone", apply: func(o *Observed) {
			o.Mounts = slices.Delete(o.Mounts, 2, 3)
			o.Paths["/proc/kcore"] = Path{Exists: true, Mount: 2}
		}, field: "masked:/proc/kcore"},
		{name: "mask replaced", apply: func(o *Observed) { o.Mounts[2].Root = "/other" }, field: "masked:/proc/kcore"},
		{name: "masked path that came to be", apply: func(o *Observed) { o.Paths["/proc/none"] = Path{Exists: true, Mount: 2} }, field: "masked:/proc/none"},
		{name: "read-only path made writable", apply: func(o *Observed) { o.Mounts[3].Flags &^= readOnly }, field: "readonly:/proc/sys"},
		{name: "read-only path gone", apply: func(o *Observed) {
			o.Mounts = slices.Delete(o.Mounts, 3, 4)
			o.Paths["/proc/sys"] = Path{Exists: true, Mount: 2}
		}, field: "readonly:/proc/sys"},
		{name: "mount gone", apply: func(o *Observed) {
			o.Mounts = slices.Delete(o.Mounts, 4, 5)
			o.Paths["/tmp"] = Path{Exists: true, Mount: 1}
		}, field: "mounts:/tmp"},
		{name: "mount that nobody asked for gone", apply: func(o *Observed) { o.Mounts = o.Mounts[:6] }, field: "mounts:/own"},
		{name: "mount added", apply: func(o *Observed) {
			o.Mounts = append(o.Mounts, Mount{ID: 9, Parent: 1, Device: "8:1", Root: "/", Point: "/host", FS: "ext4"})
		}, field: "mount_added:/host"},
		{name: "mount over a mount", apply: func(o *Observed) {
			o.Mounts = append(o.Mounts, Mount{ID: 9, Parent: 5, Device: "0:9", Root: "/", Point: "/tmp", FS: "tmpfs", Flags: noSuid | noDev})
		}, field: "mount_added:/tmp"},
		{name: "changed its root", apply: func(o *Observed) { o.Init.Rooted = false }, field: "mounts"},
		{name: "memory", apply: func(o *Observed) { *o.Limits.Memory++ }, field: "memory.limit"},
		{name: "no limit on memory", apply: func(o *Observed) { o.Limits.Memory = ptr(int64(-1)) }, field: "memory.limit"},
		{name: "no file for memory", apply: func(o *Observed) { o.Limits.Memory = nil }, field: "memory.limit"},
		{name: "swap", apply: func(o *Observed) { *o.Limits.Swap++ }, field: "memory.swap"},
		{name: "quota", apply: func(o *Observed) { *o.Limits.Quota = 50001 }, field: "cpu.quota"},
		{name: "period", apply: func(o *Observed) { *o.Limits.Period = 90000 }, field: "cpu.quota"},
		{name: "no quota", apply: func(o *Observed) { *o.Limits.Quota = -1 }, field: "cpu.quota"},
		{name: "shares", apply: func(o *Observed) { *o.Limits.Shares = 513 }, field: "cpu.shares"},
		{name: "pids", apply: func(o *Observed) { *o.Limits.Pids = 51 }, field: "pids.limit"},
		{name: "processors", apply: func(o *Observed) { o.Limits.CPUs = "0-2" }, field: "cpuset.cpus"},
		{name: "memory nodes since the start", apply: func(o *Observed) { o.Limits.Mems = "0-1" }, field: "cpuset.mems"},
		{name: "throttle raised", apply: func(o *Observed) { o.Limits.Throttle["8:0 rbps"] = 1001 }, field: "io:8:0 rbps"},
		{name: "throttle gone", apply: func(o *Observed) { o.Limits.Throttle = nil }, field: "io:8:0 rbps"},
		{name: "device", apply: func(o *Observed) { o.Limits.Devices = append(o.Limits.Devices, "b 8:0 r") }, field: "devices"},
		{name: "access to a device", apply: func(o *Observed) { o.Limits.Devices[2] = "c 10:* rw" }, field: "devices"},
		{name: "all devices", apply: func(o *Observed) { o.Limits.Devices = []string{"a *:* rwm"} }, field: "devices"},
		{name: "no end for want of memory", apply: func(o *Observed) { o.Limits.OOMDisabled = true }, field: "memory.oom"},
		{name: "limits lowered", apply: func(o *Observed) {
			*o.Limits.Memory, *o.Limits.Swap, *o.Limits.Quota, *o.Limits.Shares, *o.Limits.Pids = 1, 1, 1, 2, 0
			o.Limits.CPUs, o.Limits.Devices = "1", nil
		}},
		{name: "left out", apply: func(o *Observed) { o.Left = 3 }, field: "processes"},
		{name: "unread", apply: func(o *Observed) { o.Unread = []Unread{{"uid_map", "x"}} }, field: "uid_map"},
		{name: "unread of a process", apply: func(o *Observed) { o.Others[0].Unread = []Unread{{"rlimit", "x"}} }, field: "rlimit"},
		{name: "drops everything", apply: func(o *Observed) {
			for _, p := range []*Process{&o.Init, &o.Others[0]} {
				p.Capabilities, p.NoNewPrivs, p.Seccomp, p.Filters, p.Groups = [capSets]uint64{}, true, 2, 9, nil
			}
		}},
	}
	for set, name := range capSetNames {
		list = append(
			list,
			change{name: "capability " + name, apply: func(o *Observed) { o.Init.Capabilities[set] |= 1 << 21 }, field: "capabilities." + name},
			change{name: "capability of another " + name, apply: func(o *Observed) { o.Others[0].Capabilities[set] |= 1 << 40 }, field: "capabilities." + name},
		)
	}
	return list
}

// What is as it was decided has no difference; each single way of being wider
// is one, of its name; being tighter is none.
func TestCompareNamesEachWidening(t *testing.T) {
	list := changes()
	rapid.Check(t, func(rt *rapid.T) {
		s := drawSpec(rt)
		want, base := expectation(t, s), asDecided(s).Baseline()
		if got := fieldsOf(testNode.Compare(want, asDecided(s), base)); got != "" {
			rt.Fatalf("as decided: %s", got)
		}
		c := rapid.SampledFrom(list).Draw(rt, "change")
		if c.when != nil && !c.when(s) {
			return
		}
		o := asDecided(s)
		c.apply(o)
		if got := fieldsOf(testNode.Compare(want, o, base)); got != c.field {
			rt.Fatalf("%s: %q, want %q", c.name, got, c.field)
		}
	})
}

// Each change is tried at least once, whatever rapid draws.
func TestCompareTriesEachChange(t *testing.T) {
	for _, c := range changes() {
		tried := false
		for seed := range 64 {
			s := rapid.Custom(drawSpec).Example(seed)
			if c.when != nil && !c.when(s) {
				continue
			}
			tried = true
			o := asDecided(s)
			c.apply(o)
			if got := fieldsOf(testNode.Compare(expectation(t, s), o, asDecided(s).Baseline())); got != c.field {
				t.Errorf("%s: %q, want %q", c.name, got, c.field)
				break
			}
		}
		if !tried {
			t.Errorf("%s was not tried", c.name)
		}
	}
}

func expectation(t testing.TB, s *specs.Spec) *Expected {
	t.Helper()
	raw, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := policy.ParseSpec(raw)
	if err != nil {
		t.Fatal(err)
	}
	caps := append([]string{}, s.Process.Capabilities.Bounding...)
	entry := &ledger.Entry{ID: "one", Enforced: true, Claim: policy.ClaimOf(parsed.View())}
	entry.Ceiling = policy.Ceiling{Capabilities: &caps, NoNewPrivileges: s.Process.NoNewPrivileges, Seccomp: s.Linux.Seccomp != nil}
	want, err := Expect(raw, entry)
	if err != nil {
		t.Fatal(err)
	}
	return want
}

func fieldsOf(all []Difference) string {
	var names []string
	for _, d := range all {
		names = append(names, d.Field)
	}
	return strings.Join(names, " ")
}

// What updates through runward asked for counts, up to the ceiling, and what is
// settled as the container's claim counts alone.
func TestExpectAfterUpdates(t *testing.T) {
	s := rapid.Custom(drawSpec).Example(1)
	raw, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := policy.ParseSpec(raw)
	if err != nil {
		t.Fatal(err)
	}
	claim := policy.ClaimOf(parsed.View())
	for _, c := range []struct {
		name string
		with func(*ledger.Entry)
		want string
	}{
		{"none", func(*ledger.Entry) {}, "memory 67108864 swap 33554432 quota 50000/100000 shares 512 pids 50 cpus [0-1]"},
		{"a claim that was settled", func(e *ledger.Entry) { e.Claim = policy.Claim{Memory: 1000, CPU: 250, Pids: 0} }, "memory 1000 swap 33554432 quota 25000/100000 shares 512 pids -1 cpus [0-1]"},
		{"asked, larger", func(e *ledger.Entry) {
			e.Asked = &specs.LinuxResources{CPU: &specs.LinuxCPU{Shares: ptr(uint64(900)), Cpus: "3"}, Memory: &specs.LinuxMemory{Limit: ptr(int64(1 << 20)), Swap: ptr(int64(-1))}}
		}, "memory 67108864 swap -1 quota 50000/100000 shares 900 pids 50 cpus [0-1 3]"},
		{"asked, smaller", func(e *ledger.Entry) {
			e.Asked = &specs.LinuxResources{CPU: &specs.LinuxCPU{Shares: ptr(uint64(9))}}
		}, "memory 67108864 swap 33554432 quota 50000/100000 shares 512 pids 50 cpus [0-1]"},
		{"beyond the ceiling", func(e *ledger.Entry) {
			e.Claim = policy.Claim{}
			e.Ceiling.Memory, e.Ceiling.CPU, e.Ceiling.Pids = ptr(int64(5000)), ptr(int64(100)), ptr(int64(9))
		}, "memory 5000 swap 33554432 quota 10000/100000 shares 512 pids 9 cpus [0-1]"},
		{"beyond the ceiling, in audit mode", func(e *ledger.Entry) { e.Enforced, e.Ceiling.Pids = false, ptr(int64(9)) }, "memory 67108864 swap 33554432 quota 50000/100000 shares 512 pids 50 cpus [0-1]"},
	} {
		entry := &ledger.Entry{ID: "one", Enforced: true, Claim: claim}
		c.with(entry)
		want, err := Expect(raw, entry)
		if err != nil {
			t.Fatal(err)
		}
		r := want.Resources
		got := fmt.Sprintf("memory %d swap %d quota %d/%d shares %d pids %d cpus %v", *r.Memory, *r.Swap2, *r.Quota, periodOf(r.Period), *r.Shares, *r.Pids, r.CPUs)
		if got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestCgroupNames(t *testing.T) {
	for _, c := range []struct {
		at       string
		rootless bool
		path     string
		want     string
	}{
		{at: "/a/b", path: "/a/b/c", want: "/a/b"},
		{at: "/a/b", path: "/a/bc"},
		{at: "/a/b", path: "/x/a/b"},
		{at: "/a/b", rootless: true, path: "/x/a/b", want: "/x/a/b"},
		{at: "a/b", path: "/x/a/b/c", want: "/x/a/b"},
		{at: "", path: "/x/one", want: "/x/one"},
		{at: "", path: "/system.slice/runc-one.scope", want: "/system.slice/runc-one.scope"},
		{at: "kubepods-x.slice:cri-containerd:abc", path: "/kubepods.slice/kubepods-x.slice/cri-containerd-abc.scope/container", want: "/kubepods.slice/kubepods-x.slice/cri-containerd-abc.scope"},
		{at: "system.slice::abc", path: "/system.slice/abc.scope", want: "/system.slice/abc.scope"},
		{at: "a:b:c", path: "/x/a:b:c", want: "/x/a:b:c"},
		{at: "a.slice:x:y", path: "/a.slice/x-yz.scope"},
	} {
		e := Expected{Cgroups: cgroupNames(c.at, "one", c.rootless)}
		if got, ok := e.group("/", c.path); got != c.want || ok != (c.want != "") {
			t.Errorf("%q, %s: %q %v, want %q", c.at, c.path, got, ok, c.want)
		}
	}
}

// The weight of cgroup v2 by either formula is no difference, and one more is.
func TestWeightOfShares(t *testing.T) {
	for shares, want := range map[int64]int64{2: 1, 512: 59, 1024: 100, 262144: 10000, 1 << 40: 10000, 0: 1} {
		if got := *weightOfShares(&shares); got != want {
			t.Errorf("%d: %d, want %d", shares, got, want)
		}
	}
}

// A set that root can fill by executing is more than what it starts with, but
// for no_new_privs.
func TestReachable(t *testing.T) {
	c := &specs.LinuxCapabilities{Bounding: []string{"CAP_CHOWN", "chown", "CAP_KILL"}, Permitted: []string{"CAP_CHOWN"}}
	const chown, both = 1, 1 | 1<<5
	if got := *reachable(c, false); got != [capSets]uint64{both, both, both, both, both} {
		t.Errorf("%x", got)
	}
	if got := *reachable(c, true); got != [capSets]uint64{both, chown, chown, both, chown} {
		t.Errorf("with no_new_privs: %x", got)
	}
}

// Without a config.json that can be believed the ceiling alone speaks, and that
// is said.
func TestExpectWithoutConfig(t *testing.T) {
	caps := []string{"CAP_CHOWN"}
	want, err := Expect(nil, &ledger.Entry{ID: "one", Enforced: true, Ceiling: policy.Ceiling{Capabilities: &caps, NoNewPrivileges: true}})
	if err != nil || !want.Init.NoNewPrivs || want.Init.Capabilities[capEffective] != 1 || len(want.Unread) != 1 || want.Unread[0].Field != "config.json" {
		t.Errorf("%+v, %v", want, err)
	}
	d := Difference{Field: "mounts:/proc.x"}
	if d.Check() != "mounts" || (&Difference{Field: "seccomp"}).Check() != "seccomp" {
		t.Error(d.Check())
	}
	if !reflect.DeepEqual(fieldsOf(testNode.Compare(want, &Observed{Init: Process{Capabilities: [capSets]uint64{0, 0, 2, 0, 0}, NoNewPrivs: true}}, nil)), "config.json capabilities.effective limits") {
		t.Error(testNode.Compare(want, &Observed{Init: Process{Capabilities: [capSets]uint64{0, 0, 2, 0, 0}, NoNewPrivs: true}}, nil))
	}
}
