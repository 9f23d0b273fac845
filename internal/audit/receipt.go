// Package audit writes receipts: one JSON line for every decision, each linked
// to the one before by its hash. Package journal reads and verifies them.
// Package event puts records of other kinds into the same chain (alerts,
// lifecycle, answers), which have a "kind"; a receipt has none.
//
// # The chain
//
// A line ends in "seq", "prev" and "hash": its number, the hash of the receipt
// before, and the SHA-256 of its own bytes up to the hash. Beside the file lies
// a head (the path with ".head"): number and hash of the last receipt. It is
// the writers' lock, it carries the chain over a rotation, and it shows when
// the end of the file was cut off.
//
// What can be told: any changed byte, any line removed, inserted, repeated or
// moved, and, with the head, a missing end. What cannot: a forger who is root
// can compute all hashes anew, head included, or cut off the end and put the
// head back to match. Against that only a copy of a hash on another machine
// helps: ship the receipts, or the head, elsewhere.
//
// # Crashes
//
// A line is one write. If that is cut short (kill, power cut) the fragment
// stays as evidence on a line of its own, and the next receipt's "gap" accounts
// for it by length and digest, so that a torn line is no tampering. Numbers that the head knew and the file no
// longer has are counted in the same place as lost.
//
// # Rotation
//
// The file may be renamed or removed at any time; the next receipt starts a new
// one and links to the last of the old. The head must stay. Tools that truncate
// in place (copytruncate) or compress at once (without delaycompress) can lose
// the receipts of that very moment; the chain then shows it.
package audit

import (
	"math/rand/v2"
	"time"

	"github.com/runward/runward/internal/patch"
	"github.com/runward/runward/policy"
)

// Version is the form of the receipts that this package writes.
const Version = 1

// A Receipt is the record of one decision.
type Receipt struct {
	Version int       `json:"version"`
	ID      string    `json:"id"`   // see NewID; what a denial names
	Time    time.Time `json:"time"` // UTC

	Verb      string          `json:"verb"` // create, run, exec, ...
	Container string          `json:"container"`
	Bundle    string          `json:"bundle"`
	Engine    string          `json:"engine,omitempty"`
	Handler   string          `json:"handler,omitempty"` // the name that the wrapper was called by
	Identity  policy.Identity `json:"identity"`
	Runtime   string          `json:"runtime,omitempty"` // the real runtime's path

	Original string   `json:"original,omitempty"` // sha256:... of config.json as the engine wrote it
	Final    string   `json:"final,omitempty"`    // sha256:... of config.json as the runtime reads it
	Policy   string   `json:"policy,omitempty"`   // digest of the set of policies
	Policies []string `json:"policies"`           // those that select the container

	Mode     string           `json:"mode,omitempty"` // enforce, audit or off
	Verdict  policy.Verdict   `json:"verdict"`
	Error    string           `json:"error,omitempty"` // a denial without a finding: what could not be read, decoded or kept
	Findings []policy.Finding `json:"findings"`
	Patch    patch.Patch      `json:"patch"`
	Cut      *Cut             `json:"cut,omitempty"` // what was left out because the receipt would be over MaxBytes

	Micros int64 `json:"micros"` // spent on the decision
	PID    int   `json:"pid,omitempty"`

	// Append fills in the rest.
	Gap  *Gap   `json:"gap,omitempty"`
	Seq  uint64 `json:"seq"`  // from 1
	Prev string `json:"prev"` // hash of the receipt before, empty for the first
	Hash string `json:"hash"` // sha256:... of the line up to this field's comma
}

// A Gap is what Append found between the last whole receipt and the place of
// its own.
type Gap struct {
	Bytes  int64  `json:"bytes,omitempty"`  // that are no receipt, without the newline that ends them
	Digest string `json:"digest,omitempty"` // sha256:... of them
	Torn   bool   `json:"torn,omitempty"`   // they end as a write that was cut short; stands for one number
	Lost   uint64 `json:"lost,omitempty"`   // receipts that the head knew and the file no longer had
}

// NewID gives a receipt's name: 26 characters of Crockford's base 32 that sort
// by time (48 bits of Unix milliseconds, 80 random), as a ULID.
func NewID(t time.Time) string {
	const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	var id [26]byte
	ms := uint64(t.UnixMilli())
	for i := 9; i >= 0; i-- {
		id[i] = digits[ms&31]
		ms >>= 5
	}
	for i, word := 10, uint64(0); i < len(id); i++ {
		if i == 10 || i == 18 {
			word = rand.Uint64()
		}
		id[i] = digits[word&31]
		word >>= 5
	}
	return string(id[:])
}
