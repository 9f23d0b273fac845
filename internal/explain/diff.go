package explain

import (
	"strconv"
	"strings"

	"github.com/runward/runward/internal/display"
	"github.com/runward/runward/internal/jsondoc"
)

// contextLines is how many unchanged lines stand around a change.
const contextLines = 3

// An edit is a line of a diff: ' ' in both documents, '-' before, '+' after.
type edit struct {
	op   byte
	line line
}

// longRun is how many lines that are put in or taken away in one place are
// shown, unless all are asked for.
const longRun = 20

// Diff writes what differs between two JSON documents as they look
// pretty-printed: each place with its JSON pointer and a few lines around.
// Neither white space nor the comma after a last element is a difference. Long
// runs of changed lines are cut short, unless full.
func Diff(p *display.Printer, before, after []byte, full bool) error {
	b, err := jsondoc.Parse(before, jsondoc.DefaultLimits())
	if err != nil {
		return err
	}
	a, err := jsondoc.Parse(after, jsondoc.DefaultLimits())
	if err != nil {
		return err
	}
	for _, hunk := range hunks(compare(pretty(b), pretty(a))) {
		p.Line(p.Paint(display.Cyan, "@@ "+display.Clean(place(hunk))+" @@"))
		for len(hunk) > 0 {
			n := 1
			for n < len(hunk) && hunk[n].op == hunk[0].op {
				n++
			}
			writeRun(p, hunk[:n], full)
			hunk = hunk[n:]
		}
	}
	return nil
}

// writeRun writes lines with which the same is done.
func writeRun(p *display.Printer, run []edit, full bool) {
	style := map[byte]display.Style{'-': display.Red, '+': display.Green}[run[0].op]
	hidden := 0
	if !full && len(run) > longRun {
		hidden = len(run) - longRun/2
		run = run[:longRun/2]
	}
	for _, e := range run {
		p.Line(p.Paint(style, string(e.op)+display.Clean(e.line.String())))
	}
	if hidden > 0 {
		p.Line(p.Paint(style, string(run[0].op)), p.Paint(display.Dim, "    ... "+strconv.Itoa(hidden)+" more lines (--full shows them)"))
	}
}

// place is the pointer of the innermost value that holds all changes of a hunk.
func place(hunk []edit) string {
	common, found := "", false
	for _, e := range hunk {
		switch {
		case e.op == ' ':
		case !found:
			common, found = e.line.pointer, true
		default:
			for !within(e.line.pointer, common) {
				common = common[:strings.LastIndexByte(common, '/')]
			}
		}
	}
	if common == "" {
		return "/"
	}
	return common
}

func within(pointer, outer string) bool {
	return pointer == outer || strings.HasPrefix(pointer, outer+"/")
}

// hunks cuts the unchanged lines far from any change out.
func hunks(edits []edit) [][]edit {
	var all [][]edit
	from, last := -1, 0 // of the hunk, its last change
	for i, e := range edits {
		if e.op == ' ' {
			continue
		}
		if from >= 0 && i-last > 2*contextLines {
			all = append(all, edits[from:last+1+contextLines])
			from = -1
		}
		if from < 0 {
			from = max(i-contextLines, 0)
		}
		last = i
	}
	if from >= 0 {
		all = append(all, edits[from:min(last+1+contextLines, len(edits))])
	}
	return all
}

// compare finds a shortest series of edits, as Myers describes it ("An O(ND)
// difference algorithm and its variations", 1986).
func compare(before, after []line) []edit {
	var head, tail []edit
	for len(before) > 0 && len(after) > 0 && before[0].same(after[0]) {
		head = append(head, edit{' ', after[0]})
		before, after = before[1:], after[1:]
	}
	n := 0
	for n < len(before) && n < len(after) && before[len(before)-1-n].same(after[len(after)-1-n]) {
		n++
	}
	for _, l := range after[len(after)-n:] {
		tail = append(tail, edit{' ', l})
	}
	middle := shortest(before[:len(before)-n], after[:len(after)-n])
	return append(append(head, middle...), tail...)
}

// maxEdits bounds the work: where more lines differ, all of them are shown as
// taken away and put in.
const maxEdits = 1000

func shortest(before, after []line) []edit {
	reach := map[int]int{1: 0} // by diagonal, how far before goes
	var trace []map[int]int
	for d := 0; d <= min(len(before)+len(after), maxEdits); d++ {
		snapshot := make(map[int]int, len(reach))
		for k, x := range reach {
			snapshot[k] = x
		}
		trace = append(trace, snapshot)
		for k := -d; k <= d; k += 2 {
			x := step(reach, k, d)
			for x < len(before) && x-k < len(after) && before[x].same(after[x-k]) {
				x++
			}
			reach[k] = x
			if x >= len(before) && x-k >= len(after) {
				return walkBack(trace, before, after)
			}
		}
	}
	var edits []edit
	for _, l := range before {
		edits = append(edits, edit{'-', l})
	}
	for _, l := range after {
		edits = append(edits, edit{'+', l})
	}
	return edits
}

// step moves to diagonal k from the neighbour that reaches further.
func step(reach map[int]int, k, d int) int {
	if k == -d || k != d && reach[k-1] < reach[k+1] {
		return reach[k+1] // a line of after
	}
	return reach[k-1] + 1 // a line of before
}

func walkBack(trace []map[int]int, before, after []line) []edit {
	var edits []edit
	x, y := len(before), len(after)
	for d := len(trace) - 1; d >= 0; d-- {
		reach, k := trace[d], x-y
		from := k - 1
		if k == -d || k != d && reach[k-1] < reach[k+1] {
			from = k + 1
		}
		fromX := reach[from]
		fromY := fromX - from
		for x > fromX && y > fromY && x > 0 && y > 0 {
			x, y = x-1, y-1
			edits = append(edits, edit{' ', after[y]})
		}
		if d == 0 {
			break
		}
		if x == fromX {
			y--
			edits = append(edits, edit{'+', after[y]})
		} else {
			x--
			edits = append(edits, edit{'-', before[x]})
		}
	}
	for i, j := 0, len(edits)-1; i < j; i, j = i+1, j-1 {
		edits[i], edits[j] = edits[j], edits[i]
	}
	return edits
}
