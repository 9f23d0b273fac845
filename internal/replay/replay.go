// Package replay tells what policies would do to containers that were already
// decided about: those that run, by their config.json, and of those in the
// receipts what can be said without one.
package replay

import (
	"cmp"
	"slices"
	"strings"

	"github.com/runward/runward/internal/audit"
	"github.com/runward/runward/internal/patch"
	"github.com/runward/runward/policy"
)

// A Report is what `runwardctl replay` prints.
type Report struct {
	Running []Container `json:"running"`
	Gone    []Group     `json:"gone,omitempty"` // from receipts, of containers that run no more
	Totals  Totals      `json:"totals"`
	Notes   []string    `json:"notes,omitempty"`

	Verbose bool `json:"-"` // Text shows the findings
}

// Totals are how many containers run, and what would become of them.
type Totals struct {
	Running  int `json:"running"`
	Deny     int `json:"deny"`
	Rewrite  int `json:"rewrite"`
	Allow    int `json:"allow"`
	Unjudged int `json:"unjudged"` // they cannot be judged: what enforcing does to them nobody knows
	Foreign  int `json:"foreign"`  // of all: runward did not create them
	Ended    int `json:"ended"`    // beside these: a record is left, but their process has ended
}

// A Container is one that runs.
type Container struct {
	ID       string           `json:"id"`
	Name     string           `json:"name,omitempty"`      // as its engine calls it
	Space    string           `json:"namespace,omitempty"` // containerd's
	Engine   string           `json:"engine,omitempty"`
	Identity policy.Identity  `json:"identity"`
	Runtime  string           `json:"runtime,omitempty"` // its kind
	Root     string           `json:"root,omitempty"`    // the runtime's state directory
	Bundle   string           `json:"bundle,omitempty"`
	PID      int              `json:"pid,omitempty"`
	Recorded string           `json:"recorded,omitempty"` // the verdict when it was created; empty: there is no receipt of it
	Config   string           `json:"config,omitempty"`   // what was judged: see Judged
	Problem  string           `json:"problem,omitempty"`  // why it could not be judged
	Verdict  string           `json:"verdict,omitempty"`  // what it would be
	Policies []string         `json:"policies,omitempty"` // those that select it
	Findings []policy.Finding `json:"findings,omitempty"`
	Patch    patch.Patch      `json:"patch,omitempty"`
	Notes    []string         `json:"notes,omitempty"` // what was assumed of it
}

// What of a running container's config.json can be judged.
const (
	Original  = "original"  // as its engine wrote it
	Rewritten = "rewritten" // with what runward took away when it was created: a policy that finds nothing may still have had to rewrite what the engine wrote
	Changed   = "changed"   // another than the runtime read
	Foreign   = "foreign"   // as its engine wrote it: neither ledger nor receipts know the container, so runward did not create it (or both were lost)
	Unknown   = "unknown"   // as the runtime read it; without its receipt nobody can tell whether runward rewrote it
)

// Judged tells what a config.json of a digest is, given the one that the
// ledger says the runtime read ("": it has no entry) and, where there is one,
// the receipt.
func Judged(digest, read string, r *audit.Receipt) string {
	switch {
	case r == nil && read == "":
		return Foreign
	case read == "":
		read = r.Final
	}
	switch {
	case digest != read:
		return Changed
	case r == nil:
		return Unknown
	case r.Original == digest:
		return Original
	}
	return Rewritten
}

// A Group is receipts of containers alike. Their config.json is not kept, so
// what a policy would do to them cannot be told, only which select them.
type Group struct {
	Engine    string   `json:"engine,omitempty"`
	Namespace string   `json:"namespace,omitempty"`
	Container string   `json:"container,omitempty"`
	Image     string   `json:"image,omitempty"`
	Recorded  string   `json:"recorded"`
	Rules     []string `json:"rules,omitempty"`    // with findings then
	Policies  []string `json:"policies,omitempty"` // that would select them
	Count     int      `json:"count"`
}

// Enforced returns the set with policies in audit mode enforced: what it would
// do once they are.
func Enforced(set policy.Set) policy.Set {
	enforce := func(p *policy.Policy) *policy.Policy {
		if p == nil || p.Mode != policy.Audit {
			return p
		}
		q := *p
		q.Mode = policy.Enforce
		return &q
	}
	out := policy.Set{Digest: set.Digest, Fallback: enforce(set.Fallback)}
	for _, p := range set.Policies {
		out.Policies = append(out.Policies, enforce(p))
	}
	return out
}

// Judge fills in what the set would decide.
func (c *Container) Judge(set policy.Set, rules []policy.Rule, spec *policy.Spec, facts *policy.Facts) {
	d := policy.Evaluate(set, rules, spec, facts)
	c.Verdict, c.Policies, c.Findings, c.Patch = d.Verdict.String(), d.Policies, d.Findings, d.Patch
}

// Add adds a receipt of a container that runs no more.
func (r *Report) Add(receipt *audit.Receipt, set policy.Set) {
	id := &receipt.Identity
	g := Group{
		Engine: receipt.Engine, Namespace: id.Namespace, Container: id.Container, Image: id.Image, Recorded: receipt.Verdict.String(),
	}
	for _, f := range receipt.Findings {
		if !slices.Contains(g.Rules, f.Rule) {
			g.Rules = append(g.Rules, f.Rule)
		}
	}
	facts := &policy.Facts{Engine: receipt.Engine, Handler: receipt.Handler, Identity: receipt.Identity}
	for _, p := range set.Policies {
		if p.Selects(facts) {
			g.Policies = append(g.Policies, p.Name)
		}
	}
	for i := range r.Gone {
		if r.Gone[i].same(&g) {
			r.Gone[i].Count++
			return
		}
	}
	g.Count = 1
	r.Gone = append(r.Gone, g)
}

func (g *Group) same(o *Group) bool {
	return g.Engine == o.Engine && g.Namespace == o.Namespace && g.Container == o.Container && g.Image == o.Image && g.Recorded == o.Recorded &&
		slices.Equal(g.Rules, o.Rules) && slices.Equal(g.Policies, o.Policies)
}

// Count fills in the totals; ended is how many containers have ended.
func (r *Report) Count(ended int) {
	t := Totals{Running: len(r.Running), Ended: ended}
	for _, c := range r.Running {
		switch c.Verdict {
		case policy.Deny.String():
			t.Deny++
		case policy.Rewrite.String():
			t.Rewrite++
		case policy.Allow.String():
			t.Allow++
		default:
			t.Unjudged++
		}
		if c.Config == Foreign {
			t.Foreign++
		}
	}
	r.Totals = t
}

// Sort puts first what would break.
func (r *Report) Sort() {
	rank := func(c *Container) int {
		return slices.Index([]string{policy.Deny.String(), "", policy.Rewrite.String(), policy.Allow.String()}, c.Verdict)
	}
	slices.SortStableFunc(r.Running, func(a, b Container) int {
		return cmp.Or(cmp.Compare(rank(&a), rank(&b)), strings.Compare(a.Engine, b.Engine), strings.Compare(a.place(), b.place()),
			strings.Compare(a.called(), b.called()), strings.Compare(a.ID, b.ID))
	})
}

// Clean tells whether every container that runs would start as it is.
func (r *Report) Clean() bool { return r.Totals.Allow == r.Totals.Running }

// who names a container for a person.
func who(id policy.Identity) string {
	var words []string
	for _, s := range []string{id.Namespace, id.Pod, id.Container, id.Image} {
		if s != "" {
			words = append(words, s)
		}
	}
	if len(words) == 0 {
		return "-"
	}
	return strings.Join(words, "/")
}
