package attest

import (
	"math"
	"reflect"
	"strings"
	"testing"
)

const statusText = `Name:	sh
Umask:	0022
State:	S (sleeping)
Tgid:	12
PPid:	1
Uid:	1000	1001	1002	1003
Gid:	5	6	7	8
Groups:	5 1000 
CapInh:	0000000000000001
CapPrm:	0000000000000003
CapEff:	0000000000000002
CapBnd:	00000000a80425fb
CapAmb:	0000000000000000
NoNewPrivs:	1
Seccomp:	2
Seccomp_filters:	3
`

func TestParseStatus(t *testing.T) {
	var p Process
	if err := parseStatus(statusText, &p); err != nil {
		t.Fatal(err)
	}
	want := Process{
		Name: "sh", State: 'S', UIDs: [4]uint32{1000, 1001, 1002, 1003}, GIDs: [4]uint32{5, 6, 7, 8}, Groups: []uint32{5, 1000},
		Capabilities: [capSets]uint64{1, 3, 2, 0xa80425fb, 0}, NoNewPrivs: true, Seccomp: 2, Filters: 3,
	}
	if !reflect.DeepEqual(p, want) {
		t.Errorf("got  %+v\nwant %+v", p, want)
	}
	p = Process{}
	if err := parseStatus(strings.ReplaceAll(statusText, "Seccomp_filters:\t3\n", ""), &p); err != nil || p.Filters != -1 {
		t.Errorf("before Linux 5.9: %v, %d", err, p.Filters)
	}
	for line := range strings.Lines(statusText) {
		if key, _, _ := strings.Cut(line, ":"); strings.Contains("Name State Uid Gid Groups CapInh CapPrm CapEff CapBnd CapAmb NoNewPrivs Seccomp", key) {
			if err := parseStatus(strings.ReplaceAll(statusText, line, ""), new(Process)); err == nil || err.Error() != "it lacks lines that were expected" {
				t.Errorf("without %s: %v", key, err)
			}
			if err := parseStatus(strings.ReplaceAll(statusText, line, key+":\t-\n"), new(Process)); key != "Name" && key != "State" && (err == nil || err.Error() != "its line "+key+` is "-"`) {
				t.Errorf("%s spoilt: %v", key, err)
			}
		}
	}
}

func TestParseMounts(t *testing.T) {
	got, err := parseMounts(`165 164 0:109 / / ro,relatime master:7 - overlay overlay rw,lowerdir=/a
166 165 0:29 /with\040space /mnt/a\134b rw,nosuid,nodev,noexec,relatime shared:3 master:4 - tmpfs a\040b rw
167 165 8:1 /x /y rw,nosymfollow unbindable - ext4 /dev/sda1 ro
`)
	want := []Mount{
		{ID: 165, Parent: 164, Device: "0:109", Root: "/", Point: "/", FS: "overlay", Flags: readOnly, Slave: true},
		{ID: 166, Parent: 165, Device: "0:29", Root: "/with space", Point: `/mnt/a\b`, FS: "tmpfs", Flags: noSuid | noDev | noExec, Shared: true, Slave: true},
		{ID: 167, Parent: 165, Device: "8:1", Root: "/x", Point: "/y", FS: "ext4", Flags: noSymfollow},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, bad := range []string{"x\n", "1 2 3 4 5 6\n", "1 2 0:1 / relative rw - a b c\n", "x 2 0:1 / / rw - a b c\n", "\n"} {
		if m, err := parseMounts(bad); err == nil {
			t.Errorf("%q: %+v", bad, m)
		}
	}
}

func TestParseOthers(t *testing.T) {
	if got, err := parseCgroups("4:cpu,cpuacct:/a:b\n1:name=systemd:/\n0::/c\n"); err != nil || !reflect.DeepEqual(got, map[string]string{"cpu": "/a:b", "cpuacct": "/a:b", "name=systemd": "/", "": "/c"}) {
		t.Error(got, err)
	}
	if got, err := parseIDMap("         0     100000       1000\n      1000 4294967294 1\n"); err != nil || !reflect.DeepEqual(got, []IDMap{{0, 100000, 1000}, {1000, 4294967294, 1}}) {
		t.Error(got, err)
	}
	got, err := parseRlimits("Limit                     Soft Limit           Hard Limit           Units     \nMax open files            100                  200                  files     \nMax core file size        0                    unlimited            bytes     \n")
	if err != nil || !reflect.DeepEqual(got, map[string]Rlimit{"RLIMIT_NOFILE": {100, 200}, "RLIMIT_CORE": {0, math.MaxUint64}}) {
		t.Error(got, err)
	}
	for text, want := range map[string]int64{"max": -1, "-1": -1, "9223372036854771712": -1, "18446744073709551615": -1, "0": 0, "4096": 4096} {
		if n, ok := limit(text); !ok || n != want {
			t.Errorf("%s: %d %v", text, n, ok)
		}
	}
	for text, want := range map[string]device{"c 1:3 rwm": {"c", 1, 3, "rwm"}, "a *:* rwm": {"a", -1, -1, "rwm"}, "b 8:* r": {"b", 8, -1, "r"}} {
		if d, ok := parseDevice(text); !ok || d != want {
			t.Errorf("%s: %+v %v", text, d, ok)
		}
	}
	for _, bad := range []string{"", "c", "d 1:3 r", "c 1 r", "c x:3 r", "c -1:3 r", "ab 1:1 r"} {
		if d, ok := parseDevice(bad); ok {
			t.Errorf("%q: %+v", bad, d)
		}
	}
	if got, ok := members("0-2,7"); !ok || !reflect.DeepEqual(got, []int{0, 1, 2, 7}) {
		t.Error(got, ok)
	}
	for _, bad := range []string{"", "1-", "3-1", "a", "0-99999999"} {
		if got, ok := members(bad); ok {
			t.Errorf("%q: %v", bad, got)
		}
	}
}

// A path is on the mount that the kernel would find by walking.
func TestTree(t *testing.T) {
	tr := newTree([]Mount{
		{ID: 1, Parent: 0, Point: "/"},
		{ID: 2, Parent: 1, Point: "/a/b"},   // hidden by 3
		{ID: 3, Parent: 1, Point: "/a"},     //
		{ID: 4, Parent: 3, Point: "/a/b/c"}, // on 3
		{ID: 5, Parent: 4, Point: "/a/b/c"}, // on top of 4
		{ID: 6, Parent: 1, Point: "/ab"},
	})
	for path, want := range map[string]int{"/": 1, "/x": 1, "/a": 3, "/a/b": 3, "/a/b/c": 5, "/a/b/c/d": 5, "/a/b/cd": 3, "/ab": 6, "/abc": 1} {
		if m := tr.at(path); m == nil || m.ID != want {
			t.Errorf("%s: %+v, want %d", path, m, want)
		}
	}
	if tr.exactly("/a/b") != nil || tr.exactly("/a/b/c").ID != 5 {
		t.Error("exactly")
	}
	if newTree(nil).at("/") != nil {
		t.Error("no root")
	}
}

// Whatever the kernel's files say, they are read or refused, and nothing panics.
func FuzzParse(f *testing.F) {
	f.Add(statusText)
	f.Add("165 164 0:109 / / ro master:7 - overlay overlay rw\n166 166 0:1 / / rw - x y z\n1 2 0:1 \\04 /\\0 rw - a\n")
	f.Add("4:cpu,cpuacct:/a:b\n0::/c\n")
	f.Add("Max open files            100                  unlimited files\n")
	f.Add("0 100000 65536\n")
	f.Add("8:0 rbps=max wbps=1\n")
	f.Fuzz(func(t *testing.T, text string) {
		var p Process
		if err := parseStatus(text, &p); err == nil && p.State == 0 {
			t.Error("a status without a state")
		}
		if mounts, err := parseMounts(text); err == nil {
			tree := newTree(mounts)
			for i := range mounts {
				if tree.root != nil && tree.at(mounts[i].Point) == nil {
					t.Error("nowhere", mounts[i].Point)
				}
			}
		}
		if groups, err := parseCgroups(text); err == nil {
			for _, at := range groups {
				if !strings.HasPrefix(at, "/") {
					t.Error(at)
				}
			}
		}
		_, _ = parseRlimits(text)
		_, _ = parseIDMap(text)
		_, _ = parseDevice(text)
		_, _ = members(text)
		_, _ = limit(text)
	})
}
