package jsondoc

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limits bounds what Parse reads. The zero Limits refuses everything.
type Limits struct {
	Bytes int // size of the document
	Depth int // objects and arrays inside one another
}

// DefaultLimits is 8 MiB and 64 deep. Over a limit means refused, never "not
// inspected" (CVE-2026-34040).
func DefaultLimits() Limits { return Limits{Bytes: 8 << 20, Depth: 64} }

// values bounds the tree's memory: a document may hold one value or key for
// each 8 bytes that the limit allows, which is far more than engines write.
func (l Limits) values() int { return max(l.Bytes/8, 4096) }

// Parse accepts exactly one JSON value (RFC 8259) with white space around it.
// It refuses what parsers are known to read differently: equal keys in one
// object (compared decoded), byte order marks, comments, trailing data, invalid
// UTF-8, unpaired surrogates, NUL in a string (C ends the string there). raw
// must not be modified as long as the Doc is used. Errors are *SyntaxError.
func Parse(raw []byte, lim Limits) (*Doc, error) {
	if len(raw) > min(lim.Bytes, math.MaxInt32) {
		return nil, &SyntaxError{Line: 1, Column: 1, Msg: "document has " + strconv.Itoa(len(raw)) +
			" bytes, more than the limit of " + strconv.Itoa(lim.Bytes)}
	}
	p := parser{text: string(raw), lim: lim}
	if err := p.document(); err != nil {
		return nil, err.locate(p.text)
	}
	return &Doc{raw: raw, text: p.text, nodes: p.nodes}, nil
}

type parser struct {
	text  string
	pos   int
	lim   Limits
	depth int // containers that are open
	nodes []node
	keys  []string // of the objects that are open, innermost last
}

// fail reports at the current position. Callers on the way out put their part
// of the pointer in front.
func (p *parser) fail(msg string) *SyntaxError {
	return &SyntaxError{Offset: p.pos, Msg: msg}
}

func (p *parser) failAt(at int, msg string) *SyntaxError {
	return &SyntaxError{Offset: at, Msg: msg}
}

func (p *parser) document() *SyntaxError {
	if strings.HasPrefix(p.text, "\ufeff") {
		return p.fail("byte order mark; save the file as plain UTF-8")
	}
	if !utf8.ValidString(p.text) {
		return p.failAt(invalidUTF8(p.text), "invalid UTF-8")
	}
	p.space()
	if p.pos == len(p.text) {
		return p.fail("document is empty")
	}
	p.nodes = make([]node, 0, min(p.atMost(), p.lim.values()))
	if err := p.value(); err != nil {
		return err
	}
	p.nodes[0].flags |= last
	p.space()
	if p.pos < len(p.text) {
		return p.unexpected("the end of the document")
	}
	return nil
}

// atMost bounds the number of nodes: in front of each value and key there is one
// of these bytes, or the document's start.
func (p *parser) atMost() int {
	return 1 + strings.Count(p.text, ",") + strings.Count(p.text, ":") +
		strings.Count(p.text, "[") + strings.Count(p.text, "{")
}

func (p *parser) value() *SyntaxError {
	if len(p.nodes) >= p.lim.values() {
		return p.fail("more than " + strconv.Itoa(p.lim.values()) + " values and keys in one document")
	}
	switch c := p.peek(); c {
	case '"':
		return p.str()
	case '{':
		return p.container(Object)
	case '[':
		return p.container(Array)
	case 't':
		return p.literal("true", Bool)
	case 'f':
		return p.literal("false", Bool)
	case 'n':
		return p.literal("null", Null)
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return p.number()
	default:
		return p.unexpected("a value")
	}
}

func (p *parser) container(kind Kind) *SyntaxError {
	if p.depth >= p.lim.Depth {
		return p.fail("nested deeper than the limit of " + strconv.Itoa(p.lim.Depth))
	}
	p.depth++
	self := p.push(kind, p.pos)
	p.pos++
	var err *SyntaxError
	if kind == Object {
		err = p.members()
	} else {
		err = p.elements()
	}
	p.depth--
	n := &p.nodes[self]
	n.end, n.next = uint32(p.pos), uint32(len(p.nodes))
	return err
}

// members reads from behind { to behind }.
func (p *parser) members() *SyntaxError {
	p.space()
	if p.peek() == '}' {
		p.pos++
		return nil
	}
	base := len(p.keys)
	var seen map[string]struct{}
	for {
		if p.peek() != '"' {
			return p.unexpected("a key in double quotes")
		}
		at := p.pos
		if err := p.str(); err != nil {
			return err
		}
		key := p.lastString()
		if p.repeated(key, base, &seen) {
			return p.failAt(at, "duplicate key "+quote(key))
		}
		p.keys = append(p.keys, key)
		if p.space(); p.peek() != ':' {
			return p.unexpected("':'")
		}
		p.pos++
		p.space()
		child := len(p.nodes)
		if err := p.value(); err != nil {
			err.Pointer = "/" + EscapePointer(key) + err.Pointer
			return err
		}
		p.nodes[child].flags |= member
		switch p.space(); p.peek() {
		case ',':
			p.pos++
			p.space()
		case '}':
			p.pos++
			p.nodes[child].flags |= last
			p.keys = p.keys[:base]
			return nil
		default:
			return p.unexpected("',' or '}'")
		}
	}
}

// elements reads from behind [ to behind ].
func (p *parser) elements() *SyntaxError {
	p.space()
	if p.peek() == ']' {
		p.pos++
		return nil
	}
	for i := 0; ; i++ {
		child := len(p.nodes)
		if err := p.value(); err != nil {
			err.Pointer = "/" + strconv.Itoa(i) + err.Pointer
			return err
		}
		switch p.space(); p.peek() {
		case ',':
			p.pos++
			p.space()
		case ']':
			p.pos++
			p.nodes[child].flags |= last
			return nil
		default:
			return p.unexpected("',' or ']'")
		}
	}
}

// repeated reports whether the innermost object has the key already. Small
// objects are compared key by key; a map keeps huge ones from being quadratic.
func (p *parser) repeated(key string, base int, seen *map[string]struct{}) bool {
	const few = 24
	before := p.keys[base:]
	if len(before) < few {
		for _, k := range before {
			if k == key {
				return true
			}
		}
		return false
	}
	if *seen == nil {
		*seen = make(map[string]struct{}, 2*few)
		for _, k := range before {
			(*seen)[k] = struct{}{}
		}
	}
	_, found := (*seen)[key]
	(*seen)[key] = struct{}{}
	return found
}

func (p *parser) literal(word string, kind Kind) *SyntaxError {
	if !strings.HasPrefix(p.text[p.pos:], word) {
		return p.unexpected("a value")
	}
	p.leaf(kind, p.pos+len(word), 0)
	return nil
}

// number follows RFC 8259 section 6: -?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?
func (p *parser) number() *SyntaxError {
	i := p.pos
	if p.text[i] == '-' {
		i++
	}
	from := i
	i = digits(p.text, i)
	if i == from {
		return p.failAt(i, "want a digit after the minus sign")
	}
	if p.text[from] == '0' && i > from+1 {
		return p.fail("number with a leading zero")
	}
	if i < len(p.text) && p.text[i] == '.' {
		from, i = i+1, digits(p.text, i+1)
		if i == from {
			return p.failAt(i, "want a digit after the decimal point")
		}
	}
	if i < len(p.text) && p.text[i]|0x20 == 'e' {
		i++
		if i < len(p.text) && (p.text[i] == '+' || p.text[i] == '-') {
			i++
		}
		from, i = i, digits(p.text, i)
		if i == from {
			return p.failAt(i, "want a digit in the exponent")
		}
	}
	p.leaf(Number, i, 0)
	return nil
}

func digits(s string, i int) int {
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	return i
}

// str reads the string or key that starts at the current position.
func (p *parser) str() *SyntaxError {
	var flags uint8
	text := p.text
	for i := p.pos + 1; i < len(text); i++ {
		if !special[text[i]] {
			continue
		}
		switch text[i] {
		case '"':
			p.leaf(String, i+1, flags)
			return nil
		case '\\':
			flags = escaped
			n, msg := escape(text[i:])
			if msg != "" {
				return p.failAt(i, msg)
			}
			i += n - 1
		default:
			return p.failAt(i, "control character in a string; write it as an escape")
		}
	}
	return p.fail("string without an end")
}

// special marks the bytes that do not stand for themselves in a string.
var special = [256]bool{
	0: true, 1: true, 2: true, 3: true, 4: true, 5: true, 6: true, 7: true, 8: true, 9: true, 10: true,
	11: true, 12: true, 13: true, 14: true, 15: true, 16: true, 17: true, 18: true, 19: true, 20: true,
	21: true, 22: true, 23: true, 24: true, 25: true, 26: true, 27: true, 28: true, 29: true, 30: true,
	31: true, '"': true, '\\': true,
}

func (p *parser) push(kind Kind, start int) int {
	p.nodes = append(p.nodes, node{start: uint32(start), kind: kind})
	return len(p.nodes) - 1
}

// leaf adds a value without children and steps behind it.
func (p *parser) leaf(kind Kind, end int, flags uint8) {
	p.nodes = append(p.nodes, node{
		start: uint32(p.pos), end: uint32(end), next: uint32(len(p.nodes) + 1), kind: kind, flags: flags,
	})
	p.pos = end
}

func (p *parser) lastString() string {
	n := &p.nodes[len(p.nodes)-1]
	s := p.text[n.start+1 : n.end-1]
	if n.flags&escaped != 0 {
		return unescape(s)
	}
	return s
}

// peek is the byte at the current position, 0 at the end. A NUL in the
// document is not part of any token, so the two need not differ.
func (p *parser) peek() byte {
	if p.pos < len(p.text) {
		return p.text[p.pos]
	}
	return 0
}

func (p *parser) space() {
	for p.pos < len(p.text) {
		switch p.text[p.pos] {
		case ' ', '\t', '\n', '\r':
			p.pos++
		default:
			return
		}
	}
}

func (p *parser) unexpected(want string) *SyntaxError {
	if p.pos == len(p.text) {
		return p.fail("document ends early, want " + want)
	}
	rest := p.text[p.pos:]
	if strings.HasPrefix(rest, "//") || strings.HasPrefix(rest, "/*") {
		return p.fail("comment; JSON has none")
	}
	_, n := utf8.DecodeRuneInString(rest)
	return p.fail("want " + want + ", found " + quote(rest[:n]))
}

func invalidUTF8(s string) int {
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return len(s)
}
