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

	Check Checker // what it does: Check[Settings](function)
}

// NewSettings returns a pointer to the rule's empty settings.
func (r *Rule) NewSettings() any { return r.Check.settings() }

// A Checker is a Check of some type of settings.
type Checker interface {
	settings() any
	check(e *Eval, settings any)
}

// A Check is a rule's own function, by the type of its settings. It calls the
// Eval's Rewrite, Deny and Report with what it finds; it must be pure, and what
// it rewrites must satisfy it. A conversion and no call binds the two, so that
// nothing is left to do at every start of a program.
type Check[S any] func(e *Eval, settings *S)

func (Check[S]) settings() any { return new(S) }

func (c Check[S]) check(e *Eval, settings any) { c(e, settings.(*S)) }

// A Ref is a place in a standard: {"CIS Docker 1.6", "5.4"}.
type Ref struct {
	Standard, ID string
}
