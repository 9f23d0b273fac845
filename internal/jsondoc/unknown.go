package jsondoc

import "reflect"

// Unknown calls yield with every member that no field of the type is for, until
// it returns false. v is a value that Decode reads as t; what is inside such a
// member is not looked at.
func Unknown(v Value, t reflect.Type, yield func(Value) bool) {
	unknown(v, t, yield)
}

func unknown(v Value, t reflect.Type, yield func(Value) bool) bool {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Struct:
		return unknownMembers(v, t, yield)
	case reflect.Slice, reflect.Map:
		if plain(t.Elem()) {
			return true
		}
		for child := v.First(); child.Exists(); child = child.Next() {
			if !unknown(child, t.Elem(), yield) {
				return false
			}
		}
	default: // a scalar has no members
	}
	return true
}

func unknownMembers(v Value, t reflect.Type, yield func(Value) bool) bool {
	fields, err := Fields(t)
	if err != nil || v.Kind() != Object {
		return true // Decode has refused it
	}
	next := 0
	for m := v.First(); m.Exists(); m = m.Next() {
		i, wrong := findField(m, fields, next)
		if wrong != nil || i < 0 {
			if !yield(m) {
				return false
			}
			continue
		}
		next = i + 1
		if !plain(fields[i].Type) && !unknown(m, fields[i].Type, yield) {
			return false
		}
	}
	return true
}

// plain tells whether values of the type have no members.
func plain(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Struct, reflect.Slice, reflect.Map, reflect.Pointer:
		return false
	default:
		return true
	}
}
