package watch

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/runward/runward/internal/monitor/watch/alert"
	"github.com/runward/runward/internal/monitor/watch/threshold"
	"github.com/runward/runward/internal/tomlfile"
)

// read decodes a [monitor] table over the defaults, as the daemon does.
func read(t *testing.T, text string) (Settings, error) {
	t.Helper()
	doc, err := tomlfile.Parse("runward.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	s := Default()
	table, _ := doc.Root["monitor"].(map[string]any)
	if err := doc.Decode(table, []any{"monitor"}, &s); err != nil {
		return s, err
	}
	return s, s.Check(doc, "monitor")
}

func TestSettings(t *testing.T) {
	s, err := read(t, `
[monitor]
every = "5s"
[monitor.thresholds]
oom = false
memory_percent = { above = 70.5, for = "30s" }
[monitor.normal]
hours = true
metrics = ["cpu_cores"]
[monitor.restarts]
above = 3
[monitor.files]
extra = ["/etc/x"]
[monitor.census]
every = "0s"
`)
	if err != nil {
		t.Fatal(err)
	}
	if s.Thresholds.MemoryPercent.Above != 70.5 || s.Thresholds.OOM || !s.Normal.Hours || len(s.Normal.Metrics) != 1 || s.Restarts.Above != 3 || s.Files.Extra[0] != "/etc/x" || s.Census.Every != 0 {
		t.Errorf("%+v", s)
	}
}

func TestSettingsRefused(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"[monitor]\nevery = \"2m\"", `runward.toml:2:1: every: want at least 1s, and at most normal.window, which is 1m0s`},
		{"[monitor.thresholds]\npids_percent = { above = 10, clear = 20 }", `runward.toml:2:30: clear: want at most above, which is 10, found 20`},
		{"[monitor.thresholds.psi_io_full_avg60]\nabove = \"high\"", `runward.toml:2:1: above: want a number`},
		{"[monitor.normal]\nwindow = \"soon\"", `runward.toml:2:1: window: want a duration such as "90s", "5m" or "12h", found "soon"`},
		{"[monitor.normal]\nmetrics = [\"cpu\"]", `runward.toml:2:1: metrics: "cpu" is none that can be learned`},
		{"[monitor.files]\nextra = [\"etc\"]", `runward.toml:2:1: extra: want absolute paths, found "etc"`},
		{"[monitor.restarts]\nabove = 100", `runward.toml:2:1: above: want 0 to 63`},
		{"[monitor.census]\nevry = \"1m\"", `runward.toml:2:1: unknown key "evry"; did you mean "every"?`},
	} {
		if _, err := read(t, c.text); err == nil || err.Error() != c.want {
			t.Errorf("%q:\n%v, want\n%s", c.text, err, c.want)
		}
	}
}

var update = flag.Bool("update", false, "rewrite the settings in packaging/doc/watching.md")

// The tables of settings in the documentation are made from the code.
func TestDocumentation(t *testing.T) {
	const path, begin, end = "../../../packaging/doc/watching.md", "<!-- settings: go test ./internal/monitor/watch -update -->\n", "<!-- end of settings -->\n"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("%s has no place for the settings", path)
	}
	var b strings.Builder
	s := Default()
	table(&b, "monitor", reflect.ValueOf(s))
	want := before + begin + b.String() + end + after
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if string(text) != want {
		t.Errorf("%s is not current: go test ./internal/monitor/watch -update", path)
	}
}

// table writes the settings of one table, then those below it.
func table(b *strings.Builder, name string, v reflect.Value) {
	fmt.Fprintf(b, "\n### `[%s]`\n\n| key | default | meaning |\n| --- | --- | --- |\n", name)
	var below []int
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if field.Type.Kind() == reflect.Struct && field.Type != reflect.TypeFor[threshold.Bound]() {
			below = append(below, i)
			continue
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", field.Tag.Get("toml"), value(v.Field(i)), field.Tag.Get("doc"))
	}
	if name == "monitor.thresholds" {
		fmt.Fprintf(b, "\nEach measure has a table of its own:\n\n| key | meaning |\n| --- | --- |\n")
		for field := range reflect.TypeFor[threshold.Bound]().Fields() {
			fmt.Fprintf(b, "| `%s` | %s |\n", field.Tag.Get("toml"), field.Tag.Get("doc"))
		}
	}
	for _, i := range below {
		table(b, name+"."+v.Type().Field(i).Tag.Get("toml"), v.Field(i))
	}
}

func value(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case alert.Duration:
		return "`\"" + x.String() + "\"`"
	case string, alert.Severity:
		return fmt.Sprintf("`%q`", x)
	case []string:
		if len(x) == 0 {
			return "none"
		}
		return "`" + strings.Join(x, "`, `") + "`"
	case threshold.Bound:
		if x.Above == 0 {
			return "off"
		}
		return fmt.Sprintf("above %g, for `%s`, %s", float64(x.Above), x.For, x.Severity)
	default:
		return fmt.Sprintf("`%v`", x)
	}
}
