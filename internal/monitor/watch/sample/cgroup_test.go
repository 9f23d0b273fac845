package sample

import (
	"reflect"
	"testing"
)

func TestHierarchies(t *testing.T) {
	got := hierarchies([]byte(`25 30 0:22 / /sys rw,nosuid - sysfs sysfs rw
31 25 0:26 / /sys/fs/cgroup/unified rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate
33 25 0:28 / /sys/fs/cgroup/cpu,cpuacct rw shared:11 - cgroup cgroup rw,cpu,cpuacct
34 25 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
35 25 0:30 /inner /mnt/pids rw - cgroup cgroup rw,pids
36 25 0:30 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
37 25 0:26 / /again rw - cgroup2 cgroup2 rw
38 25 0:31 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
`))
	want := []hierarchy{{"", "/sys/fs/cgroup/unified"}, {"cpu", "/sys/fs/cgroup/cpu,cpuacct"}, {"cpuacct", "/sys/fs/cgroup/cpu,cpuacct"}, {"memory", "/sys/fs/cgroup/memory"}, {"pids", "/sys/fs/cgroup/pids"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
}

func TestDirOf(t *testing.T) {
	const id = "4f3c"
	for _, c := range []struct{ name, cgroup, want string }{
		{"", "0::/system.slice/docker-4f3c.scope\n", "/top/system.slice/docker-4f3c.scope"},
		{"", "0::/system.slice/docker-4f3c.scope/init.scope\n", "/top/system.slice/docker-4f3c.scope"}, // systemd in it
		{"", "0::/kubepods/pod1/4f3c/nested/4f3c/x\n", "/top/kubepods/pod1/4f3c"},
		{"", "0::/elsewhere\n", "/top/elsewhere"},
		{"", "0::/\n", ""},           // it has none of its own
		{"", "0::/../4f3c\n", ""},    // outside of the cgroup namespace of who asks
		{"", "4:memory:/4f3c\n", ""}, // no such hierarchy
		{"memory", "5:cpu,cpuacct:/a\n4:memory:/4f3c\n0::/x\n", "/top/4f3c"},
		{"cpu", "5:cpu,cpuacct:/4f3c\n4:memory:/b\n", "/top/4f3c"},
		{"memory", "1:name=memory:/a\n", ""},
	} {
		if got := dirOf(hierarchy{c.name, "/top"}, []byte(c.cgroup), id); got != c.want {
			t.Errorf("%q in %q: %q, want %q", c.name, c.cgroup, got, c.want)
		}
	}
}
