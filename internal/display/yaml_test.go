package display

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"
)

func TestYAML(t *testing.T) {
	var b bytes.Buffer
	v := struct {
		Name  string            `json:"name"`
		Empty []string          `json:"empty"`
		Nil   *int              `json:"nil"`
		List  []any             `json:"list"`
		Map   map[string]string `json:"map"`
		Left  string            `json:"left,omitempty"`
	}{"on", []string{}, nil, []any{1, -0.5, true, "12", "a: b", "~", "x\ny", "\x1b[31m\u202E\U000E0001"}, map[string]string{"b": "", "a": " "}, ""}
	if err := New(&b).YAML(v); err != nil {
		t.Fatal(err)
	}
	want := `name: "on"
empty: []
nil: null
list:
  - 1
  - -0.5
  - true
  - "12"
  - 'a: b'
  - "~"
  - "x\ny"
  - "\e[31m\u202e\U000E0001"
map:
  a: ' '
  b: ""
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

// Whatever a container's owner writes reads as it would from JSON, and has
// nothing in it that a terminal obeys.
func TestYAMLReadsAsJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"on", "0x1f", "1_0", "2027-06-30", "|", "- a", "# c", "\u2028", "\u0085", "\u0001", "\uFEFF", "null", "a\n b\n", "<<", "\t", "\xff", " \n"}))
		v := map[string]any{}
		for range rapid.IntRange(0, 3).Draw(t, "members") {
			v[strings.ToValidUTF8(text.Draw(t, "key"), "?")] = []any{text.Draw(t, "text"), rapid.Float64Range(-1e9, 1e9).Draw(t, "number"), rapid.Bool().Draw(t, "bool"), nil}
		}
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var want, got any
		if err := json.Unmarshal(raw, &want); err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := New(&b).YAML(v); err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal(b.Bytes(), &got); err != nil {
			t.Fatalf("%v\n%s", err, b.String())
		}
		if !reflect.DeepEqual(floats(got), want) {
			t.Fatalf("%#v is\n%sreads as %#v", want, b.String(), got)
		}
		if strings.ContainsFunc(strings.ReplaceAll(b.String(), "\n", ""), harmful) {
			t.Fatalf("harmful: %q", b.String())
		}
	})
}

// floats gives whole numbers as encoding/json does.
func floats(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = floats(v[k])
		}
	case []any:
		for i := range v {
			v[i] = floats(v[i])
		}
	case int:
		return float64(v)
	}
	return v
}
