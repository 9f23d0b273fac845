package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"iter"

	"github.com/runward/runward/internal/audit"
)

// ErrNotFound is what Find returns for a receipt that is in none of the inputs.
var ErrNotFound = errors.New("no such receipt")

// ErrAmbiguous is what Find returns for a beginning that several receipts have.
var ErrAmbiguous = errors.New("several receipts begin so")

// ShortestID is how many characters of an id Find wants at least.
const ShortestID = 6

// All gives the receipts of all inputs in order. Lines that are no receipts are
// passed over: Verify is what judges them. An error, of reading, is the last
// thing given.
func All(inputs []Input) iter.Seq2[*audit.Receipt, error] {
	return func(yield func(*audit.Receipt, error) bool) {
		for _, in := range inputs {
			more := true
			err := eachLine(in, func(line []byte) {
				r := new(audit.Receipt)
				if !more || parse(line, r) != nil {
					return
				}
				more = yield(r, nil)
			})
			if !more {
				return
			}
			if err != nil {
				yield(nil, fmt.Errorf("read receipts %s: %w", in.Name, err))
				return
			}
		}
	}
}

func parse(line []byte, r *audit.Receipt) error {
	line = bytes.TrimSuffix(line, []byte{'\n'})
	if _, err := audit.ParseLink(line); err != nil {
		return err
	}
	return json.Unmarshal(line, r)
}

// Find gives the receipt with this id, in either case of letters, or, if only
// one begins so, with the id's beginning (ShortestID characters at least).
func Find(inputs []Input, id string) (*audit.Receipt, error) {
	var found *audit.Receipt
	upper := bytes.ToUpper([]byte(id))
	for r, err := range All(inputs) {
		switch {
		case err != nil:
			return nil, err
		case r.ID == string(upper):
			return r, nil
		case len(id) < ShortestID || !bytes.HasPrefix([]byte(r.ID), upper):
		case found != nil:
			return nil, fmt.Errorf("receipt %s: %w, such as %s and %s", id, ErrAmbiguous, found.ID, r.ID)
		default:
			found = r
		}
	}
	if found == nil {
		return nil, fmt.Errorf("receipt %s: %w", id, ErrNotFound)
	}
	return found, nil
}
