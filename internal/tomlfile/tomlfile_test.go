package tomlfile

import (
	"errors"
	"testing"
)

type sample struct {
	Name  string   `toml:"name"`
	Count int64    `toml:"count"`
	On    bool     `toml:"on"`
	List  []string `toml:"list"`
	Sub   struct {
		A string `toml:"a"`
	} `toml:"sub"`
	Many []struct {
		Key string `toml:"key"`
	} `toml:"many"`
	Table map[string][]string `toml:"table"`
}

func TestDecode(t *testing.T) {
	d, err := Parse("f.toml", []byte("name='n'\ncount=3\non=true\nlist=['a','b']\nsub.a='x'\n[[many]]\nkey='1'\n[[many]]\nkey='2'\n[table]\nt=['y']\n"))
	if err != nil {
		t.Fatal(err)
	}
	var s sample
	if err := d.Decode(d.Root, nil, &s); err != nil {
		t.Fatal(err)
	}
	if s.Name != "n" || s.Count != 3 || !s.On || len(s.List) != 2 || s.Sub.A != "x" || s.Many[1].Key != "2" || s.Table["t"][0] != "y" {
		t.Fatalf("got %+v", s)
	}
}

func TestErrorsHavePositions(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"nmae = 'x'", `f.toml:1:1: unknown key "nmae"; did you mean "name"?`},
		{"Name = 'x'", `f.toml:1:1: unknown key "Name"; did you mean "name"?`},
		{"# name here\n\n  list = [\n 'a',\n 3]\n", `f.toml:3:3: list: want a string, found a number`},
		{"count = 'x'", `f.toml:1:1: count: want a whole number, found a string`},
		{"[sub]\na='1'\nb='2'", `f.toml:3:1: unknown key "b"; known here: a`},
		{"[[many]]\nkey='a'\n[[many]]\nkey=1\n[[many]]\nkey='c'", `f.toml:4:1: key: want a string, found a number`},
		{"zzzzzzzz = 1", `f.toml:1:1: unknown key "zzzzzzzz"; known here: count, list, many, name, on, sub, table`},
	} {
		d, err := Parse("f.toml", []byte(c.text))
		if err == nil {
			err = d.Decode(d.Root, nil, new(sample))
		}
		if err == nil || err.Error() != c.want {
			t.Errorf("%q:\n got %v\nwant %s", c.text, err, c.want)
		}
	}
	_, err := Parse("f.toml", []byte("a = 1\na = 2\n"))
	var e *Error
	if !errors.As(err, &e) || e.Line != 2 || e.Text != "a = 2" {
		t.Errorf("syntax: got %v", err)
	}
}
