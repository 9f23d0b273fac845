// Package nearest finds the known word that a person most likely meant.
package nearest

import "strings"

// Word returns the known word that a person most likely meant, or "" where
// none is near: equal but for letter case, "-" for "_", or at most a third of
// its letters away.
func Word(word string, known []string) string {
	fold := func(s string) string { return strings.ReplaceAll(strings.ToLower(s), "-", "_") }
	best, bestAway := "", len(word)/3+1
	for _, k := range known {
		if away := distance(fold(word), fold(k)); away < bestAway || away == bestAway && k < best {
			best, bestAway = k, away
		}
	}
	return best
}

// distance is how many letters must be added, taken away, replaced or swapped
// with their neighbour (optimal string alignment).
func distance(a, b string) int {
	prev2, prev, cur := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], prev2[j-2]+1)
			}
		}
		prev2, prev, cur = prev, cur, prev2
	}
	return prev[len(b)]
}
