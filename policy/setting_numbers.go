package policy

import "errors"

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
