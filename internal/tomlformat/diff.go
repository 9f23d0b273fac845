package tomlformat

import (
	"slices"
	"strings"
)

// A Change is a line of a comparison: ' ' in both, '-' in the old file alone,
// '+' in the new one alone, '@' lines in both that are left out.
type Change struct {
	Mark byte
	Text string
}

// near is how many equal lines are shown around what changes.
const near = 2

// most is how many pairs of lines are compared; beyond, all are shown.
const most = 4 << 20

// Diff compares two texts line by line.
func Diff(before, after string) []Change {
	a, b := strings.Split(strings.TrimSuffix(before, "\n"), "\n"), strings.Split(strings.TrimSuffix(after, "\n"), "\n")
	var head, tail []Change
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		head = append(head, Change{' ', a[0]})
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		tail = append(tail, Change{' ', a[len(a)-1]})
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	slices.Reverse(tail)
	return shortened(slices.Concat(head, compared(a, b), tail))
}

// compared finds the longest sequence of lines that both have.
func compared(a, b []string) []Change {
	var all []Change
	// common[i][j] is how many lines a[i:] and b[j:] have in common, in order.
	if len(a)*len(b) > most {
		for _, l := range a {
			all = append(all, Change{'-', l})
		}
		for _, l := range b {
			all = append(all, Change{'+', l})
		}
		return all
	}
	common := make([][]int32, len(a)+1)
	for i := range common {
		common[i] = make([]int32, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	for i, j := 0, 0; i < len(a) || j < len(b); {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			all = append(all, Change{' ', a[i]})
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && common[i+1][j] >= common[i][j+1]:
			all = append(all, Change{'-', a[i]})
			i++
		default:
			all = append(all, Change{'+', b[j]})
			j++
		}
	}
	return all
}

// shortened leaves out equal lines that are far from what changes.
func shortened(all []Change) []Change {
	keep := make([]bool, len(all))
	for i, c := range all {
		for n := max(i-near, 0); c.Mark != ' ' && n <= min(i+near, len(all)-1); n++ {
			keep[n] = true
		}
	}
	var out []Change
	for i, c := range all {
		switch {
		case keep[i]:
			out = append(out, c)
		case len(out) == 0 || out[len(out)-1].Mark != '@':
			out = append(out, Change{'@', "..."})
		}
	}
	return out
}
