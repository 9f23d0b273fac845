package jsondoc

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"sync"
)

// Field is one field of a struct as its json tag describes it.
type Field struct {
	Name      string
	Type      reflect.Type
	OmitEmpty bool
	index     []int // through embedded structs
}

// In is the field's value in the struct s.
func (f *Field) In(s reflect.Value) reflect.Value {
	if len(f.index) == 1 {
		return s.Field(f.index[0])
	}
	return s.FieldByIndex(f.index)
}

type fieldTable struct {
	fields []Field
	err    error
}

// tables keeps what Fields found out, by struct type.
var tables sync.Map

// Fields lists a struct type's fields in order, those of embedded structs in
// their place, as encoding/json names them. A type whose JSON form this package
// does not speak (own marshalling, omitzero, string, ambiguous names) is an error.
func Fields(t reflect.Type) ([]Field, error) {
	if known, ok := tables.Load(t); ok {
		table := known.(*fieldTable)
		return table.fields, table.err
	}
	table := new(fieldTable)
	table.err = table.add(t, nil)
	tables.Store(t, table)
	return table.fields, table.err
}

func (table *fieldTable) add(t reflect.Type, path []int) error {
	if marshals(t) {
		return ownForm(t)
	}
	table.fields = slices.Grow(table.fields, t.NumField())
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("json")
		if tag == "-" {
			continue
		}
		name, options, _ := strings.Cut(tag, ",")
		index := append(path[:len(path):len(path)], i)
		if f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct {
			if err := table.add(f.Type, index); err != nil {
				return err
			}
			continue
		}
		if !f.IsExported() {
			continue
		}
		if f.Anonymous && name == "" && f.Type.Kind() == reflect.Pointer {
			return errors.New("field " + t.String() + "." + f.Name + " is not supported: embedded pointer")
		}
		if options != "" && options != "omitempty" {
			return errors.New("field " + t.String() + "." + f.Name + " is not supported: json option " + options)
		}
		if err := plainForm(f.Type); err != nil {
			return err
		}
		if name == "" {
			name = f.Name
		}
		field := Field{Name: name, Type: f.Type, OmitEmpty: options == "omitempty", index: index}
		if err := table.put(t, field); err != nil {
			return err
		}
	}
	return nil
}

// put lets the outermost of equal names win, as Go does.
func (table *fieldTable) put(t reflect.Type, field Field) error {
	for i := range table.fields {
		other := &table.fields[i]
		switch {
		case other.Name != field.Name:
		case len(other.index) < len(field.index):
			return nil
		case len(other.index) == len(field.index):
			return errors.New("type " + t.String() + " is not supported: two fields named " + field.Name)
		default:
			table.fields = append(table.fields[:i], table.fields[i+1:]...)
			table.fields = append(table.fields, field)
			return nil
		}
	}
	table.fields = append(table.fields, field)
	return nil
}

// plainForm refuses a type that encoding/json would not walk as plain Go: what
// it consists of is checked too, down to structs, which Fields checks.
func plainForm(t reflect.Type) error {
	for t.Kind() != reflect.Struct {
		if marshals(t) {
			return ownForm(t)
		}
		switch t.Kind() {
		case reflect.Map:
			if t.Key().Kind() != reflect.String || marshals(t.Key()) {
				return errors.New("type " + t.String() + " is not supported: keys are not plain strings")
			}
		case reflect.Slice:
			if t.Elem().Kind() == reflect.Uint8 {
				return errors.New("type " + t.String() + " is not supported: bytes have no plain JSON form")
			}
		case reflect.Pointer:
		default:
			return nil
		}
		t = t.Elem()
	}
	return nil
}

func ownForm(t reflect.Type) error {
	return errors.New("type " + t.String() + " is not supported: it has its own JSON form")
}

// marshals reports whether encoding/json would call a method of the type.
func marshals(t reflect.Type) bool {
	if t.PkgPath() == "" || t.Kind() == reflect.Interface {
		return false
	}
	p := reflect.PointerTo(t)
	return p.NumMethod() > 0 && marshalsByMethod(p)
}

func marshalsByMethod(p reflect.Type) bool {
	return p.Implements(reflect.TypeFor[interface{ MarshalJSON() ([]byte, error) }]()) ||
		p.Implements(reflect.TypeFor[interface{ UnmarshalJSON([]byte) error }]()) ||
		p.Implements(reflect.TypeFor[interface{ MarshalText() ([]byte, error) }]()) ||
		p.Implements(reflect.TypeFor[interface{ UnmarshalText([]byte) error }]())
}

// Empty reports whether v says nothing: zero, no elements, or a struct (or a
// pointer to one) all of whose fields are empty. A pointer to a scalar always
// says something.
func Empty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer:
		return v.IsNil() || (v.Type().Elem().Kind() == reflect.Struct && Empty(v.Elem()))
	case reflect.Slice, reflect.Map:
		return v.Len() == 0
	case reflect.Struct:
		fields, _ := Fields(v.Type()) // what has an error cannot be encoded either
		for i := range fields {
			if !Empty(fields[i].In(v)) {
				return false
			}
		}
		return true
	default:
		return v.IsZero()
	}
}
