package jsondoc

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func samples(t testing.TB) map[string][]byte {
	t.Helper()
	names, err := filepath.Glob("testdata/*.json")
	if err != nil || len(names) < 5 {
		t.Fatalf("samples: %v %v", names, err)
	}
	all := make(map[string][]byte)
	for _, name := range names {
		if all[name], err = os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func TestParseRefuses(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for _, c := range []struct{ in, want string }{
		{"", `line 1, column 1: document is empty`},
		{" \n ", `line 2, column 2: document is empty`},
		{"\ufeff{}", `line 1, column 1: byte order mark; save the file as plain UTF-8`},
		{"\xff\xfe{\x00}\x00", `line 1, column 1: invalid UTF-8`},
		{"{\n\"a\": \"\xc3(\"}", `line 2, column 7: invalid UTF-8`},
		{"{} {}", `line 1, column 4: want the end of the document, found "{"`},
		{"{}\x00", `line 1, column 3: want the end of the document, found "\x00"`},
		{"{}\ufeff", `line 1, column 3: want the end of the document, found "\ufeff"`},
		{"{} // x", `line 1, column 4: comment; JSON has none`},
		{"{/* x */}", `line 1, column 2: comment; JSON has none`},
		{`{"linux":{"mounts":1,` + "\n " + `"mounts":2}}`, `line 2, column 2: duplicate key "mounts" (at /linux)`},
		{`{"a":{"hook\u0073":1,"hooks":2}}`, `line 1, column 22: duplicate key "hooks" (at /a)`},
		{`{"a/b":[0,{"x":1,"x":2}]}`, `line 1, column 18: duplicate key "x" (at /a~1b/1)`},
		{`{"a":1,"a\n":{"b":tru}}`, `line 1, column 19: want a value, found "t" (at /a\n/b)`},
		{`["\ud800"]`, `line 1, column 3: surrogate without its other half (at /0)`},
		{`["\udc00"]`, `line 1, column 3: surrogate without its other half (at /0)`},
		{`["\ud800\u0041"]`, `line 1, column 3: surrogate without its other half (at /0)`},
		{`["\ud800\ud800"]`, `line 1, column 3: surrogate without its other half (at /0)`},
		{`["a\u0000b"]`, `line 1, column 4: \u0000 in a string; runtimes in C end the string there (at /0)`},
		{`{"a\u0000b":1}`, `line 1, column 4: \u0000 in a string; runtimes in C end the string there`},
		{`["\u12g4"]`, `line 1, column 3: want four hexadecimal digits after \u (at /0)`},
		{`["\x41"]`, `line 1, column 3: unknown escape "\\x" (at /0)`},
		{"[\"\\\u00e9\"]", `line 1, column 3: unknown escape "\\\u00e9" (at /0)`},
		{"[\"a\nb\"]", `line 1, column 4: control character in a string; write it as an escape (at /0)`},
		{"[\"a\x00b\"]", `line 1, column 4: control character in a string; write it as an escape (at /0)`},
		{`["abc`, `line 1, column 2: string without an end (at /0)`},
		{`["abc\`, `line 1, column 6: string without an end (at /0)`},
		{`{"a"`, `line 1, column 5: document ends early, want ':'`},
		{`{"a":1`, `line 1, column 7: document ends early, want ',' or '}'`},
		{`{"a":1,}`, `line 1, column 8: want a key in double quotes, found "}"`},
		{`{a:1}`, `line 1, column 2: want a key in double quotes, found "a"`},
		{`{'a':1}`, `line 1, column 2: want a key in double quotes, found "'"`},
		{`[1,]`, `line 1, column 4: want a value, found "]" (at /1)`},
		{`[1 2]`, `line 1, column 4: want ',' or ']', found "2"`},
		{`[01]`, `line 1, column 2: number with a leading zero (at /0)`},
		{`[-]`, `line 1, column 3: want a digit after the minus sign (at /0)`},
		{`[+1]`, `line 1, column 2: want a value, found "+" (at /0)`},
		{`[.5]`, `line 1, column 2: want a value, found "." (at /0)`},
		{`[1.]`, `line 1, column 4: want a digit after the decimal point (at /0)`},
		{`[1e]`, `line 1, column 4: want a digit in the exponent (at /0)`},
		{`[0x10]`, `line 1, column 3: want ',' or ']', found "x"`},
		{`[NaN]`, `line 1, column 2: want a value, found "N" (at /0)`},
		{`[truex]`, `line 1, column 6: want ',' or ']', found "x"`},
		{"[1\u00a0]", `line 1, column 3: want ',' or ']', found "\u00a0"`},
		{"[1\v]", `line 1, column 3: want ',' or ']', found "\v"`},
		{deep(65), `line 1, column 65: nested deeper than the limit of 64 (at ` + strings.Repeat("/0", 64) + `)`},
	} {
		_, err := Parse([]byte(c.in), DefaultLimits())
		if err == nil || err.Error() != c.want {
			t.Errorf("%q\n got %v\nwant %s", c.in, err, c.want)
		}
	}
	if _, err := Parse([]byte(deep(64)), DefaultLimits()); err != nil {
		t.Errorf("64 deep: %v", err)
	}
}

func TestParseLimits(t *testing.T) {
	if _, err := Parse([]byte("{}"), Limits{}); err == nil || !strings.HasSuffix(err.Error(), "document has 2 bytes, more than the limit of 0") {
		t.Errorf("zero limits: %v", err)
	}
	if _, err := Parse([]byte("{}"), Limits{Bytes: 2}); err == nil || !strings.HasSuffix(err.Error(), "nested deeper than the limit of 0") {
		t.Errorf("zero depth: %v", err)
	}
	if _, err := Parse(make([]byte, 8<<20+1), DefaultLimits()); err == nil || !strings.HasSuffix(err.Error(), "document has 8388609 bytes, more than the limit of 8388608") {
		t.Errorf("size: %v", err)
	}
}

// Eight megabytes of anything are answered at once and in little memory.
func TestParseHuge(t *testing.T) {
	var keys strings.Builder
	keys.WriteByte('{')
	for i := 0; keys.Len() < 8<<20-40; i++ {
		keys.WriteString(`"key-of-some-length-` + strings.Repeat("x", i%3) + string(rune('a'+i%26)) + time.Duration(i).String() + `":0,`)
	}
	keys.WriteString(`"z":0}`)
	for name, c := range map[string]struct{ doc, want string }{
		"brackets": {strings.Repeat("[", 8<<20), "nested deeper than the limit of 64"},
		"zeros":    {"[" + strings.Repeat("0,", 4<<20-2) + "0]", "more than 1048576 values and keys in one document"},
		"empties":  {"[" + strings.Repeat("[],", 2<<20) + "0]", "more than 1048576 values and keys in one document"},
		"members":  {keys.String(), ""},
		"escapes":  {`["` + strings.Repeat(`\u00e9`, 1<<20) + `"]`, ""},
		"string":   {`["` + strings.Repeat("a", 8<<20-4) + `"]`, ""},
		"twice":    {strings.Replace(keys.String(), `"z":0}`, keys.String()[1:40][:strings.Index(keys.String()[1:], ":")]+`:0}`, 1), "duplicate key"},
	} {
		start := time.Now()
		_, err := Parse([]byte(c.doc), DefaultLimits())
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && len(err.Error()) > 600 {
			t.Errorf("%s: a message of %d bytes", name, len(err.Error()))
		}
		t.Logf("%s: %d bytes in %v", name, len(c.doc), time.Since(start))
	}
}

// toAny is what encoding/json with UseNumber makes of the same text.
func toAny(v Value) any {
	switch v.Kind() {
	case Bool:
		return v.Bool()
	case Number:
		return json.Number(v.NumberText())
	case String:
		return v.Str()
	case Array:
		s := []any{}
		for e := v.First(); e.Exists(); e = e.Next() {
			s = append(s, e.asAnyChecked(len(s), v))
		}
		return s
	case Object:
		m := map[string]any{}
		for e := v.First(); e.Exists(); e = e.Next() {
			if v.Get(e.Key()) != e {
				panic("Get finds another member: " + e.Key())
			}
			m[e.Key()] = toAny(e)
		}
		if len(m) != v.Len() {
			panic("Len or duplicate keys")
		}
		return m
	default:
		return nil
	}
}

func (v Value) asAnyChecked(i int, parent Value) any {
	if i < 20 && parent.Index(i) != v {
		panic("Index finds another element")
	}
	return toAny(v)
}

func referenceParse(raw []byte) (any, error) {
	if !json.Valid(raw) {
		return nil, os.ErrInvalid
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	err := d.Decode(&v)
	return v, err
}

// checkParse holds Parse against encoding/json: what we accept it accepts, with
// the same value, and pointers lead where they say.
func checkParse(t interface {
	Helper()
	Fatalf(string, ...any)
}, raw []byte,
) *Doc {
	t.Helper()
	d, err := Parse(raw, DefaultLimits())
	want, refErr := referenceParse(raw)
	if err != nil {
		return nil
	}
	if refErr != nil {
		t.Fatalf("accepted what encoding/json refuses (%v): %q", refErr, raw)
	}
	if got := toAny(d.Root()); !reflect.DeepEqual(got, want) {
		t.Fatalf("%q\n got %#v\nwant %#v", raw, got, want)
	}
	for i := 0; i < len(d.nodes); i += 1 + len(d.nodes)/100 {
		n := d.nodes[i]
		if isKey := i+1 < len(d.nodes) && d.nodes[i+1].flags&member != 0; isKey {
			continue
		}
		v := Value{d, int32(i)}
		if found, ok := d.Lookup(v.Pointer()); !ok || found != v {
			t.Fatalf("%q: pointer %q of node %d leads elsewhere", raw, v.Pointer(), i)
		}
		sub, err := Parse(v.Raw(), DefaultLimits())
		if err != nil || sub.Root().Kind() != n.kind {
			t.Fatalf("%q: span %q is not the value: %v", raw, v.Raw(), err)
		}
	}
	return d
}

func TestParseSamples(t *testing.T) {
	for name, raw := range samples(t) {
		if checkParse(t, raw) == nil {
			t.Errorf("%s is refused", name)
		}
	}
}

func TestLookup(t *testing.T) {
	// RFC 6901 section 5.
	d, err := Parse([]byte(`{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\j":5,"k\"l":6," ":7,"m~n":8}`), DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	for pointer, want := range map[string]string{
		"/foo": `["bar","baz"]`, "/foo/0": `"bar"`, "/": "0", "/a~1b": "1", "/c%d": "2", "/e^f": "3",
		"/g|h": "4", "/i\\j": "5", "/k\"l": "6", "/ ": "7", "/m~0n": "8", "": string(d.Raw()),
		"foo": "", "/foo/2": "", "/foo/-": "", "/foo/01": "", "/foo/-0": "", "/m~n": "", "/m~": "", "/foo/0/x": "", "/FOO": "",
	} {
		v, ok := d.Lookup(pointer)
		if ok != (want != "") || string(v.Raw()) != want {
			t.Errorf("%q: %q %v", pointer, v.Raw(), ok)
		}
	}
}

func TestAbsentValue(t *testing.T) {
	var v Value
	var d *Doc
	start, end := v.Offset()
	if v.Kind() != Invalid || v.Exists() || v.Raw() != nil || start+end != 0 || v.Len() != 0 || v.Get("a").Exists() ||
		v.Index(0).Exists() || v.First().Exists() || v.Next().Exists() || v.Key() != "" || v.Str() != "" || v.Bool() ||
		v.NumberText() != "" || v.Pointer() != "" || d.Root().Exists() {
		t.Error("an absent value answers with something")
	}
}

func TestAppendQuote(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) })).Draw(t, "s")
		q := AppendQuote([]byte("x"), s)[1:]
		var back string
		if err := json.Unmarshal(q, &back); err != nil {
			t.Fatalf("%q: %s %v", s, q, err)
		}
		if back != string([]rune(s)) {
			t.Fatalf("%q: %s decodes to %q", s, q, back)
		}
		var want bytes.Buffer
		e := json.NewEncoder(&want)
		e.SetEscapeHTML(false)
		if err := e.Encode(s); err != nil {
			t.Fatal(err)
		}
		ref := strings.NewReplacer(`\u2028`, "\u2028", `\u2029`, "\u2029", `\ufffd`, "\ufffd").Replace(strings.TrimSuffix(want.String(), "\n"))
		if !strings.Contains(s, `\u`) && string(q) != ref {
			t.Fatalf("%q: %s, encoding/json %s", s, q, ref)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add(samples(f)["testdata/device-plugin.json"])
	for _, s := range []string{
		`{"a":1,"\u0061":2}`, `["\ud83d\ude00"]`, `[1e5,-0,0.10,1E-7]`, `{"":{"":[[],{}]}}`, "[\"\\u0000\"]", " [ true , false , null ] ",
		`{"hoo\u212as":{}}`, "\ufeff{}", `{"a":1}x`, `"\/\b\f\n\r\t\"\\"`, `[01]`, "[\"\x7f\u2028\"]",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) { checkParse(t, raw) })
}
