// Package jsondoc reads one JSON document strictly and keeps its bytes.
//
// Runtimes disagree on loose JSON: which of two equal keys counts, whether
// HOOKS is hooks, where a string ends. Parse refuses what they could read in
// different ways; what it accepts is a light tree of spans over the original
// text, so that a patch can leave every other byte alone.
package jsondoc

// Kind is the kind of a JSON value. The zero Kind is Invalid: no value.
type Kind uint8

// The kinds. True and false are both Bool.
const (
	Invalid Kind = iota
	Null
	Bool
	Number
	String
	Array
	Object
)

// String gives the kind as an error message names it.
func (k Kind) String() string {
	switch k {
	case Null:
		return "null"
	case Bool:
		return "boolean"
	case Number:
		return "number"
	case String:
		return "string"
	case Array:
		return "array"
	case Object:
		return "object"
	default:
		return "nothing"
	}
}

// node is one value or one key. A container is followed by its children; a
// member is two nodes, the key and then the value.
type node struct {
	start, end uint32 // span in the text, quotes and brackets included
	next       uint32 // index of the first node behind this one and its children
	kind       Kind
	flags      uint8
}

const (
	escaped uint8 = 1 << iota // the string holds at least one backslash
	member                    // the node before this one is its key
	last                      // no sibling follows
)

// Doc is a document that Parse accepted. It never changes.
type Doc struct {
	raw   []byte
	text  string // a copy of raw, so that strings cost nothing
	nodes []node
}

// Raw is the document as it was given to Parse. It must not be modified.
func (d *Doc) Raw() []byte { return d.raw }

// Root is the whole document's value.
func (d *Doc) Root() Value {
	if d == nil || len(d.nodes) == 0 {
		return Value{}
	}
	return Value{doc: d}
}

// Value is one value in a Doc. The zero Value is absent: its kind is Invalid
// and every method answers with nothing, so that v.Get("a").Get("b") needs no
// checks on the way.
type Value struct {
	doc *Doc
	i   int32
}

func (v Value) node() *node { return &v.doc.nodes[v.i] }

// Kind is Invalid if the value is absent.
func (v Value) Kind() Kind {
	if v.doc == nil {
		return Invalid
	}
	return v.node().kind
}

// Exists reports whether the value is in the document; null is.
func (v Value) Exists() bool { return v.doc != nil }

// Raw is the value as it is spelled. It must not be modified.
func (v Value) Raw() []byte {
	if v.doc == nil {
		return nil
	}
	n := v.node()
	return v.doc.raw[n.start:n.end:n.end]
}

// Offset is where the value starts and ends in the document, in bytes.
func (v Value) Offset() (start, end int) {
	if v.doc == nil {
		return 0, 0
	}
	n := v.node()
	return int(n.start), int(n.end)
}

// KeyOffset is where the member's key starts, at its quote, and ends, behind
// its quote; zeros if the value is not a member of an object.
func (v Value) KeyOffset() (start, end int) {
	if v.doc == nil || v.node().flags&member == 0 {
		return 0, 0
	}
	n := v.doc.nodes[v.i-1]
	return int(n.start), int(n.end)
}

// Len counts members or elements. It walks them.
func (v Value) Len() int {
	n := 0
	for c := v.First(); c.Exists(); c = c.Next() {
		n++
	}
	return n
}

// First is the first member or element, absent if there is none:
//
//	for m := v.First(); m.Exists(); m = m.Next() { m.Key() }
func (v Value) First() Value {
	if v.doc == nil {
		return Value{}
	}
	n := v.node()
	switch {
	case n.next == uint32(v.i)+1: // scalar, or empty
		return Value{}
	case n.kind == Object:
		return Value{v.doc, v.i + 2}
	default:
		return Value{v.doc, v.i + 1}
	}
}

// Next is the next sibling, absent behind the last one.
func (v Value) Next() Value {
	if v.doc == nil {
		return Value{}
	}
	n := v.node()
	if n.flags&last != 0 {
		return Value{}
	}
	if n.flags&member != 0 {
		return Value{v.doc, int32(n.next) + 1}
	}
	return Value{v.doc, int32(n.next)}
}

// Key is the decoded key of a member, "" for anything else.
func (v Value) Key() string {
	if v.doc == nil || v.node().flags&member == 0 {
		return ""
	}
	return v.doc.stringAt(v.i - 1)
}

// Get is the member with exactly this key.
func (v Value) Get(key string) Value {
	if v.Kind() != Object {
		return Value{}
	}
	for m := v.First(); m.Exists(); m = m.Next() {
		if m.Key() == key {
			return m
		}
	}
	return Value{}
}

// Index is the element at i, counted from 0.
func (v Value) Index(i int) Value {
	if v.Kind() != Array || i < 0 {
		return Value{}
	}
	e := v.First()
	for ; i > 0 && e.Exists(); i-- {
		e = e.Next()
	}
	return e
}

// Str is a string's decoded text, "" for any other kind.
func (v Value) Str() string {
	if v.Kind() != String {
		return ""
	}
	return v.doc.stringAt(v.i)
}

// Bool is true only for true.
func (v Value) Bool() bool {
	return v.Kind() == Bool && v.doc.text[v.node().start] == 't'
}

// NumberText is a number as it is spelled, "" for any other kind.
func (v Value) NumberText() string {
	if v.Kind() != Number {
		return ""
	}
	n := v.node()
	return v.doc.text[n.start:n.end]
}

func (d *Doc) stringAt(i int32) string {
	n := &d.nodes[i]
	s := d.text[n.start+1 : n.end-1]
	if n.flags&escaped != 0 {
		return unescape(s)
	}
	return s
}
