package policyfile

import (
	"encoding/binary"
	"hash/crc32"
	"reflect"
	"sort"

	"github.com/runward/runward/policy"
)

// A ref is where a piece is among the pieces of a cache, and its checksum. A
// piece is a policy or the settings of one rule; policies that extend the same
// profile share its settings, in the file and decoded.
type ref struct {
	at, size, sum uint32
}

const refSize = 3 * 4

func appendRef(b []byte, p ref) []byte {
	for _, n := range [...]uint32{p.at, p.size, p.sum} {
		b = binary.LittleEndian.AppendUint32(b, n)
	}
	return b
}

func (r *reader) ref() (p ref) {
	if b := r.bytes(refSize); b != nil {
		p = ref{binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:]), binary.LittleEndian.Uint32(b[8:])}
	}
	return p
}

// A piecesWriter collects pieces, equal ones once.
type piecesWriter struct {
	b     []byte
	known map[string]ref
}

func (w *piecesWriter) add(piece []byte) ref {
	if have, ok := w.known[string(piece)]; ok {
		return have
	}
	p := ref{uint32(len(w.b)), uint32(len(piece)), crc32.ChecksumIEEE(piece)}
	w.b = append(w.b, piece...)
	w.known[string(piece)] = p
	return p
}

func (w *piecesWriter) policy(p *policy.Policy) (ref, error) {
	selectors := appendSelectors(nil, p.Select)
	b := append(appendUint(nil, uint64(len(selectors))), selectors...)
	b = append(appendString(appendString(b, p.Name), p.File), byte(p.Mode))
	b, err := appendValue(b, reflect.ValueOf(p.Select))
	if err != nil {
		return ref{}, err
	}
	b = appendLen(b, reflect.ValueOf(p.Rules))
	for _, id := range sortedKeys(p.Rules) {
		b = append(appendString(b, id), byte(p.Rules[id].Action))
		if b, err = w.settings(b, p.Rules[id].Settings); err != nil {
			return ref{}, err
		}
	}
	if b, err = appendValue(b, reflect.ValueOf(customsData(p.Custom))); err != nil {
		return ref{}, err
	}
	b = appendLen(b, reflect.ValueOf(p.Exceptions))
	for i := range p.Exceptions {
		if b, err = w.exception(b, &p.Exceptions[i]); err != nil {
			return ref{}, err
		}
	}
	return w.add(b), nil
}

func (w *piecesWriter) exception(b []byte, x *policy.Exception) ([]byte, error) {
	b, err := appendValue(b, reflect.ValueOf(exceptionData{x.Rules, x.Match, x.Policies, x.Reason, x.Expires}))
	if err != nil {
		return nil, err
	}
	b = appendLen(b, reflect.ValueOf(x.Allow))
	for _, id := range sortedKeys(x.Allow) {
		if b, err = w.settings(appendString(b, id), x.Allow[id]); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// settings adds a rule's settings as a piece of their own, and appends its ref.
func (w *piecesWriter) settings(b []byte, settings any) ([]byte, error) {
	piece, err := appendValue(nil, reflect.ValueOf(settings).Elem())
	if err != nil {
		return nil, err
	}
	return appendRef(b, w.add(piece)), nil
}

// exceptionData is a policy.Exception without what only its rules can read.
type exceptionData struct {
	Rules    []string
	Match    policy.Selector
	Policies []string
	Reason   string
	Expires  int64
}

// customData is a policy.Custom without what it compiles to.
type customData struct {
	ID, When, Message, Hint string
	Action                  policy.Action
	On, Refs                []string
	Policy                  string
}

func customsData(all []policy.Custom) []customData {
	var out []customData
	for _, c := range all {
		out = append(out, customData{c.ID, c.When, c.Message, c.Hint, c.Action, c.On, c.Refs, c.Policy})
	}
	return out
}

func (r *reader) customs() []policy.Custom {
	var all []customData
	r.value(reflect.ValueOf(&all).Elem())
	var out []policy.Custom
	for _, d := range all {
		if d.Action != policy.ActionDeny && d.Action != policy.ActionAudit {
			r.fail()
		}
		out = append(out, policy.Custom{
			ID: d.ID, When: d.When, Message: d.Message, Hint: d.Hint, Action: d.Action, On: d.On, Refs: d.Refs, Policy: d.Policy,
		})
	}
	return out
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// pieces reads what a piecesWriter collected.
type pieces struct {
	b       []byte
	rules   []policy.Rule
	decoded map[ref]any // settings that were read before
}

// piece returns a copy of a piece: what is decoded outlives the file.
func (p *pieces) piece(at ref) (*reader, bool) {
	end := uint64(at.at) + uint64(at.size)
	if end > uint64(len(p.b)) {
		return nil, false
	}
	b := append([]byte(nil), p.b[at.at:end]...)
	return &reader{b: b}, crc32.ChecksumIEEE(b) == at.sum
}

// policy reads a policy if it selects the container; for every container where
// s is nil. p is nil if it does not, ok false if there is no such policy.
func (p *pieces) policy(at ref, s *subject) (out *policy.Policy, ok bool) {
	r, ok := p.piece(at)
	if !ok {
		return nil, false
	}
	selectors := r.bytes(r.uint())
	if s != nil {
		if selects, ok := s.selected(selectors); !selects || !ok {
			return nil, ok && !r.bad
		}
	}
	out = &policy.Policy{Name: r.string(), File: r.string(), Mode: policy.Mode(r.byte())}
	if out.Mode > policy.Off {
		r.fail()
	}
	r.value(reflect.ValueOf(&out.Select).Elem())
	n, isNil := r.len()
	if !isNil {
		out.Rules = make(map[string]policy.Setting, n)
	}
	for i := 0; i < n && !r.bad; i++ {
		id, action := r.string(), policy.Action(r.byte())
		if action > policy.ActionDeny {
			r.fail()
		}
		out.Rules[id] = policy.Setting{Action: action, Settings: p.settings(r, id)}
	}
	out.Custom = r.customs()
	n, isNil = r.len()
	if !isNil {
		out.Exceptions = make([]policy.Exception, n)
	}
	for i := 0; i < n && !r.bad; i++ {
		p.exception(r, &out.Exceptions[i])
	}
	return out, !r.bad && len(r.b) == 0
}

func (p *pieces) exception(r *reader, x *policy.Exception) {
	var d exceptionData
	r.value(reflect.ValueOf(&d).Elem())
	*x = policy.Exception{Rules: d.Rules, Match: d.Match, Policies: d.Policies, Reason: d.Reason, Expires: d.Expires}
	n, isNil := r.len()
	if !isNil {
		x.Allow = make(map[string]any, n)
	}
	for i := 0; i < n && !r.bad; i++ {
		id := r.string()
		x.Allow[id] = p.settings(r, id)
	}
}

// settings reads the settings of a rule. They are shared: whoever changes
// settings clones them first.
func (p *pieces) settings(r *reader, id string) any {
	rule := p.rule(id)
	at := r.ref()
	if rule == nil || r.bad {
		r.fail()
		return nil
	}
	empty := rule.NewSettings()
	if have, ok := p.decoded[at]; ok && reflect.TypeOf(have) == reflect.TypeOf(empty) {
		return have
	}
	piece, ok := p.piece(at)
	if !ok {
		r.fail()
		return nil
	}
	piece.value(reflect.ValueOf(empty).Elem())
	if piece.bad || len(piece.b) > 0 {
		r.fail()
		return nil
	}
	p.decoded[at] = empty
	return empty
}

func (p *pieces) rule(id string) *policy.Rule {
	for i := range p.rules {
		if p.rules[i].ID == id {
			return &p.rules[i]
		}
	}
	return nil
}
