// Package explain shows one decision the way a person reads it: the verdict,
// whose container it is, each finding, and what becomes of config.json.
package explain

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/runward/runward/internal/display"
	"github.com/runward/runward/internal/jsondoc"
	"github.com/runward/runward/internal/oci"
	"github.com/runward/runward/internal/patch"
	"github.com/runward/runward/policy"
)

// An Explanation is a decision with all that led to it. Its JSON form is what
// `runwardctl explain --output json` prints.
type Explanation struct {
	Bundle   string           `json:"bundle"`
	Verdict  policy.Verdict   `json:"verdict"`
	Refused  *Refusal         `json:"refused,omitempty"` // there was nothing to decide about
	Engine   string           `json:"engine,omitempty"`
	Handler  string           `json:"handler,omitempty"`
	Runtime  string           `json:"runtime,omitempty"` // the real runtime's path
	Identity policy.Identity  `json:"identity"`
	Policies []string         `json:"policies"`
	Findings []policy.Finding `json:"findings"`
	Patch    patch.Patch      `json:"patch"`
	Ceiling  policy.Ceiling   `json:"ceiling"`
	Policy   string           `json:"policy,omitempty"`   // digest of the set of policies
	Original string           `json:"original,omitempty"` // sha256:... of config.json
	Final    string           `json:"final,omitempty"`    // sha256:... of what the runtime would read
	Notes    []string         `json:"notes,omitempty"`    // what was assumed, and what differs from a real create

	// Before and After are config.json, for the diff.
	Before []byte `json:"-"`
	After  []byte `json:"-"`
	Full   bool   `json:"-"` // show every line of it
}

// A Refusal is why the bundle cannot be judged. Under an enforced policy that
// denies.
type Refusal struct {
	Reason string `json:"reason"`
	Hint   string `json:"hint,omitempty"`
	Line   int    `json:"line,omitempty"`   // in config.json, from 1
	Column int    `json:"column,omitempty"` // in bytes from 1
	text   string // of the line
}

// RefusalOf words an error about a config.json that reads as raw; nil where it
// could not be read.
func RefusalOf(err error, raw []byte) *Refusal {
	r := &Refusal{Reason: err.Error()}
	var bundle *oci.Error
	if errors.As(err, &bundle) {
		r.Reason, r.Hint = strings.TrimSuffix(r.Reason, ": "+bundle.Hint), bundle.Hint
	}
	var at *jsondoc.SyntaxError
	if !errors.As(err, &at) {
		return r
	}
	r.Line, r.Column = at.Line, at.Column
	start := at.Offset - (at.Column - 1)
	if start < 0 || at.Offset > len(raw) {
		return r
	}
	r.text, _, _ = strings.Cut(string(raw[start:]), "\n")
	return r
}

// excerpt shows the place in config.json.
func (r *Refusal) excerpt(p *display.Printer) {
	if before := min(max(r.Column-1, 0), len(r.text)); r.Line > 0 && utf8.ValidString(r.text) {
		p.Excerpt(r.text, r.Line, utf8.RuneCountInString(r.text[:before])+1)
	}
}

// Clean tells whether the container starts as it is.
func (x *Explanation) Clean() bool { return x.Verdict == policy.Allow && x.Refused == nil }

// Text writes the explanation for a person.
func (x *Explanation) Text(p *display.Printer) error {
	p.Line(p.Paint(VerdictStyle(x.Verdict), strings.ToUpper(x.Verdict.String())), ": ", x.summary())
	p.Line()
	x.facts(p)
	if x.Refused != nil {
		p.Line()
		p.Note(x.Refused.Reason, 0)
		x.Refused.excerpt(p)
		if x.Refused.Hint != "" {
			p.Note("hint: "+x.Refused.Hint, 0)
		}
	}
	if len(x.Findings) > 0 {
		p.Line()
		Findings(p, x.Findings)
	}
	if x.Verdict == policy.Rewrite {
		p.Line()
		p.Line(p.Paint(display.Bold, "What would change in config.json"), " (the file was not touched):")
		if err := Diff(p, x.Before, x.After, x.Full); err != nil {
			return err
		}
	}
	for i, note := range x.Notes {
		if i == 0 {
			p.Line()
		}
		p.Note("note: "+note, 0)
	}
	return p.Err()
}

func (x *Explanation) summary() string {
	n := map[policy.Done]int{}
	for _, f := range x.Findings {
		n[f.Done]++
	}
	var s string
	switch {
	case x.Refused != nil && x.Verdict == policy.Deny:
		return "the container would not start, its bundle cannot be judged."
	case x.Refused != nil:
		return "its bundle cannot be judged; the container would start all the same, because no policy is enforced."
	case x.Verdict == policy.Deny:
		s = "the container would not start: " + count(n[policy.Denied], "finding") + " to fix."
	case x.Verdict == policy.Rewrite:
		s = "the container would start with " + count(n[policy.Rewritten], "thing") + " taken away."
	default:
		s = "the container would start exactly as its config.json says."
	}
	if would := n[policy.WouldDeny] + n[policy.WouldRewrite]; would > 0 {
		s += " Policies in audit mode have " + count(would, "finding") + " more."
	}
	return s
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

func (x *Explanation) facts(p *display.Printer) {
	p.Field("bundle", x.Bundle)
	if x.Refused != nil {
		return // nobody has read whose it is
	}
	p.Field("engine", orElse(x.Engine, "not known"))
	for _, f := range Who(x.Identity) {
		p.Field(f[0], f[1])
	}
	p.Field("handler", x.Handler)
	p.Field("policies", orElse(strings.Join(x.Policies, ", "), "none selects this container"))
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// Who lists what is known of a container's identity, by name.
func Who(id policy.Identity) [][2]string {
	var all [][2]string
	for _, f := range [][2]string{
		{"kind", id.Kind},
		{"namespace", id.Namespace},
		{"pod", id.Pod},
		{"container", id.Container},
		{"image", id.Image},
		{"digest", id.Digest},
		{"user", id.User},
		{"conflict", id.Conflict},
	} {
		if f[1] != "" {
			all = append(all, f)
		}
	}
	return all
}
