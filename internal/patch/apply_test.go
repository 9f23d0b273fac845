package patch

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/runward/runward/internal/jsondoc"
)

func mustPatch(t testing.TB, text string) Patch {
	t.Helper()
	var p Patch
	if err := p.UnmarshalJSON([]byte(text)); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return p
}

// The examples of RFC 6902 appendix A, in order, then what it leaves open. The
// output is compared byte by byte.
func TestApply(t *testing.T) {
	for _, c := range []struct{ name, doc, patch, want string }{
		{"A.1", `{ "foo": "bar"}`, `[{"op":"add","path":"/baz","value":"qux"}]`, `{ "foo": "bar","baz":"qux"}`},
		{"A.2", `{ "foo": [ "bar", "baz" ] }`, `[{"op":"add","path":"/foo/1","value":"qux"}]`, `{ "foo": [ "bar","qux", "baz" ] }`},
		{"A.3", `{ "baz": "qux", "foo": "bar" }`, `[{"op":"remove","path":"/baz"}]`, `{ "foo": "bar" }`},
		{"A.4", `{ "foo": [ "bar", "qux", "baz" ] }`, `[{"op":"remove","path":"/foo/1"}]`, `{ "foo": [ "bar", "baz" ] }`},
		{"A.5", `{ "baz": "qux", "foo": "bar" }`, `[{"op":"replace","path":"/baz","value":"boo"}]`, `{ "baz": "boo", "foo": "bar" }`},
		{
			"A.6", `{"foo":{"bar":"baz","waldo":"fred"},"qux":{"corge":"grault"}}`, `[{"op":"move","from":"/foo/waldo","path":"/qux/thud"}]`,
			`{"foo":{"bar":"baz"},"qux":{"corge":"grault","thud":"fred"}}`,
		},
		{"A.7", `{ "foo": [ "all", "grass", "cows", "eat" ] }`, `[{"op":"move","from":"/foo/1","path":"/foo/3"}]`, `{ "foo": [ "all", "cows", "eat","grass" ] }`},
		{"A.8", `{"baz":"qux","foo":["a",2,"c"]}`, `[{"op":"test","path":"/baz","value":"qux"},{"op":"test","path":"/foo/1","value":2}]`, `{"baz":"qux","foo":["a",2,"c"]}`},
		{"A.10", `{ "foo": "bar" }`, `[{"op":"add","path":"/child","value":{ "grandchild": { } }}]`, `{ "foo": "bar","child":{ "grandchild": { } } }`},
		{"A.11", `{ "foo": "bar" }`, `[{"op":"add","path":"/baz","value":"qux","xyz":123}]`, `{ "foo": "bar","baz":"qux" }`},
		{"A.14", `{"/":9,"~1":10}`, `[{"op":"test","path":"/~01","value":10}]`, `{"/":9,"~1":10}`},
		{"A.16", `{ "foo": ["bar"] }`, `[{"op":"add","path":"/foo/-","value":["abc","def"]}]`, `{ "foo": ["bar",["abc","def"]] }`},

		{"untouched", "\n{\"a\" : 1.50e+2 ,\r\n\t\"b\":[ ],\"c\":\"\\u0041\"}\n", `[{"op":"add","path":"/b/0","value":{}}]`, "\n{\"a\" : 1.50e+2 ,\r\n\t\"b\":[{} ],\"c\":\"\\u0041\"}\n"},
		{"remove last", "{\n \"a\": 1,\n \"b\": 2\n}", `[{"op":"remove","path":"/b"}]`, "{\n \"a\": 1\n}"},
		{"remove first", "{\n \"a\": 1,\n \"b\": 2\n}", `[{"op":"remove","path":"/a"}]`, "{\n \"b\": 2\n}"},
		{"remove only", "{\n \"a\": 1\n}", `[{"op":"remove","path":"/a"}]`, "{\n}"},
		{"remove all", "[1 , 2 , 3 ]", `[{"op":"remove","path":"/2"},{"op":"remove","path":"/1"},{"op":"remove","path":"/0"}]`, "[ ]"},
		{"add to empty", `{}`, `[{"op":"add","path":"/a~1b\"","value": 1 }]`, `{"a/b\"":1}`},
		{"add to added", `{}`, `[{"op":"add","path":"/a","value":{"b":[]}},{"op":"add","path":"/a/b/-","value":1}]`, `{"a":{"b":[1]}}`},
		{"add replaces", `{"a": 1 , "b":2}`, `[{"op":"add","path":"/a","value":null}]`, `{"a": null , "b":2}`},
		{"escaped key", `{"\u0061": 1}`, `[{"op":"replace","path":"/a","value":2}]`, `{"\u0061": 2}`},
		{"root", ` {"a":1} `, `[{"op":"replace","path":"","value":[]},{"op":"add","path":"/-","value":1}]`, ` [1] `},
		{"copy apart", `{"a":{"b":1}}`, `[{"op":"copy","from":"/a","path":"/c"},{"op":"replace","path":"/c/b","value":2}]`, `{"a":{"b":1},"c":{"b":2}}`},
		{"move onto itself", `{"a": 1}`, `[{"op":"move","from":"/a","path":"/a"}]`, `{"a": 1}`},
		{"empty patch", ` {"a": 1}`, `[]`, ` {"a": 1}`},
		{
			"test equal", `{"a":[1.0,{"x":1e2,"y":0}],"b":12345678901234567890}`,
			`[{"op":"test","path":"","value":{"b":12345678901234567890,"a":[1,{"y":-0.0,"x":100}]}}]`, `{"a":[1.0,{"x":1e2,"y":0}],"b":12345678901234567890}`,
		},
	} {
		got, err := Apply([]byte(c.doc), jsondoc.DefaultLimits(), mustPatch(t, c.patch))
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %v\n got %s\nwant %s", c.name, err, got, c.want)
		}
	}
}

func TestApplyRefuses(t *testing.T) {
	for _, c := range []struct{ name, doc, patch, want string }{
		{"A.9", `{"baz":"qux"}`, `[{"op":"test","path":"/baz","value":"bar"}]`, `op 0 (test "/baz"): the value is another one`},
		{"A.12", `{"foo":"bar"}`, `[{"op":"add","path":"/baz/bat","value":"qux"}]`, `op 0 (add "/baz/bat"): no parent to put it in: "baz" is missing`},
		{"A.13", `{"foo":"bar"}`, `[{"op":"add","path":"/x","value":1},{"op":"remove","path":"/y"}]`, `op 1 (remove "/y"): no such value`},
		{"A.15", `{"/":9,"~1":10}`, `[{"op":"test","path":"/~01","value":"10"}]`, `op 0 (test "/~01"): the value is another one`},
		{"exact numbers", `[9007199254740993]`, `[{"op":"test","path":"/0","value":9007199254740992}]`, `op 0 (test "/0"): the value is another one`},
		{"index", `[1]`, `[{"op":"add","path":"/2","value":1}]`, `op 0 (add "/2"): no such index in an array of 1`},
		{"leading zero", `[1]`, `[{"op":"add","path":"/01","value":1}]`, `op 0 (add "/01"): no such index in an array of 1`},
		{"minus", `[1]`, `[{"op":"remove","path":"/-"}]`, `op 0 (remove "/-"): no such value`},
		{"replace absent", `{}`, `[{"op":"replace","path":"/a","value":1}]`, `op 0 (replace "/a"): no such value`},
		{"case", `{"a":1}`, `[{"op":"replace","path":"/A","value":1}]`, `op 0 (replace "/A"): no such value`},
		{"into scalar", `{"a":1}`, `[{"op":"add","path":"/a/b","value":1}]`, `op 0 (add "/a/b"): the parent is no object and no array`},
		{"remove root", `{}`, `[{"op":"remove","path":""}]`, `op 0 (remove ""): the whole document cannot be removed`},
		{"into itself", `{"a":{}}`, `[{"op":"move","from":"/a","path":"/a/b"}]`, `op 0 (move "/a/b"): a value cannot move into itself`},
		{"from", `{}`, `[{"op":"copy","from":"/a","path":"/b"}]`, `op 0 (copy "/b"): from "/a": no such value`},
		{"no value", `{}`, `[{"op":"add","path":"/a"}]`, `op 0 (add "/a"): value is missing`},
		{"bad pointer", `{}`, `[{"op":"add","path":"a","value":1}]`, `op 0 (add "a"): not an RFC 6901 pointer`},
		{"bad tilde", `{}`, `[{"op":"add","path":"/~2","value":1}]`, `op 0 (add "/~2"): not an RFC 6901 pointer`},
		{"unknown", `{}`, `[{"op":"Add","path":"/a","value":1}]`, `op 0 ("Add" "/a"): unknown operation; RFC 6902 has add, remove, replace, move, copy and test`},
		{"loose document", `{"a":1,"a":2}`, `[]`, `document to patch: line 1, column 8: duplicate key "a"`},
	} {
		got, err := Apply([]byte(c.doc), jsondoc.DefaultLimits(), mustPatch(t, c.patch))
		if err == nil || err.Error() != c.want || got != nil {
			t.Errorf("%s: %s\n got %v\nwant %s", c.name, got, err, c.want)
		}
	}
	for _, c := range []struct {
		value, want string
	}{
		{`{"a":1,"a":2}`, `op 0 (add "/a"): value: line 1, column 8: duplicate key "a"`},
		{`1,"b":2`, `op 0 (add "/a"): value: line 1, column 2: want the end of the document, found ","`},
		{strings.Repeat("[", 64) + strings.Repeat("]", 64), `patched document: line 1, column 69: nested deeper than the limit of 64`},
	} {
		_, err := Apply([]byte(`{}`), jsondoc.DefaultLimits(), Patch{{Op: "add", Path: "/a", Value: Raw(c.value)}})
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.value, err, c.want)
		}
	}
	_, err := Apply([]byte("{\"a\x00\":\"\\u0000\"}"), jsondoc.DefaultLimits(), nil)
	var syntax *jsondoc.SyntaxError
	if !errors.As(err, &syntax) {
		t.Errorf("the cause is lost: %v", err)
	}
	_, err = Apply([]byte(`{}`), jsondoc.DefaultLimits(), Patch{{Op: "add", Path: "/a", Value: Raw(`1`)}, {Op: "test", Path: "/a", Value: Raw(`2`)}})
	var op *Error
	if !errors.As(err, &op) || op.Index != 1 || op.Path != "/a" {
		t.Errorf("the operation is not named: %v", err)
	}
}

// A copy of a copy of a copy would be 2^40 bytes.
func TestApplyBoundsCopies(t *testing.T) {
	p := Patch{}
	for range 40 {
		p = append(p, Op{Op: "copy", From: "", Path: "/a"}, Op{Op: "copy", From: "/a", Path: "/b"})
	}
	_, err := Apply([]byte(`{"x":"`+strings.Repeat("x", 1000)+`"}`), jsondoc.DefaultLimits(), p)
	if err == nil || !strings.HasSuffix(err.Error(), "the patch brings in more than the limit of 8388608 bytes") {
		t.Errorf("%v", err)
	}
}

func TestPatchJSON(t *testing.T) {
	text := `[{"op":"remove","path":"/a\u001f"},{"op":"add","path":"/b","value":{"x":[1.0]}},{"op":"move","path":"/c","from":"/d"},{"op":"add","path":"","value":null}]`
	p := mustPatch(t, text)
	if got := string(p.AppendJSON(nil)); got != text {
		t.Errorf("\n got %s\nwant %s", got, text)
	}
	var receipt struct {
		Patch Patch `json:"patch"`
		First Op    `json:"first"`
	}
	receipt.Patch, receipt.First = p, p[1]
	raw, err := json.Marshal(receipt)
	if err != nil || string(raw) != `{"patch":`+text+`,"first":{"op":"add","path":"/b","value":{"x":[1.0]}}}` {
		t.Errorf("%s %v", raw, err)
	}
	again := receipt
	again.Patch = nil
	if err := json.Unmarshal(raw, &again); err != nil || !reflect.DeepEqual(again, receipt) {
		t.Errorf("%+v %v", again, err)
	}
	if got := string(Patch(nil).AppendJSON(nil)); got != "[]" {
		t.Error(got)
	}
	for in, want := range map[string]string{
		`{}`: "read patch: want array, found object", `[{"op":1,"path":""}]`: "read patch: op 0: op, path and from are strings, the first two required",
		`[{"op":"a","path":"","op":"b"}]`: `read patch: line 1, column 22: duplicate key "op" (at /0)`,
	} {
		if err := new(Patch).UnmarshalJSON([]byte(in)); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", in, err, want)
		}
	}
}

// naive applies the patch to what encoding/json decodes: no bytes, no care.
func naive(raw []byte, p Patch) (any, bool) {
	root := loose(raw)
	for _, op := range p {
		var ok bool
		switch op.Op {
		case "add":
			root, ok = edit(root, tokens(op.Path), "add", loose(op.Value))
		case "remove", "replace":
			root, ok = edit(root, tokens(op.Path), op.Op, loose(op.Value))
		case "test":
			var v any
			v, ok = lookup(root, tokens(op.Path))
			ok = ok && reflect.DeepEqual(v, loose(op.Value))
		case "copy", "move":
			var v any
			if v, ok = lookup(root, tokens(op.From)); !ok || op.Op == "move" && strings.HasPrefix(op.Path, op.From+"/") {
				return nil, false
			}
			text, err := json.Marshal(v)
			if err != nil {
				return nil, false
			}
			if op.Op == "move" && op.From != op.Path {
				if root, ok = edit(root, tokens(op.From), "remove", nil); !ok {
					return nil, false
				}
			}
			if op.Op == "copy" || op.From != op.Path {
				root, ok = edit(root, tokens(op.Path), "add", loose(text))
			}
		}
		if !ok {
			return nil, false
		}
	}
	return root, true
}

func loose(raw []byte) any {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return nil
	}
	return v
}

func tokens(pointer string) []string {
	if pointer == "" {
		return nil
	}
	parts := strings.Split(pointer[1:], "/")
	for i := range parts {
		parts[i] = strings.ReplaceAll(strings.ReplaceAll(parts[i], "~1", "/"), "~0", "~")
	}
	return parts
}

func lookup(v any, path []string) (any, bool) {
	for _, token := range path {
		switch c := v.(type) {
		case map[string]any:
			var ok bool
			if v, ok = c[token]; !ok {
				return nil, false
			}
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i >= len(c) {
				return nil, false
			}
			v = c[i]
		default:
			return nil, false
		}
	}
	return v, true
}

func edit(v any, path []string, op string, value any) (any, bool) {
	if len(path) == 0 {
		return value, op != "remove"
	}
	ok := true
	switch c := v.(type) {
	case map[string]any:
		old, found := c[path[0]]
		switch {
		case len(path) > 1:
			if !found {
				return nil, false
			}
			c[path[0]], ok = edit(old, path[1:], op, value)
		case op == "remove":
			delete(c, path[0])
			ok = found
		default:
			c[path[0]] = value
			ok = found || op == "add"
		}
		return c, ok
	case []any:
		i, err := strconv.Atoi(path[0])
		if path[0] == "-" {
			i, err = len(c), nil
		}
		last := len(path) == 1 && op == "add"
		if err != nil || i > len(c) || i == len(c) && !last {
			return nil, false
		}
		switch {
		case len(path) > 1:
			c[i], ok = edit(c[i], path[1:], op, value)
			return c, ok
		case op == "add":
			out := append(append(append([]any{}, c[:i]...), value), c[i:]...)
			return out, true
		case op == "remove":
			return append(append([]any{}, c[:i]...), c[i+1:]...), true
		default:
			c[i] = value
			return c, true
		}
	}
	return nil, false
}

func drawDoc(t *rapid.T, depth int) string {
	space := func() string { return rapid.SampledFrom([]string{"", "", " ", "\n\t"}).Draw(t, "space") }
	n := rapid.IntRange(0, 3).Draw(t, "n")
	var b strings.Builder
	kind := rapid.IntRange(0, 3).Draw(t, "kind")
	if depth == 0 {
		kind = max(kind, 2)
	} else if depth == 3 {
		kind = min(kind, 1)
	}
	switch kind {
	case 0:
		b.WriteByte('{')
		for i, k := range rapid.Permutation([]string{`"a"`, `"b\/c"`, `"\u0064"`, `"~"`}).Draw(t, "keys")[:n] {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(space() + k + space() + ":" + space() + drawDoc(t, depth-1) + space())
		}
		b.WriteString(space() + "}")
	case 1:
		b.WriteByte('[')
		for i := range n {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(space() + drawDoc(t, depth-1) + space())
		}
		b.WriteString(space() + "]")
	default:
		b.WriteString(rapid.SampledFrom([]string{`1`, `1.50e+1`, `"x"`, `"\u0079"`, `true`, `null`, `{}`, `[ ]`}).Draw(t, "leaf"))
	}
	return b.String()
}

// pointers lists every place in the document.
func pointers(v jsondoc.Value, at string) []string {
	all := []string{at}
	i := 0
	for c := v.First(); c.Exists(); c = c.Next() {
		token := strconv.Itoa(i)
		if v.Kind() == jsondoc.Object {
			token = jsondoc.EscapePointer(c.Key())
		}
		all = append(all, pointers(c, at+"/"+token)...)
		i++
	}
	return all
}

func drawPatch(t *rapid.T, doc *jsondoc.Doc) Patch {
	places := pointers(doc.Root(), "")
	var more []string
	for _, p := range places {
		more = append(more, p+"/-", p+"/new", p+"/0", p+"/1", p+"/~1")
	}
	place := rapid.SampledFrom(append(places, append(places, more...)...))
	kinds := rapid.SampledFrom([]string{"add", "add", "remove", "remove", "replace", "move", "copy", "test"})
	var p Patch
	for range rapid.IntRange(1, 4).Draw(t, "ops") {
		op := Op{Op: kinds.Draw(t, "op"), Path: place.Draw(t, "path")}
		switch op.Op {
		case "move", "copy":
			op.From = place.Draw(t, "from")
		case "remove":
		default:
			op.Value = Raw(drawDoc(t, rapid.IntRange(0, 2).Draw(t, "depth")))
		}
		p = append(p, op)
	}
	return p
}

type failer interface {
	Helper()
	Fatalf(string, ...any)
}

// checkApply compares with the naive way and looks at every leaf that no
// operation could have touched.
func checkApply(t failer, raw []byte, p Patch) bool {
	t.Helper()
	got, err := Apply(raw, jsondoc.DefaultLimits(), p)
	want, ok := naive(raw, p)
	if (err == nil) != ok {
		t.Fatalf("%s\n%s\nApply says %v, the naive way %v", raw, p.AppendJSON(nil), err, ok)
	}
	if err != nil {
		return false
	}
	if !reflect.DeepEqual(loose(got), want) {
		t.Fatalf("%s\n%s\n got %s\nwant %v", raw, p.AppendJSON(nil), got, want)
	}
	checkUntouched(t, raw, got, p)
	return true
}

// checkUntouched asks that a leaf in no operation's way, and in no array whose
// indices moved, be spelled as it was, key and space around it included.
func checkUntouched(t failer, raw, got []byte, p Patch) {
	t.Helper()
	before, errBefore := jsondoc.Parse(raw, jsondoc.DefaultLimits())
	after, errAfter := jsondoc.Parse(got, jsondoc.DefaultLimits())
	if errBefore != nil || errAfter != nil {
		t.Fatalf("%v %v", errBefore, errAfter)
	}
	for _, at := range pointers(before.Root(), "") {
		old, _ := before.Lookup(at)
		if touched(before, at, p) {
			continue
		}
		now, ok := after.Lookup(at)
		if !ok || old.First().Exists() != now.First().Exists() {
			t.Fatalf("%s\n%s\n%s: %q is gone", raw, p.AppendJSON(nil), got, at)
		}
		start, end := old.KeyOffset()
		nowStart, nowEnd := now.KeyOffset()
		if !bytes.Equal(raw[start:end], got[nowStart:nowEnd]) || !old.First().Exists() && !bytes.Equal(old.Raw(), now.Raw()) {
			t.Fatalf("%s\n%s\n%s: %q is spelled differently", raw, p.AppendJSON(nil), got, at)
		}
	}
}

func touched(doc *jsondoc.Doc, at string, p Patch) bool {
	for _, op := range p {
		if op.Op == "test" {
			continue
		}
		paths := []string{op.Path}
		if op.Op == "move" {
			paths = append(paths, op.From)
		}
		for _, path := range paths {
			cut := strings.LastIndexByte(path, '/')
			if path == "" || at == path || strings.HasPrefix(at, path+"/") || strings.HasPrefix(path, at+"/") || at == "" {
				return true
			}
			if parent, ok := doc.Lookup(path[:cut]); (!ok || parent.Kind() == jsondoc.Array) && strings.HasPrefix(at, path[:cut]+"/") {
				return true
			}
		}
	}
	return false
}

func TestApplyAsNaive(t *testing.T) {
	applied := 0
	rapid.Check(t, func(t *rapid.T) {
		raw := []byte(drawDoc(t, 3))
		doc, err := jsondoc.Parse(raw, jsondoc.DefaultLimits())
		if err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
		if checkApply(t, raw, drawPatch(t, doc)) {
			applied++
		}
	})
	if applied < 10 {
		t.Errorf("only %d patches could be applied", applied)
	}
}

func TestSameNumber(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"1", "1.0", true},
		{"100", "1e2", true},
		{"0.01", "1E-2", true},
		{"-0", "0.0e9", true},
		{"10", "1", false},
		{"-1", "1", false},
		{"1e400", "1e401", false},
		{"1e99999999999", "10e99999999998", false},
		{"120", "12", false},
		{"0.1e1", "1", true},
	} {
		if got := sameNumber(c.a, c.b); got != c.want {
			t.Errorf("%s %s: %v", c.a, c.b, got)
		}
	}
}

func FuzzApply(f *testing.F) {
	for _, c := range [][2]string{
		{`{"a":[1, 2 ,{"b":null}]}`, `[{"op":"add","path":"/a/1","value":{}},{"op":"remove","path":"/a/0"}]`},
		{` { "\u0061" : 1 } `, `[{"op":"move","from":"/a","path":"/b"}]`},
		{`[]`, `[{"op":"copy","from":"","path":"/-"},{"op":"test","path":"/0","value":[]}]`},
		{`{"a~/":{}}`, `[{"op":"replace","path":"/a~0~1","value":"x"}]`},
	} {
		f.Add([]byte(c[0]), []byte(c[1]))
	}
	f.Fuzz(func(t *testing.T, raw, text []byte) {
		var p Patch
		if p.UnmarshalJSON(text) != nil {
			return
		}
		got, err := Apply(raw, jsondoc.DefaultLimits(), p)
		if err != nil {
			return
		}
		for _, op := range p {
			if op.Op == "test" { // compares numbers by value, the naive way does not
				return
			}
		}
		want, ok := naive(raw, p)
		if !ok || !reflect.DeepEqual(loose(got), want) {
			t.Fatalf("%s\n%s\n got %s\nwant %v", raw, text, got, want)
		}
		checkUntouched(t, raw, got, p)
	})
}
