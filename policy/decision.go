package policy

import "github.com/runward/runward/internal/patch"

// A Verdict is what becomes of a container. The zero Verdict denies.
type Verdict uint8

const (
	Deny    Verdict = iota // the container does not start
	Allow                  // it starts as the engine wrote it
	Rewrite                // it starts with the patch applied
)

func (v Verdict) String() string {
	switch v {
	case Allow:
		return "allow"
	case Rewrite:
		return "rewrite"
	default:
		return "deny"
	}
}

// MarshalText writes the verdict as String does.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads what MarshalText wrote; anything unknown denies.
func (v *Verdict) UnmarshalText(text []byte) error {
	switch string(text) {
	case "allow":
		*v = Allow
	case "rewrite":
		*v = Rewrite
	default:
		*v = Deny
	}
	return nil
}

// An Action is what a rule does about what it finds. Where several policies
// speak, the strictest action wins: deny over rewrite over audit.
type Action uint8

const (
	ActionUnset   Action = iota // the rule's own default
	ActionAudit                 // record what would have been done, change nothing
	ActionRewrite               // take the power away where the process still starts, else deny
	ActionDeny                  // refuse the container
)

func (a Action) String() string {
	switch a {
	case ActionAudit:
		return "audit"
	case ActionRewrite:
		return "rewrite"
	case ActionDeny:
		return "deny"
	default:
		return ""
	}
}

// ParseAction reads the `action` key of a rule's table.
func ParseAction(s string) (Action, bool) {
	for a := ActionAudit; a <= ActionDeny; a++ {
		if a.String() == s {
			return a, true
		}
	}
	return ActionUnset, false
}

// Done says what became of a Finding.
type Done string

const (
	Rewritten    Done = "rewritten"     // the patch changes it
	Denied       Done = "denied"        // the container was refused for it
	WouldRewrite Done = "would-rewrite" // audit: the patch would have changed it
	WouldDeny    Done = "would-deny"    // audit: it would have been refused
	Excepted     Done = "excepted"      // an exception lets it pass
	Expired      Done = "expired"       // an exception would have let it pass, but its end date is over
	Reported     Done = "reported"      // worth knowing; nothing is done about it
)

// A Finding is one thing that one rule has to say about a container.
type Finding struct {
	Rule    string `json:"rule"`
	Policy  string `json:"policy"`            // the policies that ask for the rule, joined by "+"
	Pointer string `json:"pointer"`           // RFC 6901, into config.json
	Found   string `json:"found"`             // what config.json has there
	Wanted  string `json:"wanted"`            // what the policy wants there
	Done    Done   `json:"done"`              // what became of it
	Hint    string `json:"hint,omitempty"`    // what the container's owner can change so that it passes unrewritten
	Because string `json:"because,omitempty"` // the exception's reason, where one applies
}

// A Decision is the outcome of Evaluate.
type Decision struct {
	Verdict  Verdict     `json:"verdict"`
	Policies []string    `json:"policies"` // those that select the container, enforced ones first
	Findings []Finding   `json:"findings"`
	Patch    patch.Patch `json:"patch"` // RFC 6902; empty unless the verdict is rewrite
	Ceiling  Ceiling     `json:"ceiling"`
	Claim    Claim       `json:"claim"` // what it counts for in quotas
}

// Refusal returns the finding for which the container was denied, the first in
// the order of the rules, and whether there is one.
func (d Decision) Refusal() (Finding, bool) {
	for _, f := range d.Findings {
		if f.Done == Denied {
			return f, true
		}
	}
	return Finding{}, false
}

// Advice returns the decision as one that only records.
func (d Decision) Advice() Decision {
	d.Findings = append([]Finding{}, d.Findings...)
	for i, f := range d.Findings {
		switch f.Done {
		case Denied:
			d.Findings[i].Done = WouldDeny
		case Rewritten:
			d.Findings[i].Done = WouldRewrite
		default: // nothing was to be done about it
		}
	}
	d.Verdict, d.Patch = Allow, nil
	return d
}
