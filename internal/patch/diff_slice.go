package patch

import (
	"reflect"
	"strconv"

	"github.com/runward/runward/internal/jsondoc"
)

// elements compares arrays. A list of words or numbers that becomes quite
// another one is replaced as a whole: there is nothing inside its elements to
// keep, and hundreds of operations would hide what happened.
func (d *differ) elements(cur jsondoc.Value, t reflect.Value) {
	first := len(d.ops)
	d.each(cur, t)
	switch t.Type().Elem().Kind() {
	case reflect.Struct, reflect.Map, reflect.Slice, reflect.Pointer, reflect.Interface:
		return
	}
	if ops := len(d.ops) - first; ops > 8 && ops > t.Len()/2 && !d.secret() {
		d.ops = d.ops[:first]
		d.put("replace", t)
	}
}

// each compares arrays of equal length one by one; otherwise what is the same
// at both ends is left alone, and the middle is shrunk or grown.
func (d *differ) each(cur jsondoc.Value, t reflect.Value) {
	have, want := cur.Len(), t.Len()
	if have == want {
		i := 0
		for c := cur.First(); c.Exists() && !(d.probe && d.found); c = c.Next() {
			d.element(i, c, t.Index(i))
			i++
		}
		return
	}
	if want == 0 || have > want+many || d.probe {
		d.put("replace", t)
		return
	}
	old := make([]jsondoc.Value, 0, have)
	for c := cur.First(); c.Exists(); c = c.Next() {
		old = append(old, c)
	}
	shorter := min(have, want)
	front := 0
	for front < shorter && same(old[front], t.Index(front)) {
		front++
	}
	back := 0
	for back < shorter-front && same(old[have-1-back], t.Index(want-1-back)) {
		back++
	}
	m := middle{old: old[front : have-back], t: t.Slice(front, want-back), at: front, back: back}
	if have > want {
		d.shrink(m)
	} else {
		d.grow(m)
	}
}

// secret tells whether what is here should not stand in a patch, which is in
// receipts: of an environment only what goes is said, up to many.
func (d *differ) secret() bool { return string(d.path) == "/process/env" }

func (d *differ) element(i int, cur jsondoc.Value, t reflect.Value) {
	n := d.enter(strconv.Itoa(i))
	d.value(cur, t)
	d.leave(n)
}

// middle is the part of an array that differs.
type middle struct {
	old  []jsondoc.Value
	t    reflect.Value
	at   int // index of its first element
	back int // elements behind it
}

// shrink removes the elements that no new one pairs with, the highest index
// first so that pointers stay right, then changes those that stay.
func (d *differ) shrink(m middle) {
	pair := match(m.t.Len(), len(m.old), func(i, j int, eq equality) bool { return eq(m.old[j], m.t.Index(i)) })
	keep := make([]bool, len(m.old))
	for _, j := range pair {
		keep[j] = true
	}
	for j := len(m.old) - 1; j >= 0; j-- {
		if !keep[j] {
			n := d.enter(strconv.Itoa(m.at + j))
			d.remove()
			d.leave(n)
		}
	}
	for i, j := range pair {
		d.element(m.at+i, m.old[j], m.t.Index(i))
	}
}

// grow goes through the new elements in order: one that an old one pairs with
// is changed, any other one added.
func (d *differ) grow(m middle) {
	pair := match(len(m.old), m.t.Len(), func(i, j int, eq equality) bool { return eq(m.old[i], m.t.Index(j)) })
	done := 0 // old elements that have their place
	for j := range m.t.Len() {
		if done < len(pair) && pair[done] == j {
			d.element(m.at+j, m.old[done], m.t.Index(j))
			done++
			continue
		}
		token := strconv.Itoa(m.at + j)
		if done == len(pair) && m.back == 0 {
			token = "-"
		}
		n := d.enter(token)
		d.put("add", m.t.Index(j))
		d.leave(n)
	}
}

type equality func(jsondoc.Value, reflect.Value) bool

// match pairs each of the few, in order, with one of the many: if they are a
// subsequence by equality, else by likeness, else with the first ones.
func match(few, many int, equal func(i, j int, eq equality) bool) []int {
	for _, eq := range []equality{same, alike} {
		pair := make([]int, 0, few)
		for j := 0; j < many && len(pair) < few; j++ {
			if equal(len(pair), j, eq) {
				pair = append(pair, j)
			}
		}
		if len(pair) == few {
			return pair
		}
	}
	pair := make([]int, few)
	for i := range pair {
		pair[i] = i
	}
	return pair
}

// same reports whether the element needs no operation.
func same(cur jsondoc.Value, t reflect.Value) bool {
	d := differ{probe: true}
	d.value(cur, t)
	return !d.found && d.err == nil
}

// alike reports whether two structs speak of the same thing, which runtime-spec
// names in the first field: a mount's destination, a device's path.
func alike(cur jsondoc.Value, t reflect.Value) bool {
	if t.Kind() != reflect.Struct {
		return same(cur, t)
	}
	fields, err := jsondoc.Fields(t.Type())
	if err != nil || len(fields) == 0 || fields[0].Type.Kind() != reflect.String {
		return same(cur, t)
	}
	name := cur.Get(fields[0].Name)
	return name.Exists() && sameScalar(name, fields[0].In(t))
}
