package sample

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pretended is a node whose cgroups are files in a directory. The container is
// this process, in a network namespace that is not the node's.
func pretended(t *testing.T, maxFiles int, cgroup string, hierarchies []hierarchy, files map[string]string) (*Node, *Source, string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for i := range hierarchies {
		hierarchies[i].dir = filepath.Join(dir, hierarchies[i].dir)
	}
	n := &Node{hierarchies: hierarchies, maxFiles: maxFiles, buffer: make([]byte, maxFile), counted: map[netns]string{}, noted: map[string]bool{}}
	process, err := unix.Open("/proc/self", unix.O_DIRECTORY|unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	s := &Source{id: "c", process: process, net: netns{1, 2}}
	if err := n.openAll(s, []byte(cgroup)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close(s) })
	return n, s, dir
}

var version2 = map[string]string{
	"p/c/memory.current": "10485760\n", "p/c/memory.max": "67108864\n", "p/c/memory.swap.current": "4096\n",
	"p/c/memory.stat": "anon 1\nfile 2\ninactive_file 1048576\n", "p/c/memory.events": "low 0\nhigh 0\nmax 3\noom 2\noom_kill 1\noom_group_kill 0\n",
	"p/c/cpu.stat": "usage_usec 2000000\nuser_usec 1\nsystem_usec 1\nnr_periods 100\nnr_throttled 25\nthrottled_usec 500000\n", "p/c/cpu.max": "50000 100000\n",
	"p/c/pids.current": "7\n", "p/c/pids.max": "max\n", "p/c/pids.events": "max 5\n",
	"p/c/cpu.pressure":    "some avg10=0.00 avg60=1.00 avg300=0.00 total=1\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
	"p/c/memory.pressure": "some avg10=0.00 avg60=2.00 avg300=0.00 total=2\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
	"p/c/io.pressure":     "some avg10=0.00 avg60=3.00 avg300=0.00 total=3\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
	"p/c/io.stat":         "8:0 rbytes=1 wbytes=2 rios=3 wios=4\n",
}

const everything = HasMemory | HasOOM | HasCPU | HasThrottling | HasPids | HasCPUPressure | HasMemoryPressure | HasIOPressure | HasNetwork | HasDisk

// Cgroup v2 has all in one directory. Files that may not stay open are read all
// the same.
func TestVersion2(t *testing.T) {
	for _, maxFiles := range []int{0, 3, 100} {
		n, s, _ := pretended(t, maxFiles, "0::/p/c\n", []hierarchy{{name: ""}}, version2)
		got, err := n.Read(s, time.Unix(1, 0))
		if err != nil {
			t.Fatal(err)
		}
		got.Network = Network{}
		want := &Sample{
			Time: time.Unix(1, 0), Has: everything, OOMKills: 1,
			Memory: Memory{10 << 20, 9 << 20, 64 << 20, 4096},
			CPU:    CPU{2 * time.Second, 100, 25, 500 * time.Millisecond, 500}, Pids: Pids{7, 0, 5},
			Pressure: Pressures{Pressure{Some: Stall{Avg60: 1, Total: time.Microsecond}}, Pressure{Some: Stall{Avg60: 2, Total: 2 * time.Microsecond}}, Pressure{Some: Stall{Avg60: 3, Total: 3 * time.Microsecond}}},
			Disk:     Disk{1, 2, 3, 4},
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
		if notes := n.Notes(); len(notes) != 0 || n.files > maxFiles {
			t.Errorf("%d files are open; notes %q", n.files, notes)
		}
		if n.Close(s); n.files != 0 {
			t.Errorf("%d files stay open", n.files)
		}
	}
}

// In a hybrid, version 1 counts and version 2 has the pressure.
func TestHybrid(t *testing.T) {
	files := map[string]string{
		"unified/c/cpu.stat": "usage_usec 9\n", "unified/c/cpu.pressure": version2["p/c/cpu.pressure"], "unified/c/memory.pressure": version2["p/c/memory.pressure"], "unified/c/io.pressure": version2["p/c/io.pressure"],
		"memory/c/memory.usage_in_bytes": "10485760\n", "memory/c/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
		"memory/c/memory.stat": "inactive_file 1\nhierarchical_memory_limit 9223372036854771712\ntotal_swap 5\ntotal_inactive_file 1048576\n",
		"cpu/c/cpu.stat":       "nr_periods 4\nnr_throttled 2\nthrottled_time 1000000\n", "cpu/c/cpu.cfs_quota_us": "-1\n", "cpu/c/cpu.cfs_period_us": "100000\n", "cpuacct/c/cpuacct.usage": "3000000000\n",
		"pids/c/pids.current": "2\n", "pids/c/pids.max": "20\n",
		"blkio/c/blkio.throttle.io_service_bytes_recursive": "8:0 Read 1\n8:0 Write 2\nTotal 3\n", "blkio/c/blkio.throttle.io_serviced_recursive": "Total 0\n",
	}
	var all []hierarchy
	for _, name := range []string{"memory", "cpu", "cpuacct", "pids", "blkio"} {
		all = append(all, hierarchy{name, name})
	}
	all = append(all, hierarchy{"", "unified"})
	n, s, _ := pretended(t, 100, "8:pids:/c\n7:blkio:/c\n4:memory:/c\n2:cpuacct:/c\n1:cpu:/c\n0::/c\n", all, files)
	got, err := n.Read(s, time.Unix(1, 0))
	if err != nil {
		t.Fatal(err)
	}
	if got.Has != everything || got.Memory != (Memory{10 << 20, 9 << 20, 0, 5}) || got.CPU != (CPU{3 * time.Second, 4, 2, time.Millisecond, 0}) ||
		got.Pids != (Pids{2, 20, 0}) || got.OOMKills != 2 || got.Disk != (Disk{1, 2, 0, 0}) {
		t.Errorf("%+v", got)
	}
	want := "this kernel has no pids.events for containers: what it holds is not watched"
	if notes := strings.Join(n.Notes(), "; "); notes != want {
		t.Errorf("notes %q, want %q", notes, want)
	}
	if again := n.Notes(); len(again) != 0 {
		t.Errorf("said again: %q", again)
	}
}

// A container without a cgroup of its own is not given the node's numbers.
func TestNoCgroup(t *testing.T) {
	n, s, _ := pretended(t, 100, "0::/\n", []hierarchy{{name: ""}}, map[string]string{"cpu.pressure": version2["p/c/cpu.pressure"], "memory.current": "1\n"})
	got, err := n.Read(s, time.Unix(1, 0))
	if err != nil || got.Has != HasNetwork {
		t.Errorf("%+v, %v", got, err)
	}
	if notes := n.Notes(); len(notes) != 5 || !strings.Contains(notes[0], "no controller in it, that counts memory") {
		t.Errorf("%q", notes)
	}
}

// A file in a form of which nothing is known is said once, and the rest is read.
func TestUnknownForm(t *testing.T) {
	files := map[string]string{}
	for name, text := range version2 {
		files[name] = text
	}
	files["p/c/io.stat"] = "new form\n"
	n, s, dir := pretended(t, 100, "0::/p/c\n", []hierarchy{{name: ""}}, files)
	for range 2 {
		got, err := n.Read(s, time.Unix(1, 0))
		if err != nil || got.Has != everything&^HasDisk {
			t.Errorf("%+v, %v", got, err)
		}
	}
	if notes := strings.Join(n.Notes(), "; "); notes != dir+"/p/c/io.stat is in a form that is not known here: what it holds is not watched, of any container" {
		t.Errorf("%q", notes)
	}
}

// What vanishes in the middle is gone, with what could be read before.
func TestVanishes(t *testing.T) {
	n, s, dir := pretended(t, 0, "0::/p/c\n", []hierarchy{{name: ""}}, version2)
	if err := os.Remove(dir + "/p/c/pids.current"); err != nil {
		t.Fatal(err)
	}
	got, err := n.Read(s, time.Unix(1, 0))
	if !errors.Is(err, ErrGone) || got.Has&HasOOM == 0 || got.OOMKills != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}

// Two containers in one network namespace are counted once; when the first
// ends, with the second.
func TestSharedNetwork(t *testing.T) {
	n, s, _ := pretended(t, 100, "0::/p/c\n", []hierarchy{{name: ""}}, version2)
	process, err := unix.Open("/proc/self", unix.O_DIRECTORY|unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	other := &Source{id: "other", process: process, net: s.net}
	t.Cleanup(func() { n.Close(other) })
	whose := func(s *Source) string {
		r := &Sample{}
		if err := n.readNetwork(s, r); err != nil {
			t.Fatal(err)
		}
		if (r.Network.Shared == "") != (r.Has&HasNetwork != 0) {
			t.Errorf("%+v", r)
		}
		return r.Network.Shared
	}
	if a, b := whose(s), whose(other); a != "" || b != "c" {
		t.Errorf("%q, %q", a, b)
	}
	n.Close(s)
	if b := whose(other); b != "" {
		t.Errorf("%q", b)
	}
	n.host = other.net
	if b := whose(other); b != "host" {
		t.Errorf("%q", b)
	}
}
