package policycheck

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"github.com/runward/runward/policy"
)

// A probe is an engine and what it says of a container.
type probe struct {
	engine string
	says   bool // namespace, pod, container and image, as those with pods do
	kind   string
}

// probes are all engines and kinds that there are.
var probes = []probe{
	{"containerd", true, "container"},
	{"cri-o", true, "container"},
	{"containerd", true, "sandbox"},
	{"cri-o", true, "sandbox"},
	{"containerd", false, "container"}, // ctr, nerdctl
	{"docker", false, "container"},
	{"podman", false, "container"},
	{"buildkit", false, "build"},
	{"buildah", false, "build"},
}

// byLists are the rules that refuse what is on no list of theirs: with lists
// that contradict each other they refuse everything.
var byLists = []string{"image", "command", "hostname", "require_identity"}

// impossible warns of rules that refuse every container that the policy
// selects, also one made for them.
func (c *checker) impossible(p decoded) {
	for _, id := range byLists {
		table, own := p.doc.Root[id].(map[string]any)
		setting, on := p.Rules[id]
		if !own || !on || p.Mode == policy.Off || setting.Action == policy.ActionAudit {
			continue
		}
		if table["allow"] == nil && table["forbid"] == nil && table["fields"] == nil && table["require_digest"] == nil && table["unknown"] == nil {
			continue
		}
		if why := c.refusesAll(p, id, setting); why != "" {
			c.warn(p, []any{id}, "this rule can never pass: it refuses every container that the policy selects, also one that is made for it ("+why+")")
		}
	}
}

// refusesAll tells why a rule refuses each of the containers that are tried;
// "": it lets one pass.
func (c *checker) refusesAll(p decoded, id string, setting policy.Setting) string {
	i := slices.IndexFunc(c.rules, func(r policy.Rule) bool { return r.ID == id })
	if i < 0 {
		return ""
	}
	set := policy.Set{Policies: []*policy.Policy{{Name: p.Name, Rules: map[string]policy.Setting{id: setting}}}}
	why := ""
	for _, probe := range probes {
		if !c.selects(p, probe) || probe.kind == "sandbox" && len(p.Select) == 0 {
			continue
		}
		for _, word := range samples(setting.Settings) {
			d := policy.Evaluate(set, c.rules[i:i+1], sampleSpec(word), probe.facts(word))
			if d.Verdict != policy.Deny {
				return ""
			}
			why = d.Findings[0].Found + "; wanted " + d.Findings[0].Wanted
		}
	}
	return why
}

// selects tells whether the policy can be for containers of an engine and kind.
func (c *checker) selects(p decoded, probe probe) bool {
	return len(p.Select) == 0 || slices.ContainsFunc(p.Select, func(s policy.Selector) bool {
		missing := s.Missing == "match"
		said := probe.says || missing || len(s.Namespace)+len(s.Pod)+len(s.Container)+len(s.Image)+len(s.Digest) == 0
		return said && policy.MatchList(s.Engine, probe.engine, missing) && policy.MatchList(s.Kind, probe.kind, missing)
	})
}

const sampleDigest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// samples are words that the settings' own allow-list permits, if any are, and
// one of no list.
func samples(settings any) []string {
	all := []string{"registry.example.com/app:1@" + sampleDigest, "sample"}
	field := reflect.ValueOf(settings).Elem().FieldByName("Allow")
	if !field.IsValid() {
		return all
	}
	list, ok := field.Interface().(policy.AllowList)
	if !ok {
		return all
	}
	for _, l := range list.Lists {
		for _, glob := range l.Items {
			word := strings.NewReplacer("**", "x/y", "*", "x", "?", "x").Replace(glob)
			all = append(all, word, strings.NewReplacer("**", "x", "*", "x", "?", "x").Replace(glob))
			if !strings.Contains(word, "@") {
				all = append(all, word+"@"+sampleDigest, word+":1@"+sampleDigest, word+":1")
			}
		}
	}
	return all
}

// facts are what the engine says of a container that goes by that word.
func (p probe) facts(word string) *policy.Facts {
	f := &policy.Facts{Verb: "create", Engine: p.engine, Handler: "runward", Identity: policy.Identity{Kind: p.kind}}
	if p.says {
		_, digest, _ := strings.Cut(word, "@")
		f.Identity = policy.Identity{Kind: p.kind, Namespace: "x", Pod: "x", PodUID: "x", Container: "x", Image: word, Digest: digest}
	}
	return f
}

// sampleSpec is a config.json that starts that word and is called so.
func sampleSpec(word string) *policy.Spec {
	quoted, err := json.Marshal(word)
	if err == nil {
		var s *policy.Spec
		if s, err = policy.ParseSpec([]byte(`{"ociVersion":"1.0.2","hostname":` + string(quoted) + `,"process":{"args":[` + string(quoted) + `],"cwd":"/","user":{"uid":1,"gid":1}},"root":{"path":"rootfs"},"linux":{}}`)); err == nil {
			return s
		}
	}
	return sampleSpec("sample") // a word is text, and any text is a string
}
