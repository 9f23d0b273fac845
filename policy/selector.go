package policy

import (
	"maps"
	"slices"
)

// A Selector says which containers a policy or an exception is for. Each field
// is a list of globs; a glob that starts with "!" excludes. Everything that a
// selector has must match; a list of only exclusions matches all the others.
type Selector struct {
	Engine    []string `toml:"engine" doc:"containerd, cri-o, docker, podman, buildkit, buildah"`
	Handler   []string `toml:"handler" doc:"the name that runward was called by"`
	Kind      []string `toml:"kind" doc:"container, sandbox or build"`
	Namespace []string `toml:"namespace" doc:"the pod's namespace"`
	Pod       []string `toml:"pod" doc:"the pod's name"`
	Container []string `toml:"container" doc:"the container's name in its pod"`
	Image     []string `toml:"image" doc:"the image reference as the user gave it"`
	Digest    []string `toml:"digest" doc:"the image's digest"`
	User      []string `toml:"user" doc:"the owner, where the engine runs rootless"`

	Annotation map[string][]string `toml:"annotation" doc:"annotations that the node's configuration trusts"`
	Label      map[string][]string `toml:"label" doc:"labels that the node's configuration trusts"`

	// Missing is "match" where a field that the engine did not say matches.
	Missing string `toml:"missing" doc:"match: what the engine did not say matches"`
}

// Matches tells whether the selector is for the container of these facts.
func (s *Selector) Matches(f *Facts) bool {
	id := &f.Identity
	missing := s.Missing == "match"
	return MatchList(s.Engine, f.Engine, missing) &&
		MatchList(s.Handler, f.Handler, missing) &&
		MatchList(s.Kind, id.Kind, missing) &&
		MatchList(s.Namespace, id.Namespace, missing) &&
		MatchList(s.Pod, id.Pod, missing) &&
		MatchList(s.Container, id.Container, missing) &&
		MatchList(s.Image, id.Image, missing) &&
		MatchList(s.Digest, id.Digest, missing) &&
		MatchList(s.User, id.User, missing) &&
		matchMap(s.Annotation, id.Annotations, missing) &&
		matchMap(s.Label, id.Labels, missing)
}

// A SelectorList is one list of a selector: the field it is for, and the key
// where the field is a table.
type SelectorList struct {
	Field, Key string
	Globs      []string
}

// Lists are the selector's lists as they are written, fields in their order and
// keys sorted; an empty one matches everything.
func (s *Selector) Lists() []SelectorList {
	all := []SelectorList{
		{"engine", "", s.Engine},
		{"handler", "", s.Handler},
		{"kind", "", s.Kind},
		{"namespace", "", s.Namespace},
		{"pod", "", s.Pod},
		{"container", "", s.Container},
		{"image", "", s.Image},
		{"digest", "", s.Digest},
		{"user", "", s.User},
	}
	for _, table := range [...]struct {
		field string
		keys  map[string][]string
	}{{"annotation", s.Annotation}, {"label", s.Label}} {
		for _, key := range slices.Sorted(maps.Keys(table.keys)) {
			all = append(all, SelectorList{table.field, key, table.keys[key]})
		}
	}
	return all
}

func matchMap(want map[string][]string, have map[string]string, missing bool) bool {
	for key, globs := range want {
		if !MatchList(globs, have[key], missing) {
			return false
		}
	}
	return true
}

// MatchList tells whether one list of a selector matches a value; missing says
// whether it matches one that the engine did not say.
func MatchList(globs []string, value string, missing bool) bool {
	if len(globs) == 0 {
		return true
	}
	if value == "" {
		return missing
	}
	positive, matched := false, false
	for _, g := range globs {
		if len(g) > 0 && g[0] == '!' {
			if Match(g[1:], value) {
				return false
			}
			continue
		}
		positive = true
		matched = matched || Match(g, value)
	}
	return matched || !positive
}

// An Exception lets matching containers go beyond rules. It is the only thing
// that widens, and each use of it is in the receipt.
type Exception struct {
	Rules    []string       // the rules it speaks of
	Match    Selector       // the containers; what the engine did not say never matches
	Allow    map[string]any // by rule, settings that widen the policies'; none: the rule is waived
	Policies []string       // the policies it speaks to; empty: all
	Reason   string
	Expires  int64 // Unix seconds of the moment it ends; 0: never
}

// speaksOf tells whether the exception is about the rule as that policy asks it.
func (x *Exception) speaksOf(rule, policy string) bool {
	return contains(x.Rules, rule) && (len(x.Policies) == 0 || contains(x.Policies, policy))
}

// ended tells whether the exception is over.
func (x *Exception) ended(f *Facts) bool { return x.Expires != 0 && x.Expires <= f.Now }

func contains(list []string, s string) bool {
	for _, have := range list {
		if have == s {
			return true
		}
	}
	return false
}
