package policy

import "reflect"

// A rule's settings are a struct whose fields are lists (setting_lists.go), numbers
// (setting_numbers.go), requirements and words (setting_words.go).
// Each knows how two policies' values combine so that neither loses: this is
// the whole of "meet".

// A setting is one value of a rule's settings.
type setting interface {
	isSet() bool
	stamp(policy string) // remembers whose value this is
	meet(other setting)  // other is of the same type, and set
}

// A widener is a setting that an exception can go beyond. For the others an
// exception has no meaning.
type widener interface {
	setting
	widen(other setting) // other is of the same type, and set
}

// settingsOf returns the settings of a pointer to a rule's struct, by field.
func settingsOf(settings any) []setting {
	v := reflect.ValueOf(settings).Elem()
	fields := make([]setting, v.NumField())
	for i := range fields {
		fields[i] = v.Field(i).Addr().Interface().(setting)
	}
	return fields
}

// clone copies the struct; the settings themselves never change in place.
func clone(settings any) any {
	v := reflect.ValueOf(settings).Elem()
	c := reflect.New(v.Type())
	c.Elem().Set(v)
	return c.Interface()
}

// Stamp notes in every setting whose it is.
func Stamp(settings any, policy string) {
	for _, s := range settingsOf(settings) {
		s.stamp(policy)
	}
}

// meet makes dst hold for both.
func meet(dst, src any) {
	from := settingsOf(src)
	for i, d := range settingsOf(dst) {
		switch {
		case !from[i].isSet():
		case !d.isSet():
			reflect.ValueOf(d).Elem().Set(reflect.ValueOf(from[i]).Elem())
		default:
			d.meet(from[i])
		}
	}
}

// widen goes beyond dst as an exception's allow says.
func widen(dst, allow any) {
	more := settingsOf(allow)
	for i, d := range settingsOf(dst) {
		if w, ok := d.(widener); ok && more[i].isSet() {
			w.widen(more[i])
		}
	}
}

// CanWiden returns the index of the first field that an exception may not set
// though this one does, or -1.
func CanWiden(allow any) int {
	for i, s := range settingsOf(allow) {
		if _, ok := s.(widener); s.isSet() && !ok {
			return i
		}
	}
	return -1
}
