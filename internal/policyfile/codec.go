package policyfile

import (
	"encoding/binary"
	"errors"
	"reflect"
	"sort"
	"unsafe"

	"github.com/runward/runward/policy"
)

// The compiled form of a value: fields in their order, lengths before what
// they count. It does not describe itself: only the build that wrote it may
// read it. A nil slice, map or pointer stays nil and an empty one empty, as
// "not said" and "nothing allowed" are two things.

// appendUint appends a number, small ones in one byte.
func appendUint(b []byte, n uint64) []byte { return binary.AppendUvarint(b, n) }

func appendString(b []byte, s string) []byte {
	return append(appendUint(b, uint64(len(s))), s...)
}

func appendBool(b []byte, on bool) []byte {
	if on {
		return append(b, 1)
	}
	return append(b, 0)
}

// appendValue appends plain data: structs of exported fields, slices, maps by
// string, pointers, strings, numbers, booleans.
func appendValue(b []byte, v reflect.Value) ([]byte, error) {
	var err error
	switch v.Kind() {
	case reflect.String:
		return appendString(b, v.String()), nil
	case reflect.Bool:
		return appendBool(b, v.Bool()), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return binary.AppendVarint(b, v.Int()), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return appendUint(b, v.Uint()), nil
	case reflect.Struct:
		for i := range v.NumField() {
			if !v.Type().Field(i).IsExported() {
				return nil, errors.New(v.Type().String() + "." + v.Type().Field(i).Name + " is not exported: it cannot be kept")
			}
			if b, err = appendValue(b, v.Field(i)); err != nil {
				return nil, err
			}
		}
		return b, nil
	case reflect.Pointer:
		if v.IsNil() {
			return append(b, 0), nil
		}
		return appendValue(append(b, 1), v.Elem())
	case reflect.Slice:
		b = appendLen(b, v)
		for i := range v.Len() {
			if b, err = appendValue(b, v.Index(i)); err != nil {
				return nil, err
			}
		}
		return b, nil
	case reflect.Map:
		return appendMap(b, v)
	}
	return nil, errors.New("a value of type " + v.Type().String() + " cannot be kept")
}

// appendLen appends the length and one more, 0 for nil.
func appendLen(b []byte, v reflect.Value) []byte {
	if v.IsNil() {
		return append(b, 0)
	}
	return appendUint(b, uint64(v.Len())+1)
}

func appendMap(b []byte, v reflect.Value) ([]byte, error) {
	if v.Type().Key().Kind() != reflect.String {
		return nil, errors.New("a value of type " + v.Type().String() + " cannot be kept")
	}
	b = appendLen(b, v)
	keys := v.MapKeys()
	sort.Slice(keys, func(i, j int) bool { return keys[i].String() < keys[j].String() })
	var err error
	for _, k := range keys {
		if b, err = appendValue(appendString(b, k.String()), v.MapIndex(k)); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// A reader reads a compiled form. After anything that cannot be, bad is set
// and everything reads as zero. Strings point into the bytes, which must not
// change any more.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) fail() {
	r.b, r.bad = nil, true
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.fail()
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *reader) uint() uint64 {
	if len(r.b) > 0 && r.b[0] < 0x80 {
		c := r.b[0]
		r.b = r.b[1:]
		return uint64(c)
	}
	n, size := binary.Uvarint(r.b)
	if size <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[size:]
	return n
}

func (r *reader) int() int64 {
	n, size := binary.Varint(r.b)
	if size <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[size:]
	return n
}

// bytes returns the next n bytes.
func (r *reader) bytes(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.fail()
		return nil
	}
	s := r.b[:n:n]
	r.b = r.b[n:]
	return s
}

func (r *reader) string() string {
	s := r.bytes(r.uint())
	return unsafe.String(unsafe.SliceData(s), len(s))
}

// len reads what appendLen wrote. Every element takes a byte at least, so no
// length makes more room than the bytes that are there ask for.
func (r *reader) len() (n int, isNil bool) {
	size := r.uint()
	if size == 0 {
		return 0, true
	}
	if size-1 > uint64(len(r.b)) {
		r.fail()
		return 0, true
	}
	return int(size - 1), false
}

// value reads what appendValue wrote of a value of the same type.
func (r *reader) value(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(r.string())
	case reflect.Bool:
		v.SetBool(r.bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(r.int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(r.uint())
	case reflect.Struct:
		for i := range v.NumField() {
			if !v.Field(i).CanSet() {
				r.fail()
				return
			}
			r.value(v.Field(i))
		}
	case reflect.Pointer:
		if r.bool() {
			v.Set(reflect.New(v.Type().Elem()))
			r.value(v.Elem())
		}
	case reflect.Slice:
		r.slice(v)
	case reflect.Map:
		r.mapping(v)
	default:
		r.fail()
	}
}

func (r *reader) bool() bool {
	switch r.byte() {
	case 0:
		return false
	case 1:
		return true
	}
	r.fail()
	return false
}

func (r *reader) slice(v reflect.Value) {
	n, isNil := r.len()
	if isNil {
		return
	}
	switch list := v.Addr().Interface().(type) { // the most frequent by far, without reflection
	case *[]string:
		*list = r.strings(n)
		return
	case *[]policy.Selector:
		*list = make([]policy.Selector, n)
		for i := range *list {
			r.selector(&(*list)[i])
		}
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), n, n))
	for i := 0; i < n && !r.bad; i++ {
		r.value(v.Index(i))
	}
}

func (r *reader) strings(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = r.string()
	}
	return list
}

// selector is value for a selector.
func (r *reader) selector(s *policy.Selector) {
	for _, list := range [...]*[]string{&s.Engine, &s.Handler, &s.Kind, &s.Namespace, &s.Pod, &s.Container, &s.Image, &s.Digest, &s.User} {
		if n, isNil := r.len(); !isNil {
			*list = r.strings(n)
		}
	}
	for _, table := range [...]*map[string][]string{&s.Annotation, &s.Label} {
		r.mapping(reflect.ValueOf(table).Elem())
	}
	s.Missing = r.string()
}

func (r *reader) mapping(v reflect.Value) {
	n, isNil := r.len()
	if isNil || v.Type().Key().Kind() != reflect.String {
		return
	}
	v.Set(reflect.MakeMapWithSize(v.Type(), n))
	for i := 0; i < n && !r.bad; i++ {
		key, e := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		key.SetString(r.string())
		r.value(e)
		v.SetMapIndex(key, e)
	}
}
