package engine

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"

	"github.com/runward/runward/internal/jsondoc"
	"github.com/runward/runward/internal/patch"
)

// An Edit is a member of a JSON document that runward set.
type Edit struct {
	Path   []string `json:"path"`
	Before string   `json:"before,omitempty"` // its value as it was spelled; empty: it was not there
	After  string   `json:"after"`            // {} with Parent
	Parent bool     `json:"parent,omitempty"` // it was made for others, and goes when it is empty
}

func pointer(path []string) string {
	p := ""
	for _, key := range path {
		p += "/" + jsondoc.EscapePointer(key)
	}
	return p
}

func parseJSON(path, text string) (*jsondoc.Doc, error) {
	doc, err := jsondoc.Parse([]byte(text), jsondoc.DefaultLimits())
	if err != nil {
		return nil, errors.New(path + ": " + err.Error() + "; correct that first")
	}
	if doc.Root().Kind() != jsondoc.Object {
		return nil, errors.New(path + ": want an object, found " + doc.Root().Kind().String())
	}
	return doc, nil
}

// setMember gives the document with a member set, and every other byte as it
// was. The new text is laid out as the document is. The edits say how to take it back.
func setMember(file, text string, path []string, value any) (string, []Edit, error) {
	raw, err := json.Marshal(value)
	if err != nil {
		return "", nil, err
	}
	doc, err := parseJSON(file, text)
	if err != nil {
		return "", nil, err
	}
	at := doc.Root()
	var edits []Edit
	for i, key := range path[:len(path)-1] {
		next := at.Get(key)
		if next.Exists() && next.Kind() != jsondoc.Object {
			return "", nil, errors.New(file + ": " + pointer(path[:i+1]) + ": want an object, found " + next.Kind().String())
		}
		if !next.Exists() {
			for n := i; n < len(path)-1; n++ {
				edits = append(edits, Edit{Path: path[:n+1], After: "{}", Parent: true})
			}
			for n := len(path) - 1; n > i; n-- {
				if raw, err = json.Marshal(map[string]json.RawMessage{path[n]: raw}); err != nil {
					return "", nil, err
				}
			}
			whole, err := json.Marshal(value)
			return insert(text, at, i, key, raw), append(edits, Edit{Path: path, After: string(whole)}), err
		}
		at = next
	}
	last := path[len(path)-1]
	edit := Edit{Path: path, After: string(raw)}
	old := at.Get(last)
	if !old.Exists() {
		return insert(text, at, len(path)-1, last, raw), append(edits, edit), nil
	}
	edit.Before = string(old.Raw())
	start, end := old.Offset()
	return text[:start] + string(raw) + text[end:], append(edits, edit), nil
}

// insert puts a member at the end of an object that is depth objects inside
// the document.
func insert(text string, object jsondoc.Value, depth int, key string, raw []byte) string {
	quoted := string(jsondoc.AppendQuote(nil, key))
	start, end := object.Offset()
	unit, lines := layout(text)
	last := object.First()
	for last.Exists() && last.Next().Exists() {
		last = last.Next()
	}
	if !lines {
		if !last.Exists() {
			return text[:start] + "{" + quoted + ": " + string(raw) + "}" + text[end:]
		}
		_, behind := last.Offset()
		return text[:behind] + ", " + quoted + ": " + string(raw) + text[behind:]
	}
	indent := strings.Repeat(unit, depth+1)
	if last.Exists() {
		if own, ok := indentOf(text, last); ok {
			indent = own
		}
	}
	var laid bytes.Buffer
	_ = json.Indent(&laid, raw, indent, unit) // raw is json.Marshal's
	eol := "\n"
	if strings.Contains(text, "\r\n") {
		eol = "\r\n"
	}
	member := eol + indent + quoted + ": " + strings.ReplaceAll(laid.String(), "\n", eol)
	if !last.Exists() {
		return text[:start] + "{" + member + eol + strings.Repeat(unit, depth) + "}" + text[end:]
	}
	_, behind := last.Offset()
	return text[:behind] + "," + member + text[behind:]
}

// layout tells by what the document is indented, and whether it has lines at
// all. An empty one is laid out as dockerd's own documentation does.
func layout(text string) (unit string, lines bool) {
	doc, err := jsondoc.Parse([]byte(text), jsondoc.DefaultLimits())
	if err != nil {
		return "  ", true
	}
	first := doc.Root().First()
	if !first.Exists() {
		return "  ", true
	}
	if unit, ok := indentOf(text, first); ok {
		if unit == "" {
			unit = "  "
		}
		return unit, true
	}
	return "", strings.Contains(strings.TrimSpace(text), "\n")
}

// indentOf is the white space in front of a member's key, where nothing else is.
func indentOf(text string, member jsondoc.Value) (string, bool) {
	start, _ := member.KeyOffset()
	line := strings.LastIndexByte(text[:start], '\n') + 1
	if line == 0 || strings.Trim(text[line:start], " \t") != "" {
		return "", false
	}
	return text[line:start], true
}

// takeMembers takes edits back out of a document that was edited elsewhere.
func takeMembers(file, text string, edits []Edit) (string, error) {
	for i := len(edits) - 1; i >= 0; i-- {
		e := &edits[i]
		doc, err := parseJSON(file, text)
		if err != nil {
			return "", err
		}
		at := doc.Root()
		for _, key := range e.Path {
			at = at.Get(key)
		}
		switch {
		case !at.Exists() && e.Before == "", e.Before != "" && equalJSON(at.Raw(), e.Before):
			continue // taken out by hand
		case e.Parent && at.Kind() == jsondoc.Object && at.First().Exists():
			continue // others are in it
		case !at.Exists() || !equalJSON(at.Raw(), e.After):
			return "", errors.New(file + ": " + pointer(e.Path) + " is not what runwardctl wrote there: take it out by hand, and try again")
		}
		op := patch.Op{Op: "remove", Path: pointer(e.Path)}
		if e.Before != "" {
			op = patch.Op{Op: "replace", Path: pointer(e.Path), Value: patch.Raw(e.Before)}
		}
		out, err := patch.Apply([]byte(text), jsondoc.DefaultLimits(), patch.Patch{op})
		if err != nil {
			return "", errors.New(file + ": " + err.Error())
		}
		text = string(out)
	}
	return text, nil
}

// equalJSON tells whether both are the same but for white space.
func equalJSON(a []byte, b string) bool {
	var x, y bytes.Buffer
	return json.Compact(&x, a) == nil && json.Compact(&y, []byte(b)) == nil && bytes.Equal(x.Bytes(), y.Bytes())
}
