// Package policyshow shows what a set of policies asks of a container, and
// which line of which file says so.
package policyshow

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/runward/runward/internal/policycheck"
	"github.com/runward/runward/internal/policyfile"
	"github.com/runward/runward/policy"
)

// A View is what `runwardctl policy show` prints.
type View struct {
	Engine     string          `json:"engine,omitempty"`
	Handler    string          `json:"handler,omitempty"`
	Identity   policy.Identity `json:"identity"`
	Refused    bool            `json:"refused,omitempty"` // no policy selects it, and such are refused
	Policies   []Source        `json:"policies"`
	Rules      []Rule          `json:"rules"`
	Exceptions []Exception     `json:"exceptions"`
	Notes      []string        `json:"notes,omitempty"`
}

// A Source is a policy or profile and, where that is known, the line.
type Source struct {
	Policy string `json:"policy"`
	File   string `json:"file,omitempty"` // none: the rule's own default
	Line   int    `json:"line,omitempty"` // from 1
}

func (s Source) String() string {
	switch {
	case s.File == "":
		return "the rule's default"
	case s.Line == 0:
		return s.File
	}
	return s.File + ":" + strconv.Itoa(s.Line)
}

// A Rule is one that is on.
type Rule struct {
	Rule     string    `json:"rule"`
	Audit    bool      `json:"audit,omitempty"` // its policies only record
	Action   string    `json:"action"`
	By       []Source  `json:"by"` // what asks for the action, or switches the rule on
	Settings []Setting `json:"settings"`
}

// A Setting is one value, as all policies together have it.
type Setting struct {
	Key   string      `json:"key"`
	Kind  policy.Kind `json:"kind"`
	Value string      `json:"value"`
	By    []Source    `json:"by"`
}

// An Exception is one that matches the container.
type Exception struct {
	Rules   []string          `json:"rules"`
	Match   string            `json:"match"`
	Allow   map[string]string `json:"allow,omitempty"` // by rule; none: the rules are waived
	Reason  string            `json:"reason"`
	Expires string            `json:"expires,omitempty"` // a date
	Ended   bool              `json:"ended,omitempty"`   // it lets nothing pass any more
	At      Source            `json:"at"`
}

// Show views what the set asks of the container of these facts. The origins
// are those of the same set.
func Show(set policy.Set, rules []policy.Rule, origins []policyfile.Origin, facts *policy.Facts) *View {
	s := &shower{origins: origins}
	x := policy.EffectiveFor(set, rules, facts)
	v := &View{
		Engine: facts.Engine, Handler: facts.Handler, Identity: facts.Identity, Refused: x.Refused,
		Policies: []Source{}, Rules: []Rule{}, Exceptions: []Exception{},
	}
	for _, name := range x.Policies {
		v.Policies = append(v.Policies, s.source(name))
		s.reach(name)
	}
	for _, r := range x.Enforced {
		v.Rules = append(v.Rules, s.rule(r, false))
	}
	for _, r := range x.Audited {
		v.Rules = append(v.Rules, s.rule(r, true))
	}
	for _, c := range x.Custom {
		v.Rules = append(v.Rules, s.custom(c))
	}
	for _, e := range x.Exceptions {
		v.Exceptions = append(v.Exceptions, s.exception(e, facts.Now))
	}
	return v
}

// shower knows the files.
type shower struct {
	origins []policyfile.Origin
	reached []policyfile.Origin // the selecting policies and what they extend
}

// reach adds a policy, and the profiles that it extends, to those that speak.
func (s *shower) reach(name string) {
	var add func(o policyfile.Origin)
	add = func(o policyfile.Origin) {
		if slices.ContainsFunc(s.reached, func(have policyfile.Origin) bool { return have.File == o.File }) {
			return
		}
		s.reached = append(s.reached, o)
		for _, file := range o.Extends {
			for _, other := range s.origins {
				if other.File == file {
					add(other)
				}
			}
		}
	}
	for _, o := range s.origins {
		if o.Name == name {
			add(o)
			return
		}
	}
}

// source names a policy's file, and the line of the key that path leads to,
// where the file has it.
func (s *shower) source(name string, path ...any) Source {
	for _, o := range s.origins {
		if o.Name != name {
			continue
		}
		line, _ := o.Doc.Locate(path...)
		if line > 0 || len(path) == 0 {
			return Source{Policy: name, File: o.File, Line: line}
		}
	}
	return Source{Policy: "default"}
}

func (s *shower) rule(r policy.EffectiveRule, audit bool) Rule {
	out := Rule{Rule: r.Rule, Audit: audit, Action: r.Action.String(), Settings: []Setting{}}
	out.By = s.action(r.Rule, out.Action)
	for _, v := range policy.Values(r.Settings) {
		if v.Set {
			out.Settings = append(out.Settings, Setting{Key: v.Key, Kind: v.Kind, Value: v.Text, By: s.setBy(r.Rule, v)})
		}
	}
	return out
}

// custom shows a custom rule as if its keys were settings.
func (s *shower) custom(c policy.EffectiveCustom) Rule {
	at := Source{Policy: c.Policy}
	for _, o := range s.reached {
		tables, _ := o.Doc.Root["rule"].([]map[string]any)
		for i, table := range tables {
			if o.Name == c.Policy && table["id"] == c.ID {
				line, _ := o.Doc.Locate("rule", i)
				at = Source{Policy: o.Name, File: o.File, Line: line}
			}
		}
	}
	by := []Source{at}
	setting := func(key, value string) Setting { return Setting{Key: key, Kind: kindCustom, Value: value, By: by} }
	return Rule{
		Rule: c.ID, Audit: c.Audit, Action: c.Action.String(), By: by,
		Settings: []Setting{setting("when", c.When), setting("on", strings.Join(c.On, ", "))},
	}
}

// kindCustom is the kind of what only its own rule says: nothing combines.
const kindCustom policy.Kind = "custom"

// action gives the lines that ask for the action or, where none does, those that
// switch the rule on.
func (s *shower) action(rule, action string) []Source {
	asked, on := []Source{}, []Source{}
	for _, o := range s.reached { // a policy that extends another takes its action over
		table, ok := o.Doc.Root[rule].(map[string]any)
		if !ok {
			continue
		}
		path, to := []any{rule}, &on
		if table["action"] == action {
			path, to = []any{rule, "action"}, &asked
		}
		line, _ := o.Doc.Locate(path...)
		*to = append(*to, Source{Policy: o.Name, File: o.File, Line: line})
	}
	switch {
	case len(asked) > 0:
		return asked
	case len(on) > 0:
		return on
	}
	return []Source{{Policy: "default"}}
}

func (s *shower) setBy(rule string, v policy.Value) []Source {
	names := v.Policies
	if v.Kind == policy.KindMaxTable { // values do not say whose they are
		for _, o := range s.reached {
			if table, _ := o.Doc.Root[rule].(map[string]any); table[v.Key] != nil {
				names = append(names, o.Name)
			}
		}
	}
	all := []Source{}
	for _, name := range names {
		all = append(all, s.source(name, rule, v.Key))
	}
	if len(all) == 0 {
		all = append(all, Source{Policy: "default"})
	}
	return all
}

func (s *shower) exception(x *policy.Exception, now int64) Exception {
	out := Exception{Rules: x.Rules, Match: policycheck.Describe(&x.Match), Reason: x.Reason, Ended: x.Expires != 0 && x.Expires <= now}
	if x.Expires != 0 {
		out.Expires = time.Unix(x.Expires, 0).UTC().Format(time.DateOnly)
	}
	if x.Allow != nil {
		out.Allow = map[string]string{}
	}
	for rule, settings := range x.Allow {
		var words []string
		for _, v := range policy.Values(settings) {
			if v.Set {
				words = append(words, v.Key+" "+v.Text)
			}
		}
		out.Allow[rule] = strings.Join(words, "; ")
	}
	for _, o := range s.reached {
		tables, _ := o.Doc.Root["exception"].([]map[string]any)
		for i, table := range tables {
			if out.At.File == "" && table["reason"] == x.Reason && sameStrings(table["rules"], x.Rules) {
				line, _ := o.Doc.Locate("exception", i)
				out.At = Source{Policy: o.Name, File: o.File, Line: line}
			}
		}
	}
	return out
}

func sameStrings(v any, list []string) bool {
	array, _ := v.([]any)
	return slices.EqualFunc(array, list, func(a any, b string) bool { return a == b })
}
