package policyfile

import (
	"errors"
	"strconv"
	"strings"
	"unicode"

	"github.com/runward/runward/policy"
)

// A Compile type-checks a custom rule's expression and sets its Match. An
// error that is a *policy.WhenError has a place in the expression.
type Compile func(c *policy.Custom) error

// customRule is `[[rule]]`.
type customRule struct {
	ID      string   `toml:"id"`
	When    string   `toml:"when"`
	Message string   `toml:"message"`
	Hint    string   `toml:"hint"`
	Action  string   `toml:"action"`
	On      []string `toml:"on"`
	Refs    []string `toml:"refs"`
}

// custom checks `[[rule]]` number i and adds it to the policy.
func (p *parser) custom(i int, r *customRule, out *policy.Policy) error {
	path := []any{"rule", i}
	at := func(key, msg string) error {
		if key == "" || tableAt(p.doc.Root["rule"], i)[key] == nil {
			return p.doc.Errorf(path, "rule: "+msg)
		}
		return p.doc.Errorf(append(path, key), key+": "+msg)
	}
	c := policy.Custom{
		ID: r.ID, When: r.When, Message: r.Message, Hint: r.Hint,
		On: r.On, Refs: r.Refs, Policy: out.Name,
	}
	switch {
	case !customID(r.ID):
		return at("id", `want lower-case letters, digits and at least one "-", such as "site-registry", found `+strconv.Quote(r.ID)+`: names without "-" are runward's own, also those to come`)
	case r.When == "":
		return at("when", `it has no expression: write when = "..."; it refuses what the expression holds for`)
	case len(r.When) > maxWhen:
		return at("when", "longer than "+strconv.Itoa(maxWhen)+" bytes: split the rule")
	case r.Message == "":
		return at("message", `it has no message: write message = "..."; whoever is refused reads "found " and then this`)
	}
	for _, text := range [...]struct{ key, words string }{{"message", r.Message}, {"hint", r.Hint}, {"when", r.When}} {
		err := unmistaken(text.words)
		if text.key != "when" && err == nil {
			err = oneLine(text.words)
		}
		if err != nil {
			return at(text.key, err.Error())
		}
	}
	switch r.Action {
	case "", "deny":
		c.Action = policy.ActionDeny
	case "audit":
		c.Action = policy.ActionAudit
	default:
		return at("action", "want deny or audit, found "+strconv.Quote(r.Action)+": a custom rule cannot rewrite")
	}
	if tableAt(p.doc.Root["rule"], i)["on"] == nil {
		c.On = []string{"create"}
	}
	if len(c.On) == 0 {
		return at("on", "want create, exec or both")
	}
	for _, word := range c.On {
		if word != "create" && word != "exec" {
			return at("on", "want create (which is run and restore as well) or exec, found "+strconv.Quote(word))
		}
	}
	for _, have := range out.Custom {
		if have.ID == c.ID {
			return at("id", strconv.Quote(c.ID)+" is also that of a rule above it")
		}
	}
	if p.compile != nil {
		if err := p.compile(&c); err != nil {
			return p.expression(append(path, "when"), c.When, err)
		}
	}
	out.Custom = append(out.Custom, c)
	return nil
}

// compileSet compiles custom rules that were decoded without their file. They
// have been compiled before they were kept: an error is a defect.
func (src *Sources) compileSet(set policy.Set) error {
	if src.Compile == nil {
		return nil
	}
	policies := set.Policies
	if set.Fallback != nil {
		policies = append(policies[:len(policies):len(policies)], set.Fallback)
	}
	for _, p := range policies {
		for i := range p.Custom {
			if err := src.Compile(&p.Custom[i]); err != nil {
				return errors.New(p.File + ": rule " + p.Custom[i].ID + ": when: " + err.Error())
			}
		}
	}
	return nil
}

// expression places an error in an expression at the file's own line.
func (p *parser) expression(path []any, when string, err error) error {
	var in *policy.WhenError
	if !errors.As(err, &in) {
		return p.doc.Errorf(path, "when: "+err.Error())
	}
	return p.doc.ErrorIn(path, when, in.Offset, "when: "+in.Msg)
}

const (
	maxWhen    = 8 << 10
	maxMessage = 500
)

// customID tells whether a name can be that of a custom rule.
func customID(id string) bool {
	for _, r := range id {
		if !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-') {
			return false
		}
	}
	return strings.Trim(id, "-") == id && strings.Contains(id, "-") && len(id) <= 64
}

// oneLine tells whether words fit into the line that engines show.
func oneLine(s string) error {
	if len(s) > maxMessage {
		return errors.New("longer than " + strconv.Itoa(maxMessage) + " bytes")
	}
	if strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }) {
		return errors.New("want one line, without control characters")
	}
	return nil
}

// unmistaken tells whether engines pass the words on as they are: some they
// take for errors of their own. Refusals have the expression too.
func unmistaken(s string) error {
	for _, words := range [...]string{
		"permission denied", "no such file or directory", "executable file not found", "operation not permitted",
		"no such process", "container not running", "invalid process", "does not exist",
	} {
		if strings.Contains(strings.ToLower(s), words) {
			return errors.New("engines take " + strconv.Quote(words) + " for an error of the container's own and report another exit code: say it in other words")
		}
	}
	return nil
}
