package patch

import (
	"strconv"
	"strings"

	"github.com/runward/runward/internal/jsondoc"
)

// equal compares as RFC 6902 section 4.6 does: members in any order, numbers by
// their value, exactly.
func equal(a, b jsondoc.Value) bool {
	if a.Kind() != b.Kind() {
		return false
	}
	switch a.Kind() {
	case jsondoc.Bool:
		return a.Bool() == b.Bool()
	case jsondoc.String:
		return a.Str() == b.Str()
	case jsondoc.Number:
		return a.NumberText() == b.NumberText() || sameNumber(a.NumberText(), b.NumberText())
	case jsondoc.Array:
		x, y := a.First(), b.First()
		for ; x.Exists() && y.Exists(); x, y = x.Next(), y.Next() {
			if !equal(x, y) {
				return false
			}
		}
		return !x.Exists() && !y.Exists()
	case jsondoc.Object:
		return sameMembers(a, b)
	default:
		return true
	}
}

func sameMembers(a, b jsondoc.Value) bool {
	members := make(map[string]jsondoc.Value)
	for m := b.First(); m.Exists(); m = m.Next() {
		members[m.Key()] = m
	}
	n := 0
	for m := a.First(); m.Exists(); m = m.Next() {
		other, ok := members[m.Key()]
		if !ok || !equal(m, other) {
			return false
		}
		n++
	}
	return n == len(members)
}

func sameNumber(a, b string) bool {
	da, ea, okA := decimal(a)
	db, eb, okB := decimal(b)
	return okA && okB && da == db && ea == eb
}

// decimal writes a JSON number as sign and digits, with no zeros at either end,
// times a power of ten. An exponent that does not fit is never equal to another spelling.
func decimal(text string) (digits string, exponent int, ok bool) {
	sign := ""
	if strings.HasPrefix(text, "-") {
		sign, text = "-", text[1:]
	}
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		n, err := strconv.ParseInt(text[i+1:], 10, 32)
		if err != nil {
			return "", 0, false
		}
		exponent, text = int(n), text[:i]
	}
	whole, fraction, _ := strings.Cut(text, ".")
	exponent -= len(fraction)
	digits = strings.TrimLeft(whole+fraction, "0")
	trimmed := strings.TrimRight(digits, "0")
	if trimmed == "" {
		return "0", 0, true
	}
	return sign + trimmed, exponent + len(digits) - len(trimmed), true
}
