package jsondoctest

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"pgregory.net/rapid"
)

// Unknown is the prefix of the keys that Render invents. Each is used once.
const Unknown = "x-unknown-"

// Render writes the JSON document compact again with random white space,
// member order, escapes and, where it finds objects, members that no type knows.
func Render(t *rapid.T, compact []byte) []byte {
	d := json.NewDecoder(bytes.NewReader(compact))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("render: %v", err)
	}
	r := renderer{t: t, pretty: rapid.Bool().Draw(t, "pretty")}
	r.value(v, "")
	return r.b.Bytes()
}

type renderer struct {
	t       *rapid.T
	b       bytes.Buffer
	pretty  bool
	unknown int
}

func (r *renderer) space() {
	if r.pretty {
		r.b.WriteString(rapid.SampledFrom([]string{"", "", " ", "\n  ", "\t", "\r\n"}).Draw(r.t, "space"))
	}
}

func (r *renderer) value(v any, parent string) {
	r.space()
	switch v := v.(type) {
	case nil:
		r.b.WriteString("null")
	case bool:
		r.b.WriteString(strconv.FormatBool(v))
	case json.Number:
		r.b.WriteString(string(v))
	case string:
		r.text(v)
	case []any:
		r.b.WriteByte('[')
		for i, e := range v {
			if i > 0 {
				r.b.WriteByte(',')
			}
			r.value(e, "")
		}
		r.space()
		r.b.WriteByte(']')
	case map[string]any:
		r.object(v, parent)
	}
	r.space()
}

// Maps from strings to strings or structs take no invented members: to the type
// they would not be unknown.
func isMap(name string) bool {
	switch name {
	case "annotations", "sysctl", "unified", "rdma", "netDevices", "timeOffsets", "M":
		return true
	}
	return false
}

func (r *renderer) object(v map[string]any, name string) {
	keys := make([]string, 0, len(v))
	for k := range v {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	if r.pretty {
		keys = rapid.Permutation(keys).Draw(r.t, "order")
	}
	r.b.WriteByte('{')
	for i, k := range keys {
		if i > 0 {
			r.b.WriteByte(',')
		}
		r.space()
		r.text(k)
		r.space()
		r.b.WriteByte(':')
		r.value(v[k], k)
	}
	if !isMap(name) && oneIn(r.t, 3) {
		if len(keys) > 0 {
			r.b.WriteByte(',')
		}
		r.unknown++
		r.b.WriteString(`"` + Unknown + strconv.Itoa(r.unknown) + `":`)
		r.b.WriteString(rapid.SampledFrom([]string{`1.50e+2`, `"A"`, `{ "a" : [1 , 2] }`, `[ ]`, `null`}).Draw(r.t, "unknown"))
	}
	r.space()
	r.b.WriteByte('}')
}

func (r *renderer) text(s string) {
	q, err := json.Marshal(s)
	if err != nil {
		r.t.Fatalf("render: %v", err)
	}
	if r.pretty && len(s) > 0 && s[0] >= 'a' && s[0] <= 'z' && oneIn(r.t, 20) {
		q = []byte(strings.Replace(string(q), s[:1], `\u00`+strconv.FormatInt(int64(s[0]), 16), 1))
	}
	r.b.Write(q)
}
