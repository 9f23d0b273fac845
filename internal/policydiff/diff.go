// Package policydiff says in words what becomes stricter and what looser from
// one policy to another.
package policydiff

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/runward/runward/internal/policycheck"
	"github.com/runward/runward/policy"
)

// A Direction is what a change means for containers.
type Direction string

const (
	Stricter Direction = "stricter"
	Looser   Direction = "looser"
	Other    Direction = "other" // neither, or both
)

// A Change is one difference.
type Change struct {
	Direction Direction `json:"direction"`
	Policy    string    `json:"policy"`
	Rule      string    `json:"rule,omitempty"`
	Setting   string    `json:"setting,omitempty"`
	What      string    `json:"what"`
}

// Compare compares two sets of policies, by their names; two that stand alone
// are compared whatever they are called.
func Compare(before, after []*policy.Policy, rules []policy.Rule) []Change {
	d := &differ{rules: rules, all: []Change{}}
	if len(before) == 1 && len(after) == 1 {
		d.policies(before[0], after[0])
		return d.all
	}
	for _, a := range before {
		if b := named(after, a.Name); b != nil {
			d.policies(a, b)
			continue
		}
		d.name = a.Name
		d.add(Looser, "", "", "the policy is gone")
	}
	for _, b := range after {
		if named(before, b.Name) == nil {
			d.name = b.Name
			d.add(Stricter, "", "", "the policy is new: it holds containers to "+strconv.Itoa(len(b.Rules))+" rule(s)")
		}
	}
	return d.all
}

func named(list []*policy.Policy, name string) *policy.Policy {
	for _, p := range list {
		if p.Name == name {
			return p
		}
	}
	return nil
}

type differ struct {
	rules []policy.Rule
	name  string
	all   []Change
}

func (d *differ) add(dir Direction, rule, setting, what string) {
	d.all = append(d.all, Change{dir, d.name, rule, setting, what})
}

func (d *differ) policies(a, b *policy.Policy) {
	d.name = b.Name
	if a.Mode != b.Mode {
		dir := Looser // enforce, audit, off
		if b.Mode < a.Mode {
			dir = Stricter
		}
		d.add(dir, "", "", "the mode is "+b.Mode.String()+" instead of "+a.Mode.String())
	}
	if from, to := selects(a), selects(b); from != to {
		dir := Other
		switch {
		case len(b.Select) == 0:
			dir = Stricter
		case len(a.Select) == 0:
			dir = Looser
		}
		d.add(dir, "", "", "it selects "+to+" instead of "+from)
	}
	for i := range d.rules {
		d.rule(&d.rules[i], a, b)
	}
	d.customs(a, b)
	d.exceptions(a, b)
}

func selects(p *policy.Policy) string {
	if len(p.Select) == 0 {
		return "every container"
	}
	var all []string
	for i := range p.Select {
		all = append(all, "("+policycheck.Describe(&p.Select[i])+")")
	}
	return strings.Join(all, " or ")
}

func (d *differ) rule(r *policy.Rule, a, b *policy.Policy) {
	from, was := ruleOf(r, a)
	to, is := ruleOf(r, b)
	switch {
	case !was && !is:
		return
	case !was:
		d.add(Stricter, r.ID, "", "the rule is switched on ("+to.Action.String()+"): "+r.Title)
		return
	case !is:
		d.add(Looser, r.ID, "", "the rule is switched off: "+r.Title)
		return
	}
	if from.Action != to.Action {
		dir := Looser
		if to.Action > from.Action {
			dir = Stricter
		}
		d.add(dir, r.ID, "", "the action is "+to.Action.String()+" instead of "+from.Action.String())
	}
	before, after := policy.Values(from.Settings), policy.Values(to.Settings)
	for i := range before {
		d.setting(r.ID, before[i], after[i])
	}
}

// ruleOf gives what a policy says of a rule, defaults included.
func ruleOf(r *policy.Rule, p *policy.Policy) (policy.Setting, bool) {
	s, ok := p.Rules[r.ID]
	if !ok && !r.Always {
		return s, false
	}
	if !ok {
		s.Settings = r.NewSettings()
	}
	if s.Action == policy.ActionUnset {
		s.Action = r.Default
	}
	s.Settings = policy.Defaulted(s.Settings)
	return s, true
}

func (d *differ) setting(rule string, a, b policy.Value) {
	add := func(dir Direction, what string) { d.add(dir, rule, a.Key, what) }
	switch a.Kind {
	case policy.KindAllow:
		allowList(add, a, b)
	case policy.KindForbid:
		items := func(v policy.Value) (all []string) {
			for _, l := range v.Lists {
				all = append(all, l.Items...)
			}
			return all
		}
		more, less := without(items(b), items(a)), without(items(a), items(b))
		words(add, Stricter, "also on the list: ", more)
		words(add, Looser, "no longer on the list: ", less)
	case policy.KindRequire:
		if from, to := a.Set && a.On, b.Set && b.On; from != to {
			dir, what := Stricter, "now required"
			if from {
				dir, what = Looser, "no longer required"
			}
			add(dir, what)
		}
	case policy.KindPermit:
		if from, to := a.Set && a.On, b.Set && b.On; from != to {
			dir := Looser
			if to {
				dir = Stricter
			}
			add(dir, "now "+b.Text+" instead of "+a.Text)
		}
	case policy.KindAnswer:
		if a.Set && b.Set && a.Number != b.Number {
			dir := Looser
			if b.Number > a.Number {
				dir = Stricter
			}
			add(dir, "now "+b.Text+" instead of "+a.Text)
		}
	case policy.KindMaximum:
		bound(add, "at most ", a, b, b.Number < a.Number)
	case policy.KindMinimum:
		bound(add, "at least ", a, b, b.Number > a.Number)
	case policy.KindDefault, policy.KindWord:
		if a.Set != b.Set || a.Text != b.Text {
			add(Other, "what is absent becomes "+orNothing(b)+" instead of "+orNothing(a))
		}
	case policy.KindMaxTable:
		tables(add, a.Table, b.Table)
	}
}

func orNothing(v policy.Value) string {
	if !v.Set {
		return "nothing of this policy's"
	}
	return v.Text
}

// bound compares two maxima or minima.
func bound(add func(Direction, string), what string, a, b policy.Value, stricter bool) {
	switch {
	case !a.Set && !b.Set || a.Set && b.Set && a.Number == b.Number:
	case !a.Set:
		add(Stricter, what+b.Text+", where nothing was said")
	case !b.Set:
		add(Looser, "no bound any more, where it was "+what+a.Text)
	case stricter:
		add(Stricter, what+b.Text+" instead of "+a.Text)
	default:
		add(Looser, what+b.Text+" instead of "+a.Text)
	}
}

func tables(add func(Direction, string), a, b map[string]policy.Amount) {
	names := maps.Clone(a)
	if names == nil {
		names = map[string]policy.Amount{}
	}
	maps.Copy(names, b)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		from, was := a[name]
		to, is := b[name]
		value := func(n policy.Amount, set bool) policy.Value {
			return policy.Value{Set: set, Number: n.Number, Text: n.Text}
		}
		bound(add, name+" at most ", value(from, was), value(to, is), to.Number < from.Number)
	}
}

func words(add func(Direction, string), dir Direction, what string, items []string) {
	if len(items) > 0 {
		add(dir, what+strings.Join(items, ", "))
	}
}

// without returns the items that are not in others, each once.
func without(items, others []string) []string {
	var left []string
	for _, item := range items {
		if !slices.Contains(others, item) && !slices.Contains(left, item) {
			left = append(left, item)
		}
	}
	return left
}

// allowList compares allow-lists, each of which may be several that a value
// must be on.
func allowList(add func(Direction, string), a, b policy.Value) {
	from, to := reduced(a.Lists), reduced(b.Lists)
	from, to = unmatched(from, to), unmatched(to, from)
	switch {
	case len(from) == 0 && len(to) == 0:
	case !a.Set:
		words(add, Stricter, "now limited to: ", orNone(b.Text))
	case !b.Set:
		words(add, Looser, "no longer limited to: ", orNone(a.Text))
	case len(from) == 1 && len(to) == 1:
		words(add, Stricter, "no longer allowed: ", without(from[0], to[0]))
		words(add, Looser, "also allowed: ", without(to[0], from[0]))
	default:
		for _, l := range to {
			words(add, Stricter, "a value must now also be on: ", orNone(strings.Join(l, ", ")))
		}
		for _, l := range from {
			words(add, Looser, "a value need no longer be on: ", orNone(strings.Join(l, ", ")))
		}
	}
}

func orNone(s string) []string {
	if s == "" {
		return []string{"none"}
	}
	return []string{s}
}

// reduced gives the lists, sorted, without those that another one implies.
func reduced(lists []policy.List) [][]string {
	var all [][]string
	for _, l := range lists {
		items := slices.Clone(l.Items)
		slices.Sort(items)
		all = append(all, slices.Compact(items))
	}
	var kept [][]string
	for i, l := range all {
		implied := false
		for j, other := range all {
			subset := len(without(other, l)) == 0
			implied = implied || i != j && subset && (len(other) < len(l) || j < i)
		}
		if !implied {
			kept = append(kept, l)
		}
	}
	return kept
}

// unmatched gives the lists that are not among others.
func unmatched(lists, others [][]string) [][]string {
	var left [][]string
	for _, l := range lists {
		if !slices.ContainsFunc(others, func(o []string) bool { return slices.Equal(o, l) }) {
			left = append(left, l)
		}
	}
	return left
}

// customs compares custom rules by their ids.
func (d *differ) customs(a, b *policy.Policy) {
	in := func(p *policy.Policy, c *policy.Custom) *policy.Custom {
		for i := range p.Custom {
			// The two may be files of one policy, or two profiles.
			if have := &p.Custom[i]; have.ID == c.ID && (have.Policy == p.Name) == (c.Policy == a.Name || c.Policy == b.Name) {
				return have
			}
		}
		return nil
	}
	for i := range a.Custom {
		from := &a.Custom[i]
		to := in(b, from)
		switch {
		case to == nil:
			d.add(Looser, from.ID, "", "the custom rule is gone: "+from.When)
			continue
		case from.When != to.When:
			d.add(Other, from.ID, "when", "it refuses what this holds for: "+to.When+" instead of: "+from.When)
		}
		if from.Action != to.Action {
			dir := Looser
			if to.Action > from.Action {
				dir = Stricter
			}
			d.add(dir, from.ID, "", "the action is "+to.Action.String()+" instead of "+from.Action.String())
		}
		words(func(dir Direction, what string) { d.add(dir, from.ID, "on", what) }, Stricter, "it judges also: ", without(to.On, from.On))
		words(func(dir Direction, what string) { d.add(dir, from.ID, "on", what) }, Looser, "it no longer judges: ", without(from.On, to.On))
	}
	for i := range b.Custom {
		if to := &b.Custom[i]; in(a, to) == nil {
			d.add(Stricter, to.ID, "", "a new custom rule ("+to.Action.String()+"): "+to.When)
		}
	}
}

func (d *differ) exceptions(a, b *policy.Policy) {
	was, is := map[string]bool{}, map[string]bool{}
	for i := range a.Exceptions {
		was[describe(&a.Exceptions[i])] = true
	}
	for i := range b.Exceptions {
		x := describe(&b.Exceptions[i])
		if is[x] = true; !was[x] {
			d.add(Looser, "", "", "a new exception: "+x)
		}
	}
	for _, x := range slices.Sorted(maps.Keys(was)) {
		if !is[x] {
			d.add(Stricter, "", "", "an exception is gone: "+x)
		}
	}
}

// describe says all of an exception but its reason.
func describe(x *policy.Exception) string {
	s := strings.Join(x.Rules, ", ") + " for " + policycheck.Describe(&x.Match)
	if x.Allow == nil {
		s += ": waived"
	}
	for _, rule := range slices.Sorted(maps.Keys(x.Allow)) {
		for _, v := range policy.Values(x.Allow[rule]) {
			if v.Set {
				s += "; " + rule + "." + v.Key + ": also " + v.Text
			}
		}
	}
	if len(x.Policies) > 0 {
		s += ", of " + strings.Join(x.Policies, ", ")
	}
	if x.Expires != 0 {
		s += ", until " + time.Unix(x.Expires, 0).UTC().Format(time.DateOnly)
	}
	return s
}
