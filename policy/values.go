package policy

import (
	"reflect"
	"sort"
	"strings"
)

// A Kind is how two policies' values of a setting combine.
type Kind string

const (
	KindAllow    Kind = "allow-list"  // a value must be on every policy's
	KindForbid   Kind = "deny-list"   // the lists unite
	KindRequire  Kind = "requirement" // one true is enough
	KindPermit   Kind = "permit"      // allow or deny: one deny is enough
	KindAnswer   Kind = "answer"      // alert, freeze or kill: the strictest wins
	KindMaximum  Kind = "maximum"     // the smallest wins
	KindMinimum  Kind = "minimum"     // the largest wins
	KindDefault  Kind = "default"     // the first policy's
	KindWord     Kind = "word"        // the first policy's
	KindMaxTable Kind = "maxima"      // by name, the smallest wins
)

// A Value is one setting of a rule, for tools that show, compare or describe
// policies.
type Value struct {
	Key  string
	Doc  string
	Kind Kind
	Unit string // of a number: bytes, cpus or count

	Set      bool
	Text     string            // as a person reads it
	Policies []string          // whose it is: all that have a list, else the one that decides; of maxima not known
	Lists    []List            // of a list, each policy's
	On       bool              // of a requirement: true; of a permit: deny
	Number   int64             // of a maximum, minimum or default, in its unit; of an answer how strict it is
	Table    map[string]Amount // of maxima

	widens bool
}

// An Amount is a number and how it reads.
type Amount struct {
	Number int64
	Text   string
}

// Values returns the settings in a rule's struct, in its order.
func Values(settings any) []Value {
	t := reflect.TypeOf(settings).Elem()
	all := make([]Value, t.NumField())
	for i, s := range settingsOf(settings) {
		all[i] = Value{Key: t.Field(i).Tag.Get("toml"), Doc: t.Field(i).Tag.Get("doc"), Set: s.isSet()}
		_, all[i].widens = s.(widener)
		s.(valued).value(&all[i])
	}
	return all
}

// Defaulted returns the settings with what the rule's standard says for those
// that the policy leaves out; see Defaulter.
func Defaulted(settings any) any { return defaulted(settings) }

// valued is a setting that says what it is.
type valued interface{ value(v *Value) }

func (a *AllowList) value(v *Value) {
	v.Kind, v.Lists = KindAllow, a.Lists
	v.Text, v.Policies = a.String(), owners(a.Lists)
	if mixed(a.Lists) {
		var all []string
		for _, l := range a.Lists {
			all = append(all, "("+strings.Join(l.Items, ", ")+")")
		}
		v.Text = "what is on each of " + strings.Join(all, " and ")
	}
}

// mixed tells whether some lists name the rule's documented list and others do
// not: what is on all of them cannot be told from the words.
func mixed(lists []List) bool {
	with := 0
	for _, l := range lists {
		if len(l.Items) == 0 {
			return false // nothing is on all of them
		}
		if contains(l.Items, DefaultItem) {
			with++
		}
	}
	return with > 0 && with < len(lists)
}

func (f *Forbid) value(v *Value) {
	v.Kind, v.Lists = KindForbid, f.Lists
	var all []string
	for item := range f.Items {
		if !contains(all, item) {
			all = append(all, item)
		}
	}
	v.Text, v.Policies = strings.Join(all, ", "), owners(f.Lists)
	if v.Text == "" {
		v.Text = "none"
	}
}

func owners(lists []List) []string {
	var all []string
	for _, l := range lists {
		if !contains(all, l.Policy) {
			all = append(all, l.Policy)
		}
	}
	return all
}

func (f *Flag) value(v *Value) {
	v.Kind, v.On, v.Text = KindRequire, f.On, "false"
	if f.On {
		v.Text = "true"
	}
	v.Policies = []string{f.Policy}
}

func (p *Permit) value(v *Value) {
	v.Kind, v.On, v.Text = KindPermit, !p.Allow, "deny"
	if p.Allow {
		v.Text = "allow"
	}
	v.Policies = []string{p.Policy}
}

func (a *Answer) value(v *Value) {
	v.Kind, v.Text, v.Number, v.Policies = KindAnswer, a.Word, int64(a.strength()), []string{a.Policy}
}

func (t *Text) value(v *Value) {
	v.Kind, v.Policies = KindWord, []string{t.Policy}
	var all []string
	for word := range t.Each {
		all = append(all, word)
	}
	v.Text = strings.Join(all, ", else ")
}

func (m *Max[T]) value(v *Value)     { amount(v, KindMaximum, m.Value, m.Policy) }
func (m *Min[T]) value(v *Value)     { amount(v, KindMinimum, m.Value, m.Policy) }
func (d *Default[T]) value(v *Value) { amount(v, KindDefault, d.Value, d.Policy) }

func amount[T Unit[T]](v *Value, kind Kind, n T, policy string) {
	v.Kind, v.Unit, v.Number, v.Text = kind, unitName(n), int64(n), n.String()
	v.Policies = []string{policy}
}

func unitName[T Unit[T]](n T) string { return strings.ToLower(reflect.TypeOf(n).Name()) }

func (m *MaxTable[T]) value(v *Value) {
	var unit T
	v.Kind, v.Unit, v.Table = KindMaxTable, unitName(unit), map[string]Amount{}
	var all []string
	for name, n := range m.Values {
		v.Table[name] = Amount{int64(n), n.String()}
		all = append(all, name+" "+n.String())
	}
	sort.Strings(all)
	v.Text = strings.Join(all, ", ")
}

// Widens tells whether an exception can go beyond the setting.
func (v Value) Widens() bool { return v.widens }
