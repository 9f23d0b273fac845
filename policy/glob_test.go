package policy

import (
	"testing"

	"pgregory.net/rapid"
)

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		glob, name string
		want       bool
	}{
		{"prod-*", "prod-a", true},
		{"prod-*", "prod-", true},
		{"prod-*", "pro", false},
		{"*", "a/b", false},
		{"**", "a/b", true},
		{"*", "", true},
		{"", "", true},
		{"", "a", false},
		{"registry.example.com/**", "registry.example.com/a/b:1", true},
		{"registry.example.com/**", "registry.example.com.evil/a", false},
		{"a/**/z", "a/b/c/z", true},
		{"a/**/z", "a/z", false},
		{"a**z", "a/z", true},
		{"a?c", "abc", true},
		{"a?c", "a/c", false},
		{"**b*", "a/ab/b", true},
		{"[a]", "a", false},
		{"A", "a", false},
	} {
		if got := Match(c.glob, c.name); got != c.want {
			t.Errorf("Match(%q, %q) = %v", c.glob, c.name, got)
		}
	}
}

// The obvious definition, exponential and clear.
func matchSlow(g, n string) bool {
	switch {
	case g == "":
		return n == ""
	case len(g) > 1 && g[:2] == "**":
		return matchSlow(g[2:], n) || n != "" && matchSlow(g, n[1:])
	case g[0] == '*':
		return matchSlow(g[1:], n) || n != "" && n[0] != '/' && matchSlow(g, n[1:])
	case n == "":
		return false
	}
	return (g[0] == n[0] || g[0] == '?' && n[0] != '/') && matchSlow(g[1:], n[1:])
}

func TestMatchIsItsDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := rapid.StringOfN(rapid.RuneFrom([]rune("ab/*?")), 0, 10, -1).Draw(t, "glob")
		n := rapid.StringOfN(rapid.RuneFrom([]rune("ab/")), 0, 12, -1).Draw(t, "name")
		if Match(g, n) != matchSlow(g, n) {
			t.Fatalf("Match(%q, %q) = %v", g, n, Match(g, n))
		}
	})
}
