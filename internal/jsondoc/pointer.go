package jsondoc

import (
	"strconv"
	"strings"
)

// Lookup finds the value at an RFC 6901 pointer; "" is the root. A pointer that
// is not well formed finds nothing.
func (d *Doc) Lookup(pointer string) (Value, bool) {
	v := d.Root()
	for v.Exists() && pointer != "" {
		token, rest, ok := CutPointer(pointer)
		if !ok {
			return Value{}, false
		}
		if v.Kind() == Array {
			i, ok := PointerIndex(token)
			if !ok {
				return Value{}, false
			}
			v = v.Index(i)
		} else {
			v = v.Get(token)
		}
		pointer = rest
	}
	return v, v.Exists()
}

// CutPointer splits the first reference token, decoded, from a pointer that is
// not empty. It reports false if the pointer does not start with / or holds a ~
// that is neither ~0 nor ~1.
func CutPointer(pointer string) (token, rest string, ok bool) {
	if !strings.HasPrefix(pointer, "/") {
		return "", "", false
	}
	token = pointer[1:]
	if i := strings.IndexByte(token, '/'); i >= 0 {
		token, rest = token[:i], token[i:]
	}
	if strings.IndexByte(token, '~') < 0 {
		return token, rest, true
	}
	b := make([]byte, 0, len(token))
	for i := 0; i < len(token); i++ {
		c := token[i]
		if c == '~' {
			i++
			switch {
			case i < len(token) && token[i] == '0':
				c = '~'
			case i < len(token) && token[i] == '1':
				c = '/'
			default:
				return "", "", false
			}
		}
		b = append(b, c)
	}
	return string(b), rest, true
}

// PointerIndex reads an array index: digits without a leading zero.
func PointerIndex(token string) (int, bool) {
	if token == "" || digits(token, 0) != len(token) || (token[0] == '0' && len(token) > 1) {
		return 0, false
	}
	i, err := strconv.Atoi(token)
	return i, err == nil
}

// EscapePointer spells a key as a reference token: ~ as ~0, / as ~1.
func EscapePointer(token string) string {
	if strings.IndexByte(token, '~') < 0 && strings.IndexByte(token, '/') < 0 {
		return token
	}
	b := make([]byte, 0, len(token)+4)
	for i := 0; i < len(token); i++ {
		switch c := token[i]; c {
		case '~':
			b = append(b, '~', '0')
		case '/':
			b = append(b, '~', '1')
		default:
			b = append(b, c)
		}
	}
	return string(b)
}

// Pointer is where the value is in its document. It searches from the root and
// is meant for messages.
func (v Value) Pointer() string {
	pointer, at := "", v
	at.i = 0
	for v.doc != nil && at.i != v.i {
		child, n := at.First(), 0
		for int(child.node().next) <= int(v.i) {
			child = child.Next()
			n++
		}
		if at.Kind() == Object {
			pointer += "/" + EscapePointer(child.Key())
		} else {
			pointer += "/" + strconv.Itoa(n)
		}
		at = child
	}
	return pointer
}
