package census

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// The node's own, in these tests.
var host = Host{Mount: 1, PIDs: 2, User: 3, Root: Place{10, 2}}

// first is a container's first process, as runc leaves it.
func first(pid int, space uint64) Process {
	return Process{
		PID: pid, PPID: 50, Start: uint64(pid), Exe: "/bin/app", Cgroup: "/system.slice/docker-abc.scope",
		Mount: 100 + space, PIDs: 200 + space, Parent: host.PIDs, User: host.User, Root: Place{20, 2}, Pivoted: true,
	}
}

func TestIsContainer(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Process)
		want   bool
	}{
		{"runc's", func(*Process) {}, true},
		{"with the node's PIDs, by its cgroup", func(p *Process) { p.PIDs = host.PIDs }, true},
		{"with the node's PIDs and a cgroup of its own", func(p *Process) { p.PIDs, p.Cgroup = host.PIDs, "/mine" }, true},
		{"on the node's own file system", func(p *Process) { p.Root = Place{10, 77} }, true},
		{"in no unit's cgroup, with its own PIDs", func(p *Process) { p.Cgroup = "/" }, true},
		{"a service with PrivateMounts", func(p *Process) { p.PIDs, p.Root, p.Cgroup = host.PIDs, host.Root, "/system.slice/x.service" }, false},
		{"a service with PrivatePIDs", func(p *Process) { p.Root, p.Cgroup = host.Root, "/system.slice/x.service" }, false},
		{"a service with RootImage", func(p *Process) { p.PIDs, p.Cgroup = host.PIDs, "/system.slice/x.service" }, false},
		{"a snap", func(p *Process) { p.PIDs, p.Cgroup = host.PIDs, "/user.slice/snap.firefox.scope" }, false},
		{"a chroot with its own PIDs", func(p *Process) { p.Pivoted = false }, false},
		{"a kernel thread", func(p *Process) { p.Exe = "" }, false},
	} {
		p := first(100, 1)
		c.change(&p)
		if got := len(Take(host, []Process{p}, nil)) == 1; got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestTake(t *testing.T) {
	shim := Process{PID: 50, PPID: 1, Start: 5, Mount: host.Mount, Exe: "/usr/bin/containerd-shim-runc-v2", Name: "containerd-shim"}
	plain := func(p Process) Process { p.Cgroup = "/x"; return p }
	second := first(101, 1)
	second.Start, second.Exe = 4, "/bin/first" // pids began anew: the older one is the first
	nested := plain(first(300, 3))
	nested.PPID, nested.Parent = 120, 200+2
	rootless := first(400, 4)
	rootless.User, rootless.Owner, rootless.PPID = 77, 1000, 1
	for _, c := range []struct {
		name      string
		processes []Process
		known     []Known
		want      string
	}{
		{"known, with an entry", []Process{first(100, 1)}, []Known{{ID: "a", PID: 100, Entered: true}}, ""},
		{"known, without", []Process{first(100, 1)}, []Known{{ID: "a", PID: 100, Engine: "docker", Bundle: "/b"}}, "a/docker/100/"},
		{"its other processes are the same one", []Process{first(100, 1), second}, nil, "/docker/101/"},
		{"another process of it is the known one", []Process{first(100, 1), second}, []Known{{ID: "a", PID: 100, Entered: true}}, ""},
		{"its engine by its parent", []Process{shim, plain(first(100, 1))}, nil, "/containerd/100/"},
		{"in another container", []Process{first(100, 2), nested}, []Known{{ID: "outer", PID: 100, Entered: true}}, "//300/outer"},
		{"a user's", []Process{rootless}, nil, "/docker/400/"},
		{"known, and its process is not", nil, []Known{{ID: "a", Bundle: "/b"}}, "a//0/"},
		{"in the node's mount namespace", []Process{{PID: 7, Mount: host.Mount}}, nil, ""},
	} {
		var got []string
		for _, f := range Take(host, c.processes, c.known) {
			got = append(got, fmt.Sprintf("%s/%s/%d/%s", f.ID, f.Engine, f.Process.PID, f.Within))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// Each is told of once, when it was there twice, and once more when it ended.
func TestTell(t *testing.T) {
	settings := Default()
	settings.Ignore = []string{"/opt/agent*"}
	ignored := Found{Process: first(9, 9)}
	ignored.Process.Exe = "/opt/agent/bin/x"
	found := Found{Process: first(100, 1), Engine: "docker"}
	nested := Found{Process: first(200, 2), Within: "outer"}
	rootless := Found{ID: "r", User: 1000, Name: "mine"}
	var b Book
	var got []string
	for i, now := range [][]Found{{ignored, found}, {ignored, found, nested, rootless}, {found, nested, rootless}, {}, {found}} {
		for _, a := range b.Tell(&settings, time.Unix(int64(i), 0), now, func(engine string) []string { return []string{engine + " has one", "another"} }) {
			got = append(got, fmt.Sprintf("%d %s %s %s: %s", i, a.Name, a.Phase, a.Severity, a.Message))
		}
	}
	text := "a container that no engine's files tell of, process 100 (/bin/app) in cgroup /system.slice/docker-abc.scope, runs and runward has no entry of it; by its looks it is of docker, which has these ways around runward: docker has one; another"
	inner := "a container that no engine's files tell of, process 200 (/bin/app) in cgroup /system.slice/docker-abc.scope, runs and runward has no entry of it; it runs in container outer, and is held by what that one may"
	own := "container r (mine) runs and runward has no entry of it; it is user 1000's own, whom runward can only advise"
	want := []string{
		"1 census.unknown raised critical: " + text,
		"2 census.rootless raised info: " + own,
		"2 census.nested raised info: " + inner,
		"3 census.rootless cleared info: it has ended, or the ledger has it now: " + own,
		"3 census.unknown cleared info: it has ended, or the ledger has it now: " + text,
		"3 census.nested cleared info: it has ended, or the ledger has it now: " + inner,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if len(b.told) != 1 {
		t.Errorf("%d are remembered", len(b.told))
	}
}

func TestFiles(t *testing.T) {
	var p Process
	if !p.stat([]byte("12 (a) b (c) S 7 12 12 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4711 1 1")) || p.Name != "a) b (c" || p.PPID != 7 || p.Start != 4711 {
		t.Errorf("%+v", p)
	}
	if p.stat([]byte("12 (zombie) Z 7 12 12 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4711 1 1")) {
		t.Error("a zombie is taken")
	}
	for text, want := range map[string]string{"0::/a/b\n": "/a/b", "9:name=systemd:/docker/abc\n8:pids:/docker/abc\n0::/\n": "/docker/abc", "": "/"} {
		if got := cgroupOf([]byte(text)); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if !rootMounted([]byte("644 500 0:66 / / rw,relatime - overlay overlay rw\n645 644 0:70 / /proc rw - proc proc rw\n")) || rootMounted([]byte("645 644 0:70 / /proc rw - proc proc rw\n")) {
		t.Error("root")
	}
}

func FuzzFiles(f *testing.F) {
	f.Add([]byte("12 (a) S 7 12 12 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4711 1 1"))
	f.Add([]byte("0::/a\n"))
	f.Add([]byte("644 500 0:66 / / rw - overlay overlay rw\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var p Process
		p.stat(text)
		if cgroupOf(text) == "" {
			t.Error("no path")
		}
		rootMounted(text)
	})
}
