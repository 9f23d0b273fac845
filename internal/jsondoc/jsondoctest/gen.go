// Package jsondoctest draws typed values and writes them as the JSON that
// engines could have written, for property tests.
package jsondoctest

import (
	"reflect"

	"pgregory.net/rapid"
)

var texts = []string{"", "a", "CAP_CHOWN", "/proc", "rw", "<&>", "quote\"back\\slash", "tab\tline\n", "ü", "日本", "\U0001f600", "\x7f"}

var numbers = []int64{0, 1, -1, 2, 7, 100, 255, 65535, 1 << 31, 1<<53 + 1, 1<<63 - 1}

// Fill draws every field of v that can be drawn. Interfaces stay nil, optional
// fields are left out more often than not.
func Fill(t *rapid.T, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if oneIn(t, 3) {
			v.Set(reflect.New(v.Type().Elem()))
			Fill(t, v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			Fill(t, v.Field(i))
		}
	case reflect.Slice:
		if oneIn(t, 3) {
			n := rapid.IntRange(0, 4).Draw(t, "len")
			v.Set(reflect.MakeSlice(v.Type(), n, n))
			for i := range n {
				Fill(t, v.Index(i))
			}
		}
	case reflect.Map:
		if oneIn(t, 3) {
			v.Set(reflect.MakeMap(v.Type()))
			for range rapid.IntRange(0, 3).Draw(t, "len") {
				put(t, v)
			}
		}
	default:
		scalar(t, v)
	}
}

// Mutate changes a few places below v, so that a difference stays small. What v
// points to must not be shared with anything.
func Mutate(t *rapid.T, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		switch {
		case oneIn(t, 12):
			v.SetZero()
			Fill(t, v)
		case !v.IsNil():
			Mutate(t, v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			Mutate(t, v.Field(i))
		}
	case reflect.Slice:
		mutateSlice(t, v)
	case reflect.Map:
		if v.IsNil() || !oneIn(t, 4) {
			return
		}
		for _, k := range v.MapKeys() {
			if oneIn(t, 3) {
				v.SetMapIndex(k, reflect.Value{})
			}
		}
		put(t, v)
	default:
		if oneIn(t, 12) {
			scalar(t, v)
		}
	}
}

func mutateSlice(t *rapid.T, v reflect.Value) {
	if oneIn(t, 15) {
		v.SetZero()
		Fill(t, v)
		return
	}
	out := reflect.MakeSlice(v.Type(), 0, v.Len()+1)
	for i := range v.Len() {
		if oneIn(t, 6) {
			continue
		}
		if oneIn(t, 8) {
			e := reflect.New(v.Type().Elem()).Elem()
			Fill(t, e)
			out = reflect.Append(out, e)
		}
		if oneIn(t, 6) {
			Mutate(t, v.Index(i))
		}
		out = reflect.Append(out, v.Index(i))
	}
	if v.Len() > 0 {
		v.Set(out)
	}
}

func put(t *rapid.T, m reflect.Value) {
	key := rapid.SampledFrom([]string{"", "a", "b/c", "d~e", "net.ipv4.ip_forward", "é", "q\"", "z"}).Draw(t, "key")
	e := reflect.New(m.Type().Elem()).Elem()
	Fill(t, e)
	m.SetMapIndex(reflect.ValueOf(key).Convert(m.Type().Key()), e)
}

func scalar(t *rapid.T, v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(rapid.SampledFrom(texts).Draw(t, "text"))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "bool"))
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(rapid.SampledFrom(numbers).Draw(t, "int"))
		if v.OverflowInt(v.Int()) {
			v.SetInt(1)
		}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(rapid.SampledFrom(numbers).Draw(t, "uint")))
	case reflect.Float32, reflect.Float64:
		v.SetFloat(rapid.SampledFrom([]float64{0, 1, -1.5, 1e-7, 1e21, 123456.789, 5e-324}).Draw(t, "float"))
	case reflect.Interface:
	default:
		t.Fatalf("no generator for %s", v.Type())
	}
}

func oneIn(t *rapid.T, n int) bool { return rapid.IntRange(1, n).Draw(t, "roll") == n }

// Normalise makes absent and empty the same below v: empty slices and maps and
// pointers to empty structs become nil.
func Normalise(v reflect.Value, empty func(reflect.Value) bool) {
	switch v.Kind() {
	case reflect.Pointer:
		if empty(v) {
			v.SetZero()
		} else if !v.IsNil() {
			Normalise(v.Elem(), empty)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			Normalise(v.Field(i), empty)
		}
	case reflect.Slice:
		if v.Len() == 0 {
			v.SetZero()
		}
		for i := range v.Len() {
			Normalise(v.Index(i), empty)
		}
	case reflect.Map:
		if v.Len() == 0 {
			v.SetZero()
		}
		for _, k := range v.MapKeys() {
			e := reflect.New(v.Type().Elem()).Elem()
			e.Set(v.MapIndex(k))
			Normalise(e, empty)
			v.SetMapIndex(k, e)
		}
	}
}
