package policy

import (
	"errors"
	"reflect"
	"strconv"
	"strings"
)

// A rule's settings are a struct whose fields are of the types in this file.
// Each knows how two policies' values combine so that neither loses: this is
// the whole of "meet".

// A setting is one value of a rule's settings.
type setting interface {
	isSet() bool
	stamp(policy string) // remembers whose value this is
	meet(other setting)  // other is of the same type, and set
}

// A widener is a setting that an exception can go beyond. For the others an
// exception has no meaning.
type widener interface {
	setting
	widen(other setting) // other is of the same type, and set
}

// An AllowList is an allow-list: what is not on it is refused. Where several
// policies have one, a value must be on every list.
type AllowList struct {
	Lists []List
}

// A List is one policy's list, or one element of a deny-list.
type List struct {
	Policy string
	Items  []string
}

// IsSet tells whether any policy has the list; without one nothing is refused.
func (a AllowList) IsSet() bool { return a.Lists != nil }

// DefaultItem stands, in the allow-lists of rules that say so, for the rule's
// documented safe list: ["default", "x"] is that list and x.
const DefaultItem = "default"

// Default sets the list where no policy has one; see Defaulter.
func (a *AllowList) Default(items []string) {
	if a.Lists == nil {
		a.Lists = []List{{Policy: "default", Items: items}}
	}
}

// Permits tells whether value is on every list, by match(item, value).
func (a AllowList) Permits(value string, match func(item, value string) bool) bool {
	for _, l := range a.Lists {
		if !anyMatch(l.Items, value, match) {
			return false
		}
	}
	return true
}

// String lists what every list has; it is for messages.
func (a AllowList) String() string {
	if len(a.Lists) == 0 {
		return "anything"
	}
	var both []string
	for _, item := range a.Lists[0].Items {
		if a.Permits(item, func(i, v string) bool { return i == v || Match(i, v) }) {
			both = append(both, item)
		}
	}
	if len(both) == 0 {
		return "none"
	}
	return strings.Join(both, ", ")
}

func anyMatch(items []string, value string, match func(item, value string) bool) bool {
	for _, item := range items {
		if match(item, value) {
			return true
		}
	}
	return false
}

// UnmarshalTOML reads an array of strings.
func (a *AllowList) UnmarshalTOML(v any) error {
	items, err := stringsFrom(v)
	if err != nil {
		return err
	}
	a.Lists = []List{{Items: items}}
	return nil
}

func (a *AllowList) isSet() bool { return a.Lists != nil }
func (a *AllowList) stamp(policy string) {
	for i := range a.Lists {
		a.Lists[i].Policy = policy
	}
}

func (a *AllowList) meet(other setting) {
	a.Lists = append(a.Lists[:len(a.Lists):len(a.Lists)], other.(*AllowList).Lists...)
}

func (a *AllowList) widen(other setting) {
	if a.Lists == nil {
		return // nothing was refused
	}
	lists := make([]List, len(a.Lists))
	for i, l := range a.Lists {
		lists[i] = List{l.Policy, l.Items[:len(l.Items):len(l.Items)]}
		for _, more := range other.(*AllowList).Lists {
			lists[i].Items = append(lists[i].Items, more.Items...)
		}
	}
	a.Lists = lists
}

// A Forbid is a deny-list. Where several policies have one, they unite.
type Forbid struct {
	Lists []List
}

// Forbids tells whether value is on a list, by match(item, value), and on whose.
func (f Forbid) Forbids(value string, match func(item, value string) bool) (policy string, found bool) {
	for _, l := range f.Lists {
		if anyMatch(l.Items, value, match) {
			return l.Policy, true
		}
	}
	return "", false
}

// Items calls yield with every item of every list, until it returns false.
func (f Forbid) Items(yield func(item string) bool) {
	for _, l := range f.Lists {
		for _, item := range l.Items {
			if !yield(item) {
				return
			}
		}
	}
}

// UnmarshalTOML reads an array of strings.
func (f *Forbid) UnmarshalTOML(v any) error {
	items, err := stringsFrom(v)
	if err != nil {
		return err
	}
	f.Lists = []List{{Items: items}}
	return nil
}

func (f *Forbid) isSet() bool { return f.Lists != nil }
func (f *Forbid) stamp(policy string) {
	for i := range f.Lists {
		f.Lists[i].Policy = policy
	}
}

func (f *Forbid) meet(other setting) {
	f.Lists = append(f.Lists[:len(f.Lists):len(f.Lists)], other.(*Forbid).Lists...)
}

// A Flag is a requirement: where several policies speak, one true is enough.
type Flag struct {
	On     bool
	Set    bool
	Policy string
}

// UnmarshalTOML reads a boolean.
func (f *Flag) UnmarshalTOML(v any) error {
	on, ok := v.(bool)
	if !ok {
		return errors.New("want true or false")
	}
	*f = Flag{On: on, Set: true}
	return nil
}

// Default sets the requirement where the policy does not say; see Defaulter.
func (f *Flag) Default(on bool) {
	if !f.Set {
		*f = Flag{On: on, Set: true}
	}
}

func (f *Flag) isSet() bool         { return f.Set }
func (f *Flag) stamp(policy string) { f.Policy = policy }
func (f *Flag) meet(other setting) {
	if o := other.(*Flag); !f.On && o.On {
		*f = *o
	}
}

// A Permit says of something that cannot be judged whether it passes: "allow"
// or "deny". Where several policies speak, one deny is enough.
type Permit struct {
	Allow  bool
	Set    bool
	Policy string
}

// UnmarshalTOML reads "allow" or "deny".
func (p *Permit) UnmarshalTOML(v any) error {
	word, _ := v.(string)
	if word != "allow" && word != "deny" {
		return errors.New(`want "allow" or "deny"`)
	}
	*p = Permit{Allow: word == "allow", Set: true}
	return nil
}

// Default sets it where the policy does not say; see Defaulter.
func (p *Permit) Default(allow bool) {
	if !p.Set {
		*p = Permit{Allow: allow, Set: true}
	}
}

func (p *Permit) isSet() bool         { return p.Set }
func (p *Permit) stamp(policy string) { p.Policy = policy }
func (p *Permit) meet(other setting) {
	if o := other.(*Permit); p.Allow && !o.Allow {
		*p = *o
	}
}

func (p *Permit) widen(other setting) {
	p.Allow = p.Allow || other.(*Permit).Allow
}

// A Unit is what a number of a policy counts.
type Unit[T any] interface {
	~int64
	FromTOML(v any) (T, error)
	String() string
}

// A Max is an upper bound: the smallest wins.
type Max[T Unit[T]] struct {
	Value  T
	Set    bool
	Policy string
}

// UnmarshalTOML reads a number as its unit writes it.
func (m *Max[T]) UnmarshalTOML(v any) (err error) {
	m.Value, err = m.Value.FromTOML(v)
	m.Set = err == nil
	return err
}

func (m *Max[T]) isSet() bool         { return m.Set }
func (m *Max[T]) stamp(policy string) { m.Policy = policy }
func (m *Max[T]) meet(other setting) {
	if o := other.(*Max[T]); o.Value < m.Value {
		*m = *o
	}
}

func (m *Max[T]) widen(other setting) {
	if o := other.(*Max[T]); m.Set && o.Value > m.Value {
		m.Value = o.Value
	}
}

// A Min is a lower bound: the largest wins.
type Min[T Unit[T]] struct {
	Value  T
	Set    bool
	Policy string
}

// UnmarshalTOML reads a number as its unit writes it.
func (m *Min[T]) UnmarshalTOML(v any) (err error) {
	m.Value, err = m.Value.FromTOML(v)
	m.Set = err == nil
	return err
}

func (m *Min[T]) isSet() bool         { return m.Set }
func (m *Min[T]) stamp(policy string) { m.Policy = policy }
func (m *Min[T]) meet(other setting) {
	if o := other.(*Min[T]); o.Value > m.Value {
		*m = *o
	}
}

func (m *Min[T]) widen(other setting) {
	if o := other.(*Min[T]); m.Set && o.Value < m.Value {
		m.Value = o.Value
	}
}

// A Default is a value for something absent: the first policy that has one
// decides. Whoever uses it clamps it to the bounds.
type Default[T Unit[T]] struct {
	Value  T
	Set    bool
	Policy string
}

// UnmarshalTOML reads a number as its unit writes it.
func (d *Default[T]) UnmarshalTOML(v any) (err error) {
	d.Value, err = d.Value.FromTOML(v)
	d.Set = err == nil
	return err
}

func (d *Default[T]) isSet() bool         { return d.Set }
func (d *Default[T]) stamp(policy string) { d.Policy = policy }
func (d *Default[T]) meet(setting)        {}

// A Text is a word for something absent: the first policy that has one
// decides, and where its word cannot be used, the next.
type Text struct {
	Value  string
	Set    bool
	Policy string
	Others []string // those of later policies
}

// Each calls yield with the word and the others, until it returns false.
func (t Text) Each(yield func(word string) bool) {
	if !t.Set || !yield(t.Value) {
		return
	}
	for _, word := range t.Others {
		if !yield(word) {
			return
		}
	}
}

// UnmarshalTOML reads a string.
func (t *Text) UnmarshalTOML(v any) error {
	s, ok := v.(string)
	if !ok {
		return errors.New("want a string")
	}
	*t = Text{Value: s, Set: true}
	return nil
}

func (t *Text) isSet() bool         { return t.Set }
func (t *Text) stamp(policy string) { t.Policy = policy }
func (t *Text) meet(other setting) {
	o := other.(*Text)
	t.Others = append(append(t.Others[:len(t.Others):len(t.Others)], o.Value), o.Others...)
}

// A MaxTable has an upper bound per name: for each the smallest wins. A name
// that no policy has is not bounded.
type MaxTable[T Unit[T]] struct {
	Values map[string]T
}

// UnmarshalTOML reads a table of numbers.
func (m *MaxTable[T]) UnmarshalTOML(v any) error {
	table, ok := v.(map[string]any)
	if !ok {
		return errors.New("want a table of numbers")
	}
	m.Values = make(map[string]T, len(table))
	for name, v := range table {
		var unit T
		value, err := unit.FromTOML(v)
		if err != nil {
			return errors.New(name + ": " + err.Error())
		}
		m.Values[name] = value
	}
	return nil
}

func (m *MaxTable[T]) isSet() bool  { return m.Values != nil }
func (m *MaxTable[T]) stamp(string) {}
func (m *MaxTable[T]) meet(other setting) {
	both := make(map[string]T, len(m.Values))
	for name, v := range m.Values {
		both[name] = v
	}
	for name, v := range other.(*MaxTable[T]).Values {
		if have, ok := both[name]; !ok || v < have {
			both[name] = v
		}
	}
	m.Values = both
}

func (m *MaxTable[T]) widen(other setting) {
	wider := make(map[string]T, len(m.Values))
	for name, v := range m.Values {
		if more, ok := other.(*MaxTable[T]).Values[name]; ok && more > v {
			v = more
		}
		wider[name] = v
	}
	if m.Values != nil {
		m.Values = wider
	}
}

// Bytes is an amount of memory or storage: 536870912, "512MiB", "1.5GiB", "2GB".
type Bytes int64

// FromTOML reads a whole number of bytes, or a string with a unit.
func (Bytes) FromTOML(v any) (Bytes, error) {
	switch v := v.(type) {
	case int64:
		if v < 0 {
			return 0, errors.New("want a size of 0 or more")
		}
		return Bytes(v), nil
	case string:
		return parseBytes(v)
	}
	return 0, errors.New(`want a size such as 536870912 or "512MiB"`)
}

var sizeUnits = [...]struct {
	suffix string
	factor float64
}{
	{"KiB", 1 << 10},
	{"MiB", 1 << 20},
	{"GiB", 1 << 30},
	{"TiB", 1 << 40},
	{"kB", 1e3},
	{"KB", 1e3},
	{"MB", 1e6},
	{"GB", 1e9},
	{"TB", 1e12},
	{"Ki", 1 << 10},
	{"Mi", 1 << 20},
	{"Gi", 1 << 30},
	{"Ti", 1 << 40},
	{"B", 1},
}

func parseBytes(s string) (Bytes, error) {
	number, factor := s, 1.0
	for _, u := range sizeUnits {
		if rest, ok := strings.CutSuffix(s, u.suffix); ok {
			number, factor = strings.TrimSpace(rest), u.factor
			break
		}
	}
	if whole, err := strconv.ParseInt(number, 10, 64); err == nil && whole >= 0 && float64(whole)*factor < 1<<62 {
		return Bytes(whole * int64(factor)), nil
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil || f < 0 || !(f*factor < 1<<62) {
		return 0, errors.New("want a size such as 536870912 or \"512MiB\", found " + strconv.Quote(s))
	}
	return Bytes(f * factor), nil
}

func (b Bytes) String() string {
	for _, u := range sizeUnits[:4] {
		if n := int64(u.factor); int64(b) >= n && int64(b) < n<<10 && int64(b)%n == 0 {
			return strconv.FormatInt(int64(b)/n, 10) + u.suffix
		}
	}
	return strconv.FormatInt(int64(b), 10)
}

// Count is a plain number.
type Count int64

// FromTOML reads a whole number.
func (Count) FromTOML(v any) (Count, error) {
	if n, ok := v.(int64); ok {
		return Count(n), nil
	}
	return 0, errors.New("want a whole number")
}

func (c Count) String() string { return strconv.FormatInt(int64(c), 10) }

// CPUs is processor time, in thousandths of a processor: 2, 1.5, "500m".
type CPUs int64

// FromTOML reads a number of processors, or a string of thousandths.
func (CPUs) FromTOML(v any) (CPUs, error) {
	switch v := v.(type) {
	case int64:
		if v >= 0 && v < 1<<40 {
			return CPUs(v * 1000), nil
		}
	case float64:
		if v >= 0 && v < 1<<40 {
			return CPUs(v*1000 + 0.5), nil
		}
	case string:
		if n, err := strconv.ParseInt(strings.TrimSuffix(v, "m"), 10, 64); err == nil && n >= 0 && strings.HasSuffix(v, "m") {
			return CPUs(n), nil
		}
	}
	return 0, errors.New(`want processors such as 2, 1.5 or "500m"`)
}

func (c CPUs) String() string {
	return strconv.FormatFloat(float64(c)/1000, 'f', -1, 64)
}

func stringsFrom(v any) ([]string, error) {
	array, ok := v.([]any)
	if !ok {
		return nil, errors.New("want an array of strings")
	}
	items := make([]string, len(array))
	for i, e := range array {
		if items[i], ok = e.(string); !ok {
			return nil, errors.New("want an array of strings")
		}
	}
	return items, nil
}

// settingsOf returns the settings of a pointer to a rule's struct, by field.
func settingsOf(settings any) []setting {
	v := reflect.ValueOf(settings).Elem()
	fields := make([]setting, v.NumField())
	for i := range fields {
		fields[i] = v.Field(i).Addr().Interface().(setting)
	}
	return fields
}

// clone copies the struct; the settings themselves never change in place.
func clone(settings any) any {
	v := reflect.ValueOf(settings).Elem()
	c := reflect.New(v.Type())
	c.Elem().Set(v)
	return c.Interface()
}

// Stamp notes in every setting whose it is.
func Stamp(settings any, policy string) {
	for _, s := range settingsOf(settings) {
		s.stamp(policy)
	}
}

// meet makes dst hold for both.
func meet(dst, src any) {
	from := settingsOf(src)
	for i, d := range settingsOf(dst) {
		switch {
		case !from[i].isSet():
		case !d.isSet():
			reflect.ValueOf(d).Elem().Set(reflect.ValueOf(from[i]).Elem())
		default:
			d.meet(from[i])
		}
	}
}

// widen goes beyond dst as an exception's allow says.
func widen(dst, allow any) {
	more := settingsOf(allow)
	for i, d := range settingsOf(dst) {
		if w, ok := d.(widener); ok && more[i].isSet() {
			w.widen(more[i])
		}
	}
}

// CanWiden returns the index of the first field that an exception may not set
// though this one does, or -1.
func CanWiden(allow any) int {
	for i, s := range settingsOf(allow) {
		if _, ok := s.(widener); s.isSet() && !ok {
			return i
		}
	}
	return -1
}
