package audit

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/runward/runward/internal/patch"
	"github.com/runward/runward/policy"
)

func encoded(r *Receipt) []byte {
	body := bounded(r)
	line, link := seal(appendGap(body, r.Gap), 0, r.Seq, r.Prev)
	r.Seq, r.Prev, r.Hash = link.Seq, link.Prev, link.Hash
	return line
}

// Every field of the structs is set, so that one that the encoder forgets fails.
func TestEncoderKnowsEveryField(t *testing.T) {
	r := new(Receipt)
	fill(t, reflect.ValueOf(r).Elem(), "")
	r.Prev = Digest(nil)
	got := encoded(r)
	var back Receipt
	d := json.NewDecoder(bytes.NewReader(got))
	d.DisallowUnknownFields()
	if err := d.Decode(&back); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(*r, back) {
		t.Errorf("\nwrote %+v\nread  %+v", *r, back)
	}
	names := ""
	for f := range reflect.TypeFor[Receipt]().Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		names += " " + name
		if !bytes.Contains(got, []byte(`"`+name+`":`)) {
			t.Errorf("no %s in %s", name, got)
		}
	}
	var order []string
	d = json.NewDecoder(bytes.NewReader(got))
	if _, err := d.Token(); err != nil {
		t.Fatal(err)
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			t.Fatal(err)
		}
		order = append(order, key.(string))
		var skip json.RawMessage
		if err := d.Decode(&skip); err != nil {
			t.Fatal(err)
		}
	}
	if got := " " + strings.Join(order, " "); got != names {
		t.Errorf("order%s, want%s", got, names)
	}
}

func fill(t *testing.T, v reflect.Value, name string) {
	switch x := v.Addr().Interface().(type) {
	case *time.Time:
		*x = time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
		return
	case *policy.Verdict:
		*x = policy.Rewrite
		return
	case *patch.Patch:
		*x = patch.Patch{{Op: "replace", Path: "/a~1b/0", Value: patch.Raw(`{"x":"<&>\u00e9"}`)}, {Op: "remove", Path: "/c"}}
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(name + " \"\\\n\x7f<é\u2028")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(-7)
	case reflect.Uint64:
		v.SetUint(1<<64 - 1)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem(), name)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(t, v.Index(0), name)
		fill(t, v.Index(1), name)
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{"b\"": "x", "a": "\n"}))
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i), v.Type().Field(i).Name)
		}
	default:
		t.Fatalf("%s: fill does not know %s", name, v.Type())
	}
}

func TestAnyReceiptIsOneLineThatReadsBack(t *testing.T) {
	text := rapid.StringN(0, 40, 100)
	finding := rapid.Custom(func(t *rapid.T) policy.Finding {
		return policy.Finding{
			Rule: text.Draw(t, "rule"), Policy: text.Draw(t, "policy"), Pointer: text.Draw(t, "pointer"),
			Found: text.Draw(t, "found"), Wanted: text.Draw(t, "wanted"), Done: policy.Done(text.Draw(t, "done")),
			Hint: text.Draw(t, "hint"), Because: text.Draw(t, "because"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		r := &Receipt{
			ID: text.Draw(t, "id"), Time: time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "s"), rapid.Int64Range(0, 999999999).Draw(t, "ns")).UTC(),
			Container: text.Draw(t, "container"), Bundle: text.Draw(t, "bundle"), Error: text.Draw(t, "error"),
			Identity: policy.Identity{Pod: text.Draw(t, "pod"), Conflict: text.Draw(t, "conflict"), Labels: map[string]string{text.Draw(t, "key"): text.Draw(t, "value")}},
			Policies: rapid.SliceOfN(text, 1, 3).Draw(t, "policies"),
			Findings: rapid.SliceOfN(finding, 1, 3).Draw(t, "findings"),
			Patch:    patch.Patch{{Op: "add", Path: "/" + rapid.StringMatching(`[ -~é]*`).Draw(t, "path"), Value: patch.Raw("[1,\n2]")}},
			Verdict:  policy.Allow, Seq: rapid.Uint64Min(1).Draw(t, "seq"), Micros: rapid.Int64().Draw(t, "micros"),
		}
		line := encoded(r)
		if n := bytes.Count(line, []byte{'\n'}); n != 1 || line[len(line)-1] != '\n' {
			t.Fatalf("%d newlines in %q", n, line)
		}
		r.Patch[0].Value = patch.Raw("[1, 2]")
		var back Receipt
		if err := json.Unmarshal(line, &back); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(*r, back) {
			t.Fatalf("\nwrote %+v\nread  %+v", *r, back)
		}
		l, err := ParseLink(line[:len(line)-1])
		if err != nil || l != (Link{r.Seq, r.Prev, r.Hash}) {
			t.Fatalf("link %+v, %v", l, err)
		}
	})
}

func TestOverMaxBytes(t *testing.T) {
	big := strings.Repeat("x", MaxBytes)
	many := make([]policy.Finding, 50000)
	for i := range many {
		many[i] = policy.Finding{Rule: "mounts", Found: strconv.Itoa(i), Done: policy.Rewritten}
	}
	many[49999].Done = policy.Denied
	hugePatch := patch.Patch{{Op: "add", Path: "/x", Value: patch.Raw(`"` + big + `"`)}}
	for _, tt := range []struct {
		name  string
		r     Receipt
		check func(r *Receipt) bool
	}{
		{"patch", Receipt{Patch: hugePatch, Findings: many[:10]}, func(r *Receipt) bool {
			return r.Cut.Patch.Count == 1 && r.Cut.Patch.Digest == Digest(appendPatch(nil, hugePatch)) &&
				r.Cut.Findings == nil && len(r.Findings) == 10 && len(r.Patch) == 0
		}},
		{"findings", Receipt{Findings: many}, func(r *Receipt) bool {
			return r.Cut.Findings.Count == 50000 && r.Findings[0].Found == "49999" && len(r.Findings) > 1000
		}},
		{"strings", Receipt{Findings: []policy.Finding{{Found: big}}, Error: big}, func(r *Receipt) bool {
			return r.Cut.Strings == 2048 && r.Error == big[:2048]+"...(1048576 bytes)" && len(r.Findings) == 1
		}},
		{"everything", Receipt{
			Verb: big, Findings: []policy.Finding{{Found: big, Hint: big, Rule: big}}, Policies: strings.SplitAfter(big, "x"),
			Patch: hugePatch, Identity: policy.Identity{Labels: map[string]string{big: big}},
		}, func(r *Receipt) bool { return true }},
		{"escapes", Receipt{Error: strings.Repeat("\x01", MaxBytes)}, func(r *Receipt) bool { return true }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			line := encoded(&tt.r)
			var back Receipt
			if err := json.Unmarshal(line, &back); err != nil {
				t.Fatal(err)
			}
			if len(line) > MaxBytes || back.Cut == nil || !tt.check(&back) {
				t.Errorf("%d bytes, cut %+v, %d findings", len(line), back.Cut, len(back.Findings))
			}
		})
	}
	if many[0].Done != policy.Rewritten || many[49999].Done != policy.Denied {
		t.Error("the caller's findings were changed")
	}
}

func TestNewID(t *testing.T) {
	at := time.UnixMilli(1469918176385)
	if id := NewID(at); len(id) != 26 || id[:10] != "01ARYZ6S41" { // the ULID specification's own example
		t.Errorf("%s, want 01ARYZ6S41 and 16 more", id)
	}
	if a, b := NewID(at), NewID(at.Add(time.Millisecond)); a >= b {
		t.Errorf("%s does not sort before %s", a, b)
	}
	seen := map[string]bool{}
	for range 10000 {
		seen[NewID(at)] = true
	}
	if len(seen) != 10000 {
		t.Errorf("%d different of 10000", len(seen))
	}
}

func FuzzParse(f *testing.F) {
	f.Add(encoded(&Receipt{ID: "x", Seq: 1}))
	f.Add(appendHead(nil, Head{Seq: 3, File: 9, Hash: Digest(nil)}))
	f.Add([]byte(`{"seq":1,"prev":"","hash":"sha256:"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if l, err := ParseLink(data); err == nil && (l.Seq == 0 || !validDigest(l.Hash)) {
			t.Errorf("%+v", l)
		}
		if h, ok := ParseHead(data); ok && !bytes.Equal(appendHead(nil, h), data) {
			t.Errorf("%+v does not spell as it was read", h)
		}
		parseEnd(data)
	})
}

func BenchmarkEncode(b *testing.B) {
	findings := make([]policy.Finding, 12)
	for i := range findings {
		findings[i] = policy.Finding{Rule: "capabilities", Policy: "baseline+prod", Pointer: "/process/capabilities/bounding/3", Found: "CAP_NET_RAW", Wanted: "one of CAP_CHOWN CAP_KILL", Done: policy.Rewritten, Hint: "drop CAP_NET_RAW in securityContext.capabilities"}
	}
	for b.Loop() {
		bounded(&Receipt{ID: "01ARYZ6S41", Time: time.Unix(1e9, 5), Findings: findings})
	}
}
