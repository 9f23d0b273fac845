package cases_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/runward/runward/internal/oci"
	"github.com/runward/runward/policy"
)

// Documents that runtimes read differently, or not at all, are refused before
// any rule looks at them, with words that say what is wrong.
func TestMalformed(t *testing.T) {
	raw, err := os.ReadFile("nginx-docker/config.json")
	if err != nil {
		t.Fatal(err)
	}
	good := strings.TrimSpace(string(raw))
	member := func(text string) string { return strings.TrimSuffix(good, "}") + "," + text + "}" }
	for _, c := range []struct{ name, text, want string }{
		{"deep arrays", member(`"x":` + strings.Repeat("[", 200_000) + strings.Repeat("]", 200_000)), "deep"},
		{"deep objects", member(`"x":` + strings.Repeat(`{"a":`, 200_000) + "1" + strings.Repeat("}", 200_000)), "deep"},
		{"deep and never closed", member(`"x":` + strings.Repeat("[", 200_000)), "deep"},
		{"large", member(`"x":"` + strings.Repeat("a", 9<<20) + `"`), "more than the limit of 8388608"},
		{"byte order mark", "\ufeff" + good, "byte order mark"},
		{"UTF-16", "\xff\xfe{\x00}\x00", "invalid UTF-8"},
		{"comment", member("// a comment\n\"x\":1"), "comment; JSON has none"},
		{"comment in C's way", member(`/* x */"x":1`), "comment; JSON has none"},
		{"trailing comma", strings.TrimSuffix(good, "}") + ",}", "want a key"},
		{"trailing document", good + "{}", "want the end of the document"},
		{"trailing NUL", good + "\x00", "want the end of the document"},
		{"NUL in a path", member(`"domainname":"a\u0000b"`), "u0000"},
		{"lone surrogate", member(`"x":"\ud800"`), "surrogate"},
		{"invalid UTF-8", member("\"x\":\"\xff\""), "UTF-8"},
		{"overlong slash", member("\"x\":\"\xc0\xaf\""), "UTF-8"},
		{"a key twice", member(`"hooks":{},"hooks":{"createRuntime":[{"path":"/bin/sh"}]}`), "duplicate key"},
		{"a key twice, escaped", member(`"vm":{"kernel":{"path":""}},"v\u006d":{"kernel":{"path":"/x"}}`), "duplicate key"},
		{"a key in capitals", member(`"Hooks":{"createRuntime":[{"path":"/bin/sh"}]}`), "hooks"},
		{"a key with the Kelvin sign", member(`"hoo` + "\u212a" + `s":{}`), "hooks"},
		{"a key with a long s", member(`"an` + "\u017f" + `":1,"mount` + "\u017f" + `":[]`), "mounts"},
		{"an unknown key twice", member(`"x":1,"x":2`), "duplicate key"},
		{"null", "null", "want a JSON object"},
		{"array", "[" + good + "]", "want a JSON object"},
		{"nothing", "", "empty"},
		{"single quotes", "{'process':{}}", "want a key in double quotes"},
		{"a number beyond its field", strings.Replace(good, `"uid": 0`, `"uid": 4294967296`, 1), "does not fit uint32"},
		{"a number with a fraction", strings.Replace(good, `"uid": 0`, `"uid": 0.5`, 1), "want integer"},
		{"not a number", member(`"x":NaN`), "want a value"},
		{"hexadecimal", member(`"x":0x10`), "want ',' or '}'"},
		{"leading zero", member(`"x":010`), "leading zero"},
		{"no process", `{"linux":{}}`, "process"},
		{"no linux", `{"process":{}}`, "linux"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.text == good {
				t.Fatal("the document is as it was")
			}
			_, err := policy.ParseSpec([]byte(c.text))
			switch {
			case err == nil:
				t.Fatal("it is read")
			case !strings.Contains(err.Error(), c.want) || strings.ContainsAny(err.Error(), "\n\r"):
				t.Errorf("%v: want one line with %q", err, c.want)
			case len(err.Error()) > 500:
				t.Errorf("%d bytes of message", len(err.Error()))
			}
		})
	}
}

// A config.json that is a symbolic link can be another one after the check.
func TestLinkedConfig(t *testing.T) {
	raw, err := os.ReadFile("nginx-docker/config.json")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "other.json"), raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("other.json", filepath.Join(dir, "config.json")); err != nil {
		t.Fatal(err)
	}
	bundle, err := oci.Open(dir)
	if err == nil {
		defer bundle.Close()
		_, err = bundle.ReadSpec()
	}
	if err == nil || !strings.Contains(err.Error(), "symbolic link") {
		t.Errorf("%v: want it refused as a symbolic link", err)
	}
}
