package hooks

import (
	"bytes"
	"errors"
	"unicode/utf8"
)

// MostState bounds a container's state as a runtime writes it, in bytes. It has
// all of the container's annotations, which Kubernetes bounds at 256 KiB.
const MostState = 1 << 20

// mostSent bounds what is passed on of it. It is less than a socket takes at
// once from a program that does not wait.
const mostSent = 16 << 10

var errState = errors.New("what the runtime says of the container is no OCI state")

// Brief is what the monitor is sent of an OCI state (runtime specification,
// "State"), as the runtime writes it on a hook's standard input: ociVersion, id,
// status, pid and bundle, on one line. Annotations stay out: they are the
// container's own word, of any length, and the ledger has what is believed of
// them.
func Brief(state []byte) ([]byte, error) {
	s := scanner{rest: state}
	out := append(make([]byte, 0, 512), '{')
	seen := 0
	if !s.next('{') {
		return nil, errState
	}
	for first := true; !s.next('}'); first = false {
		if !first && !s.next(',') {
			return nil, errState
		}
		key, ok := s.text()
		if !ok || !s.next(':') {
			return nil, errState
		}
		value, ok := s.value()
		if !ok {
			return nil, errState
		}
		bit := wanted(key)
		if bit == 0 {
			continue
		}
		if seen&bit != 0 || (bit == hasPid) != (value[0] != '"') || bit == hasPid && !isNumber(value) {
			return nil, errState
		}
		if seen != 0 {
			out = append(out, ',')
		}
		seen |= bit
		out = append(append(append(out, key...), ':'), value...)
	}
	s.space()
	if len(s.rest) > 0 || seen&(hasID|hasBundle) != hasID|hasBundle || len(out) >= mostSent {
		return nil, errState
	}
	return append(out, '}'), nil
}

const (
	hasVersion = 1 << iota
	hasID
	hasStatus
	hasPid
	hasBundle
)

// wanted gives a bit for each key, with its quotes, that is passed on.
func wanted(key []byte) int {
	switch string(key) {
	case `"ociVersion"`:
		return hasVersion
	case `"id"`:
		return hasID
	case `"status"`:
		return hasStatus
	case `"pid"`:
		return hasPid
	case `"bundle"`:
		return hasBundle
	}
	return 0
}

// isNumber tells whether it is a process id: digits, no zero before others.
func isNumber(value []byte) bool {
	for _, c := range value {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(value) < 11 && (len(value) == 1 || value[0] != '0')
}

// A scanner steps through JSON. What it passes over it does not check.
type scanner struct{ rest []byte }

func (s *scanner) space() { s.rest = bytes.TrimLeft(s.rest, " \t\r\n") }

// next passes over one byte, and white space before it.
func (s *scanner) next(c byte) bool {
	s.space()
	if len(s.rest) == 0 || s.rest[0] != c {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

func (s *scanner) take(n int) []byte {
	taken := s.rest[:n]
	s.rest = s.rest[n:]
	return taken
}

// text takes a string, with its quotes, that every reader of JSON takes.
func (s *scanner) text() ([]byte, bool) {
	s.space()
	if len(s.rest) == 0 || s.rest[0] != '"' {
		return nil, false
	}
	for i := 1; i < len(s.rest); i++ {
		switch c := s.rest[i]; {
		case c == '"':
			text := s.take(i + 1)
			return text, utf8.Valid(text)
		case c < ' ':
			return nil, false
		case c == '\\':
			n := escape(s.rest[i+1:])
			if n == 0 {
				return nil, false
			}
			i += n
		}
	}
	return nil, false
}

// escape gives the length of what follows a backslash; 0: it may not.
func escape(rest []byte) int {
	if len(rest) == 0 {
		return 0
	}
	if rest[0] != 'u' {
		if bytes.IndexByte([]byte(`"\/bfnrt`), rest[0]) < 0 {
			return 0
		}
		return 1
	}
	if len(rest) < 5 {
		return 0
	}
	for _, c := range rest[1:5] {
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F') {
			return 0
		}
	}
	return 5
}

// value takes any value: a string, a number or a word, or an array or object
// to the bracket that closes it.
func (s *scanner) value() ([]byte, bool) {
	s.space()
	whole := s.rest
	for depth := 0; ; {
		s.space()
		if len(s.rest) == 0 {
			return nil, false
		}
		switch s.rest[0] {
		case '"':
			if _, ok := s.text(); !ok {
				return nil, false
			}
		case '{', '[':
			depth++
			s.take(1)
		case '}', ']':
			depth--
			s.take(1)
		case ',', ':':
			if depth == 0 {
				return nil, false
			}
			s.take(1)
		default:
			n := bytes.IndexAny(s.rest, " \t\r\n,:{}[]\"")
			if n < 0 {
				return nil, false
			}
			s.take(n)
		}
		if depth <= 0 {
			return whole[:len(whole)-len(s.rest)], depth == 0
		}
	}
}
