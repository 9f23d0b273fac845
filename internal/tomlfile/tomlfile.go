// Package tomlfile reads TOML strictly into Go structs: every key must be
// known, spelled in its own letter case, and of its type. An error says file,
// line and column, and the nearest known key.
package tomlfile

import (
	"errors"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/BurntSushi/toml"

	"github.com/runward/runward/internal/nearest"
)

// An Error is what is wrong at one place of a file.
type Error struct {
	File         string
	Line, Column int    // from 1; 0 where the place is the whole file
	Text         string // the text of the line
	Msg          string
}

func (e *Error) Error() string {
	s := e.File
	if e.Line > 0 {
		s += ":" + strconv.Itoa(e.Line) + ":" + strconv.Itoa(e.Column)
	}
	return s + ": " + e.Msg
}

// A Doc is a decoded file.
type Doc struct {
	File string
	Root map[string]any
	text string
}

// Parse decodes the text; an error in its syntax has the position.
func Parse(file string, text []byte) (*Doc, error) {
	d := &Doc{File: file, text: string(text)}
	_, err := toml.Decode(d.text, &d.Root)
	if err == nil {
		return d, nil
	}
	e := &Error{File: file, Msg: oneLine(err.Error())}
	var parse toml.ParseError
	if errors.As(err, &parse) {
		e.Msg = oneLine(parse.Message)
		e.Line, e.Column = parse.Position.Line, parse.Position.Col
		e.Text = line(d.text, e.Line)
		if e.Column > len([]rune(e.Text))+1 { // of a key that is there twice, the parser tells when it has read the value
			e.Column = len([]rune(e.Text)) - len([]rune(strings.TrimLeft(e.Text, " \t"))) + 1
		}
	}
	return nil, e
}

// oneLine spells out what would break a line: the parser repeats what it reads.
func oneLine(s string) string {
	var b strings.Builder
	for _, r := range s {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			q := strconv.QuoteRuneToASCII(r)
			b.WriteString(q[1 : len(q)-1])
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// Errorf returns an error at the key that path leads to. The path has the keys
// and, for arrays of tables, the indexes from the root.
func (d *Doc) Errorf(path []any, msg string) error {
	e := &Error{File: d.File, Msg: oneLine(msg)}
	e.Line, e.Column = d.locate(path)
	e.Text = line(d.text, e.Line)
	return e
}

// unmarshaler is a field that reads its own TOML value.
type unmarshaler interface{ UnmarshalTOML(v any) error }

// Decode sets the struct that dst points to from the table at path. Fields
// are matched by their `toml` tag; a key that no field has is an error, except
// those in skip, which the caller reads itself.
func (d *Doc) Decode(table map[string]any, path []any, dst any, skip ...string) error {
	return d.decodeStruct(table, path, reflect.ValueOf(dst).Elem(), skip)
}

func (d *Doc) decodeStruct(table map[string]any, path []any, dst reflect.Value, skip []string) error {
	t := dst.Type()
	for _, key := range SortedKeys(table) {
		if contains(skip, key) {
			continue
		}
		i := fieldByTag(t, key)
		if i < 0 {
			return d.unknown(append(path, key), key, append(tags(t), skip...))
		}
		if err := d.decodeValue(table[key], append(path, key), dst.Field(i)); err != nil {
			return err
		}
	}
	return nil
}

// unknown is the error for a key that nothing knows.
func (d *Doc) unknown(path []any, key string, known []string) error {
	return d.Errorf(path, UnknownKey(key, known))
}

// UnknownKey words the error for a key that is none of the known ones.
func UnknownKey(key string, known []string) string {
	msg := "unknown key " + strconv.Quote(key)
	if near := nearest.Word(key, known); near != "" {
		return msg + "; did you mean " + strconv.Quote(near) + "?"
	}
	known = append([]string{}, known...)
	sort.Strings(known)
	msg += "; known here:"
	for i, k := range known {
		if i > 0 {
			msg += ","
		}
		msg += " " + k
	}
	return msg
}

func (d *Doc) decodeValue(v any, path []any, dst reflect.Value) error {
	if u, ok := dst.Addr().Interface().(unmarshaler); ok {
		if err := u.UnmarshalTOML(v); err != nil {
			return d.Errorf(path, keyName(path)+": "+err.Error())
		}
		return nil
	}
	wrong := func(want string) error {
		return d.Errorf(path, keyName(path)+": want "+want+", found "+kindOf(v))
	}
	switch dst.Interface().(type) {
	case time.Time:
		when, ok := v.(time.Time)
		if !ok {
			return wrong("a date such as 2027-06-30")
		}
		dst.Set(reflect.ValueOf(when))
		return nil
	}
	switch dst.Kind() {
	case reflect.String:
		s, ok := v.(string)
		if !ok {
			return wrong("a string")
		}
		dst.SetString(s)
	case reflect.Bool:
		b, ok := v.(bool)
		if !ok {
			return wrong("true or false")
		}
		dst.SetBool(b)
	case reflect.Int64:
		n, ok := v.(int64)
		if !ok {
			return wrong("a whole number")
		}
		dst.SetInt(n)
	case reflect.Struct:
		table, ok := v.(map[string]any)
		if !ok {
			return wrong("a table")
		}
		return d.decodeStruct(table, path, dst, nil)
	case reflect.Map:
		table, ok := v.(map[string]any)
		if !ok {
			return wrong("a table")
		}
		return d.decodeMap(table, path, dst)
	case reflect.Slice:
		return d.decodeSlice(v, path, dst, wrong)
	default:
		return d.Errorf(path, "a field of type "+dst.Type().String()+" has no TOML form")
	}
	return nil
}

func (d *Doc) decodeMap(table map[string]any, path []any, dst reflect.Value) error {
	dst.Set(reflect.MakeMapWithSize(dst.Type(), len(table)))
	for _, key := range SortedKeys(table) {
		e := reflect.New(dst.Type().Elem()).Elem()
		if err := d.decodeValue(table[key], append(path, key), e); err != nil {
			return err
		}
		dst.SetMapIndex(reflect.ValueOf(key), e)
	}
	return nil
}

func (d *Doc) decodeSlice(v any, path []any, dst reflect.Value, wrong func(string) error) error {
	var elems []any
	switch v := v.(type) {
	case []any:
		elems = v
	case []map[string]any:
		for _, t := range v {
			elems = append(elems, t)
		}
	default:
		return wrong("an array")
	}
	dst.Set(reflect.MakeSlice(dst.Type(), len(elems), len(elems)))
	for i, e := range elems {
		if err := d.decodeValue(e, append(path, i), dst.Index(i)); err != nil {
			return err
		}
	}
	return nil
}

func kindOf(v any) string {
	switch v.(type) {
	case string:
		return "a string"
	case bool:
		return "a boolean"
	case int64, float64:
		return "a number"
	case map[string]any:
		return "a table"
	case []any, []map[string]any:
		return "an array"
	case time.Time:
		return "a date"
	}
	return "something else"
}

func keyName(path []any) string {
	for i := len(path) - 1; i >= 0; i-- {
		if key, ok := path[i].(string); ok {
			return key
		}
	}
	return ""
}

func fieldByTag(t reflect.Type, key string) int {
	for i := range t.NumField() {
		if t.Field(i).Tag.Get("toml") == key && key != "" {
			return i
		}
	}
	return -1
}

func tags(t reflect.Type) []string {
	var all []string
	for i := range t.NumField() {
		if tag := t.Field(i).Tag.Get("toml"); tag != "" {
			all = append(all, tag)
		}
	}
	return all
}

// Keys returns the keys that a struct's fields are read from.
func Keys(dst any) []string { return tags(reflect.TypeOf(dst).Elem()) }

// SortedKeys returns the table's keys in order, so that errors are the same
// every time.
func SortedKeys(table map[string]any) []string {
	keys := make([]string, 0, len(table))
	for k := range table {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

func contains(list []string, s string) bool {
	for _, have := range list {
		if have == s {
			return true
		}
	}
	return false
}
