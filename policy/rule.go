package policy

// A Rule is one control: what it looks at, what it does by default, and where
// it comes from. The reference and the schema are generated from it.
type Rule struct {
	ID    string // the name of its table in a policy
	Title string // one line
	Doc   string // what it does and why, for the reference
	Since string // the version of runward that has it first

	Always  bool   // holds, with its default settings, also where no policy speaks of it
	Exec    bool   // also judges processes that join a container
	Update  bool   // also judges what a container's limits are after an update (see Facts.Claim)
	Default Action // what it does where a policy does not say
	Refs    []Ref  // the standards and vulnerabilities it answers

	// NewSettings returns a pointer to the rule's empty settings.
	NewSettings func() any

	check func(e *Eval, settings any)
}

// A Ref is a place in a standard: {"CIS Docker 1.6", "5.4"}.
type Ref struct {
	Standard, ID string
}

// NewRule binds a rule to its settings and its check. The check calls the
// Eval's Rewrite, Deny and Report with what it finds; it must be pure, and
// what it rewrites must satisfy it.
func NewRule[S any](r Rule, check func(e *Eval, settings *S)) Rule {
	r.NewSettings = func() any { return new(S) }
	r.check = func(e *Eval, settings any) { check(e, settings.(*S)) }
	return r
}
