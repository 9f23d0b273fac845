package state

import (
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// group makes the files of a cgroup below base.
func group(t *testing.T, base, path string, files map[string]string) string {
	t.Helper()
	dir := base + path
	must(t, os.MkdirAll(dir, 0o755))
	for name, text := range files {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(text+"\n"), 0o600))
	}
	return dir
}

func TestLimitsInForce(t *testing.T) {
	const none = "9223372036854771712"
	for _, tt := range []struct {
		name string
		v2   bool
		leaf map[string]string
		unit map[string]string // above it
		want limits
		err  string // behind the file's directory
	}{
		{name: "v1", leaf: map[string]string{"memory.limit_in_bytes": "4096", "cpu.cfs_quota_us": "5000", "cpu.cfs_period_us": "10000", "pids.max": "7"}, want: limits{4096, 5000, 10000, 7}},
		{name: "v1, none", leaf: map[string]string{"memory.limit_in_bytes": none, "cpu.cfs_quota_us": "-1", "cpu.cfs_period_us": "100000", "pids.max": "max"}, want: limits{-1, -1, 100000, -1}},
		{name: "v2", v2: true, leaf: map[string]string{"memory.max": "4096", "cpu.max": "5000 10000", "pids.max": "7"}, want: limits{4096, 5000, 10000, 7}},
		{name: "v2, none", v2: true, leaf: map[string]string{"memory.max": "max", "cpu.max": "max 100000", "pids.max": "max"}, want: limits{-1, -1, 100000, -1}},
		{name: "controllers that are off", v2: true, leaf: map[string]string{"pids.max": "7"}, want: limits{pids: 7}},
		{name: "gone", leaf: map[string]string{}},
		{
			name: "the unit's limits are lower", v2: true, leaf: map[string]string{"memory.max": "max", "cpu.max": "max 100000", "pids.max": "9"},
			unit: map[string]string{"memory.max": "4096", "cpu.max": "5000 10000", "pids.max": "7"}, want: limits{4096, 5000, 10000, 7},
		},
		{
			name: "the container's limits are lower", v2: true, leaf: map[string]string{"memory.max": "4096", "cpu.max": "10000 20000", "pids.max": "7"},
			unit: map[string]string{"memory.max": "max", "cpu.max": "60000 100000", "pids.max": "9"}, want: limits{4096, 10000, 20000, 7},
		},
		{name: "none at all may run", v2: true, leaf: map[string]string{"pids.max": "0", "memory.max": "0"}, want: limits{memory: 1, pids: 1}},
		{name: "no number", v2: true, leaf: map[string]string{"memory.max": "lots"}, err: `/memory.max: "lots" is no number`},
		{name: "empty", leaf: map[string]string{"memory.limit_in_bytes": ""}, err: "/memory.limit_in_bytes: it is empty"},
		{name: "no period", v2: true, leaf: map[string]string{"cpu.max": "5000"}, err: `/cpu.max: "" is no number`},
		{name: "v1, no period", leaf: map[string]string{"cpu.cfs_quota_us": "5000"}, err: "/cpu.cfs_period_us: it has no period"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			base := t.TempDir()
			dirs := []string{group(t, base, "/x.scope/container", tt.leaf)}
			if tt.unit != nil {
				group(t, base, "/x.scope", tt.unit)
				dirs = upTo(base, "/x.scope/container", "x.scope")
			}
			g := cgroups{memory: dirs, cpu: dirs, pids: dirs, memoryV2: tt.v2, cpuV2: tt.v2, pidsV2: tt.v2}
			got, err := g.read()
			switch {
			case tt.err != "":
				if err == nil || err.Error() != dirs[0]+tt.err {
					t.Errorf("got  %v\nwant %s", err, tt.err)
				}
			case err != nil || got != tt.want:
				t.Errorf("got %+v, %v, want %+v", got, err, tt.want)
			}
		})
	}
}

// What is in force holds, but for the kernel's rounding; what has no cgroup is
// held to the record.
func TestSetLimits(t *testing.T) {
	page := int64(os.Getpagesize())
	for _, tt := range []struct {
		name     string
		recorded int64
		file     string
		want     int64 // 0: none
	}{
		{"rounded by the kernel", 10*page + 1, strconv.FormatInt(10*page, 10), 10*page + 1},
		{"changed since", 10 * page, strconv.FormatInt(5*page, 10), 5 * page},
		{"lifted since", 10 * page, "max", 0},
		{"forgotten by runc update", 0, strconv.FormatInt(5*page, 10), 5 * page},
		{"no cgroup", 10 * page, "", 10 * page},
		{"recorded as none", -1, "", 0},
	} {
		dir := t.TempDir()
		if tt.file != "" {
			group(t, dir, "", map[string]string{"memory.max": tt.file})
		}
		var c Container
		must(t, c.setLimits(limits{memory: tt.recorded}, cgroups{memory: []string{dir}, memoryV2: true}))
		got := int64(0)
		if c.Ceiling.Memory != nil {
			got = *c.Ceiling.Memory
		}
		if got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}

func TestKept(t *testing.T) {
	now := limits{quota: 20000, period: 50000}
	for _, tt := range []struct {
		name          string
		g             cgroups
		recorded      limits
		quota, period int64
	}{
		{"runc, cgroup v1", cgroups{ownRecord: true}, limits{quota: 30000, period: 60000}, 30000, 60000},
		{"runc, cgroup v1, forgotten", cgroups{ownRecord: true}, limits{}, 20000, 50000},
		{"runc, cgroup v2", cgroups{ownRecord: true, cpuV2: true}, limits{quota: 30000, period: 60000}, 30000, 60000},
		{"runc, cgroup v2, forgotten: the period alone lifts the quota", cgroups{ownRecord: true, cpuV2: true}, limits{}, -1, DefaultPeriod},
		{"runc, systemd, forgotten", cgroups{ownRecord: true, systemd: true}, limits{}, -1, DefaultPeriod},
		{"crun, cgroup v1", cgroups{}, limits{quota: 30000, period: 60000}, 20000, 50000},
		{"crun, cgroup v2: writes both", cgroups{cpuV2: true}, limits{quota: 30000, period: 60000}, -1, DefaultPeriod},
	} {
		if quota, period := tt.g.kept(tt.recorded, now); quota != tt.quota || period != tt.period {
			t.Errorf("%s: %d %d, want %d %d", tt.name, quota, period, tt.quota, tt.period)
		}
	}
}

func TestProcessors(t *testing.T) {
	for _, tt := range []struct{ quota, period, want int64 }{
		{0, 0, 0},
		{-1, 100000, 0},
		{50000, 100000, 500},
		{50000, 0, 500},
		{150000, 100000, 1500},
		{1, 1000000, 1},
		{math.MaxInt64, 1, 0},
	} {
		got := int64(0)
		if p := Processors(tt.quota, tt.period); p != nil {
			got = *p
		}
		if got != tt.want {
			t.Errorf("%d/%d: %d, want %d", tt.quota, tt.period, got, tt.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) { // more quota is never less
		period := rapid.Int64Range(1000, 1000000).Draw(t, "period")
		a := rapid.Int64Range(1, 1<<40).Draw(t, "a")
		b := rapid.Int64Range(a, 1<<41).Draw(t, "b")
		if p, q := Processors(a, period), Processors(b, period); *p > *q {
			t.Errorf("%d/%d gives %d, %d gives %d", a, period, *p, b, *q)
		}
	})
}

func TestMounted(t *testing.T) {
	for _, tt := range []struct {
		path, scope string
		want        []string
	}{
		{"/a/b", "", []string{"T/a/b"}},
		{"/a/x.scope", "x.scope", []string{"T/a/x.scope"}},
		{"/a/x.scope/container", "x.scope", []string{"T/a/x.scope/container", "T/a/x.scope"}},
		{"/a/yx.scope/container", "x.scope", []string{"T/a/yx.scope/container"}},
	} {
		if got := upTo("T", tt.path, tt.scope); strings.Join(got, " ") != strings.Join(tt.want, " ") {
			t.Errorf("%s %s: %q", tt.path, tt.scope, got)
		}
	}
	for _, bad := range []string{"a", "/a/", "/a/../b", "//a", "./a"} {
		if _, err := mounted(bad, ""); err == nil || !strings.HasSuffix(err.Error(), "is not a clean absolute path") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestProfile(t *testing.T) {
	for text, want := range map[string]string{
		"cri-containerd.apparmor.d (enforce)\n": "cri-containerd.apparmor.d",
		"with space (complain)\n":               "with space",
		"unconfined\n":                          "",
		"unconfined (unconfined)\n":             "",
		"system_u:system_r:container_t:s0\x00":  "",
		"":                                      "",
	} {
		if got := profile([]byte(text)); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
