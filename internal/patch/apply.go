package patch

import (
	"strconv"
	"strings"

	"github.com/runward/runward/internal/jsondoc"
)

// Error says which operation could not be applied and why.
type Error struct {
	Index  int // of the operation, from 0
	Op     string
	Path   string
	Reason string
}

// Error is one line: op 3 (remove "/linux/seccomp"): no such value.
func (e *Error) Error() string {
	return "op " + strconv.Itoa(e.Index) + " (" + shown(e.Op) + " " + strconv.QuoteToASCII(e.Path) + "): " + e.Reason
}

func shown(op string) string {
	switch op {
	case "add", "remove", "replace", "move", "copy", "test":
		return op
	}
	return strconv.QuoteToASCII(op)
}

// Apply gives the document with the patch applied, all of it or, on error,
// nothing. New members and elements are written without white space; what is
// removed takes its own white space and one comma along. The document, each
// value and the result have to pass jsondoc.Parse within the limits. raw is not
// modified. Errors of an operation are *Error.
func Apply(raw []byte, lim jsondoc.Limits, p Patch) ([]byte, error) {
	doc, err := jsondoc.Parse(raw, lim)
	if err != nil {
		return nil, prefixed("document to patch", err)
	}
	return ApplyDoc(doc, lim, p)
}

// ApplyDoc is Apply for a document that is parsed already.
func ApplyDoc(doc *jsondoc.Doc, lim jsondoc.Limits, p Patch) ([]byte, error) {
	raw := doc.Raw()
	t := tree{root: &value{src: doc.Root()}, lim: lim}
	for i, op := range p {
		if reason := t.apply(op); reason != "" {
			return nil, &Error{Index: i, Op: op.Op, Path: op.Path, Reason: reason}
		}
	}
	start, end := doc.Root().Offset()
	out := append(make([]byte, 0, len(raw)+t.added+16*len(p)), raw[:start]...)
	out = append(t.root.appendTo(out), raw[end:]...)
	if _, err := jsondoc.Parse(out, lim); err != nil {
		return nil, prefixed("patched document", err)
	}
	return out, nil
}

type prefixedError struct {
	subject string
	err     error
}

func (e *prefixedError) Error() string { return e.subject + ": " + e.err.Error() }
func (e *prefixedError) Unwrap() error { return e.err }

func prefixed(subject string, err error) error { return &prefixedError{subject, err} }

type tree struct {
	root  *value
	lim   jsondoc.Limits
	added int // bytes of all values that came in
}

// apply gives the reason why it cannot, "" if it did.
func (t *tree) apply(op Op) string {
	switch op.Op {
	case "add":
		val, reason := t.parse(op.Value)
		if reason != "" {
			return reason
		}
		return t.add(op.Path, val)
	case "replace":
		val, reason := t.parse(op.Value)
		if reason != "" {
			return reason
		}
		return t.replace(op.Path, val)
	case "remove":
		_, reason := t.take(op.Path)
		return reason
	case "move":
		return t.move(op.From, op.Path)
	case "copy":
		return t.copy(op.From, op.Path)
	case "test":
		return t.test(op.Path, op.Value)
	default:
		return "unknown operation; RFC 6902 has add, remove, replace, move, copy and test"
	}
}

// parse reads a value that comes into the document. The sum is bounded, because
// copies of copies would double it with every operation.
func (t *tree) parse(raw []byte) (*value, string) {
	if len(raw) == 0 {
		return nil, "value is missing"
	}
	if t.added += len(raw); t.added > t.lim.Bytes {
		return nil, "the patch brings in more than the limit of " + strconv.Itoa(t.lim.Bytes) + " bytes"
	}
	doc, err := jsondoc.Parse(raw, t.lim)
	if err != nil {
		return nil, "value: " + err.Error()
	}
	return &value{src: doc.Root()}, ""
}

// parent finds what holds the pointer's last token. The pointer is not "".
func (t *tree) parent(pointer string) (*value, string, string) {
	v := t.root
	for {
		token, rest, ok := jsondoc.CutPointer(pointer)
		if !ok {
			return nil, "", "not an RFC 6901 pointer"
		}
		if rest == "" {
			return v, token, ""
		}
		i := v.child(token)
		if i < 0 {
			return nil, "", "no parent to put it in: " + strconv.QuoteToASCII(token) + " is missing"
		}
		v, pointer = v.entries[i].val, rest
	}
}

// find gives the parent and the index of an existing value.
func (t *tree) find(pointer string) (*value, int, string) {
	parent, token, reason := t.parent(pointer)
	if reason != "" {
		return nil, 0, reason
	}
	i := parent.child(token)
	if i < 0 {
		return nil, 0, "no such value"
	}
	return parent, i, ""
}

func (t *tree) get(pointer string) (*value, string) {
	if pointer == "" {
		return t.root, ""
	}
	parent, i, reason := t.find(pointer)
	if reason != "" {
		return nil, reason
	}
	return parent.entries[i].val, ""
}

func (t *tree) add(pointer string, val *value) string {
	if pointer == "" {
		t.root = val
		return ""
	}
	parent, token, reason := t.parent(pointer)
	if reason != "" {
		return reason
	}
	return parent.add(token, val)
}

func (t *tree) replace(pointer string, val *value) string {
	if pointer == "" {
		t.root = val
		return ""
	}
	parent, i, reason := t.find(pointer)
	if reason == "" {
		parent.entries[i].val = val
	}
	return reason
}

func (t *tree) take(pointer string) (*value, string) {
	if pointer == "" {
		return nil, "the whole document cannot be removed"
	}
	parent, i, reason := t.find(pointer)
	if reason != "" {
		return nil, reason
	}
	val := parent.entries[i].val
	parent.remove(i)
	return val, ""
}

func (t *tree) move(from, to string) string {
	if from == to {
		_, reason := t.get(from)
		return inFrom(from, reason)
	}
	if strings.HasPrefix(to, from+"/") {
		return "a value cannot move into itself"
	}
	val, reason := t.take(from)
	if reason != "" {
		return inFrom(from, reason)
	}
	return t.add(to, val)
}

func (t *tree) copy(from, to string) string {
	src, reason := t.get(from)
	if reason != "" {
		return inFrom(from, reason)
	}
	val, reason := t.parse(src.appendTo(nil))
	if reason != "" {
		return reason
	}
	return t.add(to, val)
}

func inFrom(from, reason string) string {
	if reason == "" {
		return ""
	}
	return "from " + strconv.QuoteToASCII(from) + ": " + reason
}

func (t *tree) test(pointer string, want []byte) string {
	v, reason := t.get(pointer)
	if reason != "" {
		return reason
	}
	if len(want) == 0 {
		return "value is missing"
	}
	w, err := jsondoc.Parse(want, t.lim)
	if err != nil {
		return "value: " + err.Error()
	}
	got, err := jsondoc.Parse(v.appendTo(nil), t.lim)
	if err != nil {
		return "value in the document: " + err.Error()
	}
	if !equal(got.Root(), w.Root()) {
		return "the value is another one"
	}
	return ""
}
