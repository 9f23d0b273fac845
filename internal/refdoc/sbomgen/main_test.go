package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

func built(t *testing.T) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "runward")
	cmd := exec.Command("go", "build", "-trimpath", "-o", out, "../../../cmd/runward")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return out
}

func bill(t *testing.T, programs ...string) []byte {
	t.Helper()
	text, err := generate("1.2.3", time.Unix(1795305600, 0), "../../../packaging/licences/third-party", programs)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// The schema is CycloneDX's own (cyclonedx-go v0.9.3, Apache-2.0).
func TestBillIsCycloneDX(t *testing.T) {
	c := jsonschema.NewCompiler()
	for _, name := range []string{"bom-1.6.schema.json", "spdx.schema.json", "jsf-0.82.schema.json"} {
		f, err := os.Open(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(f)
		if closed := f.Close(); err != nil || closed != nil {
			t.Fatal(err, closed)
		}
		if err := c.AddResource("http://cyclonedx.org/schema/"+name, doc); err != nil {
			t.Fatal(err)
		}
	}
	schema, err := c.Compile("http://cyclonedx.org/schema/bom-1.6.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	valid := func(text []byte) error {
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		return schema.Validate(doc)
	}
	text := bill(t, built(t))
	if err := valid(text); err != nil {
		t.Errorf("%v\n%s", err, text)
	}
	if valid(bytes.Replace(text, []byte(`"MIT"`), []byte(`"Mitt"`), 1)) == nil {
		t.Error("a licence that SPDX does not have is found to be valid")
	}
	if again := bill(t, built(t)); !bytes.Equal(text, again) {
		t.Error("the same program gives another bill")
	}
	for _, want := range []string{`"purl": "pkg:golang/github.com/BurntSushi/toml@v1.6.0"`, `"name": "stdlib"`, `"timestamp": "2026-11-22T00:00:00Z"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
}

func TestBillNeedsLicences(t *testing.T) {
	list := filepath.Join(t.TempDir(), "third-party")
	if err := os.WriteFile(list, []byte("  example.com/other v1.0.0: MIT\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := generate("1.2.3", time.Unix(0, 0), list, []string{built(t)})
	if err == nil || !strings.Contains(err.Error(), "whose licence is not known: make generate") {
		t.Errorf("got %v", err)
	}
	known, err := readLicences("../../../packaging/licences/third-party")
	if err != nil || !slices.Equal(known["github.com/BurntSushi/toml v1.6.0"], []string{"MIT"}) {
		t.Errorf("got %v, %v", known["github.com/BurntSushi/toml v1.6.0"], err)
	}
}
