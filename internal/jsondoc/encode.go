package jsondoc

import (
	"errors"
	"math"
	"reflect"
	"slices"
	"strconv"
)

// Encode appends v as compact JSON with encoding/json's meaning of tags and
// omitempty and its order (fields as declared, maps sorted), without its HTML
// escapes. Interfaces that are not nil, []byte and types with their own JSON
// form are errors.
func Encode(dst []byte, v any) ([]byte, error) {
	return encoder{}.encode(dst, v)
}

// EncodeSparse is Encode without the fields that point to an empty struct (see
// Empty). Code that normalises nil structs to empty ones writes with it:
// "intelRdt":{} means something to a runtime.
func EncodeSparse(dst []byte, v any) ([]byte, error) {
	return encoder{sparse: true}.encode(dst, v)
}

type encoder struct{ sparse bool }

func (e encoder) encode(dst []byte, v any) ([]byte, error) {
	if v == nil {
		return append(dst, "null"...), nil
	}
	if err := plainForm(reflect.TypeOf(v)); err != nil {
		return nil, err
	}
	return e.value(dst, reflect.ValueOf(v))
}

func (e encoder) value(dst []byte, v reflect.Value) ([]byte, error) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return append(dst, "null"...), nil
		}
		if v.Kind() == reflect.Interface {
			return nil, unsupported(v.Type())
		}
		return e.value(dst, v.Elem())
	case reflect.Struct:
		return e.object(dst, v)
	case reflect.Slice:
		return e.array(dst, v)
	case reflect.Map:
		return e.mapping(dst, v)
	case reflect.String:
		return AppendQuote(dst, v.String()), nil
	case reflect.Bool:
		return strconv.AppendBool(dst, v.Bool()), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return strconv.AppendInt(dst, v.Int(), 10), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return strconv.AppendUint(dst, v.Uint(), 10), nil
	case reflect.Float32, reflect.Float64:
		return appendFloat(dst, v.Float(), v.Type().Bits())
	default:
		return nil, unsupported(v.Type())
	}
}

func unsupported(t reflect.Type) error {
	return errors.New("encode: type " + t.String() + " is not supported")
}

func (e encoder) object(dst []byte, v reflect.Value) ([]byte, error) {
	fields, err := Fields(v.Type())
	if err != nil {
		return nil, err
	}
	dst = append(dst, '{')
	first := true
	for i := range fields {
		f := &fields[i]
		fv := f.In(v)
		if f.OmitEmpty && omitted(fv) || e.sparse && fv.Kind() == reflect.Pointer && Empty(fv) {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(AppendQuote(dst, f.Name), ':')
		if dst, err = e.value(dst, fv); err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}

// omitted is what omitempty leaves out. A struct never is.
func omitted(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map:
		return v.Len() == 0
	case reflect.Struct:
		return false
	default:
		return v.IsZero()
	}
}

func (e encoder) array(dst []byte, v reflect.Value) ([]byte, error) {
	if v.IsNil() {
		return append(dst, "null"...), nil
	}
	dst = append(dst, '[')
	var err error
	for i := range v.Len() {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = e.value(dst, v.Index(i)); err != nil {
			return nil, err
		}
	}
	return append(dst, ']'), nil
}

func (e encoder) mapping(dst []byte, v reflect.Value) ([]byte, error) {
	if v.IsNil() {
		return append(dst, "null"...), nil
	}
	dst = append(dst, '{')
	var err error
	for i, key := range SortedKeys(v) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(AppendQuote(dst, key.String()), ':')
		if dst, err = e.value(dst, v.MapIndex(key)); err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}

// SortedKeys gives the keys of a map from strings in order.
func SortedKeys(m reflect.Value) []reflect.Value {
	keys := m.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int {
		if a.String() < b.String() {
			return -1
		}
		return 1
	})
	return keys
}

// appendFloat spells as encoding/json does (ES6): exponents only for the very
// small and the very large.
func appendFloat(dst []byte, f float64, bits int) ([]byte, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil, errors.New("encode: JSON has no " + strconv.FormatFloat(f, 'g', -1, bits))
	}
	abs := math.Abs(f)
	if abs == 0 || abs >= 1e-6 && abs < 1e21 {
		return strconv.AppendFloat(dst, f, 'f', -1, bits), nil
	}
	dst = strconv.AppendFloat(dst, f, 'e', -1, bits)
	if n := len(dst); dst[n-4] == 'e' && dst[n-3] == '-' && dst[n-2] == '0' { // e-09 is e-9
		dst[n-2] = dst[n-1]
		dst = dst[:n-1]
	}
	return dst, nil
}
