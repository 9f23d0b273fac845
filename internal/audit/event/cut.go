package event

import (
	"maps"
	"slices"
	"strconv"
)

// MaxBytes bounds an event's line: what a container does must not fill the disk
// of those who record it.
const MaxBytes = 64 << 10

const (
	maxString  = 2048
	maxDetails = 16
)

// A Cut says what was left out of an event to keep it under MaxBytes: strings
// above 2048 bytes end in "...(n bytes)", trusted annotations and labels are
// left out, and of the details those after the first 16 in the order of their
// names.
type Cut struct {
	Bytes   int `json:"bytes"`             // of the whole event
	Details int `json:"details,omitempty"` // how many there were
}

func (e *Event) bounded() ([]byte, error) {
	body, err := e.body()
	if err != nil || len(body) <= MaxBytes-maxLink {
		return body, err
	}
	whole, was := *e, len(body)
	for most := maxString; ; most /= 2 { // control characters take six bytes each
		*e = whole
		e.Cut = &Cut{Bytes: was}
		e.clip(most)
		if body, err = e.body(); err != nil || len(body) <= MaxBytes-maxLink {
			return body, err
		}
	}
}

// maxLink bounds what the link and a gap add.
const maxLink = 512

// clip shortens every string of the event. The caller's map stays as it is.
func (e *Event) clip(most int) {
	id := &e.Identity
	id.Annotations, id.Labels = nil, nil
	for _, s := range []*string{
		&e.ID, &e.Name, &e.Container, &e.Bundle, &e.Engine, &e.Receipt, &e.Message, &e.Got, &e.Want, &e.Who, &e.Why,
		&id.Kind, &id.Namespace, &id.Pod, &id.PodUID, &id.Container, &id.Image, &id.Digest, &id.User, &id.Conflict,
	} {
		*s = clipped(*s, most)
	}
	names := slices.Sorted(maps.Keys(e.Details))
	if len(names) > maxDetails {
		e.Cut.Details = len(names)
		names = names[:maxDetails]
	}
	details := make(map[string]string, len(names))
	for _, name := range names {
		details[clipped(name, most)] = clipped(e.Details[name], most)
	}
	e.Details = details
}

func clipped(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return s[:most] + "...(" + strconv.Itoa(len(s)) + " bytes)"
}
