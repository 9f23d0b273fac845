package policy

import (
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func TestEvaluateUpdate(t *testing.T) {
	ptr := func(n int64) *int64 { return &n }
	uptr := func(n uint64) *uint64 { return &n }
	ceiling := &Ceiling{Memory: ptr(64 << 20), CPU: ptr(500), Pids: ptr(10)}
	memory := func(limit, swap int64) Update {
		return Update{Resources: specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &limit, Swap: &swap}}}
	}
	cpu := func(quota int64, period uint64) Update {
		return Update{Resources: specs.LinuxResources{CPU: &specs.LinuxCPU{Quota: &quota, Period: &period}}, Quota: 50000, Period: 100000}
	}
	unified := func(key, value string) Update {
		return Update{Resources: specs.LinuxResources{Unified: map[string]string{key: value}}}
	}
	for _, c := range []struct {
		name   string
		update Update
		want   string // pointer and found; empty: allowed
	}{
		{"nothing", Update{}, ""},
		{"memory within", memory(64<<20, 128<<20), ""},
		{"memory unchanged", memory(0, 0), ""},
		{"memory beyond", memory(64<<20+1, 0), "/memory/limit a memory limit of 67108865"},
		{"memory unlimited", memory(-1, 0), "/memory/limit a memory limit of none"},
		{"swap beyond", memory(0, 1<<40), "/memory/swap a limit on memory and swap of 1TiB"},
		{"cpu within", cpu(25000, 50000), ""},
		{"cpu as it is", cpu(50000, 100000), ""},
		{"cpu beyond", cpu(60000, 100000), "/cpu/quota processor time of 0.6"},
		{"cpu by the period alone", cpu(0, 50000), "/cpu/quota processor time of 1"},
		{"cpu by the quota alone", cpu(50001, 0), "/cpu/quota processor time of 0.501"},
		{"cpu unlimited", cpu(-1, 0), "/cpu/quota processor time of none"},
		{"real-time", Update{Resources: specs.LinuxResources{CPU: &specs.LinuxCPU{RealtimeRuntime: ptr(5), RealtimePeriod: uptr(10)}}}, "/cpu processor time reserved for real-time processes"},
		{"pids within", Update{Resources: specs.LinuxResources{Pids: &specs.LinuxPids{Limit: ptr(10)}}}, ""},
		{"pids beyond", Update{Resources: specs.LinuxResources{Pids: &specs.LinuxPids{Limit: ptr(11)}}}, "/pids/limit a limit on processes of 11"},
		{"pids unlimited", Update{Resources: specs.LinuxResources{Pids: &specs.LinuxPids{Limit: ptr(-1)}}}, "/pids/limit a limit on processes of none"},
		{"unified memory", unified("memory.max", "max"), "/unified/memory.max a memory limit of none"},
		{"unified memory within", unified("memory.max", "1048576"), ""},
		{"unified cpu", unified("cpu.max", "max 100000"), "/unified/cpu.max processor time of none"},
		{"unified cpu within", unified("cpu.max", "50000 100000"), ""},
		{"unified cpu without a period", unified("cpu.max", "60000"), "/unified/cpu.max processor time of 0.6"},
		{"unified pids", unified("pids.max", "11\n"), "/unified/pids.max a limit on processes of 11"},
		{"unified nonsense", unified("pids.max", "0x"), "/unified/pids.max a limit on processes of none"},
		{"unified weight", unified("cpu.weight", "10000"), ""},
		{"device", Update{Resources: specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{{Allow: false}, {Allow: true}}}}, "/devices/1 a device more"},
		{"rdt", Update{RDT: true}, " Intel RDT schemas"},
	} {
		d := EvaluateUpdate(Set{}, nil, c.update, &Facts{}, ceiling)
		var got []string
		for _, f := range d.Findings {
			got = append(got, f.Pointer+" "+f.Found)
		}
		if strings.Join(got, "; ") != c.want || (d.Verdict == Allow) != (c.want == "") {
			t.Errorf("%s: %v %q, want %q", c.name, d.Verdict, got, c.want)
		}
		if d := EvaluateUpdate(Set{}, nil, c.update, &Facts{}, nil); d.Verdict != Allow {
			t.Errorf("%s without a ceiling: %v", c.name, d)
		}
	}
}
