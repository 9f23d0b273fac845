package rules_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"pgregory.net/rapid"

	"github.com/runward/runward/hooks"
	"github.com/runward/runward/internal/policyfile"
	"github.com/runward/runward/internal/policytest"
	"github.com/runward/runward/policy"
	"github.com/runward/runward/policy/rules"
)

// drawHook draws a hook of another's, or one of ours, exact or forged.
func drawHook(t *rapid.T) string {
	limit := pick(t, "limit", []string{"", `, "timeout": 11`, `, "timeout": 1`})
	env := pick(t, "env", []string{"", `, "env": []`, `, "env": ["GOMAXPROCS=1", "GOGC=off"]`, `, "env": ["LD_PRELOAD=/x"]`})
	args := pick(t, "args", []string{"", `, "args": ["runward-hook", "createRuntime", "--required", "--timeout=1"]`, `, "args": ["runward-hook", "createRuntime"]`, `, "args": ["runward-hook", "poststart"]`, `, "args": ["runward-hook", "poststop"]`, `, "args": ["a", "b"]`})
	path := pick(t, "path", []string{"/opt/a", "/opt/b", "/opt/c", monitorHook, monitorHook, "/usr/libexec/runward//runward-hook", "/opt/link"})
	return `{"path": "` + path + `"` + args + env + limit + `}`
}

// Whatever hooks there are, ours are there once each in their place, exactly,
// and the others as they were, in their order.
func TestMonitorHooks(t *testing.T) {
	often(t, func(t *rapid.T) {
		var lists []string
		for _, name := range []string{"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"} {
			var list []string
			for range under(t, name, 4) {
				list = append(list, drawHook(t))
			}
			if list != nil || under(t, "empty", 3) == 0 {
				lists = append(lists, `"`+name+`": [`+strings.Join(list, ", ")+`]`)
			}
		}
		raw := []byte(`{"process": {}, "linux": {}, "hooks": {` + strings.Join(lists, ", ") + `}}`)
		facts, err := policytest.Facts([]byte(`{"hook": "` + monitorHook + `", "paths": {"/opt/link": {"link": "` + monitorHook + `"}, "/opt/a": {"type": "file"}}}`))
		if err != nil {
			t.Fatal(err)
		}
		d := decideAll(t, raw, facts, drawPolicyOf(t, "a", []policy.Rule{rules.Monitor}, 1))
		if d.given == nil || d.Ceiling.Monitor == nil {
			return // action = "deny" and "audit", attach = false
		}
		was, is := hooksByList(view(t, raw).Hooks), hooksByList(d.given.Hooks)
		for i, name := range []string{"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"} {
			ours := func(h specs.Hook) bool {
				return h.Path != "/opt/a" && h.Path != "/opt/b" && h.Path != "/opt/c"
			}
			others := slices.DeleteFunc(slices.Clone(was[i]), ours)
			at := -1
			switch name {
			case "createRuntime", "poststart":
				at = len(others)
			case "poststop":
				at = 0
			}
			if at < 0 {
				if len(others)+len(is[i]) > 0 && !reflect.DeepEqual(others, is[i]) {
					t.Fatalf("%s: %+v of %+v", name, is[i], was[i])
				}
				continue
			}
			if len(is[i]) != len(others)+1 {
				t.Fatalf("%s: %+v of %+v", name, is[i], was[i])
			}
			h := is[i][at]
			call, err := hooks.Parse(h.Args)
			if err != nil || h.Path != monitorHook || !slices.Equal(h.Env, hooks.Env()) || call.Stage != name || h.Timeout == nil || *h.Timeout*1000 <= call.Wait() {
				t.Fatalf("%s: %+v, %v", name, h, err)
			}
			if d.Ceiling.Monitor.Required && name == "createRuntime" && !call.Required {
				t.Fatalf("%s: %+v, asked %+v", name, call, d.Ceiling.Monitor)
			}
			if rest := slices.Delete(slices.Clone(is[i]), at, at+1); len(rest)+len(others) > 0 && !reflect.DeepEqual(rest, others) {
				t.Fatalf("%s: the others are %+v, were %+v", name, rest, others)
			}
		}
	})
}

func hooksByList(h *specs.Hooks) [][]specs.Hook {
	//lint:ignore SA1019 engines still use prestart
	all := [][]specs.Hook{h.Prestart, h.CreateRuntime, h.CreateContainer, h.StartContainer, h.Poststart, h.Poststop}
	for _, list := range all {
		for i := range list {
			list[i].Env = append([]string{}, list[i].Env...) // none and an empty one are the same
		}
	}
	return all
}

// What the monitor is asked to do is kept, the strictest of what policies say,
// and nothing where the rule only records.
func TestMonitorTerms(t *testing.T) {
	terms := func(texts ...string) *policy.MonitorTerms {
		set := policy.Set{}
		for i, text := range texts {
			p, err := policyfile.Parse("p.toml", []byte("version = 1\nname = \""+string(rune('a'+i))+"\"\n"+text), rules.All, noProfiles)
			if err != nil {
				t.Fatal(err)
			}
			set.Policies = append(set.Policies, p)
		}
		spec, err := policy.ParseSpec([]byte(`{"process":{},"linux":{}}`))
		if err != nil {
			t.Fatal(err)
		}
		facts, err := policytest.Facts([]byte(`{"engine": "docker", "hook": "` + monitorHook + `"}`))
		if err != nil {
			t.Fatal(err)
		}
		return policy.Evaluate(set, rules.All, spec, facts).Ceiling.Monitor
	}
	milder := "[monitor]\non_difference = 'kill'\n[[exception]]\nrules = ['monitor']\nmatch = { engine = ['docker'] }\nallow = { on_difference = 'freeze' }\nreason = 'x'\n"
	for _, c := range []struct {
		texts []string
		want  *policy.MonitorTerms
	}{
		{[]string{"[hooks]"}, nil},
		{[]string{"[monitor]"}, &policy.MonitorTerms{OnDifference: "alert"}},
		{[]string{"[monitor]\nattach = false"}, nil},
		{[]string{"[monitor]\nattach = false\nrequired = true"}, &policy.MonitorTerms{Required: true, OnDifference: "alert"}},
		{[]string{"[monitor]\nattach = false\non_difference = 'kill'", "[monitor]"}, &policy.MonitorTerms{OnDifference: "kill"}},
		{[]string{"[monitor]\non_difference = 'freeze'", "[monitor]\non_difference = 'alert'"}, &policy.MonitorTerms{OnDifference: "freeze"}},
		{[]string{"[monitor]\non_difference = 'freeze'", "[monitor]\non_difference = 'kill'", "[monitor]\nrequired = true"}, &policy.MonitorTerms{Required: true, OnDifference: "kill"}},
		{[]string{"[monitor]\naction = 'audit'\non_difference = 'kill'\n[pids]"}, nil},
		{[]string{"mode = 'audit'\n[monitor]\non_difference = 'kill'"}, nil},
		{[]string{milder}, &policy.MonitorTerms{OnDifference: "freeze"}},
	} {
		if got := terms(c.texts...); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q: %+v, want %+v", c.texts, got, c.want)
		}
	}
}
