// Package policyfile finds, checks and decodes policy files.
package policyfile

import (
	"strconv"
	"strings"
	"time"

	"github.com/runward/runward/internal/tomlfile"
	"github.com/runward/runward/policy"
)

// Version is the version of the policy language that this runward reads.
const Version = 1

// head is a policy file without its rules.
type head struct {
	Version   int64             `toml:"version"`
	Name      string            `toml:"name"`
	Mode      string            `toml:"mode"`
	Extends   []string          `toml:"extends"`
	Select    []policy.Selector `toml:"select"`
	Rule      []customRule      `toml:"rule"`
	Exception []exception       `toml:"exception"`
}

type exception struct {
	Rules    []string        `toml:"rules"`
	Match    policy.Selector `toml:"match"`
	Allow    rawTable        `toml:"allow"`
	Reason   string          `toml:"reason"`
	Expires  time.Time       `toml:"expires"`
	Policies []string        `toml:"policies"`
}

// rawTable keeps a table for later: what may stand in an exception's `allow`
// depends on its rules.
type rawTable struct {
	table map[string]any
	set   bool
}

func (r *rawTable) UnmarshalTOML(v any) error {
	table, ok := v.(map[string]any)
	if !ok {
		return errWantTable
	}
	r.table, r.set = table, true
	return nil
}

type wantTable struct{}

func (wantTable) Error() string { return "want a table" }

var errWantTable = wantTable{}

// parser decodes one file.
type parser struct {
	doc     *tomlfile.Doc
	rules   []policy.Rule
	names   []string // of the rules
	compile Compile  // nil: expressions are not looked at
}

// Parse decodes one policy file. An error says file, line, column and what to
// do. extend finds the policies named by `extends`, already decoded. Custom
// rules are not compiled: see Sources.Compile.
func Parse(file string, text []byte, rules []policy.Rule, extend func(name string) (*policy.Policy, error)) (*policy.Policy, error) {
	return ParseCompile(file, text, rules, extend, nil)
}

// ParseCompile is Parse, and compiles the file's custom rules.
func ParseCompile(file string, text []byte, rules []policy.Rule, extend func(name string) (*policy.Policy, error), compile Compile) (*policy.Policy, error) {
	doc, err := tomlfile.Parse(file, text)
	if err != nil {
		return nil, err
	}
	p := &parser{doc: doc, rules: rules, compile: compile}
	for i := range rules {
		p.names = append(p.names, rules[i].ID)
	}
	var h head
	if err := doc.Decode(doc.Root, nil, &h, p.names...); err != nil {
		return nil, err
	}
	out := &policy.Policy{Name: h.Name, File: file, Select: h.Select, Rules: map[string]policy.Setting{}}
	if err := p.head(&h, out); err != nil {
		return nil, err
	}
	for i := range rules {
		if err := p.rule(&rules[i], out); err != nil {
			return nil, err
		}
	}
	for i := range h.Rule {
		if err := p.custom(i, &h.Rule[i], out); err != nil {
			return nil, err
		}
	}
	for i := range h.Exception {
		if err := p.exception(i, &h.Exception[i], out); err != nil {
			return nil, err
		}
	}
	for i, name := range h.Extends {
		base, err := extend(name)
		if err != nil {
			return nil, doc.Errorf([]any{"extends", i}, "extends: "+err.Error())
		}
		out.Extend(base, rules)
	}
	return out, nil
}

func (p *parser) head(h *head, out *policy.Policy) error {
	if _, ok := p.doc.Root["version"]; !ok {
		return p.doc.Errorf(nil, "no version: write version = "+strconv.Itoa(Version)+" at the top")
	}
	if h.Version != Version {
		return p.doc.Errorf([]any{"version"}, "version "+strconv.FormatInt(h.Version, 10)+" is not known to this runward; it reads version "+strconv.Itoa(Version))
	}
	if h.Name == "" {
		return p.doc.Errorf(nil, `no name: write name = "..." at the top; receipts and refusals name the policy by it`)
	}
	if strings.ContainsAny(h.Name, "+|\n\r\t ") {
		return p.doc.Errorf([]any{"name"}, `name: no spaces, "+" or "|"`)
	}
	if h.Mode != "" {
		mode, ok := policy.ParseMode(h.Mode)
		if !ok {
			return p.doc.Errorf([]any{"mode"}, "mode: want enforce, audit or off, found "+strconv.Quote(h.Mode))
		}
		out.Mode = mode
	}
	for i := range h.Select {
		if err := p.selector(&h.Select[i], []any{"select", i}); err != nil {
			return err
		}
	}
	return nil
}

// selector checks what globs alone cannot say.
func (p *parser) selector(s *policy.Selector, path []any) error {
	if s.Missing != "" && s.Missing != "match" {
		return p.doc.Errorf(append(path, "missing"), `missing: want "match", or leave it out, found `+strconv.Quote(s.Missing))
	}
	for _, l := range s.Lists() {
		at := append(path, l.Field)
		if l.Key != "" {
			at = append(at, l.Key)
		}
		if err := p.globs(l.Globs, at); err != nil {
			return err
		}
	}
	return nil
}

// globs refuses those that nobody can have meant.
func (p *parser) globs(all []string, path []any) error {
	for i, glob := range all {
		if glob == "" || glob == "!" {
			return p.doc.Errorf(append(path, i), path[len(path)-1].(string)+`: an empty glob matches nothing; want a name, or "*" for any`)
		}
	}
	return nil
}

// rule decodes the table of one rule, if the file has it.
func (p *parser) rule(r *policy.Rule, out *policy.Policy) error {
	v, ok := p.doc.Root[r.ID]
	if !ok {
		return nil
	}
	path := []any{r.ID}
	table, ok := v.(map[string]any)
	if !ok {
		return p.doc.Errorf(path, r.ID+": want a table ["+r.ID+"]")
	}
	s := policy.Setting{Settings: r.NewSettings()}
	if v, ok := table["action"]; ok {
		name, _ := v.(string)
		if s.Action, ok = policy.ParseAction(name); !ok {
			return p.doc.Errorf(append(path, "action"), "action: want rewrite, deny or audit")
		}
	}
	if err := p.doc.Decode(table, path, s.Settings, "action"); err != nil {
		return err
	}
	if err := p.validate(s.Settings, r, table, path); err != nil {
		return err
	}
	policy.Stamp(s.Settings, out.Name)
	out.Rules[r.ID] = s
	return nil
}

// validate asks the settings, where they can tell, whether they make sense.
// The error is at the key, or the element of an array, that makes none even
// alone; else at the table.
func (p *parser) validate(settings any, r *policy.Rule, table map[string]any, path []any) error {
	err := invalid(settings)
	if err == nil {
		return nil
	}
	alone := func(key string, v any) error {
		one := r.NewSettings()
		if p.doc.Decode(map[string]any{key: v}, path, one) != nil {
			return nil // not alone
		}
		return invalid(one)
	}
	for _, key := range tomlfile.SortedKeys(table) {
		wrong := alone(key, table[key])
		if wrong == nil {
			continue
		}
		at := append(path, key)
		array, _ := table[key].([]any)
		for i, element := range array {
			if one := alone(key, []any{element}); one != nil {
				return p.doc.Errorf(append(at, i), one.Error())
			}
		}
		return p.doc.Errorf(at, wrong.Error())
	}
	return p.doc.Errorf(path, err.Error())
}

func invalid(settings any) error {
	if v, ok := settings.(interface{ Validate() error }); ok {
		return v.Validate()
	}
	return nil
}

func (p *parser) exception(i int, x *exception, out *policy.Policy) error {
	path := []any{"exception", i}
	at := func(key, msg string) error {
		if key == "" {
			return p.doc.Errorf(path, msg)
		}
		return p.doc.Errorf(append(path, key), msg)
	}
	table := tableAt(p.doc.Root["exception"], i)
	switch {
	case len(x.Rules) == 0:
		return at("", "exception: it names no rules: write rules = [...]")
	case x.Reason == "":
		return at("", "exception: it gives no reason: write reason = \"...\"; it stands in every receipt that uses it")
	case table["match"] == nil:
		return at("", `exception: it matches every container; write match = { engine = ["*"] } if that is meant`)
	case x.Match.Missing != "":
		return at("match", "exception: what the engine did not say never matches an exception: take missing out")
	}
	if err := p.selector(&x.Match, append(path, "match")); err != nil {
		return err
	}
	e := policy.Exception{Rules: x.Rules, Match: x.Match, Reason: x.Reason, Policies: x.Policies}
	if !x.Expires.IsZero() {
		y, m, day := x.Expires.Date()
		e.Expires = x.Expires.Unix()
		if x.Expires.Location().String() == "date-local" || x.Expires.Location().String() == "datetime-local" {
			h, mi, s := x.Expires.Clock()
			e.Expires = time.Date(y, m, day, h, mi, s, 0, time.UTC).Unix()
		}
	}
	for j, name := range x.Rules {
		if customID(name) { // perhaps of another file
			if x.Allow.set {
				return at("allow", "exception: "+strconv.Quote(name)+" is a custom rule, which can only be waived: leave allow out")
			}
			continue
		}
		if !contains(p.names, name) {
			return p.doc.Errorf(append(path, "rules", j), "exception: "+strings.Replace(tomlfile.UnknownKey(name, p.names), "key", "rule", 1))
		}
	}
	if x.Allow.set {
		if err := p.allow(&e, x.Allow.table, append(path, "allow")); err != nil {
			return err
		}
	}
	out.Exceptions = append(out.Exceptions, e)
	return nil
}

// allow decodes an exception's `allow` for each of its rules: a key must be a
// setting of at least one.
func (p *parser) allow(e *policy.Exception, table map[string]any, path []any) error {
	e.Allow = map[string]any{}
	known := map[string]bool{}
	var all []string
	for i := range p.rules {
		r := &p.rules[i]
		if !contains(e.Rules, r.ID) {
			continue
		}
		settings := r.NewSettings()
		keys := tomlfile.Keys(settings)
		all = append(all, keys...)
		mine := map[string]any{}
		for _, k := range keys {
			if v, ok := table[k]; ok {
				mine[k], known[k] = v, true
			}
		}
		if len(mine) == 0 {
			continue
		}
		if err := p.doc.Decode(mine, path, settings); err != nil {
			return err
		}
		if err := p.validate(settings, r, mine, path); err != nil {
			return err
		}
		if f := policy.CanWiden(settings); f >= 0 {
			return p.doc.Errorf(append(path, keys[f]), "exception: "+keys[f]+" cannot be widened; leave allow out to waive the rule "+r.ID)
		}
		policy.Stamp(settings, "exception")
		e.Allow[r.ID] = settings
	}
	for _, key := range tomlfile.SortedKeys(table) {
		if !known[key] {
			return p.doc.Errorf(append(path, key), "exception: allow: "+tomlfile.UnknownKey(key, all))
		}
	}
	return nil
}

func tableAt(v any, i int) map[string]any {
	switch v := v.(type) {
	case []map[string]any:
		return v[i]
	case []any:
		table, _ := v[i].(map[string]any)
		return table
	}
	return nil
}

func contains(list []string, s string) bool {
	for _, have := range list {
		if have == s {
			return true
		}
	}
	return false
}
