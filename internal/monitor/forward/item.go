package forward

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/runward/runward/internal/audit/journal"
	"github.com/runward/runward/policy"
)

const (
	kindReceipt = "receipt"
	kindGap     = "gap"
)

// An item is what a destination is sent: a record, or word of records that
// there are none of.
type item struct {
	line    journal.Line
	record  journal.Record
	gap     string    // what is missing or broken before the record; then the item is not the record itself
	found   time.Time // when it was read, for what has no time of its own
	attempt int       // from 1; above, it may be there already
}

// items makes what is to be sent of lines: of each, first what is wrong before
// it, which every destination is told, then the record, if it is of a kind
// that is wanted.
func items(lines []journal.Line, kinds []string, now time.Time) []item {
	var all []item
	for _, l := range lines {
		if l.Hole != nil || l.Broken != "" {
			all = append(all, item{line: l, gap: gapText(l), found: now})
		}
		r, err := journal.Parse(l.Text)
		if err != nil {
			all = append(all, item{line: l, gap: "record " + strconv.FormatUint(l.Seq, 10) + " cannot be read, though its hash is right: " + err.Error(), found: now})
			continue
		}
		it := item{line: l, record: r, found: now}
		if len(kinds) == 0 || slices.Contains(kinds, it.kind()) {
			all = append(all, it)
		}
	}
	return all
}

func gapText(l journal.Line) string {
	if l.Broken != "" {
		return l.Broken
	}
	h := l.Hole
	text := "records " + strconv.FormatUint(h.From, 10) + " to " + strconv.FormatUint(h.To, 10) + " are missing: "
	if h.From == h.To {
		text = "record " + strconv.FormatUint(h.From, 10) + " is missing: "
	}
	switch h.Why {
	case journal.HoleTorn:
		return text + "it was cut short while it was written, by a kill or a power cut"
	case journal.HoleLost:
		return text + "gone when the next was written: cut off, or lost in a power cut"
	default:
		return text + "their file was removed before they were sent"
	}
}

func (it *item) kind() string {
	switch {
	case it.gap != "":
		return kindGap
	case it.record.Event != nil:
		return it.record.Event.Kind
	default:
		return kindReceipt
	}
}

// severity is info, warning or critical; a receipt's goes by its verdict.
func (it *item) severity() string {
	switch {
	case it.gap != "":
		return "critical"
	case it.record.Event != nil:
		return it.record.Event.Severity
	case it.record.Receipt.Verdict == policy.Deny:
		return "warning"
	default:
		return "info"
	}
}

// identity is whom the record is about.
func (it *item) identity() (container, engine string, id policy.Identity) {
	switch r := it.record; {
	case r.Event != nil:
		return r.Event.Container, r.Event.Engine, r.Event.Identity
	case r.Receipt != nil:
		return r.Receipt.Container, r.Receipt.Engine, r.Receipt.Identity
	default:
		return "", "", policy.Identity{}
	}
}

// What a gap says besides its text.
type gapJSON struct {
	Text string        `json:"text"`
	Hole *journal.Hole `json:"missing,omitempty"`
}

// envelope is a record as a webhook gets it. What follows, "record", is byte for
// byte what the chain has, so that its hash can be checked.
type envelope struct {
	Node    string   `json:"node"`
	Seq     uint64   `json:"seq"` // of a gap, that of the record after it
	Hash    string   `json:"hash,omitempty"`
	Kind    string   `json:"kind"`
	Resent  bool     `json:"resent,omitempty"`
	Attempt int      `json:"attempt"`
	Gap     *gapJSON `json:"gap,omitempty"`
}

func (it *item) gapJSON() *gapJSON {
	if it.gap == "" {
		return nil
	}
	return &gapJSON{it.gap, it.line.Hole}
}

// valid is s as protobuf and syslog may have it.
func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
