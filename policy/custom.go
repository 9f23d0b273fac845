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
	by []string
}

// askedBy gives the policies' custom rules, each once.
func askedBy(policies []*Policy) []*asked {
	var all []*asked
	for _, p := range policies {
	next:
		for i := range p.Custom {
			for _, have := range all {
				if have.same(&p.Custom[i]) {
					have.by = append(have.by, p.Name)
					continue next
				}
			}
			all = append(all, &asked{&p.Custom[i], []string{p.Name}})
		}
	}
	return all
}

// runCustom judges what all other rules have left of the container.
func (e *Eval) runCustom(policies []*Policy) {
	for _, a := range askedBy(policies) {
		if !a.judges(e.Facts.Verb) {
			continue
		}
		if f, holds := e.judgeCustom(a); holds {
			e.rule, e.policies, e.action = &Rule{ID: a.ID}, f.Policy, a.Action
			e.exceptCustom(a, f, policies)
		}
	}
}

// judgeCustom evaluates the rule. What cannot be evaluated counts as found.
func (e *Eval) judgeCustom(a *asked) (f Finding, holds bool) {
	f = Finding{
		Policy: strings.Join(a.by, "+"), Found: a.Message, Hint: a.Hint,
		Wanted: "a container for which this does not hold: " + a.short(),
	}
	if f.Hint == "" {
		f.Hint = "ask the node's administrator for an exception from the rule"
	}
	if a.Match == nil {
		f.Found, f.Hint = "a custom rule that this program cannot evaluate", "install the whole of runward, in one version"
		return f, true
	}
	holds, err := a.Match(e.Spec, e.Facts)
	if err != nil {
		f.Found, f.Hint = "what the rule cannot judge: "+err.Error(), "ask the administrator to mend the rule's expression"
		return f, true
	}
	return f, holds
}

// short is the expression on one line, cut where it is long.
func (c *Custom) short() string {
	const most = 200
	line := strings.Join(strings.Fields(c.When), " ")
	if len(line) <= most {
		return line
	}
	cut := most
	for cut > 0 && line[cut]&0xc0 == 0x80 { // within a character
		cut--
	}
	return line[:cut] + "..."
}

// exceptCustom denies unless exceptions waive the rule for every policy that
// asks for it, and records what they let pass or, being over, would have.
func (e *Eval) exceptCustom(a *asked, f Finding, policies []*Policy) {
	held := false
	var used []*Exception
	for _, name := range a.by {
		waived := false
		for _, x := range e.exceptions(a.ID, name, policies) {
			used = append(used, x)
			waived = waived || !x.ended(e.Facts)
		}
		held = held || !waived
	}
	if held {
		e.Deny(f)
	}
	for _, x := range used {
		if x.ended(e.Facts) != held {
			continue
		}
		f.Done, f.Because = Excepted, x.Reason
		if held {
			f.Done = Expired
		}
		e.record(f)
		return
	}
}
