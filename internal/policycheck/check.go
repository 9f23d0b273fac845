// Package policycheck looks for what is wrong with policies before a container
// finds out: files that are refused, and such that decode but cannot mean what
// their author hoped.
package policycheck

import (
	"errors"
	"sort"
	"strings"

	"github.com/runward/runward/internal/policyfile"
	"github.com/runward/runward/internal/tomlfile"
	"github.com/runward/runward/policy"
)

// A Severity says how bad a Problem is.
type Severity string

const (
	Error   Severity = "error"   // refused: it denies every create
	Warning Severity = "warning" // it decodes, and likely does not do what is meant
	Note    Severity = "note"    // worth knowing
)

// A Problem is one thing to know about a policy.
type Problem struct {
	Severity Severity `json:"severity"`
	File     string   `json:"file,omitempty"`
	Line     int      `json:"line,omitempty"`   // from 1; 0: the whole file
	Column   int      `json:"column,omitempty"` // in characters from 1
	Message  string   `json:"message"`
	Text     string   `json:"text,omitempty"` // of the line
}

// A File is one policy file or profile, in short.
type File struct {
	File       string   `json:"file"`
	Name       string   `json:"name,omitempty"`
	Mode       string   `json:"mode,omitempty"`
	Extends    []string `json:"extends,omitempty"`
	Select     []string `json:"select,omitempty"` // none: every container
	Rules      []string `json:"rules,omitempty"`  // with those of the profiles it extends
	Custom     []string `json:"custom,omitempty"` // ids of custom rules
	Exceptions int      `json:"exceptions,omitempty"`
	Refused    bool     `json:"refused,omitempty"`
}

// A Report is what Check found.
type Report struct {
	Files    []File    `json:"files"`
	Problems []Problem `json:"problems"` // by file
	// Unselected is what holds for containers that no policy selects; empty
	// where a policy selects every container.
	Unselected string `json:"unselected,omitempty"`
	// Refuses says that runward starts no container on this node as it is.
	Refuses bool `json:"refuses,omitempty"`
}

// Count tells how many problems there are of a severity.
func (r *Report) Count(s Severity) int {
	n := 0
	for _, p := range r.Problems {
		if p.Severity == s {
			n++
		}
	}
	return n
}

// Node is what of the node's settings matters to its policies.
type Node struct {
	Now        int64  // Unix seconds
	Unselected string // as in runward.toml
	// TrustedAnnotations and TrustedLabels are the keys that runward.toml lists
	// for any engine: no other can be selected by.
	TrustedAnnotations, TrustedLabels []string
	// Custom is why custom rules cannot be evaluated on this node; empty: they
	// can.
	Custom string
	// Hook is why runward's hook cannot be run on this node; empty: it can.
	Hook string
	// Complete says that the policies are all that hold, and not only some that
	// a person names.
	Complete bool
	// Feeds says what is wrong with the feeds that a policy names; nil: nobody looks.
	Feeds func(*policy.Policy) []string
}

// Check looks at policies, each by itself and all of them together.
func Check(all []policyfile.Examined, rules []policy.Rule, node Node) *Report {
	r := &Report{Files: []File{}, Problems: []Problem{}}
	c := &checker{report: r, node: node, rules: rules}
	for _, x := range all {
		c.examined(x, rules)
	}
	for _, p := range c.policies {
		c.alone(p)
	}
	c.names()
	c.together()
	r.Refuses = node.Complete && r.Count(Error) > 0
	order := map[string]int{"": len(r.Files)}
	for i, f := range r.Files {
		order[f.File] = i
	}
	sort.SliceStable(r.Problems, func(i, j int) bool { return order[r.Problems[i].File] < order[r.Problems[j].File] })
	return r
}

// checker is one Check.
type checker struct {
	report   *Report
	node     Node
	rules    []policy.Rule
	policies []decoded // those that are not refused
}

// decoded is a policy and the file it came from, for positions.
type decoded struct {
	*policy.Policy
	doc     *tomlfile.Doc
	extends []string
}

func (c *checker) examined(x policyfile.Examined, rules []policy.Rule) {
	f := File{File: x.File, Refused: x.Err != nil}
	if x.Err != nil {
		c.report.Problems = append(c.report.Problems, ProblemOf(Error, x.File, x.Err))
		c.report.Files = append(c.report.Files, f)
		return
	}
	if x.Owner != nil {
		c.report.Problems = append(c.report.Problems, Problem{
			Severity: Note, File: x.File,
			Message: "fine to check, but an installed policy would be refused so: " + x.Owner.Error(),
		})
	}
	doc, err := tomlfile.Parse(x.File, x.Text)
	if err != nil { // it was decoded a moment ago
		c.report.Problems = append(c.report.Problems, ProblemOf(Error, x.File, err))
		return
	}
	p := decoded{Policy: x.Policy, doc: doc, extends: stringsOf(doc.Root["extends"])}
	c.policies = append(c.policies, p)
	f.Name, f.Mode, f.Extends, f.Exceptions = p.Name, p.Mode.String(), p.extends, len(p.Exceptions)
	for i := range p.Select {
		f.Select = append(f.Select, Describe(&p.Select[i]))
	}
	for i := range rules {
		if _, ok := p.Rules[rules[i].ID]; ok {
			f.Rules = append(f.Rules, rules[i].ID)
		}
	}
	for i := range p.Custom {
		f.Custom = append(f.Custom, p.Custom[i].ID)
	}
	c.report.Files = append(c.report.Files, f)
}

// ProblemOf words an error; where it has a place in a file, so has the problem.
func ProblemOf(s Severity, file string, err error) Problem {
	p := Problem{Severity: s, File: file, Message: err.Error()}
	var at *tomlfile.Error
	if errors.As(err, &at) {
		p.File, p.Line, p.Column, p.Message, p.Text = at.File, at.Line, at.Column, at.Msg, at.Text
	}
	return p
}

// warn reports a problem at the key that path leads to.
func (c *checker) warn(p decoded, path []any, msg string) {
	c.report.Problems = append(c.report.Problems, ProblemOf(Warning, p.File, p.doc.Errorf(path, msg)))
}

// Describe says what a selector wants, in a line.
func Describe(s *policy.Selector) string {
	var parts []string
	for _, l := range s.Lists() {
		if len(l.Globs) > 0 {
			parts = append(parts, strings.TrimSpace(l.Field+" "+l.Key)+" "+strings.Join(l.Globs, ", "))
		}
	}
	if s.Missing != "" {
		parts = append(parts, "(or not said)")
	}
	if len(parts) == 0 {
		return "every container"
	}
	return strings.Join(parts, "; ")
}

func stringsOf(v any) []string {
	array, _ := v.([]any)
	var all []string
	for _, e := range array {
		if s, ok := e.(string); ok {
			all = append(all, s)
		}
	}
	return all
}
