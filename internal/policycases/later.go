package policycases

import (
	"encoding/json"
	"errors"
	"maps"
	"os"

	"github.com/runward/runward/internal/jsondoc"
	"github.com/runward/runward/internal/owner"
	"github.com/runward/runward/policy"
)

// An Input is what exec or update is given: a JSON file, or its members as a
// table.
type Input struct {
	file  string
	table []byte // JSON
}

// UnmarshalTOML reads a file's name or a table.
func (in *Input) UnmarshalTOML(v any) error {
	switch v := v.(type) {
	case string:
		if v == "" {
			return errors.New("want a file's name")
		}
		in.file = v
		return nil
	case map[string]any:
		var err error
		in.table, err = json.Marshal(v)
		return err
	}
	return errors.New("want a JSON file's name, or a table")
}

func (in *Input) given() bool { return in.file != "" || in.table != nil }

// read gives the JSON text, with what a table leaves out taken from base.
func (in *Input) read(f *File, base []byte) ([]byte, error) {
	if in.file != "" {
		path := f.beside(in.file)
		raw, err := os.ReadFile(path)
		if err != nil {
			return nil, errors.New(path + " cannot be read: " + owner.Reason(err))
		}
		return raw, nil
	}
	if base == nil {
		return in.table, nil
	}
	var whole, own map[string]json.RawMessage
	if err := errors.Join(json.Unmarshal(base, &whole), json.Unmarshal(in.table, &own)); err != nil {
		return nil, err
	}
	maps.Copy(whole, own)
	return json.Marshal(whole)
}

// later decides about an exec into the container that the policies left, or an
// update of it.
func (c *Case) later(f *File, set policy.Set, rules []policy.Rule, spec *policy.Spec, facts *policy.Facts, made policy.Decision) (policy.Decision, error) {
	if made.Verdict == policy.Deny {
		first := ""
		for _, x := range made.Findings {
			if x.Done == policy.Denied {
				first = ": " + x.Rule + " " + x.Pointer + ": " + x.Found
				break
			}
		}
		return made, errors.New("there is no container for it: policy refuses to create it" + first)
	}
	raw, err := spec.Apply(made.Patch)
	if err != nil {
		return made, err
	}
	after, err := policy.ParseSpec(raw)
	if err != nil {
		return made, err
	}
	now := *facts
	now.Ceiling, now.Claim = &made.Ceiling, &made.Claim
	if c.Update.given() {
		return c.update(f, set, rules, after, &now)
	}
	now.Verb = "exec"
	process, err := c.Exec.read(f, after.Process())
	if err != nil {
		return made, err
	}
	joined, err := policy.ParseProcess(process, now.Ceiling)
	if err != nil {
		return unread("process", err), nil
	}
	held := now.Ceiling
	if !set.Enforces(&now) {
		held = nil
	}
	return policy.EvaluateExec(set, rules, joined, &now, held), nil
}

func (c *Case) update(f *File, set policy.Set, rules []policy.Rule, after *policy.Spec, now *policy.Facts) (policy.Decision, error) {
	now.Verb = "update"
	raw, err := c.Update.read(f, nil)
	if err != nil {
		return policy.Decision{}, err
	}
	u := policy.Update{Document: true}
	doc, err := jsondoc.Parse(raw, jsondoc.DefaultLimits())
	if err == nil {
		err = jsondoc.Decode(doc.Root(), &u.Resources)
	}
	if err != nil {
		return unread("resources", err), nil
	}
	if cpu := after.View().Linux.Resources.CPU; cpu != nil {
		u.Quota, u.Period = value(cpu.Quota), int64(min(value(cpu.Period), 1<<40))
	}
	d := policy.EvaluateUpdate(set, rules, u, now, now.Ceiling)
	if !set.Enforces(now) {
		d = d.Advice()
	}
	return d, nil
}

// unread is the decision about what the wrapper cannot read: it refuses it.
func unread(what string, err error) policy.Decision {
	return policy.Decision{Verdict: policy.Deny, Findings: []policy.Finding{{Rule: what, Done: policy.Denied, Found: err.Error()}}}
}

func value[T int64 | uint64](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
