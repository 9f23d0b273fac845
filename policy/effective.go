package policy

// An Effective is what holds for one container before its config.json is
// known.
type Effective struct {
	Refused    bool            // no policy selects it, and such are refused
	Policies   []string        // that select it, enforced ones first
	Enforced   []EffectiveRule // in the order in which they run
	Audited    []EffectiveRule // what policies in audit mode ask for
	Custom     []EffectiveCustom
	Exceptions []*Exception // that match, also those that ended
}

// An EffectiveRule is a rule that is on, with the meet of what policies say,
// without exceptions.
type EffectiveRule struct {
	Rule     string
	Action   Action
	By       []string // the policies whose action is the strictest; "default" where none has the rule
	Settings any
}

// An EffectiveCustom is a custom rule that is on.
type EffectiveCustom struct {
	*Custom
	By    []string // the policies that ask for it
	Audit bool     // they only record
}

// EffectiveFor tells what a set asks of the container of these facts.
func EffectiveFor(set Set, rules []Rule, facts *Facts) Effective {
	enforced, audited := set.selected(facts)
	var x Effective
	all := append(append([]*Policy{}, enforced...), audited...)
	for _, p := range all {
		x.Policies = append(x.Policies, p.Name)
		for i := range p.Exceptions {
			if e := &p.Exceptions[i]; e.Match.Missing == "" && e.Match.Matches(facts) {
				x.Exceptions = append(x.Exceptions, e)
			}
		}
	}
	x.Refused = len(all) == 0 && noneSelects(set, facts)
	x.Enforced, x.Audited = effective(rules, enforced), effective(rules, audited)
	for _, a := range askedBy(enforced) {
		x.Custom = append(x.Custom, EffectiveCustom{a.Custom, a.by, false})
	}
	for _, a := range askedBy(audited) {
		x.Custom = append(x.Custom, EffectiveCustom{a.Custom, a.by, true})
	}
	return x
}

func effective(rules []Rule, policies []*Policy) []EffectiveRule {
	var all []EffectiveRule
	for i := range rules {
		r := &rules[i]
		out := EffectiveRule{Rule: r.ID}
		for _, p := range policies {
			s, ok := p.Rules[r.ID]
			if !ok {
				continue
			}
			out.Settings = meetInto(out.Settings, defaulted(s.Settings))
			switch action := actionOf(r, s); {
			case action > out.Action:
				out.Action, out.By = action, []string{p.Name}
			case action == out.Action:
				out.By = append(out.By, p.Name)
			}
		}
		if out.Settings == nil && r.Always && len(policies) > 0 {
			out.Action, out.By, out.Settings = r.Default, []string{"default"}, defaulted(r.NewSettings())
		}
		if out.Settings != nil {
			all = append(all, out)
		}
	}
	return all
}
