package policyschema

import (
	"encoding/json"
	"errors"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/runward/runward/internal/config"
	"github.com/runward/runward/internal/policyfile"
	"github.com/runward/runward/internal/tomlfile"
	"github.com/runward/runward/policy"
	"github.com/runward/runward/policy/profiles"
	"github.com/runward/runward/policy/rules"
)

// compiled gives a schema as a validator has it, after a round through JSON.
func compiled(t *testing.T, schema any, err error) *jsonschema.Schema {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(schema)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func policySchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	schema, err := Policy(rules.All)
	return compiled(t, schema, err)
}

// validate checks TOML as taplo does: dates are strings.
func validate(t *testing.T, s *jsonschema.Schema, text string) error {
	t.Helper()
	doc, err := tomlfile.Parse("x.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(jsonValue(doc.Root))
}

func jsonValue(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, e := range v {
			out[k] = jsonValue(e)
		}
		return out
	case []map[string]any:
		out := []any{}
		for _, e := range v {
			out = append(out, jsonValue(e))
		}
		return out
	case []any:
		out := []any{}
		for _, e := range v {
			out = append(out, jsonValue(e))
		}
		return out
	case time.Time:
		if v.Location().String() == "date-local" {
			return v.Format(time.DateOnly)
		}
		return v.Format(time.RFC3339)
	}
	return v
}

func TestProfilesAreValid(t *testing.T) {
	s := policySchema(t)
	for _, name := range profiles.Names() {
		text, _ := profiles.Text(name)
		if err := validate(t, s, string(text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Every policy of the rules' own cases decodes, so it must be valid.
func TestCasesAreValid(t *testing.T) {
	s := policySchema(t)
	files, err := filepath.Glob("../../policy/rules/*.txtar")
	if err != nil || len(files) < len(rules.All) {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range archive.Files {
			if path.Ext(f.Name) != ".toml" {
				continue
			}
			if err := validate(t, s, string(f.Data)); err != nil {
				t.Errorf("%s: %s: %v", file, f.Name, err)
			}
		}
	}
}

func TestWhatIsNotValid(t *testing.T) {
	s := policySchema(t)
	const head = "version = 1\nname = \"n\"\n"
	const exception = "[[exception]]\nrules = [\"pids\"]\nmatch = { pod = [\"a\"] }\nreason = \"r\"\n"
	for _, fine := range []string{
		head, head + exception, head + exception + "expires = 2027-01-01\n", head + exception + "allow = { max = 5 }\n",
		head + "[memory]\nmax = \"1.5 GiB\"\n", head + "[cpu]\nmax = 1.5\ndefault = \"500m\"\n", head + "[[select]]\nlabel = { a = [\"b\"] }\nmissing = \"match\"\n",
	} {
		if err := validate(t, s, fine); err != nil {
			t.Errorf("%s: %v", fine, err)
		}
	}
	for _, wrong := range []string{
		"name = \"n\"\n", "version = 1\n", "version = 2\nname = \"n\"\n", "version = 1\nname = \"a b\"\n", head + "mode = \"enforced\"\n",
		head + "[nosuch]\n", head + "[pids]\nmaxx = 5\n", head + "[pids]\nmax = \"5\"\n", head + "[pids]\naction = \"allow\"\n",
		head + "[memory]\nmax = \"much\"\n", head + "[memory]\nmax = -1\n", head + "[cpu]\nmax = \"1.5\"\n", head + "[user]\nnon_root = 1\n",
		head + "[capabilities]\nallow = \"CAP_KILL\"\n", head + "[rlimits]\nmax = { nofile = \"a\" }\n", head + "[[select]]\nengines = [\"docker\"]\n",
		head + "[[select]]\nengine = \"docker\"\n", head + strings.Replace(exception, "reason", "because", 1), head + strings.Replace(exception, "pids", "pid", 1),
		head + exception + "expires = \"soon\"\n", head + exception + "allow = { default = 5 }\n", head + strings.Replace(exception, "pod =", "missing = \"match\", pod =", 1),
	} {
		if validate(t, s, wrong) == nil {
			t.Errorf("valid, and it must not be:\n%s", wrong)
		}
		_, err := policyfile.Parse("x.toml", []byte(wrong), rules.All, func(string) (*policy.Policy, error) { return nil, errors.New("none") })
		if err == nil {
			t.Errorf("runward takes it:\n%s", wrong)
		}
	}
}

// The schema has the keys that runward knows, which the error for an unknown
// one lists.
func TestKeys(t *testing.T) {
	schema, err := Policy(rules.All)
	if err != nil {
		t.Fatal(err)
	}
	root := schema.(object)
	definition := func(name string) object { return root["definitions"].(object)[name].(object) }
	for _, c := range []struct {
		name, text string
		schema     object
	}{
		{"the file", "qqqqqqqqqqqqqqqqqq = 1\n", root},
		{"select", "[[select]]\nqqqqqqqqqqqqqqqqqq = 1\n", definition("selector")},
		{"rule", "[[rule]]\nqqqqqqqqqqqqqqqqqq = 1\n", definition("rule")},
		{"exception", "[[exception]]\nqqqqqqqqqqqqqqqqqq = 1\n", definition("exception")},
	} {
		_, err := policyfile.Parse("x.toml", []byte(c.text), rules.All, nil)
		_, list, ok := strings.Cut(err.Error(), "known here: ")
		if !ok {
			t.Fatal(err)
		}
		known := strings.Split(list, ", ")
		var have []string
		for key := range c.schema["properties"].(object) {
			have = append(have, key)
		}
		slices.Sort(have)
		if !slices.Equal(have, known) {
			t.Errorf("%s: the schema has %q, runward knows %q", c.name, have, known)
		}
	}
}

// The words that the schema lists are those that runward takes.
func TestSettings(t *testing.T) {
	schema, err := Settings()
	s := compiled(t, schema, err)
	old := config.SysConfDir
	defer func() { config.SysConfDir = old }()
	config.SysConfDir = t.TempDir()
	if err := os.Mkdir(filepath.Dir(config.File()), 0o755); err != nil {
		t.Fatal(err)
	}
	load := func(text string) error {
		if err := os.WriteFile(config.File(), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := config.Load()
		return err
	}
	for key, list := range words {
		for _, word := range append(slices.Clone(list), "nosuch") {
			text := key + " = \"" + word + "\"\n"
			valid, taken := validate(t, s, text) == nil, load(text) == nil
			if want := word != "nosuch"; valid != want || taken != want {
				t.Errorf("%s valid by the schema: %t, taken by runward: %t", text, valid, taken)
			}
		}
	}
	for _, text := range []string{"[trust.labels]\ndocker = [\"a\"]\n", "[runtime.handlers]\nrunward-crun = \"/usr/bin/crun\"\n", "version = 1\n"} {
		if err := validate(t, s, text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{"[trust]\nlabel = {}\n", "version = 2\n", "[audit]\nreceipts = 1\n"} {
		if validate(t, s, text) == nil {
			t.Errorf("valid, and it must not be: %s", text)
		}
	}
}
