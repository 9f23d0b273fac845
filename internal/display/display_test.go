package display

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain ü 漢":       "plain ü 漢",
		"\x1b[2Jgone":     `\u001b[2Jgone`,
		"\u009b2J":        `\u009b2J`,
		"a\nb\tc":         `a\nb\tc`,
		"ab\u202egnp.exe": `ab\u202egnp.exe`,
		"\u200bhidden":    `\u200bhidden`,
		"\xff bad":        `\xff bad`,
	} {
		if got := Clean(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

func TestCleanIsHarmless(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Clean(rapid.String().Draw(t, "s"))
		if strings.ContainsFunc(s, harmful) || !utf8.ValidString(s) {
			t.Fatalf("%q", s)
		}
	})
}

func TestJSONIsTheSameAndHarmless(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.String().Draw(t, "s") + "\u009b\u202e\U000e0001"
		var b strings.Builder
		if err := New(&b).JSON(want); err != nil {
			t.Fatal(err)
		}
		var got string
		if err := json.Unmarshal([]byte(b.String()), &got); err != nil {
			t.Fatal(err)
		}
		if got != strings.ToValidUTF8(want, "\uFFFD") {
			t.Fatalf("%q became %q", want, got)
		}
		if strings.ContainsFunc(strings.TrimSuffix(b.String(), "\n"), harmful) {
			t.Fatalf("%q", b.String())
		}
	})
}

func TestTableFits(t *testing.T) {
	rows := []Row{
		{Cells: []Cell{{Text: "denied", Style: Red}, {Text: "/linux/namespaces/0"}, {Text: "the host's PID namespace, which shows every process"}}, Notes: []string{"hint: leave it out"}},
		{Cells: []Cell{{Text: "x"}, {Text: "y"}, {Text: "z"}}},
	}
	columns := []Column{{Title: "DONE"}, {Title: "WHERE", Fit: Cut}, {Title: "FOUND", Fit: Wrap}}
	var b strings.Builder
	p := New(&b)
	p.Width = 34
	p.Table(columns, rows)
	const want = `DONE    WHERE         FOUND
denied  /linux/name…  the host's
                      PID
                      namespace,
                      which shows
                      every
                      process
    hint: leave it out
x       y             z
`
	if b.String() != want {
		t.Errorf("got:\n%swant:\n%s", b.String(), want)
	}
}

func TestExcerpt(t *testing.T) {
	for _, c := range []struct {
		name, text string
		column     int
		want       string
	}{
		{"short", `memroy = 1`, 1, "  7 | memroy = 1\n    | ^\n"},
		{"a tab counts as one character", "\ta = b", 6, "  7 |  a = b\n    |      ^\n"},
		{"behind the end", "a", 9, "  7 | a\n    |  ^\n"},
		{
			"long", strings.Repeat("a", 100) + "!" + strings.Repeat("b", 100), 101,
			"  7 | …" + strings.Repeat("a", 36) + "!" + strings.Repeat("b", 35) + "…\n    | " + strings.Repeat(" ", 37) + "^\n",
		},
		{"an empty line shows nothing", "", 1, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b strings.Builder
			New(&b).Excerpt(c.text, 7, c.column)
			if b.String() != c.want {
				t.Errorf("got:\n%swant:\n%s", b.String(), c.want)
			}
		})
	}
}
