package policy

import (
	"encoding/json"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/internal/jsondoc"
	"github.com/runward/runward/internal/patch"
)

func TestEvaluateUpdate(t *testing.T) {
	ptr := func(n int64) *int64 { return &n }
	uptr := func(n uint64) *uint64 { return &n }
	ceiling := &Ceiling{
		Memory: ptr(64 << 20), CPU: ptr(500), Pids: ptr(10),
		ReadBytes: map[string]int64{"8:0": 100}, WriteCalls: map[string]int64{"8:0": 5}, IOWeight: ptr(500),
		Hugepages: map[string]int64{"2097152": 4 << 20, "1073741824": 0},
	}
	weight := func(n uint16) *uint16 { return &n }
	disk := func(minor int64, rate uint64) []specs.LinuxThrottleDevice {
		return []specs.LinuxThrottleDevice{{LinuxBlockIODevice: specs.LinuxBlockIODevice{Major: 8, Minor: minor}, Rate: rate}}
	}
	io := func(b specs.LinuxBlockIO) Update { return Update{Resources: specs.LinuxResources{BlockIO: &b}} }
	pages := func(size string, limit uint64) Update {
		return Update{Resources: specs.LinuxResources{HugepageLimits: []specs.LinuxHugepageLimit{{Pagesize: size, Limit: limit}}}}
	}
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
		{"reads within", io(specs.LinuxBlockIO{ThrottleReadBpsDevice: disk(0, 100)}), ""},
		{"reads beyond", io(specs.LinuxBlockIO{ThrottleReadBpsDevice: disk(0, 101)}), "/blockIO/throttleReadBpsDevice/0 a rate of 101 bytes read a second of disk 8:0"},
		{"reads unlimited", io(specs.LinuxBlockIO{ThrottleReadBpsDevice: disk(0, 0)}), "/blockIO/throttleReadBpsDevice/0 a rate of unlimited bytes read a second of disk 8:0"},
		{"reads of another disk", io(specs.LinuxBlockIO{ThrottleReadBpsDevice: disk(16, 0)}), ""},
		{"writes that are not held", io(specs.LinuxBlockIO{ThrottleWriteBpsDevice: disk(0, 0)}), ""},
		{"writes beyond", io(specs.LinuxBlockIO{ThrottleWriteIOPSDevice: disk(0, 6)}), "/blockIO/throttleWriteIOPSDevice/0 a rate of 6 writes a second of disk 8:0"},
		{"weights", io(specs.LinuxBlockIO{Weight: weight(501), LeafWeight: weight(500), WeightDevice: []specs.LinuxWeightDevice{{Weight: weight(10), LeafWeight: weight(1000)}}}), "/blockIO/weight a weight of 501; /blockIO/weightDevice/0/leafWeight a weight of 1000"},
		{"huge pages within", pages("2MB", 4<<20), ""},
		{"huge pages beyond", pages("2MB", 8<<20), `/hugepageLimits/0 8MiB in huge pages of "2MB"`},
		{"huge pages by another name", pages("2048KB", 8<<20), `/hugepageLimits/0 8MiB in huge pages of "2048KB"`},
		{"huge pages unlimited", pages("1GB", 1<<64-1), `/hugepageLimits/0 no limit on huge pages of "1GB"`},
		{"huge pages that are not held", pages("64KB", 1<<40), ""},
		{"unified io", unified("io.max", "8:0 rbps=max"), `/unified/io.max "8:0 rbps=max"`},
		{"unified huge pages", unified("hugetlb.2MB.max", "max"), `/unified/hugetlb.2MB.max "max"`},
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

// An engine repeats what it asked for at create and did not get: that is taken
// out, and nothing else.
func TestUpdateRepeats(t *testing.T) {
	wrote := `{"ociVersion":"1.0.2","process":{},"linux":{"resources":{"memory":{"limit":1000,"swap":2000},"pids":{"limit":2048},"cpu":{"quota":200,"period":100}}}}`
	spec, err := ParseSpec([]byte(wrote))
	if err != nil {
		t.Fatal(err)
	}
	left := spec.typed.Linux.Resources
	ptr := func(n int64) *int64 { return &n }
	less := &specs.LinuxResources{
		Memory: &specs.LinuxMemory{Limit: ptr(500), Swap: ptr(1000)}, Pids: &specs.LinuxPids{Limit: ptr(10)},
		CPU: &specs.LinuxCPU{Quota: ptr(50), Period: left.CPU.Period},
	}
	ceiling := &Ceiling{Memory: ptr(500), Pids: ptr(10), CPU: ptr(500), Asked: askedFor(left, less)}
	if a := askedFor(left, left); a != nil {
		t.Errorf("all was given, and of what was asked is kept %+v", *a)
	}
	for _, c := range []struct {
		update, want string // want: what the runtime gets, or what is refused
	}{
		{`{}`, `{}`},
		{`{"pids":{"limit":2048},"memory":{"limit":400}}`, `{"memory":{"limit":400}}`},
		{`{"memory":{"limit":1000,"swap":2000,"reservation":7},"cpu":{"quota":200,"period":100,"shares":3}}`, `{"memory":{"reservation":7},"cpu":{"shares":3}}`},
		{`{"memory":{"limit":300,"swap":2000},"cpu":{"quota":200},"pids":{"limit":0}}`, `{"memory":{"limit":300},"cpu":{},"pids":{"limit":0}}`},
		{`{"pids":{"limit":2047}}`, "/pids/limit a limit on processes of 2047"},
		{`{"pids":{"limit":2048},"memory":{"limit":1001}}`, "/memory/limit a memory limit of 1001"},
		{`{"cpu":{"quota":200,"period":50}}`, "/cpu/quota processor time of 4"},
		{`{"memory":{"limit":2000}}`, "/memory/limit a memory limit of 2000"}, // it was asked for as swap
		{`{"unified":{"pids.max":"2048"}}`, "/unified/pids.max a limit on processes of 2048"},
	} {
		u := Update{Document: true}
		if err := json.Unmarshal([]byte(c.update), &u.Resources); err != nil {
			t.Fatal(err)
		}
		facts := &Facts{Claim: &Claim{Memory: 500, Pids: 10}}
		d := EvaluateUpdate(Set{}, nil, u, facts, ceiling)
		got := ""
		if f, refused := d.Refusal(); refused {
			got = f.Pointer + " " + f.Found
		} else {
			after, err := patch.Apply([]byte(c.update), jsondoc.DefaultLimits(), d.Patch)
			if err != nil {
				t.Fatal(err)
			}
			got = string(after)
			rest := Update{Document: true}
			if err := json.Unmarshal(after, &rest.Resources); err != nil {
				t.Fatal(err)
			}
			if again := EvaluateUpdate(Set{}, nil, rest, facts, ceiling); again.Verdict != Allow || again.Claim != d.Claim {
				t.Errorf("%s: what is left of it is %v, %+v", c.update, again.Verdict, again)
			}
		}
		if got != c.want || (d.Verdict == Rewrite) != (len(d.Patch) > 0) || (d.Verdict == Allow) != (c.want == c.update) {
			t.Errorf("%s: %v %s, want %s", c.update, d.Verdict, got, c.want)
		}
		u.Document = false
		if d := EvaluateUpdate(Set{}, nil, u, facts, ceiling); d.Verdict == Rewrite || d.Patch != nil {
			t.Errorf("%s as flags: %+v", c.update, d)
		}
	}
}

// What a container claims once it is updated.
func TestUpdateClaims(t *testing.T) {
	was := Claim{Memory: 100, CPU: 500, Pids: 10}
	ptr := func(n int64) *int64 { return &n }
	unified := func(key, value string) specs.LinuxResources {
		return specs.LinuxResources{Unified: map[string]string{key: value}}
	}
	for _, c := range []struct {
		name   string
		update specs.LinuxResources
		want   Claim
	}{
		{"nothing", specs.LinuxResources{}, was},
		{"memory", specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: ptr(50)}}, Claim{50, 500, 10}},
		{"memory as it is", specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: ptr(0)}}, was},
		{"no limit", specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: ptr(-1)}, Pids: &specs.LinuxPids{Limit: ptr(-1)}, CPU: &specs.LinuxCPU{Quota: ptr(-1)}}, Claim{}},
		{"the quota alone, over the period that it has", specs.LinuxResources{CPU: &specs.LinuxCPU{Quota: ptr(20001)}}, Claim{100, 1001, 10}},
		{"by the files of cgroup version 2", specs.LinuxResources{Unified: map[string]string{"memory.max": "70", "cpu.max": "10000 20000", "pids.max": "max\n"}}, Claim{70, 500, 0}},
		{"both ways", specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: ptr(200)}, Unified: map[string]string{"memory.max": "70"}}, Claim{200, 500, 10}},
		{"another file", unified("memory.high", "70"), was},
	} {
		facts := &Facts{Claim: &was}
		u := Update{Resources: c.update, Quota: 10000, Period: 20000}
		if d := EvaluateUpdate(Set{}, nil, u, facts, nil); d.Claim != c.want || d.Verdict != Allow {
			t.Errorf("%s: %v %+v, want %+v", c.name, d.Verdict, d.Claim, c.want)
		}
	}
}

// No limit is the largest claim, and no sum turns over.
func TestUsageAdds(t *testing.T) {
	if got, want := (Claim{1, 0, 3}).Larger(Claim{2, 5, 1}), (Claim{2, 0, 3}); got != want {
		t.Errorf("larger: %+v", got)
	}
	var u Usage
	for _, c := range []Claim{{1 << 62, 5, 0}, {1 << 62, 0, 7}, {1 << 62, 5, 0}} {
		u.Add(c)
	}
	want := Usage{Claim: Claim{1<<63 - 1, 10, 7}, Containers: 3, Unlimited: Claim{0, 1, 2}}
	if u != want {
		t.Errorf("got %+v, want %+v", u, want)
	}
}
