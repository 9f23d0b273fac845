package rules

import (
	"strconv"
	"strings"
)

// A version is a release's: three numbers, and what comes before it is final.
type version struct {
	number [3]int
	before []string // rc, 3; none: it is final
}

// parseVersion reads 1.2.8, 1.27 or 1.4.0-rc.3. What follows a "+", which
// distributions add, says nothing of what comes before or after.
func parseVersion(s string) (v version, ok bool) {
	s, _, _ = strings.Cut(s, "+")
	s, before, early := strings.Cut(strings.Replace(s, "~", "-", 1), "-")
	if early {
		v.before = strings.Split(before, ".")
	}
	numbers := strings.Split(s, ".")
	if len(numbers) < 2 || len(numbers) > len(v.number) {
		return v, false
	}
	for i, n := range numbers {
		value, err := strconv.ParseUint(n, 10, 31)
		if err != nil {
			return v, false
		}
		v.number[i] = int(value)
	}
	return v, true
}

// less tells which comes first, as Semantic Versioning has it.
func (v version) less(o version) bool {
	for i := range v.number {
		if v.number[i] != o.number[i] {
			return v.number[i] < o.number[i]
		}
	}
	if len(v.before) == 0 || len(o.before) == 0 {
		return len(v.before) > len(o.before)
	}
	for i := 0; i < len(v.before) && i < len(o.before); i++ {
		a, b := v.before[i], o.before[i]
		if a == b {
			continue
		}
		an, aErr := strconv.Atoi(a)
		bn, bErr := strconv.Atoi(b)
		switch {
		case aErr == nil && bErr == nil:
			return an < bn
		case aErr == nil || bErr == nil:
			return aErr == nil // numbers come before words
		}
		return a < b
	}
	return len(v.before) < len(o.before)
}
