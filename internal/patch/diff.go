package patch

import (
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/runward/runward/internal/jsondoc"
)

// Make gives the smallest patch it knows that turns the object v into one that
// jsondoc.Decode reads as typed, a pointer to a struct. Absent and empty mean
// the same (a nil slice and no elements, a nil pointer and an empty struct, see
// jsondoc.Empty), so where the document has neither, nothing is added. A nil
// pointer removes even an empty object, because {} can mean something to a
// runtime; a pointer to an empty struct leaves it. Members that the struct does
// not know stay. Make does not see what Decode refuses.
func Make(v jsondoc.Value, typed any) (Patch, error) {
	p := reflect.ValueOf(typed)
	if p.Kind() != reflect.Pointer || p.IsNil() || p.Elem().Kind() != reflect.Struct {
		return nil, errors.New("make patch: target is not a pointer to a struct")
	}
	if v.Kind() != jsondoc.Object {
		return nil, errors.New("make patch: want object, found " + v.Kind().String())
	}
	var d differ
	d.members(v, p.Elem())
	if d.err != nil {
		return nil, prefixed("make patch", d.err)
	}
	return d.ops, nil
}

// differ walks the typed value beside the document.
type differ struct {
	path  []byte // of the value that is looked at
	ops   Patch
	err   error
	probe bool // only ask whether there is a difference
	found bool // there is
}

// enter steps down; the caller cuts the path back to what it was.
func (d *differ) enter(token string) int {
	n := len(d.path)
	d.path = append(append(d.path, '/'), jsondoc.EscapePointer(token)...)
	return n
}

func (d *differ) leave(n int) { d.path = d.path[:n] }

func (d *differ) remove() {
	d.found = true
	if !d.probe {
		d.ops = append(d.ops, Op{Op: "remove", Path: string(d.path)})
	}
}

func (d *differ) put(op string, t reflect.Value) {
	d.found = true
	if d.probe || d.err != nil {
		return
	}
	if t.Kind() == reflect.Interface {
		d.err = errors.New(string(d.path) + ": type " + t.Type().String() + " is not supported")
		return
	}
	raw, err := jsondoc.EncodeSparse(nil, t.Interface())
	if err != nil {
		d.err = prefixed(string(d.path), err)
		return
	}
	d.ops = append(d.ops, Op{Op: op, Path: string(d.path), Value: raw})
}

func (d *differ) members(cur jsondoc.Value, t reflect.Value) {
	fields, err := jsondoc.Fields(t.Type())
	if err != nil {
		d.err = err
		return
	}
	for i := range fields {
		f := &fields[i]
		c, v := cur.Get(f.Name), f.In(t)
		if !c.Exists() && v.IsZero() {
			continue
		}
		n := d.enter(f.Name)
		d.field(c, v, f.OmitEmpty)
		d.leave(n)
		if d.probe && d.found {
			return
		}
	}
}

func (d *differ) field(cur jsondoc.Value, t reflect.Value, omitEmpty bool) {
	switch {
	case !cur.Exists():
		if !jsondoc.Empty(t) {
			d.put("add", t)
		}
	case cur.Kind() == jsondoc.Null:
		if !jsondoc.Empty(t) {
			d.put("replace", t)
		}
	case isNil(t) && !sameEmpty(cur, t):
		d.remove()
	case omitEmpty && t.Kind() != reflect.Pointer && t.Kind() != reflect.Struct && jsondoc.Empty(t):
		if !sameEmpty(cur, t) {
			d.remove()
		}
	default:
		d.value(cur, t)
	}
}

func isNil(t reflect.Value) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return t.IsNil()
	}
	return false
}

// sameEmpty reports whether the document spells the zero scalar, or no elements,
// that t is.
func sameEmpty(cur jsondoc.Value, t reflect.Value) bool {
	switch t.Kind() {
	case reflect.Slice:
		return cur.Kind() == jsondoc.Array && !cur.First().Exists()
	case reflect.Map:
		return cur.Kind() == jsondoc.Object && !cur.First().Exists()
	case reflect.Pointer:
		return false
	default:
		return sameScalar(cur, t)
	}
}

// value compares what is present on both sides.
func (d *differ) value(cur jsondoc.Value, t reflect.Value) {
	switch t.Kind() {
	case reflect.Pointer:
		if !t.IsNil() {
			d.value(cur, t.Elem())
			return
		}
	case reflect.Struct:
		if cur.Kind() == jsondoc.Object {
			d.members(cur, t)
			return
		}
	case reflect.Map:
		if cur.Kind() == jsondoc.Object {
			d.keys(cur, t)
			return
		}
	case reflect.Slice:
		if cur.Kind() == jsondoc.Array {
			d.elements(cur, t)
			return
		}
	default:
		if sameScalar(cur, t) {
			return
		}
	}
	d.put("replace", t)
}

func sameScalar(cur jsondoc.Value, t reflect.Value) bool {
	switch t.Kind() {
	case reflect.String:
		return cur.Kind() == jsondoc.String && cur.Str() == t.String()
	case reflect.Bool:
		return cur.Kind() == jsondoc.Bool && cur.Bool() == t.Bool()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n, err := strconv.ParseInt(cur.NumberText(), 10, 64)
		return err == nil && n == t.Int()
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		n, err := strconv.ParseUint(cur.NumberText(), 10, 64)
		return err == nil && n == t.Uint()
	case reflect.Float32, reflect.Float64:
		n, err := strconv.ParseFloat(cur.NumberText(), t.Type().Bits())
		return err == nil && n == t.Float()
	default:
		return false
	}
}

// many is the number of removals from which on one replacement is written
// instead: thousands of operations on one huge array or map would be quadratic.
const many = 1000

// keys compares a map, both sides' keys in order.
func (d *differ) keys(cur jsondoc.Value, t reflect.Value) {
	var have []jsondoc.Value
	for m := cur.First(); m.Exists(); m = m.Next() {
		have = append(have, m)
	}
	if len(have) > t.Len()+many {
		d.put("replace", t)
		return
	}
	slices.SortFunc(have, func(a, b jsondoc.Value) int { return strings.Compare(a.Key(), b.Key()) })
	for _, k := range jsondoc.SortedKeys(t) {
		for len(have) > 0 && have[0].Key() < k.String() {
			d.key(have[0].Key(), have[0], reflect.Value{})
			have = have[1:]
		}
		var c jsondoc.Value
		if len(have) > 0 && have[0].Key() == k.String() {
			c, have = have[0], have[1:]
		}
		d.key(k.String(), c, t.MapIndex(k))
	}
	for _, c := range have {
		d.key(c.Key(), c, reflect.Value{})
	}
}

// key compares one key's value; an absent cur or an invalid t is on one side only.
func (d *differ) key(name string, cur jsondoc.Value, t reflect.Value) {
	n := d.enter(name)
	switch {
	case !t.IsValid():
		d.remove()
	case !cur.Exists():
		d.put("add", t)
	default:
		d.value(cur, t)
	}
	d.leave(n)
}
