package audit

import (
	"strconv"

	"github.com/runward/runward/policy"
)

// MaxBytes bounds a receipt's line: what a container asks for must not fill
// the disk of those who record it.
const MaxBytes = 1 << 20

// A Cut says what was left out of a receipt to keep it under MaxBytes.
type Cut struct {
	Patch    *Cutting `json:"patch,omitempty"`    // the whole patch was left out
	Findings *Cutting `json:"findings,omitempty"` // those after the ones that are there, a denial's first
	Strings  int      `json:"strings,omitempty"`  // above this many bytes strings end in "...(n bytes)", and trusted annotations and labels are left out
}

// A Cutting tells what a part of the receipt was before it was cut.
type Cutting struct {
	Count  int    `json:"count"`
	Bytes  int    `json:"bytes"`  // as JSON
	Digest string `json:"digest"` // sha256:... of the JSON
}

// bounded gives the receipt's body, of what is left of it after as many cuts as
// MaxBytes asks for: the patch first (it can be had from the policy again),
// then long strings, then findings.
func bounded(r *Receipt) []byte {
	room := MaxBytes - sealMax
	body := appendBody(nil, r)
	if len(body) <= room {
		return body
	}
	patch := appendPatch(nil, r.Patch)
	r.Cut = &Cut{Patch: cutting(len(r.Patch), patch)}
	r.Patch = nil
	if body = appendBody(body[:0], r); len(body) <= room {
		return body
	}
	findings := list(nil, r.Findings, appendFinding)
	count := len(r.Findings)
	r.Findings = deniedFirst(r.Findings)
	clip(r, 2048)
	for body = appendBody(body[:0], r); len(body) > room; body = appendBody(body[:0], r) {
		if n := len(r.Findings); n > 1 {
			r.Findings = r.Findings[:n/2]
			r.Cut.Findings = cutting(count, findings)
		} else {
			r.Policies = r.Policies[:len(r.Policies)/2]
		}
	}
	return body
}

func cutting(count int, json []byte) *Cutting {
	return &Cutting{Count: count, Bytes: len(json), Digest: Digest(json)}
}

func deniedFirst(findings []policy.Finding) []policy.Finding {
	sorted := make([]policy.Finding, 0, len(findings))
	for _, denied := range []bool{true, false} {
		for _, f := range findings {
			if (f.Done == policy.Denied) == denied {
				sorted = append(sorted, f)
			}
		}
	}
	return sorted
}

// clip shortens every string of the receipt.
func clip(r *Receipt, most int) {
	r.Cut.Strings = most
	id := &r.Identity
	id.Annotations, id.Labels = nil, nil
	all := []*string{
		&r.ID, &r.Verb, &r.Container, &r.Bundle, &r.Engine, &r.Handler, &r.Runtime, &r.Original, &r.Final, &r.Policy, &r.Mode, &r.Error,
		&id.Kind, &id.Namespace, &id.Pod, &id.PodUID, &id.Container, &id.Image, &id.Digest, &id.User, &id.Conflict,
	}
	r.Policies = append([]string(nil), r.Policies...)
	for i := range r.Policies {
		all = append(all, &r.Policies[i])
	}
	for i := range r.Findings { // a copy, see deniedFirst
		f := &r.Findings[i]
		all = append(all, &f.Rule, &f.Policy, &f.Pointer, &f.Found, &f.Wanted, (*string)(&f.Done), &f.Hint, &f.Because)
	}
	for _, s := range all {
		if len(*s) > most {
			*s = (*s)[:most] + "...(" + strconv.Itoa(len(*s)) + " bytes)"
		}
	}
}

func appendCut(b []byte, c *Cut) []byte {
	if c == nil {
		return b
	}
	b = append(b, `,"cut":{`...)
	from := len(b)
	b = appendCutting(b, `,"patch":`, c.Patch)
	b = appendCutting(b, `,"findings":`, c.Findings)
	if c.Strings != 0 {
		b = strconv.AppendInt(append(b, `,"strings":`...), int64(c.Strings), 10)
	}
	return append(uncomma(b, from), '}')
}

func appendCutting(b []byte, key string, c *Cutting) []byte {
	if c == nil {
		return b
	}
	b = strconv.AppendInt(append(append(b, key...), `{"count":`...), int64(c.Count), 10)
	b = strconv.AppendInt(append(b, `,"bytes":`...), int64(c.Bytes), 10)
	return append(field(b, `,"digest":`, c.Digest), '}')
}
