package policy

// A Mode is whether a policy decides.
type Mode uint8

const (
	Enforce Mode = iota // decide; the zero Mode
	Audit               // record what it would have done, change nothing
	Off
)

func (m Mode) String() string {
	switch m {
	case Audit:
		return "audit"
	case Off:
		return "off"
	default:
		return "enforce"
	}
}

// ParseMode reads the `mode` key of a policy.
func ParseMode(s string) (Mode, bool) {
	for m := Enforce; m <= Off; m++ {
		if m.String() == s {
			return m, true
		}
	}
	return Enforce, false
}

// A Policy is one decoded policy file or profile.
type Policy struct {
	Name       string
	File       string // where it came from, for people
	Mode       Mode
	Select     []Selector         // any may match; none: every container
	Rules      map[string]Setting // by rule, those that the policy switches on
	Custom     []Custom           // rules of its own
	Exceptions []Exception
}

// A Setting is what one policy says of one rule.
type Setting struct {
	Action   Action
	Settings any // pointer to the rule's settings struct
}

// Selects tells whether the policy is for the container of these facts.
func (p *Policy) Selects(f *Facts) bool {
	for i := range p.Select {
		if p.Select[i].Matches(f) {
			return true
		}
	}
	return len(p.Select) == 0
}

// Extend holds a policy also to another, as its `extends` says: each rule's
// settings become the meet of both, actions the stricter one.
func (p *Policy) Extend(base *Policy, rules []Rule) {
	for i := range rules {
		id := rules[i].ID
		theirs, ok := base.Rules[id]
		if !ok {
			continue
		}
		mine, ok := p.Rules[id]
		if !ok {
			p.Rules[id] = theirs
			continue
		}
		both := Setting{Action: strictest(&rules[i], mine, theirs), Settings: clone(defaulted(mine.Settings))}
		meet(both.Settings, defaulted(theirs.Settings))
		p.Rules[id] = both
	}
	for i := range base.Custom {
		if !p.hasCustom(&base.Custom[i]) {
			p.Custom = append(p.Custom, base.Custom[i])
		}
	}
	p.Exceptions = append(p.Exceptions, base.Exceptions...)
}

func (p *Policy) hasCustom(c *Custom) bool {
	for i := range p.Custom {
		if p.Custom[i].same(c) {
			return true
		}
	}
	return false
}

// strictest returns the stricter of two actions; one that is not said counts
// as the rule's default.
func strictest(r *Rule, a, b Setting) Action {
	return max(actionOf(r, a), actionOf(r, b))
}

func actionOf(r *Rule, s Setting) Action {
	if s.Action == ActionUnset {
		return r.Default
	}
	return s.Action
}

// A Set is everything that decides on a node.
type Set struct {
	Policies []*Policy // in the order of their file names

	// Fallback holds for a container that no policy selects. Without one such
	// a container is denied.
	Fallback *Policy

	// Digest identifies the set: it changes when any byte of it does.
	Digest string
}

// selected returns the policies for these facts, enforced and audited apart.
func (s *Set) selected(f *Facts) (enforced, audited []*Policy) {
	any := false
	for _, p := range s.Policies {
		if !p.Selects(f) {
			continue
		}
		any = true
		switch p.Mode {
		case Enforce:
			enforced = append(enforced, p)
		case Audit:
			audited = append(audited, p)
		case Off: // it selects, and so keeps the fallback away, but asks for nothing
		}
	}
	if !any && s.Fallback != nil {
		if s.Fallback.Mode == Audit {
			return nil, []*Policy{s.Fallback}
		}
		return []*Policy{s.Fallback}, nil
	}
	return enforced, audited
}

// OnlyAudit returns the set with nothing enforced: what would be enforced is
// recorded.
func (s Set) OnlyAudit() Set {
	audited := func(p *Policy) *Policy {
		if p == nil || p.Mode != Enforce {
			return p
		}
		q := *p
		q.Mode = Audit
		return &q
	}
	out := Set{Digest: s.Digest, Fallback: audited(s.Fallback)}
	for _, p := range s.Policies {
		out.Policies = append(out.Policies, audited(p))
	}
	if out.Fallback == nil { // without one, what no policy selects is denied
		out.Fallback = &Policy{Name: "unselected", Mode: Audit}
	}
	return out
}

// Advises tells whether nothing in the set can deny, whatever the container:
// then not even a config.json that cannot be read is refused.
func (s Set) Advises() bool {
	everything := s.Fallback != nil && s.Fallback.Mode != Enforce
	for _, p := range s.Policies {
		if p.Mode == Enforce {
			return false
		}
		everything = everything || len(p.Select) == 0
	}
	return everything
}

// Enforces tells whether a policy decides about the container of these facts,
// and does not only record.
func (s Set) Enforces(f *Facts) bool {
	enforced, audited := s.selected(f)
	return len(enforced) > 0 || len(audited) == 0 && s.Fallback == nil
}
