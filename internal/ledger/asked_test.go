package ledger

import (
	"reflect"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func ptr[T any](v T) *T { return &v }

// What updates asked for is put together by limit, the later one counts, and it
// comes back from the file as it went in.
func TestAsk(t *testing.T) {
	e := Entry{Version: Version, ID: "a", Root: "/run/runc"}
	for _, r := range []*specs.LinuxResources{
		{Memory: &specs.LinuxMemory{Limit: ptr(int64(1000)), Swap: ptr(int64(2000))}, CPU: &specs.LinuxCPU{Cpus: "0-1"}},
		{Memory: &specs.LinuxMemory{Limit: ptr(int64(500)), Swap: ptr(int64(0))}, CPU: &specs.LinuxCPU{Shares: ptr(uint64(7))}, Unified: map[string]string{"memory.high": "9"}},
		{Pids: &specs.LinuxPids{Limit: ptr(int64(-1))}, Unified: map[string]string{"io.weight": "3"}},
	} {
		if before := e.Asked; !e.Ask(r) || before != nil && reflect.DeepEqual(before, e.Asked) {
			t.Errorf("%+v is not new", r)
		}
	}
	if e.Ask(&specs.LinuxResources{Memory: new(specs.LinuxMemory), CPU: &specs.LinuxCPU{Shares: ptr(uint64(7))}}) {
		t.Error("the same again is new")
	}
	want := &specs.LinuxResources{
		Memory: &specs.LinuxMemory{Limit: ptr(int64(500)), Swap: ptr(int64(2000))},
		CPU:    &specs.LinuxCPU{Cpus: "0-1", Shares: ptr(uint64(7))}, Pids: &specs.LinuxPids{Limit: ptr(int64(-1))},
		Unified: map[string]string{"memory.high": "9", "io.weight": "3"},
	}
	text, err := encode(&e)
	if err != nil {
		t.Fatal(err)
	}
	back, err := decode(text)
	if err != nil || !reflect.DeepEqual(e.Asked, want) || !reflect.DeepEqual(back.Asked, want) {
		t.Errorf("asked %+v, kept as %s, read %v", e.Asked, text, err)
	}
}
