package jsondoc

import (
	"unicode/utf16"
	"unicode/utf8"
)

// escape checks the escape sequence at the start of s and gives its length, a
// surrogate pair being one of 12 bytes, or what is wrong with it.
func escape(s string) (int, string) {
	if len(s) < 2 {
		return 0, "string without an end"
	}
	switch s[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2, ""
	case 'u':
	default:
		return 0, "unknown escape " + quote(s[:1]+firstRune(s[1:]))
	}
	r := hex4(s)
	switch {
	case r < 0:
		return 0, `want four hexadecimal digits after \u`
	case r == 0:
		return 0, `\u0000 in a string; runtimes in C end the string there`
	case !utf16.IsSurrogate(r):
		return 6, ""
	case utf16.DecodeRune(r, hex4(s[6:])) == utf8.RuneError:
		return 0, "surrogate without its other half"
	}
	return 12, ""
}

func firstRune(s string) string {
	_, n := utf8.DecodeRuneInString(s)
	return s[:n]
}

// hex4 reads \uXXXX at the start of s, -1 if it is not there.
func hex4(s string) rune {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return -1
	}
	var r rune
	for _, c := range []byte(s[2:6]) {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}

// unescape decodes the inside of a string whose escapes were checked.
func unescape(s string) string {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); {
		if s[i] != '\\' {
			b = append(b, s[i])
			i++
			continue
		}
		switch c := s[i+1]; c {
		case 'b':
			b = append(b, '\b')
		case 'f':
			b = append(b, '\f')
		case 'n':
			b = append(b, '\n')
		case 'r':
			b = append(b, '\r')
		case 't':
			b = append(b, '\t')
		case 'u':
			r := hex4(s[i:])
			if utf16.IsSurrogate(r) {
				r = utf16.DecodeRune(r, hex4(s[i+6:]))
				i += 6
			}
			b = utf8.AppendRune(b, r)
			i += 4
		default: // " \ /
			b = append(b, c)
		}
		i += 2
	}
	return string(b)
}

// AppendQuote appends s as a JSON string with no more escapes than JSON needs.
// Bytes that are not UTF-8 become U+FFFD.
func AppendQuote(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				dst = append(append(dst, s[from:i]...), "\ufffd"...)
				from = i + 1
			}
			i += n
			continue
		}
		dst = append(dst, s[from:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\b':
			dst = append(dst, '\\', 'b')
		case '\f':
			dst = append(dst, '\\', 'f')
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i++
		from = i
	}
	return append(append(dst, s[from:]...), '"')
}
