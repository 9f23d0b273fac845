package engine

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/runward/runward/internal/tomlfile"
)

// daemons draws a daemon.json, in some layout.
func daemons(t *rapid.T) string {
	doc := map[string]any{}
	for _, key := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"debug", "a b", "ü", "hosts", "live-restore"}), 0, 4, rapid.ID).Draw(t, "keys") {
		doc[key] = rapid.SampledFrom([]any{true, "x", []any{}, []any{"a", 1.5}, map[string]any{}, map[string]any{"b": nil}}).Draw(t, "value")
	}
	if rapid.Bool().Draw(t, "runtimes") {
		runtimes := map[string]any{}
		for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"crun", "nvidia", "kata"}), 0, 3, rapid.ID).Draw(t, "names") {
			runtimes[name] = map[string]any{"path": "/usr/bin/" + name}
		}
		doc["runtimes"] = runtimes
	}
	if rapid.Bool().Draw(t, "default") {
		doc["default-runtime"] = "runc"
	}
	raw, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	unit := rapid.SampledFrom([]string{"", "  ", "    ", "\t"}).Draw(t, "unit")
	if unit == "" {
		return string(raw)
	}
	var b bytes.Buffer
	if err := json.Indent(&b, raw, "", unit); err != nil {
		t.Fatal(err)
	}
	text := b.String() + rapid.SampledFrom([]string{"", "\n", "\n\n"}).Draw(t, "end")
	if rapid.Bool().Draw(t, "crlf") {
		text = strings.ReplaceAll(text, "\n", "\r\n")
	}
	return text
}

func value(t *rapid.T, text string) any {
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return v
}

// What is set in a daemon.json is there, every line that was there still is, but for a
// comma, and taken out again it means what it meant before, also when somebody
// else sets a member meanwhile.
func TestMembersComeAndGo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := daemons(t)
		text := before
		var edits []Edit
		for _, m := range []struct {
			path  []string
			value any
		}{{[]string{"runtimes", "runward", "path"}, "/usr/bin/runward"}, {[]string{"default-runtime"}, "runward"}} {
			out, more, err := setMember("daemon.json", text, m.path, m.value)
			if err != nil {
				t.Fatal(err)
			}
			text, edits = out, append(edits, more...)
		}
		doc, _ := value(t, text).(map[string]any)
		if doc["default-runtime"] != "runward" || at(doc, "runtimes", "runward", "path") != "/usr/bin/runward" {
			t.Fatalf("not set:\n%s", text)
		}
		want, _ := value(t, before).(map[string]any)
		if rapid.Bool().Draw(t, "meanwhile") {
			out, _, err := setMember("daemon.json", text, []string{"else"}, 1.0)
			if err != nil {
				t.Fatal(err)
			}
			text, want["else"] = out, 1.0
		}
		after, err := takeMembers("daemon.json", text, edits)
		if err != nil {
			t.Fatal(err)
		}
		if got := value(t, after); !reflect.DeepEqual(got, any(want)) {
			t.Fatalf("%s\nbecame\n%s", before, after)
		}
		again, err := takeMembers("daemon.json", after, edits)
		if err != nil || again != after {
			t.Fatalf("a second time: %v\n%s", err, again)
		}
	})
}

// mains draws a main file of containerd's.
func mains(t *rapid.T) (text string, imports []string) {
	imports = rapid.SliceOfN(rapid.SampledFrom([]string{"/etc/a.toml", "/etc/*.d/#[x].toml", "b,]'.toml"}), 0, 3).Draw(t, "imports")
	head := rapid.SampledFrom([]string{"", "# imports = []\n", "root = \"/r\" # ]\n"}).Draw(t, "head")
	tail := rapid.SampledFrom([]string{"", "[plugins]\n", "[x]\nimports = 1\n"}).Draw(t, "tail")
	version := "version = 2" + rapid.SampledFrom([]string{"", " # imports"}).Draw(t, "remark") + "\n"
	if len(imports) == 0 && rapid.Bool().Draw(t, "none") {
		return head + version + tail, nil
	}
	sep := rapid.SampledFrom([]string{" ", "", "\n  ", "\n\t# it's here\n\t", " # [1]\n"}).Draw(t, "sep")
	list := "imports" + rapid.SampledFrom([]string{" = ", "="}).Draw(t, "is") + "["
	for i, s := range imports {
		list += sep + `"` + s + `"`
		if i < len(imports)-1 || rapid.Bool().Draw(t, "comma") {
			list += ","
		}
	}
	list += rapid.SampledFrom([]string{"", "\n", " # last\n"}).Draw(t, "close") + "]\n"
	if rapid.Bool().Draw(t, "first") {
		return head + list + version + tail, imports
	}
	return head + version + list + tail, imports
}

// bare is a text without what may change.
func bare(text string) string {
	text = strings.NewReplacer(",", "", " ", "", "\n", "", "\t", "").Replace(text)
	return strings.ReplaceAll(text, "imports=[]", "")
}

// A file that is imported comes last, whatever the array looks like; every byte
// but a comma stays, and taken out again only that comma may be left.
func TestImportsComeAndGo(t *testing.T) {
	const own = "/etc/containerd/conf.d/99-runward.toml"
	rapid.Check(t, func(t *rapid.T) {
		before, imports := mains(t)
		text, err := putImport("config.toml", before, own)
		if err != nil {
			t.Fatalf("%v\n%s", err, before)
		}
		doc, err := tomlfile.Parse("config.toml", []byte(text))
		if err != nil || !slices.Equal(importsOf(doc), append(slices.Clone(imports), own)) {
			t.Fatalf("%v\n%s", err, text)
		}
		if left := strings.Replace(text, `"`+own+`"`, "", 1); bare(left) != bare(before) {
			t.Fatalf("%s\nbecame\n%s", before, text)
		}
		after, err := takeImport("config.toml", text, own)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		doc, err = tomlfile.Parse("config.toml", []byte(after))
		if err != nil || !slices.Equal(importsOf(doc), imports) {
			t.Fatalf("%v\n%s\nbecame\n%s", err, text, after)
		}
		if bare(after) != bare(before) {
			t.Fatalf("%s\nbecame\n%s", before, after)
		}
	})
}
