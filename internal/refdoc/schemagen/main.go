// Command schemagen writes the JSON schemas of policy files and of
// runward.toml.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/runward/runward/internal/policyschema"
	"github.com/runward/runward/policy/rules"
)

//go:generate go run . -o ../../../packaging/doc

func main() {
	dir := flag.String("o", "", "directory to write to")
	flag.Parse()
	files, err := schemas()
	for name, text := range files {
		if err == nil {
			err = os.WriteFile(filepath.Join(*dir, name), text, 0o644)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "schemagen:", err)
		os.Exit(1)
	}
}

// schemas gives the files by name.
func schemas() (map[string][]byte, error) {
	files := map[string][]byte{}
	for name, of := range map[string]func() (any, error){
		"policy.schema.json":  func() (any, error) { return policyschema.Policy(rules.All) },
		"runward.schema.json": policyschema.Settings,
	} {
		schema, err := of()
		if err != nil {
			return nil, err
		}
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(schema); err != nil {
			return nil, err
		}
		files[name] = b.Bytes()
	}
	return files, nil
}
