package tomlformat

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
	"pgregory.net/rapid"
)

// Cases are pairs of files in testdata/format.txtar: NAME/in, NAME/want.
func TestFormat(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/format.txtar")
	if err != nil {
		t.Fatal(err)
	}
	in := map[string]string{}
	seen := 0
	for _, f := range archive.Files {
		name, part := filepath.Split(f.Name)
		if part == "in" {
			in[name] = strings.ReplaceAll(strings.ReplaceAll(string(f.Data), "<TAB>", "\t"), "<CR>", "\r")
			continue
		}
		seen++
		t.Run(strings.TrimSuffix(name, "/"), func(t *testing.T) {
			got, err := Format([]byte(in[name]))
			if err != nil {
				t.Fatal(err)
			}
			if want := strings.ReplaceAll(string(f.Data), "<TAB>", "\t"); string(got) != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			if again, err := Format(got); err != nil || string(again) != string(got) {
				t.Errorf("again: %v\n%s", err, again)
			}
		})
	}
	if seen != len(in) || seen == 0 {
		t.Errorf("%d cases, %d inputs", seen, len(in))
	}
}

func TestFormatRefusesWhatDoesNotDecode(t *testing.T) {
	if out, err := Format([]byte("a = \n")); err == nil || out != nil {
		t.Errorf("%q, %v", out, err)
	}
}

// What is shipped is in the one form.
func TestShippedFiles(t *testing.T) {
	all := 0
	for _, pattern := range []string{"../../policy/profiles/*.toml", "../../packaging/examples/*.toml", "../../test/policy/*.toml", "../../cmd/runwardctl/*.toml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			all++
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Format(text)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != string(text) {
				t.Errorf("%s is not as runwardctl policy fmt makes it", file)
			}
		}
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(readme), "```toml\n")
	for ; found; _, rest, found = strings.Cut(rest, "```toml\n") {
		block, _, _ := strings.Cut(rest, "```")
		all++
		if got, err := Format([]byte(block)); err != nil || string(got) != block {
			t.Errorf("README: %v\nwant\n%s", err, got)
		}
	}
	if all < 12 {
		t.Errorf("%d files", all)
	}
}

func FuzzFormat(f *testing.F) {
	archive, err := txtar.ParseFile("testdata/format.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range archive.Files {
		f.Add(strings.ReplaceAll(strings.ReplaceAll(string(file.Data), "<TAB>", "\t"), "<CR>", "\r"))
	}
	files, err := filepath.Glob("../../policy/profiles/*.toml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	for _, s := range []string{"a = \"\"\"\"\"\"\"\"", "a=''''''''", "a=nan", "\uFEFFa=1", "a=[[1,\n2],{b=3\n,c=[\n]}]#x", "'a b'.\"c\" . d=1", "a=1979-05-27 07:32:00Z", "[[ a . 'b' ]]#", "a='\t'", "a=\"\\\"\""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		before, err := decode(text)
		if err != nil {
			return
		}
		got, err := Format([]byte(text))
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		after, err := decode(string(got))
		if err != nil || !same(before, after) {
			t.Fatalf("%q became %q, which is read as another (%v)", text, got, err)
		}
		again, err := Format(got)
		if err != nil || string(again) != string(got) {
			t.Fatalf("%q became %q, and that %q (%v)", text, got, again, err)
		}
	})
}

// However the tokens of a formatted file are spaced, Format gives that file.
func TestSpacesDoNotMatter(t *testing.T) {
	files, err := filepath.Glob("../../policy/profiles/*.toml")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, file := range files {
		whole, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		tokens, err := scan(string(whole))
		if err != nil {
			t.Fatal(err)
		}
		rapid.Check(t, func(t *rapid.T) {
			var b strings.Builder
			last := token{kind: newline}
			for _, k := range tokens {
				space := rapid.SampledFrom([]string{"", " ", "\t", "   "}).Draw(t, "space")
				if k.kind == text && last.kind == text {
					space = " " // a date and a time
				}
				b.WriteString(space + k.text)
				last = k
			}
			got, err := Format([]byte(b.String()))
			if err != nil || string(got) != string(whole) {
				t.Fatalf("%s: %v\n%s", file, err, got)
			}
		})
	}
}
