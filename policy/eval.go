package policy

import (
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/internal/jsondoc"
	"github.com/runward/runward/internal/patch"
)

// Evaluate decides about one container: every rule that a selecting policy
// switches on, with the meet of what the policies say, in the order of rules.
func Evaluate(set Set, rules []Rule, spec *Spec, facts *Facts) Decision {
	return evaluate(set, rules, spec, facts, nil)
}

// evaluate is Evaluate, and holds what remains to the ceiling.
func evaluate(set Set, rules []Rule, spec *Spec, facts *Facts, held *Ceiling) Decision {
	enforced, audited := set.selected(facts)
	d := Decision{Verdict: Allow}
	for _, p := range append(append([]*Policy{}, enforced...), audited...) {
		d.Policies = append(d.Policies, p.Name)
	}
	if len(d.Policies) == 0 && noneSelects(set, facts) {
		d.Verdict = Deny
		d.Findings = []Finding{{
			Rule: "policy", Done: Denied, Found: "no policy for this container", Wanted: "a policy that selects it",
			Hint: "install a policy that selects it, or set policy.unselected in runward.toml",
		}}
		return d
	}

	e := newEval(spec, facts, false)
	e.run(rules, enforced)
	if held != nil {
		held.hold(e)
	}
	e.runCustom(enforced)
	d.Findings = e.findings
	for _, f := range d.Findings {
		if f.Done == Denied {
			d.Verdict = Deny
		}
	}
	if e.rewrote && d.Verdict != Deny {
		p, err := patch.Make(spec.doc.Root(), e.Spec)
		if err != nil {
			d.Verdict = Deny
			d.Findings = append(d.Findings, Finding{
				Rule: "policy", Done: Denied, Found: err.Error(), Wanted: "a document that can be rewritten",
				Hint: "this is a defect of runward: please report it with the config.json",
			})
			return d
		}
		if d.Patch = append(p, e.raw...); len(d.Patch) > 0 {
			d.Verdict = Rewrite
		}
	}
	d.Ceiling, d.Claim = ceiling(e), ClaimOf(e.Spec)

	if len(audited) > 0 {
		a := newEval(spec, facts, true)
		a.run(rules, audited)
		a.runCustom(audited)
		d.Findings = append(d.Findings, a.findings...)
	}
	return d
}

func noneSelects(set Set, facts *Facts) bool {
	for _, p := range set.Policies {
		if p.Selects(facts) {
			return false
		}
	}
	return set.Fallback == nil
}

// An Eval is what a rule's check sees, and where it says what it finds.
type Eval struct {
	// Spec is the config.json as it stands after the rules before this one.
	// It is normalised (see ParseSpec) and must only be changed in the
	// function given to Rewrite.
	Spec  *specs.Spec
	Facts *Facts

	orig     *Spec
	private  bool // Spec is our own copy
	audit    bool // the policies only record
	rewrote  bool
	raw      patch.Patch // besides what Spec differs in
	findings []Finding

	// Of the rule that runs:
	rule     *Rule
	policies string
	action   Action
	probing  bool // only collect what the rule would find without exceptions
	probed   []Finding

	active map[string]any // by rule, the settings that held
}

func newEval(spec *Spec, facts *Facts, audit bool) *Eval {
	return &Eval{Spec: spec.typed, Facts: facts, orig: spec, audit: audit, active: map[string]any{}}
}

// Rewrite reports something that apply takes away from the container. Where
// the rule's action is deny the container is refused for it instead, where it
// is audit nothing changes. apply must change only the Spec it is given, which
// may be another than the Eval's, with equal content.
func (e *Eval) Rewrite(f Finding, apply func(*specs.Spec)) {
	switch {
	case e.probing || e.action == ActionAudit:
		f.Done = WouldRewrite
	case e.action == ActionDeny:
		f.Done = Denied
	default:
		if !e.own() {
			f.Done = Denied
			break
		}
		f.Done = Rewritten
		apply(e.Spec)
		e.rewrote = true
	}
	e.record(f)
}

// Unknown is Spec.Unknown of the config.json as the engine wrote it.
func (e *Eval) Unknown(yield func(key, pointer string) bool) { e.orig.Unknown(yield) }

// RewriteRaw is Rewrite for what the Spec cannot tell: the presence of an empty
// section. It adds an operation to the patch; Has must tell the difference.
func (e *Eval) RewriteRaw(f Finding, op patch.Op) {
	e.Rewrite(f, func(*specs.Spec) {})
	if e.rewrote && !e.probing && e.action == ActionRewrite {
		e.raw = append(e.raw, op)
	}
}

// Has tells whether the document, as it was before any rule, has something
// other than null at the pointer.
func (e *Eval) Has(pointer string) bool {
	v, ok := e.orig.doc.Lookup(pointer)
	return ok && v.Kind() != jsondoc.Null
}

// own makes Spec a copy that may be changed.
func (e *Eval) own() bool {
	if e.private {
		return true
	}
	copied, err := e.orig.decode()
	if err != nil {
		return false
	}
	e.Spec, e.private = copied, true
	return true
}

// Deny reports something for which the container is refused, because no
// rewrite would leave it working and harmless.
func (e *Eval) Deny(f Finding) {
	f.Done = Denied
	if e.probing || e.action == ActionAudit {
		f.Done = WouldDeny
	}
	e.record(f)
}

// Report reports something about which nothing is done.
func (e *Eval) Report(f Finding) {
	f.Done = Reported
	e.record(f)
}

// Warn reports something that is no fault of the container's: it is refused
// only where a policy sets the rule's action to more than audit.
func (e *Eval) Warn(f Finding) {
	if e.action == ActionAudit {
		e.Report(f)
		return
	}
	e.Deny(f)
}

// Original is the config.json as the engine wrote it, for looking only.
func (e *Eval) Original() *specs.Spec { return e.orig.typed }

// Refused tells whether a rule before this one has refused the container.
func (e *Eval) Refused() bool {
	for _, f := range e.findings {
		if f.Done == Denied || e.audit && f.Done == WouldDeny {
			return true
		}
	}
	return false
}

func (e *Eval) record(f Finding) {
	if e.audit {
		switch f.Done {
		case Denied:
			f.Done = WouldDeny
		case Rewritten:
			f.Done = WouldRewrite
		case WouldRewrite, WouldDeny, Excepted, Expired, Reported: // nothing was going to be done
		}
	}
	if f.Rule == "" {
		f.Rule = e.rule.ID
	}
	f.Policy = e.policies
	if e.probing {
		e.probed = append(e.probed, f)
		return
	}
	e.findings = append(e.findings, f)
}

func (e *Eval) run(rules []Rule, policies []*Policy) {
	for i := range rules {
		e.runRule(&rules[i], policies)
	}
}

func (e *Eval) runRule(rule *Rule, policies []*Policy) {
	var names []string
	var strict, wide any // the meet without and with exceptions; wide is nil where all is waived
	var used []*Exception
	action := ActionUnset
	for _, p := range policies {
		s, ok := p.Rules[rule.ID]
		if !ok {
			continue
		}
		names = append(names, p.Name)
		action = max(action, actionOf(rule, s))
		settings := defaulted(s.Settings)
		strict = meetInto(strict, settings)
		widened, exceptions := e.except(rule, p.Name, settings, policies)
		used = append(used, exceptions...)
		if widened != nil {
			wide = meetInto(wide, widened)
		}
	}
	if len(names) == 0 {
		if !rule.Always || len(policies) == 0 {
			return
		}
		names, action, wide = []string{"default"}, rule.Default, defaulted(rule.NewSettings())
	}
	e.rule, e.policies, e.action = rule, strings.Join(names, "+"), action
	if len(used) > 0 {
		e.probe(strict)
	}
	first := len(e.findings)
	if wide != nil {
		if action != ActionAudit { // else nothing is held to it later
			e.active[rule.ID] = wide
		}
		rule.Check.check(e, wide)
	}
	if len(used) > 0 {
		e.recordExceptions(used, first)
	}
}

// A Defaulter is a rule's settings that mean something also where a policy
// leaves them out: Default sets those to the standard's value. It happens
// before policies meet, so that a table without a list is a bound like any
// other, which another policy's longer list does not lift.
type Defaulter interface {
	Default()
}

func defaulted(settings any) any {
	if _, ok := settings.(Defaulter); !ok {
		return settings
	}
	filled := clone(settings)
	filled.(Defaulter).Default()
	return filled
}

func meetInto(dst, src any) any {
	if dst == nil {
		return clone(src)
	}
	meet(dst, src)
	return dst
}

// except applies the exceptions that match to what one policy says of the
// rule. It returns nil settings where one waives the rule.
func (e *Eval) except(rule *Rule, policy string, settings any, policies []*Policy) (any, []*Exception) {
	var used []*Exception
	widened := settings
	for _, x := range e.exceptions(rule.ID, policy, policies) {
		used = append(used, x)
		switch allow := x.Allow[rule.ID]; {
		case x.ended(e.Facts): // only reported
		case x.Allow == nil:
			widened = nil
		case allow != nil && widened != nil:
			widened = clone(widened)
			widen(widened, allow)
		}
	}
	return widened, used
}

// exceptions returns those that match and speak of the rule as the policy asks
// it.
func (e *Eval) exceptions(rule, policy string, policies []*Policy) []*Exception {
	var all []*Exception
	for _, p := range policies {
		for i := range p.Exceptions {
			if x := &p.Exceptions[i]; x.speaksOf(rule, policy) && x.Match.Missing == "" && x.Match.Matches(e.Facts) {
				all = append(all, x)
			}
		}
	}
	return all
}

// probe collects what the rule would find were there no exceptions.
func (e *Eval) probe(strict any) {
	e.probing, e.probed = true, nil
	e.rule.Check.check(e, strict)
	e.probing = false
}

// recordExceptions records what exceptions let pass: what the probe found and
// the rule, run with them, from findings[first] on, did not.
func (e *Eval) recordExceptions(used []*Exception, first int) {
	reason, done := "", Excepted
	live := false
	for _, x := range used {
		expired := x.ended(e.Facts)
		if live = live || !expired; reason == "" || !expired {
			reason = x.Reason
		}
	}
	if !live {
		done = Expired
	}
	for _, f := range e.probed {
		if f.Done == Reported {
			continue
		}
		still := false
		for _, g := range e.findings[first:] {
			still = still || g.Rule == f.Rule && g.Pointer == f.Pointer && g.Found == f.Found
		}
		if still == (done == Expired) {
			f.Done, f.Because = done, reason
			e.findings = append(e.findings, f)
		}
	}
}
