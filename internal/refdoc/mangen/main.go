// Command mangen writes the man pages runward(8), runwardd(8), runward.toml(5),
// runward-policy(5) and the shim's; those of runwardctl come from its commands.
package main

import (
	"bytes"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cpuguy83/go-md2man/v2/md2man"

	"github.com/runward/runward/internal/customrule"
	"github.com/runward/runward/internal/policyschema"
	"github.com/runward/runward/policy"
	"github.com/runward/runward/policy/rules"
)

//go:generate go run . -o ../../../packaging/man

// The frames of the pages; what is made from the code stands in for the lines
// in braces.
var (
	//go:embed runward.8.md
	runward string
	//go:embed runwardd.8.md
	runwardd string
	//go:embed containerd-shim-runward-v2.8.md
	shim string
	//go:embed runward.toml.5.md
	runwardTOML string
	//go:embed runward-policy.5.md
	runwardPolicy string
)

func main() {
	dir := flag.String("o", "", "directory to write to")
	flag.Parse()
	files, err := pages()
	for name, text := range files {
		if err == nil {
			err = os.WriteFile(filepath.Join(*dir, name), text, 0o644)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "mangen:", err)
		os.Exit(1)
	}
}

// pages gives the files by name.
func pages() (map[string][]byte, error) {
	settings, err := policyschema.Settings()
	if err != nil {
		return nil, err
	}
	schema, err := policyschema.Policy(rules.All)
	if err != nil {
		return nil, err
	}
	root, err := properties(schema)
	if err != nil {
		return nil, err
	}
	definitions := schema.(map[string]any)["definitions"].(map[string]any)
	replace := map[string]string{"{SETTINGS}": "", "{KEYS}": "", "{SELECTORS}": "", "{EXCEPTIONS}": "", "{RULES}": ruleList(), "{CUSTOM}": "", "{NAMES}": named(customrule.Names()), "{FUNCTIONS}": named(customrule.Functions())}
	for i := range rules.All {
		delete(root, rules.All[i].ID)
	}
	for place, of := range map[string]any{
		"{SETTINGS}": settings, "{KEYS}": map[string]any{"properties": root},
		"{SELECTORS}": definitions["selector"], "{CUSTOM}": definitions["rule"], "{EXCEPTIONS}": definitions["exception"],
	} {
		if replace[place], err = keys(of, ""); err != nil {
			return nil, err
		}
	}
	var pairs []string
	for place, text := range replace {
		pairs = append(pairs, place, text)
	}
	files := map[string][]byte{}
	for name, frame := range map[string]string{
		"runward.8": runward, "runwardd.8": runwardd, "containerd-shim-runward-v2.8": shim,
		"runward.toml.5": runwardTOML, "runward-policy.5": runwardPolicy,
	} {
		files[name] = md2man.Render([]byte(strings.NewReplacer(pairs...).Replace(frame)))
	}
	return files, nil
}

func properties(schema any) (map[string]any, error) {
	table, _ := schema.(map[string]any)
	all, ok := table["properties"].(map[string]any)
	if !ok {
		return nil, errors.New("a schema without properties")
	}
	return maps.Clone(all), nil
}

// keys lists the keys of a table, and those of the tables in it.
func keys(schema any, prefix string) (string, error) {
	all, err := properties(schema)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(all)) {
		p := all[key].(map[string]any)
		if p["properties"] != nil {
			below, err := keys(p, prefix+key+".")
			if err != nil {
				return "", err
			}
			if prefix == "" && strings.Contains(below, "**"+escape(key)+".") {
				b.WriteString(below)
				continue
			}
		}
		text, _ := p["description"].(string)
		if value, ok := p["default"].(string); ok {
			text += " Unless said: " + value + "."
		}
		fmt.Fprintf(&b, "**%s**\n: %s\n\n", escape(prefix+key), escape(orElse(text, "See below.")))
	}
	return b.String(), nil
}

// ruleList describes every rule, in the order in which they run.
func ruleList() string {
	var b bytes.Buffer
	for i := range rules.All {
		r := &rules.All[i]
		fmt.Fprintf(&b, "### %s\n%s. %s The default action is %s.\n\n", escape(r.ID), escape(r.Title), escape(strings.Join(strings.Fields(r.Doc), " ")), r.Default)
		for _, v := range policy.Values(r.NewSettings()) {
			fmt.Fprintf(&b, "**%s** (%s)\n: %s.\n\n", escape(v.Key), v.Kind, escape(v.Doc))
		}
		var refs []string
		for _, ref := range r.Refs {
			refs = append(refs, ref.Standard+" "+ref.ID)
		}
		fmt.Fprintf(&b, "References: %s.\n\n", escape(strings.Join(refs, "; ")))
	}
	return b.String()
}

func named(all []customrule.Named) string {
	var b strings.Builder
	for _, n := range all {
		fmt.Fprintf(&b, "**%s** (%s)\n: %s.\n\n", escape(n.Name), n.Type, escape(n.Doc))
	}
	return b.String()
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// escape makes text mean itself in Markdown.
func escape(s string) string {
	return strings.NewReplacer("*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "<", `\<`, ">", `\>`, "`", "\\`", `\`, `\\`, "|", `\|`).Replace(s)
}
