package tomlformat

import (
	"math"
	"reflect"
	"slices"
	"time"

	"github.com/BurntSushi/toml"
)

// decoded is what a file says.
type decoded struct {
	root map[string]any
	keys []string // in the file's order, tables too
}

func decode(s string) (decoded, error) {
	var d decoded
	meta, err := toml.Decode(s, &d.root)
	for _, k := range meta.Keys() {
		d.keys = append(d.keys, k.String()+" "+meta.Type(k...))
	}
	return d, err
}

// same tells whether two files say the same, in the same order.
func same(a, b decoded) bool { return slices.Equal(a.keys, b.keys) && equal(a.root, b.root) }

// equal is reflect.DeepEqual, but for numbers that are none and for times,
// which have the same zone where its name and offset are the same.
func equal(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for k := range a {
			if other, ok := b[k]; !ok || !equal(a[k], other) {
				return false
			}
		}
		return true
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, equal)
	case []map[string]any:
		b, ok := b.([]map[string]any)
		return ok && slices.EqualFunc(a, b, func(x, y map[string]any) bool { return equal(x, y) })
	case float64:
		b, ok := b.(float64)
		return ok && math.Float64bits(a) == math.Float64bits(b)
	case time.Time:
		b, ok := b.(time.Time)
		return ok && a.Equal(b) && a.String() == b.String()
	}
	return reflect.DeepEqual(a, b)
}
