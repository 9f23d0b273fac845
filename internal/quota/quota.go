// Package quota adds up what the containers of a node claim, by the groups
// that quotas go by.
package quota

import (
	"cmp"
	"slices"

	"github.com/runward/runward/internal/ledger"
	"github.com/runward/runward/policy"
)

// A Report is what is in use on the node.
type Report struct {
	Groups []Group  `json:"groups"`
	Notes  []string `json:"notes,omitempty"`
}

// A Group is the containers that count together.
type Group struct {
	By         string `json:"by"`    // namespace, engine, user or node
	Name       string `json:"group"` // empty: the node, or those of which it is not known
	Memory     Amount `json:"memory"`
	CPUs       Amount `json:"cpus"` // thousandths of a processor
	Pids       Amount `json:"pids"`
	Containers Amount `json:"containers"`
}

// An Amount is what is in use of one kind.
type Amount struct {
	Used      int64  `json:"used"`
	Of        *int64 `json:"of,omitempty"`        // the least quota that holds for one of the group's containers; nil: none does
	Unlimited int64  `json:"unlimited,omitempty"` // containers without a limit, which are not in Used
}

// Over tells whether more is in use than the quota gives.
func (a Amount) Over() bool { return a.Of != nil && a.Used > *a.Of }

// Add up what containers claim, against the quota rule of the set's policies.
// Groupings that no quota goes by are left out, unless none goes by any: then
// it is by namespace.
func Add(set policy.Set, quota policy.Rule, living []*ledger.Entry, now int64) *Report {
	r := &Report{Groups: []Group{}}
	held := make([][]policy.Value, len(living))
	asked := map[string]bool{}
	audits := false
	for i, e := range living {
		facts := &policy.Facts{Engine: e.Engine, Handler: e.Handler, Runtime: e.Runtime, Identity: e.Identity, Now: now}
		effective := policy.EffectiveFor(set, []policy.Rule{quota}, facts)
		audits = audits || len(effective.Audited) > 0
		for _, rule := range append(effective.Enforced, effective.Audited...) {
			held[i] = append(held[i], policy.Values(rule.Settings)...)
		}
		for _, v := range held[i] {
			for by := range v.Table {
				asked[by] = true
			}
		}
	}
	if len(asked) == 0 {
		asked["namespace"] = true
		r.Notes = append(r.Notes, "no policy has a quota for a container that runs now")
	}
	if audits {
		r.Notes = append(r.Notes, "quotas of policies in audit mode are among these; they refuse nothing")
	}
	for _, by := range policy.Groupings {
		if asked[by] {
			r.Groups = append(r.Groups, groups(by, living, held)...)
		}
	}
	return r
}

// groups adds up by one grouping.
func groups(by string, living []*ledger.Entry, held [][]policy.Value) []Group {
	sums := map[string]*policy.Usage{}
	all := map[string]*Group{}
	for i, e := range living {
		name := policy.Group(by, e.Engine, &e.Identity)
		if all[name] == nil {
			all[name], sums[name] = &Group{By: by, Name: name}, new(policy.Usage)
		}
		sums[name].Add(e.Claim)
		for _, v := range held[i] {
			if most, ok := v.Table[by]; ok {
				all[name].hold(v.Key, most.Number)
			}
		}
	}
	out := make([]Group, 0, len(all))
	for name, g := range all {
		u := sums[name]
		g.Memory.Used, g.Memory.Unlimited = u.Memory, u.Unlimited.Memory
		g.CPUs.Used, g.CPUs.Unlimited = u.CPU, u.Unlimited.CPU
		g.Pids.Used, g.Pids.Unlimited = u.Pids, u.Unlimited.Pids
		g.Containers.Used = u.Containers
		out = append(out, *g)
	}
	slices.SortFunc(out, func(a, b Group) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// hold lowers the quota of a setting.
func (g *Group) hold(key string, most int64) {
	var a *Amount
	switch key {
	case "memory":
		a = &g.Memory
	case "cpus":
		a = &g.CPUs
	case "pids":
		a = &g.Pids
	case "containers":
		a = &g.Containers
	default:
		return
	}
	if a.Of == nil || most < *a.Of {
		a.Of = &most
	}
}

// Over tells whether some group uses more than its quota.
func (r *Report) Over() bool {
	return slices.ContainsFunc(r.Groups, func(g Group) bool {
		return g.Memory.Over() || g.CPUs.Over() || g.Pids.Over() || g.Containers.Over()
	})
}
