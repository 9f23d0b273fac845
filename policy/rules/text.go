package rules

import (
	"strconv"
	"strings"
	"unicode"

	"github.com/runward/runward/internal/jsondoc"
	"github.com/runward/runward/policy"
)

// quote writes what a document says so that it stays on one line.
func quote(s string) string { return strconv.Quote(s) }

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// index is the pointer to element i of an array.
func index(pointer string, i int) string { return pointer + "/" + strconv.Itoa(i) }

// member is the pointer to a member of an object, or to the object where the
// member's name would break a line.
func member(pointer, name string) string {
	if strings.ContainsFunc(name, unicode.IsControl) {
		return pointer
	}
	return pointer + "/" + jsondoc.EscapePointer(name)
}

// oneOfThese is an allow-list as what is wanted.
func oneOfThese(a policy.AllowList) string {
	if text := a.String(); text != "none" {
		return "one of " + text
	}
	return "none of this kind"
}

// orDefault matches an item of an allow-list: the word default by the rule's
// safe list, the others by match.
func orDefault(safe func(value string) bool, match func(item, value string) bool) func(item, value string) bool {
	return func(item, value string) bool {
		if item == policy.DefaultItem {
			return safe(value)
		}
		return match(item, value)
	}
}

// items calls yield with every item of every list but the word default.
func items(lists []policy.List, yield func(item string) error) error {
	for _, l := range lists {
		for _, item := range l.Items {
			if item == policy.DefaultItem {
				continue
			}
			if err := yield(item); err != nil {
				return err
			}
		}
	}
	return nil
}

func hasString(list []string, s string) bool {
	for _, have := range list {
		if have == s {
			return true
		}
	}
	return false
}

// hasDotDot tells whether the path has a ".." anywhere.
func hasDotDot(p string) bool {
	for p != "" {
		name, rest, _ := strings.Cut(p, "/")
		if name == ".." {
			return true
		}
		p = rest
	}
	return false
}

// within tells whether the clean path p is dir or below it.
func within(p, dir string) bool {
	return p == dir || dir == "/" || strings.HasPrefix(p, dir) && p[len(dir)] == '/'
}

func isDigits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
