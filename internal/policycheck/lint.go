package policycheck

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/runward/runward/internal/nearest"
	"github.com/runward/runward/policy"
)

// What facts can say; see policy.Facts and policy.Identity.
var (
	engines = []string{"containerd", "cri-o", "docker", "podman", "buildkit", "buildah"}
	kinds   = []string{"container", "sandbox", "build"}
)

// alone looks at one policy by itself.
func (c *checker) alone(p decoded) {
	if c.node.Feeds != nil {
		for _, problem := range c.node.Feeds(p.Policy) {
			c.warn(p, []any{"image", "forbid_digest_files"}, problem+"; until it is corrected every container of which the rule knows the digest is refused")
		}
	}
	c.impossible(p)
	c.monitored(p)
	own := len(tables(p.doc.Root["exception"])) // those of extended profiles come after
	for i := range p.Select {
		c.selector(p, &p.Select[i], []any{"select", i})
	}
	for i := range min(own, len(p.Exceptions)) {
		x := &p.Exceptions[i]
		path := []any{"exception", i}
		c.selector(p, &x.Match, append(path, "match"))
		if x.Expires != 0 && x.Expires <= c.node.Now {
			c.warn(p, append(path, "expires"), "this exception ended on "+time.Unix(x.Expires, 0).UTC().Format(time.DateOnly)+
				" and no longer lets anything pass; renew it or take it out")
		}
		for _, rule := range x.Rules {
			if !c.switchedOn(rule, x, p) {
				c.warn(p, append(path, "rules"), "this exception is from the rule "+strconv.Quote(rule)+", which "+
					c.whose(x)+" switches on: it has no effect")
			}
		}
	}
}

// monitored looks at what a policy says itself of the node's monitor.
func (c *checker) monitored(p decoded) {
	table, own := p.doc.Root["monitor"].(map[string]any)
	if !own || p.Mode == policy.Off {
		return
	}
	if table["action"] == "deny" {
		c.warn(p, []any{"monitor", "action"}, "this rule can never pass: no engine writes runward's hooks, which \"deny\" keeps it from adding; to start nothing without the monitor say required = true")
	}
	switch {
	case !c.node.Complete || c.node.Hook == "":
	case table["required"] == true:
		c.warn(p, []any{"monitor", "required"}, c.node.Hook+": every container that the policy selects is refused")
	case table["attach"] == true:
		c.warn(p, []any{"monitor", "attach"}, c.node.Hook+": no container is joined to the monitor")
	}
}

// switchedOn tells whether a policy that the exception speaks to has the rule.
func (c *checker) switchedOn(rule string, x *policy.Exception, in decoded) bool {
	policies := c.policies
	if !c.node.Complete {
		policies = []decoded{in} // others may be on the node; an exception in a file of its own is not judged
		if len(in.Rules)+len(in.Custom) == 0 {
			return true
		}
	}
	for _, p := range policies {
		_, on := p.Rules[rule]
		on = on || slices.ContainsFunc(p.Custom, func(c policy.Custom) bool { return c.ID == rule })
		if on && p.Mode != policy.Off && (len(x.Policies) == 0 || slices.Contains(x.Policies, p.Name)) {
			return true
		}
	}
	return false
}

func (c *checker) whose(x *policy.Exception) string {
	switch {
	case len(x.Policies) > 0:
		return "no policy among " + strings.Join(x.Policies, ", ")
	case c.node.Complete:
		return "no policy"
	default:
		return "nothing in this file"
	}
}

// selector looks for what can match nothing.
func (c *checker) selector(p decoded, s *policy.Selector, path []any) {
	c.words(p, append(path, "engine"), "engine", s.Engine, engines)
	c.words(p, append(path, "kind"), "kind", s.Kind, kinds)
	c.lists(p, s, path)
	if s.Missing == "match" {
		return
	}
	c.unsaid(p, s, path)
	for key := range s.Annotation {
		c.trusted(p, append(path, "annotation", key), "annotation", key, c.node.TrustedAnnotations)
	}
	for key := range s.Label {
		c.trusted(p, append(path, "label", key), "label", key, c.node.TrustedLabels)
	}
}

func (c *checker) words(p decoded, path []any, what string, globs, known []string) {
	for _, glob := range globs {
		word := strings.TrimPrefix(glob, "!")
		if slices.ContainsFunc(known, func(k string) bool { return policy.Match(word, k) }) {
			continue
		}
		msg := what + " " + strconv.Quote(word) + " is none that runward knows, so this matches nothing"
		if near := nearest.Word(word, known); near != "" {
			msg += "; did you mean " + strconv.Quote(near) + "?"
		} else {
			msg += "; known are " + strings.Join(known, ", ")
		}
		c.warn(p, path, msg)
	}
}

func (c *checker) trusted(p decoded, path []any, what, key string, keys []string) {
	if !slices.Contains(keys, key) {
		c.warn(p, path, "this matches nothing: the "+what+" "+strconv.Quote(key)+
			" is not among those that runward.toml trusts; list it in [trust."+what+"s] for the engine")
	}
}

// names finds policies of one name, which Load refuses.
func (c *checker) names() {
	for i, p := range c.policies {
		for _, other := range c.policies[:i] {
			if other.Name == p.Name {
				c.report.Problems = append(c.report.Problems, ProblemOf(Error, p.File,
					p.doc.Errorf([]any{"name"}, "the name "+strconv.Quote(p.Name)+" is also that of "+other.File+"; rename one of them")))
				break
			}
		}
	}
}

// together looks at what the policies leave open as a set.
func (c *checker) together() {
	everything, floor := false, false // a policy is for every container; one that enforces and extends a profile
	for _, p := range c.policies {
		if len(p.Select) == 0 && p.Mode != policy.Off {
			everything = true
			floor = floor || p.Mode == policy.Enforce && len(p.extends) > 0
		}
	}
	for _, p := range c.policies {
		if p.Mode == policy.Enforce && len(p.extends) == 0 && !floor && len(p.Rules) > 0 && !strings.HasPrefix(p.File, "built-in:") {
			c.warn(p, []any{"name"}, "this policy extends no profile: a container that it alone selects is held to its "+
				strconv.Itoa(len(p.Rules))+" rule(s) and to nothing else; write extends = [\"baseline\"] if that is not meant")
		}
	}
	if !c.node.Complete || c.report.Count(Error) > 0 {
		return
	}
	for _, p := range c.policies {
		if len(p.Custom) > 0 && c.node.Custom != "" {
			c.report.Problems = append(c.report.Problems, Problem{
				Severity: Error, File: p.File, Message: "it has custom rules, and " + c.node.Custom,
			})
			return
		}
	}
	enforces := func(p decoded) bool { return p.Mode == policy.Enforce }
	if len(c.policies) > 0 && c.node.Unselected != "allow" && !slices.ContainsFunc(c.policies, enforces) {
		c.report.Problems = append(c.report.Problems, Problem{Severity: Note, Message: "no installed policy enforces: containers that they select start as they are; " +
			`what is enforced where no policy is installed (policy.unselected in runward.toml) does not hold for them`})
	}
	if everything {
		return
	}
	c.report.Unselected = c.node.Unselected
	who := "containers that no policy selects"
	if len(c.report.Files) == 0 {
		who = "no policy is installed: all containers"
	}
	p := Problem{Severity: Note}
	switch c.node.Unselected {
	case "deny":
		p.Message = who + " are refused (policy.unselected in runward.toml)"
	case "allow":
		p.Severity = Warning
		p.Message = who + ` start as they are (policy.unselected in runward.toml); set it to "baseline" or "deny", or add a policy without [[select]]`
	default:
		p.Message = who + " are held to the profile " + strconv.Quote(c.node.Unselected) + " (policy.unselected in runward.toml)"
	}
	c.report.Problems = append(c.report.Problems, p)
}

func tables(v any) []map[string]any {
	switch v := v.(type) {
	case []map[string]any:
		return v
	case []any:
		all := make([]map[string]any, len(v))
		for i := range v {
			all[i], _ = v[i].(map[string]any)
		}
		return all
	}
	return nil
}
