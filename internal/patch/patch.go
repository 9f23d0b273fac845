// Package patch changes a JSON document by JSON Patch (RFC 6902) and leaves
// every byte that no operation touches as it was: white space, number
// spelling, key order, members that nobody here knows.
package patch

import (
	"errors"
	"strconv"

	"github.com/runward/runward/internal/jsondoc"
)

// Raw is one JSON value as text. It is its own JSON form.
type Raw []byte

// MarshalJSON gives the text; no text is null.
func (r Raw) MarshalJSON() ([]byte, error) {
	if len(r) == 0 {
		return []byte("null"), nil
	}
	return r, nil
}

// UnmarshalJSON keeps a copy of the text.
func (r *Raw) UnmarshalJSON(text []byte) error {
	*r = append((*r)[:0], text...)
	return nil
}

// Op is one operation of RFC 6902 section 4.
type Op struct {
	Op    string `json:"op"`              // add, remove, replace, move, copy or test
	Path  string `json:"path"`            // RFC 6901
	From  string `json:"from,omitempty"`  // move and copy
	Value Raw    `json:"value,omitempty"` // add, replace and test
}

// Patch is a list of operations, applied in order.
type Patch []Op

// AppendJSON appends the patch as RFC 6902 writes it. Each operation has the
// members that its kind needs and no others.
func (p Patch) AppendJSON(dst []byte) []byte {
	dst = append(dst, '[')
	for i, op := range p {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = jsondoc.AppendQuote(append(dst, `{"op":`...), op.Op)
		dst = jsondoc.AppendQuote(append(dst, `,"path":`...), op.Path)
		switch op.Op {
		case "move", "copy":
			dst = jsondoc.AppendQuote(append(dst, `,"from":`...), op.From)
		case "remove":
		default:
			dst = append(dst, `,"value":`...)
			if len(op.Value) == 0 {
				dst = append(dst, "null"...)
			}
			dst = append(dst, op.Value...)
		}
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

// MarshalJSON is AppendJSON for encoding/json.
func (p Patch) MarshalJSON() ([]byte, error) { return p.AppendJSON(nil), nil }

// UnmarshalJSON reads a patch strictly. As RFC 6902 says, it ignores members
// that an operation does not define; whether the operations make sense is seen
// when they are applied.
func (p *Patch) UnmarshalJSON(text []byte) error {
	doc, err := jsondoc.Parse(text, jsondoc.DefaultLimits())
	if err != nil {
		return prefixed("read patch", err)
	}
	if doc.Root().Kind() != jsondoc.Array {
		return errors.New("read patch: want array, found " + doc.Root().Kind().String())
	}
	var ops Patch
	for e := doc.Root().First(); e.Exists(); e = e.Next() {
		op, path, from, value := e.Get("op"), e.Get("path"), e.Get("from"), e.Get("value")
		if op.Kind() != jsondoc.String || path.Kind() != jsondoc.String || (from.Exists() && from.Kind() != jsondoc.String) {
			return errors.New("read patch: op " + strconv.Itoa(len(ops)) + ": op, path and from are strings, the first two required")
		}
		ops = append(ops, Op{Op: op.Str(), Path: path.Str(), From: from.Str(), Value: append(Raw(nil), value.Raw()...)})
	}
	*p = ops
	return nil
}
