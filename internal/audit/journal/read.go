package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/runward/runward/internal/audit"
	"github.com/runward/runward/internal/audit/event"
)

// ErrNotFound is what Find returns for a record that is in none of the inputs.
var ErrNotFound = errors.New("no such receipt")

// ErrAmbiguous is what Find returns for a beginning that several records have.
var ErrAmbiguous = errors.New("several receipts begin so")

// ShortestID is how many characters of an id Find wants at least.
const ShortestID = 6

// A Record is one line of the chain: a receipt, or an event.
type Record struct {
	Receipt *audit.Receipt // nil of an event
	Event   *event.Event   // nil of a receipt
}

// ID is the receipt's or the event's.
func (r Record) ID() string {
	if r.Event != nil {
		return r.Event.ID
	}
	return r.Receipt.ID
}

// Seq is its number in the chain.
func (r Record) Seq() uint64 {
	if r.Event != nil {
		return r.Event.Seq
	}
	return r.Receipt.Seq
}

// Time is when it was made.
func (r Record) Time() time.Time {
	if r.Event != nil {
		return r.Event.Time
	}
	return r.Receipt.Time
}

// Any is the receipt or the event, whichever it is.
func (r Record) Any() any {
	if r.Event != nil {
		return r.Event
	}
	return r.Receipt
}

// Records gives the receipts and events of all inputs in order. Lines that are
// neither are passed over: Verify is what judges them. An error, of reading, is
// the last thing given.
func Records(inputs []Input) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for _, in := range inputs {
			more := true
			err := eachLine(in, func(line []byte) {
				if !more {
					return
				}
				if r, err := Parse(bytes.TrimSuffix(line, []byte{'\n'})); err == nil {
					more = yield(r, nil)
				}
			})
			if !more {
				return
			}
			if err != nil {
				yield(Record{}, fmt.Errorf("read receipts %s: %w", in.Name, err))
				return
			}
		}
	}
}

// All gives the receipts of all inputs in order, and no events. Errors are as
// of Records.
func All(inputs []Input) iter.Seq2[*audit.Receipt, error] {
	return func(yield func(*audit.Receipt, error) bool) {
		for r, err := range Records(inputs) {
			if err == nil && r.Receipt == nil {
				continue
			}
			if !yield(r.Receipt, err) {
				return
			}
		}
	}
}

// Parse reads a line, without its newline, that is as it was written.
func Parse(line []byte) (Record, error) {
	if _, err := audit.ParseLink(line); err != nil {
		return Record{}, err
	}
	var r struct {
		Kind *string
		audit.Receipt
	}
	if err := json.Unmarshal(line, &r); err != nil {
		return Record{}, err
	}
	if r.Kind == nil {
		return Record{Receipt: &r.Receipt}, nil
	}
	e := new(event.Event)
	if err := json.Unmarshal(line, e); err != nil {
		return Record{}, err
	}
	return Record{Event: e}, nil
}

// FindRecord gives the receipt or event with this id, in either case of
// letters, or, if only one begins so, with the id's beginning (ShortestID
// characters at least).
func FindRecord(inputs []Input, id string) (Record, error) {
	return find(Records(inputs), Record.ID, id)
}

// Find is FindRecord among receipts alone.
func Find(inputs []Input, id string) (*audit.Receipt, error) {
	return find(All(inputs), func(r *audit.Receipt) string { return r.ID }, id)
}

func find[R any](all iter.Seq2[R, error], name func(R) string, id string) (R, error) {
	var found, none R
	foundID, upper := "", strings.ToUpper(id)
	for r, err := range all {
		if err != nil {
			return none, err
		}
		switch this := name(r); {
		case this == upper:
			return r, nil
		case len(id) < ShortestID || !strings.HasPrefix(this, upper):
		case foundID != "":
			return none, fmt.Errorf("receipt %s: %w, such as %s and %s", id, ErrAmbiguous, foundID, this)
		default:
			found, foundID = r, this
		}
	}
	if foundID == "" {
		return none, fmt.Errorf("receipt %s: %w", id, ErrNotFound)
	}
	return found, nil
}
