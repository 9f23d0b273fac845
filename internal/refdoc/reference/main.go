// Command reference writes packaging/doc/reference.md: every setting and every
// rule, from their own declarations and from the first case of each rule.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"golang.org/x/tools/txtar"

	"github.com/runward/runward/internal/config"
	"github.com/runward/runward/internal/customrule"
	monitor "github.com/runward/runward/internal/monitor/settings"
	"github.com/runward/runward/internal/monitor/watch/threshold"
	"github.com/runward/runward/policy"
	"github.com/runward/runward/policy/rules"
)

//go:generate go run . -rules ../../../policy/rules -o ../../../packaging/doc/reference.md

func main() {
	dir := flag.String("rules", "", "directory of the rules' cases")
	out := flag.String("o", "", "file to write")
	flag.Parse()
	text, err := reference(*dir)
	if err == nil {
		err = os.WriteFile(*out, text, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "reference:", err)
		os.Exit(1)
	}
}

// reference renders the whole document; cases is where the .txtar files are.
func reference(cases string) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("# Reference\n\nMade from the code by `make generate`; do not edit.\n\n")
	settings(&b)
	language(&b)
	b.WriteString("# Rules\n\nIn the order in which they run. A rule is switched on by its table; `action` is `rewrite`, `deny` or `audit`.\n\n")
	for i := range rules.All {
		r := &rules.All[i]
		fmt.Fprintf(&b, "- [`%s`](#%s): %s\n", r.ID, r.ID, r.Title)
	}
	b.WriteString("- [custom rules](#custom-rules): what the site itself asks for, as expressions\n")
	if err := custom(&b, filepath.Join(cases, "..", "..", "internal", "customrule", "custom.txtar")); err != nil {
		return nil, err
	}
	for i := range rules.All {
		if err := rule(&b, &rules.All[i], cases); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}

func settings(b *bytes.Buffer) {
	b.WriteString("# The node's settings\n\n`runward.toml` in `" + filepath.Dir(config.File()) + "`; every key may be left out.\n\n| key | default | meaning |\n| --- | --- | --- |\n")
	rows(b, "", reflect.ValueOf(*config.Default()))
	rows(b, "monitor.", reflect.ValueOf(*monitor.Default()))
	b.WriteString("\nEach of `monitor.thresholds` that is a table has `above` (too high when over it; 0: not watched), `clear` (well again below it; by default 9/10 of above), `for` (how long, before it is said) and `severity` (info, warning or critical).\n\n")
}

func rows(b *bytes.Buffer, prefix string, v reflect.Value) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		key := prefix + f.Tag.Get("toml")
		if bound, ok := v.Field(i).Interface().(threshold.Bound); ok {
			fmt.Fprintf(b, "| `%s` | %s | %s |\n", key, boundText(&bound), cell(f.Tag.Get("doc")))
			continue
		}
		if f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct {
			rows(b, key+"[].", reflect.Zero(f.Type.Elem()))
			continue
		}
		if f.Type.Kind() == reflect.Struct {
			rows(b, key+".", v.Field(i))
			continue
		}
		value := ""
		if !v.Field(i).IsZero() {
			value = fmt.Sprintf("`%v`", v.Field(i).Interface())
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", key, value, cell(f.Tag.Get("doc")))
	}
}

// boundText is a bound's default, as TOML.
func boundText(b *threshold.Bound) string {
	if b.Above == 0 {
		return "off; `for = \"" + b.For.String() + "\"`"
	}
	return fmt.Sprintf("`above = %v`, `clear = %v`, `for = \"%s\"`, `%s`", b.Above, b.Clear, b.For, b.Severity)
}

func language(b *bytes.Buffer) {
	b.WriteString("# Selectors\n\nWhat `[[select]]` and an exception's `match` may have; each is a list of globs, `!` excludes.\n\n| key | selects by |\n| --- | --- |\n")
	t := reflect.TypeFor[policy.Selector]()
	for i := range t.NumField() {
		fmt.Fprintf(b, "| `%s` | %s |\n", t.Field(i).Tag.Get("toml"), cell(t.Field(i).Tag.Get("doc")))
	}
	b.WriteString("\n")
}

func rule(b *bytes.Buffer, r *policy.Rule, cases string) error {
	fmt.Fprintf(b, "\n## %s\n\n%s. Default action: `%s`. Since %s.\n\n%s\n\n", r.ID, r.Title, r.Default, r.Since, strings.Join(strings.Fields(r.Doc), " "))
	t := reflect.TypeOf(r.NewSettings()).Elem()
	if t.NumField() > 0 {
		b.WriteString("| setting | kind | meaning |\n| --- | --- | --- |\n")
	}
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Tag.Get("doc") == "" {
			return fmt.Errorf("rule %s: setting %s has no doc", r.ID, f.Name)
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", f.Tag.Get("toml"), kind(f.Type), cell(f.Tag.Get("doc")))
	}
	if len(r.Refs) == 0 {
		return fmt.Errorf("rule %s: no reference", r.ID)
	}
	b.WriteString("\nReferences: ")
	for i, ref := range r.Refs {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(ref.Standard + " " + ref.ID)
	}
	b.WriteString(".\n")
	return example(b, r.ID, cases)
}

// custom describes custom rules, and shows every case whose name begins with
// "example".
func custom(b *bytes.Buffer, cases string) error {
	b.WriteString(customText)
	for _, list := range []struct {
		title string
		names []customrule.Named
	}{{"name", customrule.Names()}, {"function", customrule.Functions()}} {
		fmt.Fprintf(b, "\n| %s | type | meaning |\n| --- | --- | --- |\n", list.title)
		for _, n := range list.names {
			fmt.Fprintf(b, "| `%s` | %s | %s |\n", n.Name, n.Type, cell(n.Doc))
		}
	}
	archive, err := txtar.ParseFile(cases)
	if err != nil {
		return err
	}
	seen := ""
	for _, f := range archive.Files {
		name, _, _ := strings.Cut(f.Name, "/")
		if strings.HasPrefix(name, "example") && name != seen {
			seen = name
			showCase(b, archive, name)
		}
	}
	return nil
}

const customText = `
## custom rules

` + "`[[rule]]`" + ` refuses, or with ` + "`action = \"audit\"`" + ` records, what the expression in ` + "`when`" + ` holds for. It judges what all other rules have left of
config.json, which is what the runtime will read, and can give a container nothing. Its ` + "`id`" + ` has at least one "-"; exceptions waive it by that, for
the policies that have it. Two policies may have rules of one id: each holds.

Expressions are written in [expr](https://expr-lang.org), of which there is what is typed, pure and bounded. ` + "`runwardctl policy check`" + ` says what is wrong
with one, and where. A rule whose expression cannot be evaluated (an index beyond a list, text that is no number, a config.json so large that it would take
too long) counts as one that holds.

Nothing is nil: what config.json does not have reads as 0, false, "" or empty, at any depth, so ` + "`spec.linux.seccomp.defaultAction`" + ` is "" where there is no
seccomp section. That means care with limits: ` + "`spec.linux.resources.memory.limit > 8589934592`" + ` does not hold where no limit is set; write
` + "`spec.linux.resources.memory.limit <= 0 or spec.linux.resources.memory.limit > 8589934592`" + `.

With ` + "`on = [\"exec\"]`" + ` a rule judges processes that join a container, and knows only ` + "`spec.process`" + `; with ` + "`[\"create\", \"exec\"]`" + ` both, by that alone. Unless said, a rule
judges create, run and restore. Nodes with custom rules pay for another start of the wrapper, in which they are evaluated, at each verb that policy covers.
`

// example shows the first case: the policy, and what it decides.
func example(b *bytes.Buffer, id, cases string) error {
	archive, err := txtar.ParseFile(filepath.Join(cases, id+".txtar"))
	if err != nil {
		return err
	}
	name, _, _ := strings.Cut(archive.Files[0].Name, "/")
	showCase(b, archive, name)
	return nil
}

func showCase(b *bytes.Buffer, archive *txtar.Archive, name string) {
	for _, f := range archive.Files {
		switch f.Name {
		case name + "/policy.toml":
			fmt.Fprintf(b, "\n```toml\n%s```\n", f.Data)
		case name + "/want":
			b.WriteString("\nFor example:\n\n")
			for line := range strings.Lines(string(f.Data)) {
				if len(line) > 400 {
					line = line[:400] + "...\n"
				}
				b.WriteString("    " + line)
			}
		}
	}
}

// kind names a setting's type as a policy's author sees it.
func kind(t reflect.Type) string {
	name := t.Name()
	switch {
	case name == "AllowList":
		return "allow-list: a value must be on every policy's"
	case name == "Forbid":
		return "deny-list: policies' lists unite"
	case name == "Flag":
		return "requirement: one policy's true is enough"
	case name == "Permit":
		return "`allow` or `deny`: one policy's deny is enough"
	case name == "Answer":
		return "`alert`, `freeze` or `kill`: the strictest wins"
	case strings.HasPrefix(name, "MaxTable"):
		return "maxima by name: the smallest wins"
	case strings.HasPrefix(name, "Max"):
		return "maximum: the smallest wins"
	case strings.HasPrefix(name, "Min"):
		return "minimum: the largest wins"
	case strings.HasPrefix(name, "Default"), name == "Text":
		return "value: the first policy's"
	}
	return name
}

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
