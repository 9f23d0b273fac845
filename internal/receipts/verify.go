package receipts

import (
	"strconv"

	"github.com/runward/runward/internal/audit/journal"
	"github.com/runward/runward/internal/display"
)

// Verified writes what the check of a chain found, and what that means.
func Verified(p *display.Printer, r *journal.Report) error {
	switch {
	case r.Whole() && r.Last == 0:
		p.Line(p.Paint(display.Green, "WHOLE"), ": there are no receipts yet.")
	case r.Whole():
		p.Line(p.Paint(display.Green, "WHOLE"), ": every receipt and event is as it was written, and none is missing between the first and the last.")
	default:
		p.Line(p.Paint(display.Red, "BROKEN"), ": records were changed or are missing.")
	}
	p.Line()
	p.Field("receipts", strconv.Itoa(r.Receipts))
	if r.Events > 0 {
		p.Field("events", strconv.Itoa(r.Events))
	}
	if r.Last > 0 {
		p.Field("numbers", strconv.FormatUint(r.First, 10)+" to "+strconv.FormatUint(r.Last, 10))
		p.Field("last hash", r.Hash)
	}
	p.Field("torn lines", strconv.Itoa(r.Torn))
	for _, x := range r.Problems {
		p.Line()
		p.Line(p.Paint(display.Red, string(x.Kind)), " ", display.Clean(x.File), ":", strconv.Itoa(x.Line), ": ", display.Clean(x.Text))
		p.Note(meaning(x.Kind), 4)
	}
	if r.Torn > 0 {
		p.Line()
		p.Note("note: a torn line is a record that was cut short by a kill or a power cut; the one after it accounts for it. It is no tampering.", 0)
	}
	if r.First > 1 {
		p.Line()
		p.Note("note: records 1 to "+strconv.FormatUint(r.First-1, 10)+" are in none of these files: rotation has deleted theirs, or they were not given. Nothing can be said of them.", 0)
	}
	return p.Err()
}

func meaning(k journal.Kind) string {
	switch k {
	case journal.Changed:
		return "This line is not what runward wrote: somebody edited it, or the disk damaged it. What it says proves nothing. Compare it with a copy on another machine."
	case journal.Broken:
		return "Lines were removed, inserted, repeated or moved here, or a file in between is missing. Look for rotated files that are elsewhere; otherwise treat what happened between the two records as unknown."
	case journal.Lost:
		return "Records were cut off the end before this one was written. After a power cut that is expected where audit.sync is \"none\"; otherwise somebody truncated the file."
	case journal.Missing:
		return "The head (the file beside the receipts that ends in .head) knows more records than there are: the end was cut off, or the current file is not among those given."
	}
	return ""
}
