package audit

import (
	"slices"
	"strconv"
	"time"

	"github.com/runward/runward/internal/jsondoc"
	"github.com/runward/runward/internal/patch"
	"github.com/runward/runward/policy"
)

// appendBody appends the receipt as a JSON object without its link and its
// closing brace. It is written by hand, and not with encoding/json, because
// every create pays for it; a test holds it to the struct's tags.
func appendBody(b []byte, r *Receipt) []byte {
	b = strconv.AppendInt(append(b, `{"version":`...), int64(r.Version), 10)
	b = field(b, `,"id":`, r.ID)
	b = append(b, `,"time":"`...)
	b = append(r.Time.UTC().AppendFormat(b, time.RFC3339Nano), '"')
	b = field(b, `,"verb":`, r.Verb)
	b = field(b, `,"container":`, r.Container)
	b = field(b, `,"bundle":`, r.Bundle)
	b = optional(b, `,"engine":`, r.Engine)
	b = optional(b, `,"handler":`, r.Handler)
	b = appendIdentity(append(b, `,"identity":`...), &r.Identity)
	b = optional(b, `,"runtime":`, r.Runtime)
	b = optional(b, `,"original":`, r.Original)
	b = optional(b, `,"final":`, r.Final)
	b = optional(b, `,"policy":`, r.Policy)
	b = list(append(b, `,"policies":`...), r.Policies, jsondoc.AppendQuote)
	b = optional(b, `,"mode":`, r.Mode)
	b = field(b, `,"verdict":`, r.Verdict.String())
	b = optional(b, `,"error":`, r.Error)
	b = list(append(b, `,"findings":`...), r.Findings, appendFinding)
	b = appendPatch(append(b, `,"patch":`...), r.Patch)
	b = appendCut(b, r.Cut)
	b = strconv.AppendInt(append(b, `,"micros":`...), r.Micros, 10)
	if r.PID != 0 {
		b = strconv.AppendInt(append(b, `,"pid":`...), int64(r.PID), 10)
	}
	return b
}

func appendGap(b []byte, g *Gap) []byte {
	if g == nil {
		return b
	}
	b = append(b, `,"gap":{`...)
	from := len(b)
	if g.Bytes != 0 {
		b = strconv.AppendInt(append(b, `,"bytes":`...), g.Bytes, 10)
	}
	b = optional(b, `,"digest":`, g.Digest)
	if g.Torn {
		b = append(b, `,"torn":true`...)
	}
	if g.Lost != 0 {
		b = strconv.AppendUint(append(b, `,"lost":`...), g.Lost, 10)
	}
	return append(uncomma(b, from), '}')
}

func appendIdentity(b []byte, id *policy.Identity) []byte {
	b = append(b, '{')
	from := len(b)
	b = optional(b, `,"kind":`, id.Kind)
	b = optional(b, `,"namespace":`, id.Namespace)
	b = optional(b, `,"pod":`, id.Pod)
	b = optional(b, `,"pod_uid":`, id.PodUID)
	b = optional(b, `,"container":`, id.Container)
	b = optional(b, `,"image":`, id.Image)
	b = optional(b, `,"digest":`, id.Digest)
	b = optional(b, `,"user":`, id.User)
	b = stringMap(b, `,"annotations":`, id.Annotations)
	b = stringMap(b, `,"labels":`, id.Labels)
	b = optional(b, `,"conflict":`, id.Conflict)
	return append(uncomma(b, from), '}')
}

func appendFinding(b []byte, f policy.Finding) []byte {
	b = field(b, `{"rule":`, f.Rule)
	b = field(b, `,"policy":`, f.Policy)
	b = field(b, `,"pointer":`, f.Pointer)
	b = field(b, `,"found":`, f.Found)
	b = field(b, `,"wanted":`, f.Wanted)
	b = field(b, `,"done":`, string(f.Done))
	b = optional(b, `,"hint":`, f.Hint)
	b = optional(b, `,"because":`, f.Because)
	return append(b, '}')
}

func appendPatch(b []byte, p patch.Patch) []byte {
	from := len(b)
	b = p.AppendJSON(b)
	for i, c := range b[from:] { // a raw value may be spread over lines
		if c == '\n' || c == '\r' {
			b[from+i] = ' '
		}
	}
	return b
}

func field(b []byte, key, value string) []byte {
	return jsondoc.AppendQuote(append(b, key...), value)
}

func optional(b []byte, key, value string) []byte {
	if value == "" {
		return b
	}
	return field(b, key, value)
}

func list[T any](b []byte, items []T, one func([]byte, T) []byte) []byte {
	b = append(b, '[')
	for i, item := range items {
		if i > 0 {
			b = append(b, ',')
		}
		b = one(b, item)
	}
	return append(b, ']')
}

func stringMap(b []byte, key string, m map[string]string) []byte {
	if len(m) == 0 {
		return b
	}
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	b = append(append(b, key...), '{')
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = field(append(jsondoc.AppendQuote(b, name), ':'), "", m[name])
	}
	return append(b, '}')
}

// uncomma drops the comma that the first optional field left at from.
func uncomma(b []byte, from int) []byte {
	if len(b) == from {
		return b
	}
	return slices.Delete(b, from, from+1)
}
