// Package event writes what happened to containers after their receipt: alerts,
// lifecycle and answers, as records of the same hash-chained file.
//
// The wrapper writes none and does not import this package, which may therefore
// encode as it likes.
package event

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/runward/runward/internal/audit"
	"github.com/runward/runward/policy"
)

// Version is the form of the events that this package writes.
const Version = 1

// What an event may be.
const (
	Alert     = "alert"     // something is not as it should be
	Lifecycle = "lifecycle" // something began, ended or was done as a matter of course
	Answer    = "answer"    // something was done about a container, by policy or by a person
)

// How grave it is.
const (
	Info     = "info"
	Warning  = "warning"
	Critical = "critical"
)

// An Event is one record that is not a receipt.
type Event struct {
	Version  int       `json:"version"`
	ID       string    `json:"id"`       // as a receipt's, see audit.NewID
	Time     time.Time `json:"time"`     // UTC
	Kind     string    `json:"kind"`     // Alert, Lifecycle or Answer; a receipt has none
	Name     string    `json:"name"`     // what: attest.capabilities, memory.high, oom, started, freeze, audit.rotated, ...
	Severity string    `json:"severity"` // Info, Warning or Critical

	Container string          `json:"container,omitempty"`
	Bundle    string          `json:"bundle,omitempty"`
	Engine    string          `json:"engine,omitempty"`
	Identity  policy.Identity `json:"identity"`
	Receipt   string          `json:"receipt,omitempty"` // id of the create's receipt

	Message string            `json:"message"` // one line for a person
	Got     string            `json:"got,omitempty"`
	Want    string            `json:"want,omitempty"`
	Who     string            `json:"who,omitempty"` // of an answer: "policy", or "uid 1000 (anna)"
	Why     string            `json:"why,omitempty"`
	Details map[string]string `json:"details,omitempty"`
	Cut     *Cut              `json:"cut,omitempty"` // what was left out because the event would be over MaxBytes

	// Append fills in the rest.
	Gap  *audit.Gap `json:"gap,omitempty"`
	Seq  uint64     `json:"seq"`
	Prev string     `json:"prev"`
	Hash string     `json:"hash"`
}

// Append links the event to the record before and writes it as one line, as
// audit.Append does with a receipt. It fills in Version, Time (if zero), ID (if
// empty), Gap, Seq, Prev and Hash, and cuts what is over MaxBytes. An event
// that lacks its kind, name, severity or message is refused.
func Append(cfg audit.Config, e *Event) error {
	body, err := e.complete()
	if err != nil {
		return err
	}
	link, gap, err := audit.AppendBody(cfg, body)
	if err != nil {
		return err
	}
	e.linked(link, gap)
	return nil
}

// AppendTo is Append under a lock that the caller holds.
func AppendTo(l *audit.Log, e *Event) error {
	body, err := e.complete()
	if err != nil {
		return err
	}
	link, gap, err := l.AppendBody(body)
	if err != nil {
		return err
	}
	e.linked(link, gap)
	return nil
}

func (e *Event) linked(link audit.Link, gap *audit.Gap) {
	e.Gap, e.Seq, e.Prev, e.Hash = gap, link.Seq, link.Prev, link.Hash
}

// complete fills in what the caller left to Append and gives the body.
func (e *Event) complete() ([]byte, error) {
	if err := e.check(); err != nil {
		return nil, err
	}
	e.Version = Version
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	e.Time = e.Time.UTC()
	if e.ID == "" {
		e.ID = audit.NewID(e.Time)
	}
	e.linked(audit.Link{}, nil)
	return e.bounded()
}

func (e *Event) check() error {
	switch e.Kind {
	case Alert, Lifecycle, Answer:
	default:
		return fmt.Errorf("event %q: kind: want alert, lifecycle or answer, found %q", e.Name, e.Kind)
	}
	switch e.Severity {
	case Info, Warning, Critical:
	default:
		return fmt.Errorf("event %q: severity: want info, warning or critical, found %q", e.Name, e.Severity)
	}
	if e.Name == "" || e.Message == "" {
		return fmt.Errorf("event %q of kind %s: want a name and a message", e.Name, e.Kind)
	}
	return nil
}

// noLink is what an event without a link ends in.
const noLink = `,"seq":0,"prev":"","hash":""}`

// body gives the event as a JSON object without its link and its closing brace.
func (e *Event) body() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e); err != nil {
		return nil, fmt.Errorf("event %q: %w", e.Name, err)
	}
	body, ok := bytes.CutSuffix(bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), []byte(noLink))
	if !ok {
		return nil, errors.New("event: its last fields are not those of its link")
	}
	return body, nil
}
