package tomlformat

import (
	"errors"
	"strings"
)

type kind uint8

const (
	text        kind = iota // a key's part, or a value: a string as it is written, a number, a date
	punctuation             // [ ] { } , =
	comment                 // from # to the end of the line
	newline
)

type token struct {
	kind kind
	text string
}

var errOpen = errors.New("a string has no end")

// scan takes a file that decodes apart. What is between the tokens is white
// space.
func scan(s string) ([]token, error) {
	var all []token
	for len(s) > 0 {
		n := 1
		switch c := s[0]; c {
		case ' ', '\t', '\r':
			s = s[1:]
			continue
		case '\n':
			all = append(all, token{newline, "\n"})
		case '#':
			if n = strings.IndexByte(s, '\n'); n < 0 {
				n = len(s)
			}
			all = append(all, token{comment, strings.TrimRight(s[:n], " \t\r")})
		case '[', ']', '{', '}', ',', '=':
			all = append(all, token{punctuation, s[:1]})
		case '"', '\'':
			if n = quoted(s, c); n < 0 {
				return nil, errOpen
			}
			all = append(all, token{text, s[:n]})
		default:
			if n = strings.IndexAny(s, " \t\r\n#[]{},=\"'"); n < 0 {
				n = len(s)
			}
			all = append(all, token{text, s[:n]})
		}
		s = s[n:]
	}
	return all, nil
}

// quoted returns the length of the string that s begins with, -1: it has no end.
func quoted(s string, quote byte) int {
	triple := strings.Repeat(string(quote), 3)
	if !strings.HasPrefix(s, triple) {
		for i := 1; i < len(s); i++ {
			switch {
			case s[i] == quote:
				return i + 1
			case s[i] == '\\' && quote == '"':
				i++
			}
		}
		return -1
	}
	for i := 3; i < len(s); i++ {
		switch {
		case strings.HasPrefix(s[i:], triple):
			for end := i + 3; ; end++ { // up to two quotes may stand before the closing ones
				if end == len(s) || s[end] != quote || end == i+5 {
					return end
				}
			}
		case s[i] == '\\' && quote == '"':
			i++
		}
	}
	return -1
}

// comments are all of them, a line each.
func comments(tokens []token) string {
	var b strings.Builder
	for _, t := range tokens {
		if t.kind == comment {
			b.WriteString(t.text + "\n")
		}
	}
	return b.String()
}

func commentsOf(s string) string {
	tokens, err := scan(s)
	if err != nil {
		return err.Error()
	}
	return comments(tokens)
}
