package patch

import (
	"encoding/json"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"pgregory.net/rapid"

	"github.com/runward/runward/internal/jsondoc"
	"github.com/runward/runward/internal/jsondoc/jsondoctest"
)

func parse(t failer, raw []byte) *jsondoc.Doc {
	t.Helper()
	doc, err := jsondoc.Parse(raw, jsondoc.DefaultLimits())
	if err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return doc
}

func decode(t failer, raw []byte) *specs.Spec {
	t.Helper()
	s := new(specs.Spec)
	if err := jsondoc.Decode(parse(t, raw).Root(), s); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return s
}

// Each case changes the decoded document and expects exactly this patch.
func TestMake(t *testing.T) {
	truth, zero, limit := true, 0, int64(5)
	for _, c := range []struct {
		name, doc string
		change    func(*specs.Spec)
		want      string
	}{
		{"nothing", `{"ociVersion":"1.0","x":1,"process":null,"mounts":[],"root":{"path":"r","readonly":false}}`, func(*specs.Spec) {}, `[]`},
		{"replace scalar", `{"hostname":"a"}`, func(s *specs.Spec) { s.Hostname = "b" }, `[{"op":"replace","path":"/hostname","value":"b"}]`},
		{"remove by omitempty", `{"hostname":"a"}`, func(s *specs.Spec) { s.Hostname = "" }, `[{"op":"remove","path":"/hostname"}]`},
		{"zero without omitempty", `{"ociVersion":"1.0"}`, func(s *specs.Spec) { s.Version = "" }, `[{"op":"replace","path":"/ociVersion","value":""}]`},
		{"absent zero without omitempty", `{"root":{}}`, func(s *specs.Spec) { s.Root.Path = "" }, `[]`},
		{"add scalar", `{"root":{"path":"r"}}`, func(s *specs.Spec) { s.Root.Readonly = true }, `[{"op":"add","path":"/root/readonly","value":true}]`},
		{"replace null", `{"root":null}`, func(s *specs.Spec) { s.Root = &specs.Root{Path: "r"} }, `[{"op":"replace","path":"/root","value":{"path":"r"}}]`},
		{"deepest ancestor", `{"linux":{}}`, func(s *specs.Spec) {
			s.Linux.Resources = &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: &limit}, Memory: &specs.LinuxMemory{}}
			s.Linux.IntelRdt = &specs.LinuxIntelRdt{}
		}, `[{"op":"add","path":"/linux/resources","value":{"pids":{"limit":5}}}]`},
		{"empty structs", `{"linux":{"seccomp":null}}`, func(s *specs.Spec) {
			s.Hooks, s.Process, s.Linux.Seccomp = &specs.Hooks{}, &specs.Process{Capabilities: &specs.LinuxCapabilities{}}, &specs.LinuxSeccomp{}
			s.Mounts, s.Annotations = []specs.Mount{}, map[string]string{}
		}, `[]`},
		{"nil pointer", `{"linux":{"seccomp":{"defaultAction":"x"}}}`, func(s *specs.Spec) { s.Linux.Seccomp = nil }, `[{"op":"remove","path":"/linux/seccomp"}]`},
		{"emptied struct keeps unknown", `{"hooks":{"x":1,"prestart":[{"path":"/a"}]}}`, func(s *specs.Spec) { s.Hooks = &specs.Hooks{} }, `[{"op":"remove","path":"/hooks/prestart"}]`},
		{"nil pointer for an empty object", `{"linux":{"intelRdt":{}}}`, func(s *specs.Spec) { s.Linux.IntelRdt = nil }, `[{"op":"remove","path":"/linux/intelRdt"}]`},
		{"pointer to zero", `{"process":{}}`, func(s *specs.Spec) { s.Process.OOMScoreAdj = &zero }, `[{"op":"add","path":"/process/oomScoreAdj","value":0}]`},
		{"pointer becomes zero", `{"process":{"oomScoreAdj":7}}`, func(s *specs.Spec) { s.Process.OOMScoreAdj = &zero }, `[{"op":"replace","path":"/process/oomScoreAdj","value":0}]`},
		{
			"pointer to bool", `{"linux":{"resources":{"memory":{"disableOOMKiller":false}}}}`, func(s *specs.Spec) { s.Linux.Resources.Memory.DisableOOMKiller = &truth },
			`[{"op":"replace","path":"/linux/resources/memory/disableOOMKiller","value":true}]`,
		},
		{
			"map", `{"annotations":{"b/c":"1","d":"2","e":"3"}}`, func(s *specs.Spec) { s.Annotations = map[string]string{"a": "0", "b/c": "1", "d": ""} },
			`[{"op":"add","path":"/annotations/a","value":"0"},{"op":"replace","path":"/annotations/d","value":""},{"op":"remove","path":"/annotations/e"}]`,
		},
		{"map gone", `{"annotations":{"b":"1"}}`, func(s *specs.Spec) { s.Annotations = map[string]string{} }, `[{"op":"remove","path":"/annotations"}]`},
		{
			"map value says something by being there", `{"linux":{"netDevices":{}}}`, func(s *specs.Spec) { s.Linux.NetDevices = map[string]specs.LinuxNetDevice{"eth0": {}} },
			`[{"op":"add","path":"/linux/netDevices/eth0","value":{}}]`,
		},
		{
			"slice removals", `{"process":{"args":["a","b","c","d","e"]}}`, func(s *specs.Spec) { s.Process.Args = []string{"a", "c", "e"} },
			`[{"op":"remove","path":"/process/args/3"},{"op":"remove","path":"/process/args/1"}]`,
		},
		{"slice to nil", `{"process":{"args":["a"]}}`, func(s *specs.Spec) { s.Process.Args = nil }, `[{"op":"remove","path":"/process/args"}]`},
		{
			"slice to empty without omitempty", `{"linux":{"seccomp":{"syscalls":[{"names":["a"],"action":"x"}]}}}`,
			func(s *specs.Spec) { s.Linux.Seccomp.Syscalls[0].Names = []string{} }, `[{"op":"replace","path":"/linux/seccomp/syscalls/0/names","value":[]}]`,
		},
		{
			"slice append", `{"process":{"args":["a"]}}`, func(s *specs.Spec) { s.Process.Args = []string{"a", "b", "c"} },
			`[{"op":"add","path":"/process/args/-","value":"b"},{"op":"add","path":"/process/args/-","value":"c"}]`,
		},
		{
			"slice insert", `{"process":{"args":["a","d"]}}`, func(s *specs.Spec) { s.Process.Args = []string{"a", "b", "c", "d"} },
			`[{"op":"add","path":"/process/args/1","value":"b"},{"op":"add","path":"/process/args/2","value":"c"}]`,
		},
		{
			"slice scattered", `{"process":{"args":["a","d"]}}`, func(s *specs.Spec) { s.Process.Args = []string{"x", "a", "y", "d", "z"} },
			`[{"op":"add","path":"/process/args/0","value":"x"},{"op":"add","path":"/process/args/2","value":"y"},{"op":"add","path":"/process/args/-","value":"z"}]`,
		},
		{
			"slice element by element", `{"process":{"args":["a","b"]}}`, func(s *specs.Spec) { s.Process.Args = []string{"a", "c"} },
			`[{"op":"replace","path":"/process/args/1","value":"c"}]`,
		},
		{
			"slice unlike", `{"process":{"args":["a","b","c"]}}`, func(s *specs.Spec) { s.Process.Args = []string{"x", "y"} },
			`[{"op":"remove","path":"/process/args/2"},{"op":"replace","path":"/process/args/0","value":"x"},{"op":"replace","path":"/process/args/1","value":"y"}]`,
		},
		{
			"one mount gone, one changed", `{"mounts":[{"destination":"/a","x":1},{"destination":"/b","x":2},{"destination":"/c","x":3,"options":["rw"]}]}`,
			func(s *specs.Spec) {
				s.Mounts = []specs.Mount{s.Mounts[0], {Destination: "/c", Options: []string{"ro"}}}
			},
			`[{"op":"remove","path":"/mounts/1"},{"op":"replace","path":"/mounts/1/options/0","value":"ro"}]`,
		},
		{
			"one mount new, one changed", `{"mounts":[{"destination":"/a"},{"destination":"/c","type":"bind"}]}`,
			func(s *specs.Spec) {
				s.Mounts = []specs.Mount{{Destination: "/a", Type: "tmpfs"}, {Destination: "/b"}, {Destination: "/c"}}
			},
			`[{"op":"add","path":"/mounts/0/type","value":"tmpfs"},{"op":"add","path":"/mounts/1","value":{"destination":"/b"}},{"op":"remove","path":"/mounts/2/type"}]`,
		},
	} {
		s := decode(t, []byte(c.doc))
		c.change(s)
		p, err := Make(parse(t, []byte(c.doc)).Root(), s)
		if got := string(p.AppendJSON(nil)); err != nil || got != c.want {
			t.Errorf("%s: %v\n got %s\nwant %s", c.name, err, got, c.want)
		}
		out, err := Apply([]byte(c.doc), jsondoc.DefaultLimits(), p)
		if err != nil || !equalSpecs(decode(t, out), s) {
			t.Errorf("%s: %v %s", c.name, err, out)
		}
	}
}

func TestMakeRefuses(t *testing.T) {
	doc := parse(t, []byte(`{"windows":{}}`)).Root()
	for _, c := range []struct {
		v     jsondoc.Value
		typed any
		want  string
	}{
		{doc, specs.Spec{}, "make patch: target is not a pointer to a struct"},
		{doc, (*specs.Spec)(nil), "make patch: target is not a pointer to a struct"},
		{doc.Get("x"), &specs.Spec{}, "make patch: want object, found nothing"},
		{doc, &specs.Spec{Windows: &specs.Windows{CredentialSpec: 1}}, "make patch: /windows/credentialSpec: type interface {} is not supported"},
	} {
		if _, err := Make(c.v, c.typed); err == nil || err.Error() != c.want {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
}

func equalSpecs(a, b *specs.Spec) bool { return reflect.DeepEqual(normal(a), normal(b)) }

// normal is a copy in which absent and empty are the same.
func normal(s *specs.Spec) *specs.Spec {
	c := copySpec(s)
	jsondoctest.Normalise(reflect.ValueOf(c).Elem(), jsondoc.Empty)
	return c
}

func copySpec(s *specs.Spec) *specs.Spec {
	raw, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	c := new(specs.Spec)
	if err := json.Unmarshal(raw, c); err != nil {
		panic(err)
	}
	return c
}

// inflate puts empty structs for nil pointers, as callers do that want no nil
// checks.
func inflate(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.Type().Elem().Kind() == reflect.Struct {
			if v.IsNil() {
				v.Set(reflect.New(v.Type().Elem()))
			}
			inflate(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			inflate(v.Field(i))
		}
	case reflect.Slice:
		for i := range v.Len() {
			inflate(v.Index(i))
		}
	}
}

// The promise of Make, for any two specs and any spelling of the first.
func TestMakeApply(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := new(specs.Spec)
		jsondoctest.Fill(t, reflect.ValueOf(a).Elem())
		b := copySpec(a)
		switch rapid.IntRange(0, 4).Draw(t, "relation") {
		case 0:
			jsondoctest.Fill(t, reflect.ValueOf(b).Elem())
		case 1:
		default:
			jsondoctest.Mutate(t, reflect.ValueOf(b).Elem())
		}
		compact, err := jsondoc.Encode(nil, a)
		if err != nil {
			t.Fatalf("%v", err)
		}
		raw := jsondoctest.Render(t, compact)
		checkMake(t, raw, decode(t, raw), b)
	})
}

func checkMake(t failer, raw []byte, a, b *specs.Spec) {
	t.Helper()
	doc := parse(t, raw)
	p, err := Make(doc.Root(), b)
	if err != nil {
		t.Fatalf("%v", err)
	}
	if reflect.DeepEqual(copySpec(a), copySpec(b)) && len(p) != 0 {
		t.Fatalf("%s\nno difference, but %s", raw, p.AppendJSON(nil))
	}
	out, err := Apply(raw, jsondoc.DefaultLimits(), p)
	if err != nil {
		t.Fatalf("%s\n%s\n%v", raw, p.AppendJSON(nil), err)
	}
	got := decode(t, out)
	if !equalSpecs(got, b) {
		want, _ := jsondoc.Encode(nil, b)
		t.Fatalf("%s\n%s\n got %s\nwant %s", raw, p.AppendJSON(nil), out, want)
	}
	if again, err := Make(parse(t, out).Root(), b); err != nil || len(again) != 0 {
		t.Fatalf("%s\n%s\nand again %s %v", raw, p.AppendJSON(nil), again.AppendJSON(nil), err)
	}
	inflated := copySpec(b)
	inflate(reflect.ValueOf(inflated).Elem())
	if again, err := Make(parse(t, out).Root(), inflated); err != nil || len(again) != 0 {
		t.Fatalf("%s\n%s\nwith empty structs for nil %s %v", raw, p.AppendJSON(nil), again.AppendJSON(nil), err)
	}
	checkUnknown(t, doc, parse(t, out), p)
	checkUntouched(t, raw, out, p)
}

// checkUnknown asks that members that no type knows survive byte for byte
// unless what holds them was removed or replaced.
func checkUnknown(t failer, before, after *jsondoc.Doc, p Patch) {
	t.Helper()
	now := make(map[string]string)
	unknown(after, func(v jsondoc.Value, _ string) { now[v.Key()] = string(v.Raw()) })
	unknown(before, func(v jsondoc.Value, at string) {
		if now[v.Key()] == string(v.Raw()) {
			return
		}
		for _, op := range p {
			if op.Op != "add" && strings.HasPrefix(anyIndex(at), anyIndex(op.Path)+"/") {
				return
			}
		}
		t.Fatalf("%s\n%s\n%s: %s is lost", before.Raw(), p.AppendJSON(nil), after.Raw(), at)
	})
}

func unknown(doc *jsondoc.Doc, visit func(jsondoc.Value, string)) {
	for _, at := range pointers(doc.Root(), "") {
		if v, _ := doc.Lookup(at); strings.HasPrefix(v.Key(), jsondoctest.Unknown) {
			visit(v, at)
		}
	}
}

// anyIndex writes * for each index: removals shift them.
func anyIndex(pointer string) string {
	parts := strings.Split(pointer, "/")
	for i, s := range parts {
		if _, ok := jsondoc.PointerIndex(s); ok {
			parts[i] = "*"
		}
	}
	return strings.Join(parts, "/")
}

func largeSpec(t testing.TB) []byte {
	t.Helper()
	raw, err := os.ReadFile("../jsondoc/testdata/large.json")
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// rewrite is about what a policy changes in one container.
func rewrite(s *specs.Spec) {
	s.Process.NoNewPrivileges = true
	s.Process.Capabilities.Bounding = s.Process.Capabilities.Bounding[2:5]
	s.Process.Capabilities.Effective = s.Process.Capabilities.Effective[2:5]
	s.Process.Capabilities.Permitted = s.Process.Capabilities.Permitted[2:5]
	s.Root.Readonly = true
	s.Mounts = append(s.Mounts[:2:2], s.Mounts[3:]...)
	limit := int64(512)
	s.Linux.Resources.Pids = &specs.LinuxPids{Limit: &limit}
	s.Linux.MaskedPaths = append(s.Linux.MaskedPaths, "/proc/new")
	s.Linux.Seccomp.Syscalls = s.Linux.Seccomp.Syscalls[:len(s.Linux.Seccomp.Syscalls)-3]
	s.Hooks = &specs.Hooks{Poststop: []specs.Hook{{Path: "/usr/libexec/hook", Args: []string{"hook", "poststop"}, Env: []string{"PATH=/bin"}}}}
}

func TestMakeApplyLarge(t *testing.T) {
	raw := largeSpec(t)
	a := decode(t, raw)
	b := copySpec(a)
	rewrite(b)
	checkMake(t, raw, a, b)
	checkMake(t, raw, a, copySpec(a))
}

// A document made to be expensive: nothing here may be quadratic in its size.
func TestMakeApplyHuge(t *testing.T) {
	var doc strings.Builder
	doc.WriteString(`{"annotations":{`)
	for i := range 200_000 {
		doc.WriteString(`"key-` + strconv.Itoa(i) + `":"",`)
	}
	doc.WriteString(`"z":""},"process":{"env":[` + strings.Repeat(`"A=b",`, 200_000) + `"Z=z"]}}`)
	raw := []byte(doc.String())
	a := decode(t, raw)
	b := copySpec(a)
	b.Annotations["key-7"] = "x"
	b.Process.Env[7] = "C=d"
	c := copySpec(a)
	c.Annotations = map[string]string{"z": "1"}
	c.Process.Env = []string{"Z=z"}
	for want, s := range map[string]*specs.Spec{
		`[{"op":"replace","path":"/process/env/7","value":"C=d"},{"op":"replace","path":"/annotations/key-7","value":"x"}]`: b,
		`[{"op":"replace","path":"/process/env","value":["Z=z"]},{"op":"replace","path":"/annotations","value":{"z":"1"}}]`: c,
	} {
		start := time.Now()
		p, err := Make(parse(t, raw).Root(), s)
		if got := string(p.AppendJSON(nil)); err != nil || got != want {
			t.Fatalf("%v %.300s", err, got)
		}
		if out, err := Apply(raw, jsondoc.DefaultLimits(), p); err != nil || !equalSpecs(decode(t, out), s) {
			t.Fatalf("%v %.300s", err, out)
		}
		t.Log(time.Since(start))
	}
}

func BenchmarkMake25K(b *testing.B) {
	raw := largeSpec(b)
	doc := parse(b, raw)
	spec := decode(b, raw)
	rewrite(spec)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Make(doc.Root(), spec); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkApply25K(b *testing.B) {
	raw := largeSpec(b)
	spec := decode(b, raw)
	rewrite(spec)
	p, err := Make(parse(b, raw).Root(), spec)
	if err != nil {
		b.Fatal(err)
	}
	doc := parse(b, raw)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ApplyDoc(doc, jsondoc.DefaultLimits(), p); err != nil {
			b.Fatal(err)
		}
	}
}
