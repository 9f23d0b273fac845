// Package journal reads the records of package audit, receipts and events, and
// verifies their chain. It is for people's tools and the daemon.
package journal

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/runward/runward/internal/audit"
)

// An Input is one file of records, under the name that problems are reported by.
type Input struct {
	Name string
	io.Reader
}

// A Kind is what is wrong with a chain.
type Kind string

const (
	Changed Kind = "changed" // a line that is no record or not the one that was written
	Broken  Kind = "broken"  // a record that does not follow the one before: removed, inserted, repeated or moved lines
	Lost    Kind = "lost"    // records that were gone when the next was written: cut off, or a power cut without audit.sync
	Missing Kind = "missing" // records that the head knows are not at the end of the file
)

// A Problem is something that did not happen by writing records, rotating the
// files and killing writers.
type Problem struct {
	Kind Kind   `json:"kind"`
	File string `json:"file"`
	Line int    `json:"line"` // from 1
	Text string `json:"text"`
}

func (p Problem) String() string {
	return fmt.Sprintf("%s:%d: %s: %s", p.File, p.Line, p.Kind, p.Text)
}

// A Report is what Verify found.
type Report struct {
	Receipts int       `json:"receipts"`
	Events   int       `json:"events"` // records of other kinds, in the same chain
	First    uint64    `json:"first"`  // number of the first record; above 1, earlier files were not given
	Last     uint64    `json:"last"`
	Hash     string    `json:"hash"`     // of the last record; what to compare with a copy kept elsewhere
	Torn     int       `json:"torn"`     // fragments of writes that were cut short; no tampering
	Problems []Problem `json:"problems"` // in order; at most maxProblems
}

// Whole tells whether nothing is wrong with the chain. Torn fragments are not wrong.
func (r *Report) Whole() bool { return len(r.Problems) == 0 }

const (
	maxProblems = 100
	maxLine     = 4 * audit.MaxBytes // what is longer is read in pieces that are no records
)

// Verify checks the chain through all inputs, oldest first. The head, where
// the caller has it, shows whether the end is missing; without it a cut-off end
// goes unseen. Errors are those of reading.
func Verify(inputs []Input, head *audit.Head) (*Report, error) {
	v := &verifier{}
	for _, in := range inputs {
		v.file, v.line = in.Name, 0
		if err := eachLine(in, v.add); err != nil {
			return nil, fmt.Errorf("read receipts %s: %w", in.Name, err)
		}
	}
	v.finish(head)
	return &v.report, nil
}

// eachLine gives the lines with their newlines; the last may lack it.
func eachLine(r io.Reader, do func([]byte)) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 2*maxLine)
	lines.Split(func(data []byte, atEOF bool) (int, []byte, error) {
		n := bytes.IndexByte(data, '\n') + 1
		if n == 0 && (atEOF || len(data) >= maxLine) {
			n = len(data)
		}
		if n == 0 {
			return 0, nil, nil // more is wanted, or nothing is left
		}
		return n, data[:n], nil
	})
	for lines.Scan() {
		do(lines.Bytes())
	}
	return lines.Err()
}

type verifier struct {
	report Report
	file   string
	line   int
	last   audit.Link
	loose  []byte   // since the last record
	blame  *Problem // what to say about loose if no gap accounts for it
}

func (v *verifier) problem(kind Kind, format string, args ...any) *Problem {
	return &Problem{Kind: kind, File: v.file, Line: v.line, Text: fmt.Sprintf(format, args...)}
}

func (v *verifier) found(p *Problem) {
	if len(v.report.Problems) < maxProblems {
		v.report.Problems = append(v.report.Problems, *p)
	}
}

func (v *verifier) add(line []byte) {
	v.line++
	text := bytes.TrimSuffix(line, []byte{'\n'})
	link, err := audit.ParseLink(text)
	var r struct {
		Seq        uint64
		Prev, Hash string
		Gap        *audit.Gap
		Kind       *string
	}
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err == nil && (link != audit.Link{Seq: r.Seq, Prev: r.Prev, Hash: r.Hash}) {
		err = errors.New("says its number or link twice")
	}
	if err != nil {
		v.stray(line, err)
		return
	}
	v.follow(link, r.Gap)
	if r.Kind == nil {
		v.report.Receipts++
	} else {
		v.report.Events++
	}
}

// stray keeps what is no record until the next one says whether it knew of it.
func (v *verifier) stray(line []byte, err error) {
	if v.blame == nil {
		v.blame = v.problem(Changed, "%v", err)
	}
	if len(v.loose) < 4*maxLine { // no gap is longer
		v.loose = append(v.loose, line...)
	}
}

func (v *verifier) follow(l audit.Link, g *audit.Gap) {
	if g == nil {
		g = &audit.Gap{}
	}
	if v.gap(g) {
		v.link(l, g)
	}
	if v.last.Seq == 0 {
		if v.report.First = l.Seq; l.Prev == "" {
			v.report.First = 1 // what came before is accounted for by the gap
		}
	}
	v.report.Last, v.report.Hash = l.Seq, l.Hash
	v.last, v.loose, v.blame = l, nil, nil
}

// link checks that l follows the last record.
func (v *verifier) link(l audit.Link, g *audit.Gap) {
	want := v.last.Seq + 1 + g.Lost
	if g.Torn {
		want++
	}
	switch first := v.last.Seq == 0; {
	case first && (l.Seq == want) != (l.Prev == ""):
		v.found(v.problem(Broken, "record %d is the first here, with %s", l.Seq, prevText(l.Prev)))
	case first:
	case l.Seq != want:
		v.found(v.problem(Broken, "record %d follows record %d", l.Seq, v.last.Seq))
	case l.Prev != v.last.Hash:
		v.found(v.problem(Broken, "record %d links to %s, the record before is %s", l.Seq, l.Prev, v.last.Hash))
	}
}

func prevText(prev string) string {
	if prev == "" {
		return "no link to one before"
	}
	return "a link to one before"
}

// gap compares what is between two records with what the second says was
// there, and tells whether the second can be held to the first.
func (v *verifier) gap(g *audit.Gap) bool {
	if g.Lost > 0 {
		v.found(v.problem(Lost, "%d records before this one were gone when it was written: cut off, or lost in a power cut without audit.sync", g.Lost))
	}
	if v.blame == nil {
		if g.Digest != "" && v.last.Seq > 0 {
			v.found(v.problem(Changed, "%d bytes that stood before this record are gone", g.Bytes))
		}
		return true
	}
	loose := bytes.TrimSuffix(v.loose, []byte{'\n'})
	known := g.Bytes == int64(len(loose)) && g.Digest == audit.Digest(loose)
	if known && g.Torn {
		v.report.Torn++
	} else {
		v.found(v.blame)
	}
	return known
}

// finish judges the end: what follows the last record, and the head.
func (v *verifier) finish(head *audit.Head) {
	torn := uint64(0)
	if v.blame != nil {
		if fragment(v.loose) {
			v.report.Torn++
			torn = 1
		} else {
			v.found(v.blame)
		}
	}
	if head == nil {
		return
	}
	switch {
	case head.Seq > v.last.Seq+torn:
		v.found(v.problem(Missing, "the end: the head knows %d records, the last here is %d", head.Seq, v.last.Seq))
	case head.Seq == v.last.Seq && head.Hash != v.last.Hash:
		v.found(v.problem(Changed, "record %d is not the one that the head knows", head.Seq))
	}
}

// fragment tells a write that was cut short from a line that was changed: it
// has no newline, and no end of a record in it.
func fragment(loose []byte) bool {
	if loose[len(loose)-1] == '\n' {
		return false
	}
	tail := loose[bytes.LastIndexByte(loose, '\n')+1:]
	_, err := audit.ParseLink(tail[:len(tail)-1])
	return err != nil
}
