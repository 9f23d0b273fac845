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
// one begins so, with the id's beginning (6 characters at least).
func Find(inputs []Input, id string) (*audit.Receipt, error) {
	var found *audit.Receipt
	upper := bytes.ToUpper([]byte(id))
	for r, err := range All(inputs) {
		switch {
		case err != nil:
			return nil, err
		case r.ID == string(upper):
			return r, nil
		case len(id) < 6 || !bytes.HasPrefix([]byte(r.ID), upper):
		case found != nil:
			return nil, fmt.Errorf("receipt %s: more than one begins so, such as %s and %s", id, found.ID, r.ID)
		default:
			found = r
		}
	}
	if found == nil {
		return nil, fmt.Errorf("receipt %s: %w", id, ErrNotFound)
	}
	return found, nil
}
