package jsondoc

import (
	"errors"
	"reflect"
	"strconv"
	"strings"
)

// Decode fills the struct (map, slice, scalar) that dst points to, which should
// be zero, by its json tags. It is stricter than encoding/json where runtimes
// differ:
//
//   - names are exact; a name that differs from a field's only by case is an
//     error, because runc folds case and crun does not (threats.md: U+017F, U+212A);
//   - members that are no field are left alone;
//   - null is the same as absent for a field, and an error for the document, an
//     element and a map's value (so a nil inside a slice or map that Encode wrote);
//   - integers have no fraction and no exponent and fit the field.
//
// Errors in the document are *SyntaxError. Interfaces are not supported and are
// an error where the document has a value for one.
func Decode(v Value, dst any) error {
	p := reflect.ValueOf(dst)
	if p.Kind() != reflect.Pointer || p.IsNil() {
		return errors.New("decode: destination is not a pointer")
	}
	if !v.Exists() {
		return errors.New("decode: no value")
	}
	if err := plainForm(p.Type()); err != nil {
		return err
	}
	if err := decode(v, p.Elem()); err != nil {
		return err.locate(v.doc.text)
	}
	return nil
}

func decode(v Value, dst reflect.Value) *SyntaxError {
	switch dst.Kind() {
	case reflect.Pointer:
		p := reflect.New(dst.Type().Elem())
		dst.Set(p)
		return decode(v, p.Elem())
	case reflect.Struct:
		return decodeStruct(v, dst)
	case reflect.Slice:
		return decodeSlice(v, dst)
	case reflect.Map:
		return decodeMap(v, dst)
	case reflect.String:
		if v.Kind() != String {
			return v.want("string")
		}
		dst.SetString(v.Str())
	case reflect.Bool:
		if v.Kind() != Bool {
			return v.want("boolean")
		}
		dst.SetBool(v.Bool())
	default:
		return decodeNumber(v, dst)
	}
	return nil
}

func decodeNumber(v Value, dst reflect.Value) *SyntaxError {
	var err error
	switch text := v.NumberText(); dst.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if v.Kind() != Number || !plainInteger(text) {
			return v.want("integer")
		}
		var n int64
		n, err = strconv.ParseInt(text, 10, dst.Type().Bits())
		dst.SetInt(n)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		if v.Kind() != Number || !plainInteger(text) {
			return v.want("integer")
		}
		var n uint64
		n, err = strconv.ParseUint(text, 10, dst.Type().Bits())
		dst.SetUint(n)
	case reflect.Float32, reflect.Float64:
		if v.Kind() != Number {
			return v.want("number")
		}
		var n float64
		n, err = strconv.ParseFloat(text, dst.Type().Bits())
		dst.SetFloat(n)
	default:
		return v.wrong("type " + dst.Type().String() + " is not supported")
	}
	if err != nil {
		return v.wrong("number " + oneLine(v.NumberText()) + " does not fit " + dst.Kind().String())
	}
	return nil
}

// plainInteger takes a number in JSON's grammar.
func plainInteger(text string) bool { return !strings.ContainsAny(text, ".eE") }

func decodeStruct(v Value, dst reflect.Value) *SyntaxError {
	fields, err := Fields(dst.Type())
	if err != nil {
		return v.wrong(err.Error())
	}
	if v.Kind() != Object {
		return v.want("object")
	}
	next := 0 // engines write members in the order of the fields
	for m := v.First(); m.Exists(); m = m.Next() {
		i, err := findField(m, fields, next)
		if err != nil {
			return err
		}
		if i < 0 {
			continue
		}
		next = i + 1
		if m.Kind() == Null {
			continue
		}
		if err := decode(m, fields[i].In(dst)); err != nil {
			return err
		}
	}
	return nil
}

// findField gives the index of the member's field, -1 if it has none. It looks
// from the field at next on and wraps.
func findField(m Value, fields []Field, next int) (int, *SyntaxError) {
	key := m.Key()
	for i := next; i < len(fields); i++ {
		if fields[i].Name == key {
			return i, nil
		}
	}
	for i := range next {
		if fields[i].Name == key {
			return i, nil
		}
	}
	for i := range fields {
		if strings.EqualFold(fields[i].Name, key) {
			e := m.wrong("key " + quote(key) + " is a case variant of " + quote(fields[i].Name) + "; runtimes disagree on it")
			e.Offset, _ = m.KeyOffset()
			return 0, e
		}
	}
	return -1, nil
}

func decodeSlice(v Value, dst reflect.Value) *SyntaxError {
	t := dst.Type()
	if v.Kind() != Array {
		return v.want("array")
	}
	n := v.Len()
	if t == reflect.TypeFor[[]string]() {
		return decodeStrings(v, dst, n)
	}
	s := reflect.MakeSlice(t, n, n)
	for i, e := 0, v.First(); i < n; i, e = i+1, e.Next() {
		if err := decode(e, s.Index(i)); err != nil {
			return err
		}
	}
	dst.Set(s)
	return nil
}

func decodeStrings(v Value, dst reflect.Value, n int) *SyntaxError {
	s := make([]string, 0, n)
	for e := v.First(); e.Exists(); e = e.Next() {
		if e.Kind() != String {
			return e.want("string")
		}
		s = append(s, e.Str())
	}
	dst.Set(reflect.ValueOf(s))
	return nil
}

func decodeMap(v Value, dst reflect.Value) *SyntaxError {
	t := dst.Type()
	if v.Kind() != Object {
		return v.want("object")
	}
	m := reflect.MakeMapWithSize(t, v.Len())
	for e := v.First(); e.Exists(); e = e.Next() {
		elem := reflect.New(t.Elem()).Elem()
		if err := decode(e, elem); err != nil {
			return err
		}
		m.SetMapIndex(reflect.ValueOf(e.Key()).Convert(t.Key()), elem)
	}
	dst.Set(m)
	return nil
}

func (v Value) want(kind string) *SyntaxError {
	found := v.Kind().String()
	if v.Kind() == Number {
		found += " " + oneLine(v.NumberText())
	}
	return v.wrong("want " + kind + ", found " + found)
}

func (v Value) wrong(msg string) *SyntaxError {
	start, _ := v.Offset()
	return &SyntaxError{Offset: start, Pointer: v.Pointer(), Msg: msg}
}
