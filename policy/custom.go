package policy

import (
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// A Custom is a rule that an administrator wrote, `[[rule]]` in a policy. It
// refuses or records a container for which its expression holds, and cannot
// give it anything.
type Custom struct {
	ID      string   // has a "-", which no built-in rule has
	When    string   // an expression, as the policy has it
	Message string   // what was found, where it holds
	Hint    string   // what the container's owner can do
	Action  Action   // ActionDeny or ActionAudit
	On      []string // create, exec: what it judges
	Refs    []string // standards it answers, for people
	Policy  string   // the policy or profile that has it

	// Match tells whether the expression holds for what the runtime will read.
	// An error counts as if it did. Nil: this program has no expressions, and
	// the rule refuses what it judges.
	Match func(spec *specs.Spec, facts *Facts) (bool, error)
}

// A WhenError says where in a Custom's When something is wrong.
type WhenError struct {
	Offset int // in bytes
	Msg    string
}

func (e *WhenError) Error() string { return e.Msg }

// Custom tells whether any policy of the set has custom rules.
func (s Set) Custom() bool {
	for _, p := range s.Policies {
		if len(p.Custom) > 0 {
			return true
		}
	}
	return s.Fallback != nil && len(s.Fallback.Custom) > 0
}

// judges tells whether the rule is about that verb.
func (c *Custom) judges(verb string) bool {
	switch verb {
	case "", "create", "run", "restore":
		return contains(c.On, "create")
	case "exec":
		return contains(c.On, "exec")
	}
	return false
}

// same tells whether both are one rule, reached by two ways.
func (c *Custom) same(o *Custom) bool {
	return c.ID == o.ID && c.Policy == o.Policy && c.When == o.When
}

// asked is a custom rule with the policies that ask for it.
type asked struct {
	*Custom
	by   []string
	used []*Exception // that speak of it
	held bool         // a policy asks for it without an exception that holds
}

// runCustom judges what all other rules have left of the container.
func (e *Eval) runCustom(policies []*Policy) {
	var all []*asked
	for _, p := range policies {
		for i := range p.Custom {
			c := &p.Custom[i]
			if !c.judges(e.Facts.Verb) {
				continue
			}
			var a *asked
			for _, have := range all {
				if have.same(c) {
					a = have
				}
			}
			if a == nil {
				a = &asked{Custom: c}
				all = append(all, a)
			}
			waived := false
			for _, x := range e.exceptions(c.ID, p.Name, policies) {
				a.used = append(a.used, x)
				waived = waived || !x.ended(e.Facts)
			}
			a.by, a.held = append(a.by, p.Name), a.held || !waived
		}
	}
	for _, a := range all {
		e.judgeCustom(a)
	}
}

func (e *Eval) judgeCustom(a *asked) {
	f := Finding{
		Rule: a.ID, Policy: strings.Join(a.by, "+"), Hint: a.Hint,
		Found: a.Message, Wanted: "a container for which this does not hold: " + a.When,
	}
	holds, err := false, error(nil)
	if a.Match == nil {
		holds, f.Found, f.Hint = true, "a custom rule that this program cannot evaluate", "install the whole of runward, in one version"
	} else if holds, err = a.Match(e.Spec, e.Facts); err != nil {
		holds, f.Found = true, "what the rule cannot judge: "+err.Error()
		f.Hint = "ask the administrator to mend the rule's expression"
	}
	if !holds {
		return
	}
	e.rule, e.policies, e.action = &Rule{ID: a.ID}, f.Policy, a.Action
	if a.held {
		e.Deny(f)
	}
	for _, x := range a.used {
		done := Excepted
		if x.ended(e.Facts) {
			done = Expired
		}
		if a.held == (done == Expired) { // else it made no difference
			f.Done, f.Because = done, x.Reason
			e.record(f)
			return
		}
	}
}
