package explain

import (
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/runward/runward/internal/display"
)

func diff(t *testing.T, before, after string, full bool) string {
	t.Helper()
	var b strings.Builder
	if err := Diff(display.New(&b), []byte(before), []byte(after), full); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestDiff(t *testing.T) {
	for _, c := range []struct{ name, before, after, want string }{
		{"white space is no difference", `{"a": [1,2]}`, "{\n\"a\":[1 , 2]}", ""},
		{"a number's spelling is", `{"a":1.0}`, `{"a":1}`, "@@ /a @@\n {\n-  \"a\": 1.0\n+  \"a\": 1\n }\n"},
		{"a last element takes no comma along", `{"a":[1,2]}`, `{"a":[1]}`, "@@ /a/1 @@\n {\n   \"a\": [\n     1\n-    2\n   ]\n }\n"},
		{"the whole document", `[]`, `{}`, "@@ / @@\n-[]\n+{}\n"},
		{"a key with a slash", `{"a/b~":1}`, `{"a/b~":2}`, "@@ /a~1b~0 @@\n {\n-  \"a/b~\": 1\n+  \"a/b~\": 2\n }\n"},
		{"what a terminal obeys", "{\"a\":\"\u009b2J\"}", `{"a":""}`, "@@ /a @@\n {\n-  \"a\": \"\\u009b2J\"\n+  \"a\": \"\"\n }\n"},
		{
			"two places far apart", `{"a":1,"b":[0,0,0,0,0,0,0,0],"c":1}`, `{"a":2,"b":[0,0,0,0,0,0,0,0],"c":2}`,
			"@@ /a @@\n {\n-  \"a\": 1,\n+  \"a\": 2,\n   \"b\": [\n     0,\n     0,\n@@ /c @@\n     0,\n     0\n   ],\n-  \"c\": 1\n+  \"c\": 2\n }\n",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := diff(t, c.before, c.after, false); got != c.want {
				t.Errorf("got:\n%swant:\n%s", got, c.want)
			}
		})
	}
}

func TestDiffCutsLongRuns(t *testing.T) {
	after := "[1" + strings.Repeat(",0", 30) + "]"
	got := diff(t, "[1]", after, false)
	if lines := strings.Count(got, "\n+"); lines != longRun/2+1 || !strings.Contains(got, "\n+    ... 20 more lines (--full shows them)\n") {
		t.Errorf("%d lines:\n%s", lines, got)
	}
	if got := diff(t, "[1]", after, true); strings.Count(got, "\n+") != 30 {
		t.Errorf("full:\n%s", got)
	}
}

// The edits lead from one document to the other, and equal lines are kept.
func TestCompare(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.Custom(func(t *rapid.T) []line {
			var all []line
			for _, n := range rapid.SliceOfN(rapid.IntRange(0, 3), 0, 12).Draw(t, "lines") {
				all = append(all, line{text: strconv.Itoa(n)})
			}
			return all
		})
		before, after := lines.Draw(t, "before"), lines.Draw(t, "after")
		var from, to []line
		changes := 0
		for _, e := range compare(before, after) {
			if e.op != '+' {
				from = append(from, e.line)
			}
			if e.op != '-' {
				to = append(to, e.line)
			}
			if e.op != ' ' {
				changes++
			}
		}
		if !same(from, before) || !same(to, after) {
			t.Fatalf("edits of %v to %v give %v and %v", before, after, from, to)
		}
		if want := len(before) + len(after) - 2*common(before, after); changes != want {
			t.Fatalf("%d changes, a shortest series has %d", changes, want)
		}
	})
}

func same(a, b []line) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !a[i].same(b[i]) {
			return false
		}
	}
	return true
}

// common is the length of a longest common subsequence, the slow way.
func common(a, b []line) int {
	if len(a) == 0 || len(b) == 0 {
		return 0
	}
	table := make([][]int, len(a)+1)
	for i := range table {
		table[i] = make([]int, len(b)+1)
	}
	for i := range a {
		for j := range b {
			if a[i].same(b[j]) {
				table[i+1][j+1] = table[i][j] + 1
			} else {
				table[i+1][j+1] = max(table[i][j+1], table[i+1][j])
			}
		}
	}
	return table[len(a)][len(b)]
}
