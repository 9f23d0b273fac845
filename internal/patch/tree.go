package patch

import (
	"slices"
	"strconv"

	"github.com/runward/runward/internal/jsondoc"
)

// value is a part of the document: still the original text, or, once an
// operation went through it, the list of what it holds.
type value struct {
	src     jsondoc.Value
	opened  bool
	entries []entry
	end     []byte // white space in front of the closing bracket
}

// entry is a member or an element with the bytes around it.
type entry struct {
	key  string
	head []byte // from behind the bracket or comma: white space, key, colon
	val  *value
	tail []byte // white space in front of the comma
}

// open lists the children of a container, each with its bytes.
func (v *value) open() {
	if v.opened {
		return
	}
	v.opened = true
	base, _ := v.src.Offset()
	text := v.src.Raw()
	n := v.src.Len()
	v.entries = make([]entry, 0, n+4)
	vals := make([]value, n)
	pos := 1
	for c := v.src.First(); c.Exists(); c = c.Next() {
		start, end := c.Offset()
		start, end = start-base, end-base
		val := &vals[len(v.entries)]
		val.src = c
		e := entry{key: c.Key(), head: text[pos:start:start], val: val}
		pos = end
		if c.Next().Exists() {
			for text[pos] != ',' {
				pos++
			}
			e.tail = text[end:pos:pos]
			pos++
		}
		v.entries = append(v.entries, e)
	}
	v.end = text[pos : len(text)-1]
}

func (v *value) kind() jsondoc.Kind { return v.src.Kind() }

// child finds an existing member or element, -1 if there is none.
func (v *value) child(token string) int {
	if v.kind() != jsondoc.Object && v.kind() != jsondoc.Array {
		return -1
	}
	v.open()
	if v.kind() == jsondoc.Object {
		return slices.IndexFunc(v.entries, func(e entry) bool { return e.key == token })
	}
	if i, ok := jsondoc.PointerIndex(token); ok && i < len(v.entries) {
		return i
	}
	return -1
}

// add puts a member, in place of an equal one, or inserts an element.
func (v *value) add(token string, val *value) string {
	switch v.kind() {
	case jsondoc.Object:
		if i := v.child(token); i >= 0 {
			v.entries[i].val = val
			return ""
		}
		v.entries = append(v.entries, entry{key: token, head: append(jsondoc.AppendQuote(nil, token), ':'), val: val})
		return ""
	case jsondoc.Array:
		v.open()
		i, ok := len(v.entries), token == "-"
		if !ok {
			i, ok = jsondoc.PointerIndex(token)
		}
		if !ok || i > len(v.entries) {
			return "no such index in an array of " + strconv.Itoa(len(v.entries))
		}
		v.entries = slices.Insert(v.entries, i, entry{val: val})
		return ""
	default:
		return "the parent is no object and no array"
	}
}

// remove takes an entry out with its white space; the comma between two entries
// is written when they are.
func (v *value) remove(i int) { v.entries = slices.Delete(v.entries, i, i+1) }

// appendTo writes the value.
func (v *value) appendTo(dst []byte) []byte {
	if !v.opened {
		return append(dst, v.src.Raw()...)
	}
	left, right := byte('['), byte(']')
	if v.kind() == jsondoc.Object {
		left, right = '{', '}'
	}
	dst = append(dst, left)
	for i := range v.entries {
		e := &v.entries[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = e.val.appendTo(append(dst, e.head...))
		dst = append(dst, e.tail...)
	}
	return append(append(dst, v.end...), right)
}
