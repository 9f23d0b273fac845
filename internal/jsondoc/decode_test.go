package jsondoc

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"pgregory.net/rapid"

	"github.com/runward/runward/internal/jsondoc/jsondoctest"
)

func decodeText(t *testing.T, text string, dst any) error {
	t.Helper()
	d, err := Parse([]byte(text), DefaultLimits())
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return Decode(d.Root(), dst)
}

func TestDecodeRefuses(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`{"HOOKS":{}}`, `line 1, column 2: key "HOOKS" is a case variant of "hooks"; runtimes disagree on it (at /HOOKS)`},
		{"{\n \"hoo\u212as\":{}}", `line 2, column 2: key "hoo\u212as" is a case variant of "hooks"; runtimes disagree on it (at /hoo\u212as)`},
		{`{"hoo\u212as":{}}`, `line 1, column 2: key "hoo\u212as" is a case variant of "hooks"; runtimes disagree on it (at /hoo\u212as)`},
		{"{\"linux\":{\"ma\u017fkedPaths\":[]}}", `line 1, column 11: key "ma\u017fkedPaths" is a case variant of "maskedPaths"; runtimes disagree on it (at /linux/ma\u017fkedPaths)`},
		{`{"hooks":{},"Hooks":null}`, `line 1, column 13: key "Hooks" is a case variant of "hooks"; runtimes disagree on it (at /Hooks)`},
		{`{"mounts":[{"destination":"/","Options":[]}]}`, `line 1, column 31: key "Options" is a case variant of "options"; runtimes disagree on it (at /mounts/0/Options)`},
		{`{"hostname":1}`, `line 1, column 13: want string, found number 1 (at /hostname)`},
		{`{"process":[]}`, `line 1, column 12: want object, found array (at /process)`},
		{`{"process":{"args":"sh"}}`, `line 1, column 20: want array, found string (at /process/args)`},
		{`{"process":{"args":["sh",null]}}`, `line 1, column 26: want string, found null (at /process/args/1)`},
		{`{"mounts":[null]}`, `line 1, column 12: want object, found null (at /mounts/0)`},
		{`{"annotations":{"a":null}}`, `line 1, column 21: want string, found null (at /annotations/a)`},
		{`{"process":{"terminal":"true"}}`, `line 1, column 24: want boolean, found string (at /process/terminal)`},
		{`{"process":{"user":{"uid":1.0}}}`, `line 1, column 27: want integer, found number 1.0 (at /process/user/uid)`},
		{`{"process":{"user":{"uid":1e2}}}`, `line 1, column 27: want integer, found number 1e2 (at /process/user/uid)`},
		{`{"process":{"user":{"uid":-1}}}`, `line 1, column 27: number -1 does not fit uint32 (at /process/user/uid)`},
		{`{"process":{"user":{"uid":4294967296}}}`, `line 1, column 27: number 4294967296 does not fit uint32 (at /process/user/uid)`},
		{`{"linux":{"resources":{"memory":{"limit":9223372036854775808}}}}`, `line 1, column 42: number 9223372036854775808 does not fit int64 (at /linux/resources/memory/limit)`},
		{`{"windows":{"credentialSpec":{}}}`, `line 1, column 30: type interface {} is not supported (at /windows/credentialSpec)`},
		{`null`, `line 1, column 1: want object, found null`},
		{`[]`, `line 1, column 1: want object, found array`},
	} {
		var s specs.Spec
		if err := decodeText(t, c.in, &s); err == nil || err.Error() != c.want {
			t.Errorf("%s\n got %v\nwant %s", c.in, err, c.want)
		}
	}
	var s specs.Spec
	if err := Decode(Value{}, &s); err == nil || err.Error() != "decode: no value" {
		t.Errorf("absent value: %v", err)
	}
	if err := decodeText(t, "{}", s); err == nil || err.Error() != "decode: destination is not a pointer" {
		t.Errorf("no pointer: %v", err)
	}
}

type (
	left  struct{ X int }
	right struct{ X int }
)

// Types that would silently lose something are refused as soon as they are met.
func TestUnsupportedTypes(t *testing.T) {
	for _, c := range []struct {
		dst  any
		want string
	}{
		{&struct{ A time.Time }{}, "type time.Time is not supported: it has its own JSON form"},
		{&struct{ A []time.Time }{make([]time.Time, 1)}, "type time.Time is not supported: it has its own JSON form"},
		{&struct{ A []byte }{}, "type []uint8 is not supported: bytes have no plain JSON form"},
		{&struct{ A map[int]string }{}, "type map[int]string is not supported: keys are not plain strings"},
		{&struct {
			A int `json:"a,string"`
		}{}, "json option string"},
		{&struct {
			left
			right
		}{}, "two fields named X"},
		{&struct{ *specs.Box }{}, "embedded pointer"},
		{&struct{ A chan int }{}, "type chan int is not supported"},
		{&struct{ A [2]int }{}, "type [2]int is not supported"},
	} {
		if err := decodeText(t, `{"A":[0]}`, c.dst); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("decode %T: %v, want %s", c.dst, err, c.want)
		}
		if _, err := Encode(nil, c.dst); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("encode %T: %v, want %s", c.dst, err, c.want)
		}
	}
}

func TestDecodeKeepsUnknownMembersAndNull(t *testing.T) {
	var s specs.Spec
	if err := decodeText(t, `{"x":{"HOOKS":1},"hooks":null,"mounts":null,"hostname":null,"linux":{"sysctl":{"A":"1","a":"2"}}}`, &s); err != nil {
		t.Fatal(err)
	}
	want := specs.Spec{Linux: &specs.Linux{Sysctl: map[string]string{"A": "1", "a": "2"}}}
	if !reflect.DeepEqual(s, want) {
		t.Errorf("%+v", s)
	}
}

func TestDecodeSamples(t *testing.T) {
	for name, raw := range samples(t) {
		var got, want specs.Spec
		if err := decodeText(t, string(raw), &got); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := json.Unmarshal(raw, &want); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: differs from encoding/json", name)
		}
		checkEncode(t, &want)
	}
}

// widths holds the kinds that specs.Spec does not have.
type widths struct {
	inner
	I8   int8     `json:"i8"`
	U8   uint8    `json:"u8,omitempty"`
	I16  *int16   `json:"i16"`
	F32  float32  `json:"f32,omitempty"`
	F64  *float64 `json:"f64,omitempty"`
	Name string   // no tag
	No   string   `json:"-"`
	M    map[specs.LinuxNamespaceType]specs.LinuxRdma
	dark string
}

type inner struct {
	Major int64 `json:"major"`
	I8    int8  `json:"i8"` // hidden by the outer one
}

func checkEncode(t interface {
	Helper()
	Fatalf(string, ...any)
}, v any,
) []byte {
	t.Helper()
	got, err := Encode(nil, v)
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	var want bytes.Buffer
	e := json.NewEncoder(&want)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		t.Fatalf("reference: %v", err)
	}
	if string(got) != strings.TrimSuffix(want.String(), "\n") {
		t.Fatalf("encode\n got %s\nwant %s", got, want.String())
	}
	return got
}

// checkTypes draws a value, compares both encoders on it, and both decoders on
// a document that spells it in some other way.
func checkTypes[T any](t *testing.T) {
	t.Helper()
	rapid.Check(t, func(t *rapid.T) {
		v := new(T)
		fill := reflect.ValueOf(v).Elem()
		for i := range fill.NumField() {
			if fill.Field(i).CanSet() {
				jsondoctest.Fill(t, fill.Field(i))
			}
		}
		raw := jsondoctest.Render(t, checkEncode(t, v))
		d := checkParse(t, raw)
		if d == nil {
			t.Fatalf("own document is refused: %s", raw)
		}
		got, want := new(T), new(T)
		if err := json.Unmarshal(raw, want); err != nil {
			t.Fatalf("reference: %v", err)
		}
		if err := Decode(d.Root(), got); err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%s\n got %+v\nwant %+v", raw, got, want)
		}
	})
}

func TestDecodeAsEncodingJSON(t *testing.T) {
	t.Run("spec", checkTypes[specs.Spec])
	t.Run("process", checkTypes[specs.Process])
	t.Run("resources", checkTypes[specs.LinuxResources])
	t.Run("widths", checkTypes[widths])
}

func TestUnexportedFieldIsNoMember(t *testing.T) {
	v := widths{dark: "kept"}
	if got := checkEncode(t, &v); bytes.Contains(got, []byte("kept")) {
		t.Errorf("encoded: %s", got)
	}
	d, err := Parse([]byte(`{"dark": "changed", "u8": 7}`), Limits{Bytes: 100, Depth: 4})
	if err != nil {
		t.Fatal(err)
	}
	if err := Decode(d.Root(), &v); err != nil || v.dark != "kept" || v.U8 != 7 {
		t.Errorf("decoded: %+v, %v", v, err)
	}
}

func TestEncodeSparse(t *testing.T) {
	limit := int64(0)
	l := specs.Linux{
		IntelRdt:  &specs.LinuxIntelRdt{},
		Seccomp:   &specs.LinuxSeccomp{Syscalls: []specs.LinuxSyscall{}},
		Resources: &specs.LinuxResources{Memory: &specs.LinuxMemory{}, Pids: &specs.LinuxPids{Limit: &limit}},
	}
	got, err := EncodeSparse(nil, &l)
	if err != nil || string(got) != `{"resources":{"pids":{"limit":0}}}` {
		t.Errorf("%s %v", got, err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(samples(f)["testdata/device-plugin.json"])
	f.Add([]byte(`{"hoo\u212as":{},"linux":{"resources":{"blockIO":{"weightDevice":[{"major":1,"weight":2}]}}}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		d, err := Parse(raw, DefaultLimits())
		if err != nil {
			return
		}
		var got, want specs.Spec
		if Decode(d.Root(), &got) != nil {
			return
		}
		if err := json.Unmarshal(raw, &want); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%q: differs from encoding/json (%v)\n%+v\n%+v", raw, err, got, want)
		}
	})
}

func large(b *testing.B) []byte {
	raw, err := os.ReadFile("testdata/large.json")
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	return raw
}

func BenchmarkParse25K(b *testing.B) {
	raw := large(b)
	for b.Loop() {
		if _, err := Parse(raw, DefaultLimits()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode25K(b *testing.B) {
	d, err := Parse(large(b), DefaultLimits())
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		var s specs.Spec
		if err := Decode(d.Root(), &s); err != nil {
			b.Fatal(err)
		}
	}
}

// What a process pays, which decodes once: the tables are not known yet.
func BenchmarkDecodeFirst25K(b *testing.B) {
	d, err := Parse(large(b), DefaultLimits())
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		tables.Clear()
		var s specs.Spec
		if err := Decode(d.Root(), &s); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodingJSON25K(b *testing.B) {
	raw := large(b)
	for b.Loop() {
		var s specs.Spec
		if err := json.Unmarshal(raw, &s); err != nil {
			b.Fatal(err)
		}
	}
}
