package jsondoc

import (
	"reflect"
	"slices"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func TestUnknown(t *testing.T) {
	for _, c := range []struct {
		in   string
		want []string
	}{
		{`{"mounts":[{"destination":"/a"}],"annotations":{"any":"x"},"linux":{"sysctl":{"any":"1"}}}`, nil},
		{`{"x":{"y":1},"linux":{"z":null,"resources":{"rdma":{"mlx":{"q":1}}}}}`, []string{"/x", "/linux/z", "/linux/resources/rdma/mlx/q"}},
		{`{"mounts":[{},{"q":1}],"":2,"a/b":3}`, []string{"/mounts/1/q", "/", "/a~1b"}},
		{`{"linux":{"resources":{"blockIO":{"weightDevice":[{"major":1,"weight":2,"q":3}]}}},"windows":{"credentialSpec":{"any":1}}}`, []string{"/linux/resources/blockIO/weightDevice/0/q"}},
		{`{"linux":null,"mounts":null}`, nil},
	} {
		d, err := Parse([]byte(c.in), DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		Unknown(d.Root(), reflect.TypeFor[specs.Spec](), func(m Value) bool {
			got = append(got, m.Pointer())
			return true
		})
		if !slices.Equal(got, c.want) {
			t.Errorf("%s\n got %q\nwant %q", c.in, got, c.want)
		}
		calls := 0
		Unknown(d.Root(), reflect.TypeFor[specs.Spec](), func(Value) bool { calls++; return false })
		if calls != min(len(c.want), 1) {
			t.Errorf("%s: %d calls after the first said stop", c.in, calls)
		}
	}
}
