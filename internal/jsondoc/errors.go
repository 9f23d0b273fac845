package jsondoc

import (
	"strconv"
	"strings"
)

// SyntaxError says where a document cannot be accepted and why: by the grammar
// and limits of Parse, or by the types of Decode.
type SyntaxError struct {
	Offset  int    // in bytes from 0
	Line    int    // from 1
	Column  int    // in bytes from 1
	Pointer string // RFC 6901: the value, or the object whose member it is
	Msg     string
}

// Error is one line: line 12, column 7: duplicate key "mounts" (at /linux).
func (e *SyntaxError) Error() string {
	s := "line " + strconv.Itoa(e.Line) + ", column " + strconv.Itoa(e.Column) + ": " + e.Msg
	if e.Pointer == "" {
		return s
	}
	return s + " (at " + oneLine(e.Pointer) + ")"
}

// locate fills in line and column from the offset.
func (e *SyntaxError) locate(text string) *SyntaxError {
	before := text[:min(e.Offset, len(text))]
	e.Line = strings.Count(before, "\n") + 1
	e.Column = len(before) - strings.LastIndexByte(before, '\n')
	return e
}

// quote shows a key in a message. What is not ASCII is spelled out, because a
// key that only looks like another one is what the message is about.
func quote(s string) string { return `"` + oneLine(s) + `"` }

// oneLine keeps document text in a message to one line of bounded length.
func oneLine(s string) string {
	const most = 128
	tail := ""
	if len(s) > most {
		s, tail = strings.ToValidUTF8(s[:most], ""), "..."
	}
	q := strconv.QuoteToASCII(s)
	return q[1:len(q)-1] + tail
}
