package rules

import (
	"errors"
	"path"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/hooks"
	"github.com/runward/runward/policy"
)

// MonitorSettings say how a container is joined to the node's monitor.
type MonitorSettings struct {
	Attach       policy.Flag              `toml:"attach" doc:"tell the monitor of the container by hooks of runward's, and say so in a finding where that is not possible; left out: where runward-hook is installed; false: nowhere"`
	Required     policy.Flag              `toml:"required" doc:"start no container of which the monitor has not taken note; implies attach"`
	Timeout      policy.Max[policy.Count] `toml:"timeout" doc:"how many seconds a create waits for the monitor where it is required, 1 to 60; 2 unless said. Where it is not required, a quarter of a second at most"`
	OnDifference policy.Answer            `toml:"on_difference" doc:"what the monitor does where the kernel has the container otherwise than it was created: alert, freeze it as well, or kill it; alert unless said"`
}

// Default attaches where the table is there, and only speaks up.
func (s *MonitorSettings) Default() {
	s.Attach.Default(true)
	s.OnDifference.Default(policy.Answers[0])
}

// Validate refuses a timeout that is none, or that engines do not wait for.
func (s *MonitorSettings) Validate() error {
	if s.Timeout.Set && (s.Timeout.Value < 1 || s.Timeout.Value > hooks.MostTimeout) {
		return errors.New("monitor.timeout: want 1 to " + itoa(hooks.MostTimeout) + " seconds, found " + itoa(int64(s.Timeout.Value)))
	}
	return nil
}

// Limit keeps for the monitor what is asked of it.
func (s *MonitorSettings) Limit(c *policy.Ceiling) {
	if s.Attach.On || s.Required.On {
		c.Monitor = &policy.MonitorTerms{Required: s.Required.On, OnDifference: s.OnDifference.Word}
	}
}

// Monitor joins containers to the node's monitor.
var Monitor = policy.Rule{
	ID:    "monitor",
	Title: "The node's monitor knows of the container",
	Doc: "Adds three hooks that run runward-hook, which tells the monitor of the container: createRuntime before anything of it runs, poststart when it is started, so that the monitor proves that the kernel has it as policy left it, and poststop when it is deleted. " +
		"Each has an absolute path, an environment of its own (CVE-2025-23266) and a timeout. " +
		"In createRuntime and poststart they come after all others, whose work they find done; in poststop before them, since runc runs none after one that fails. Other hooks stay as they are, in their order. " +
		"Without the monitor containers start as ever, unless it is required: then createRuntime's hook fails the create in words. The other two never fail. " +
		"Where runward-hook is not installed, or others than root can change it, nothing is added; where the monitor is required the container is refused. Rootless containers are not joined.",
	Since:   "0.1.0",
	Default: policy.ActionRewrite,
	Refs: []policy.Ref{
		{Standard: "NIST SP 800-190", ID: "4.4.4"},
		{Standard: "NIST SP 800-53", ID: "SI-4"},
		{Standard: "CVE", ID: "2025-23266"},
	},
	Check: policy.Check[MonitorSettings](checkMonitor),
}

func checkMonitor(e *policy.Eval, s *MonitorSettings) {
	m := monitorHooks{e: e, required: s.Required.On, timeout: hooks.DefaultTimeout}
	if s.Timeout.Set {
		m.timeout = int(s.Timeout.Value)
	}
	if m.attach = s.Attach.On || s.Required.On; m.attach {
		m.usable = hookUsable(e, s)
	} else {
		m.usable = unusable(e).Wanted == ""
	}
	if !m.usable && m.required {
		return // refused
	}
	var wrong []string // lists with hooks of ours that are not as they are to be
	same := true
	for _, list := range hookLists(e.Spec.Hooks) {
		if slices.EqualFunc(*list.list, m.in(list), sameHook) {
			continue
		}
		same = false
		if slices.ContainsFunc(*list.list, m.ours) {
			wrong = append(wrong, list.name)
		}
	}
	if same {
		return
	}
	f := policy.Finding{
		Pointer: "/hooks", Found: "no hooks that tell the node's monitor of the container", Wanted: "those of " + e.Facts.Hook,
		Hint: "nothing needs to be done; an exception from the rule monitor leaves the container out",
	}
	if len(wrong) > 0 {
		f.Found = "hooks of runward's that policy wants otherwise, in " + strings.Join(wrong, ", ")
	}
	if !m.attach || !m.usable {
		f.Wanted = "none of them"
	}
	e.Rewrite(f, func(spec *specs.Spec) {
		for _, list := range hookLists(spec.Hooks) {
			if is := m.in(list); !slices.EqualFunc(*list.list, is, sameHook) {
				*list.list = is // an empty list of the engine's stays empty
			}
		}
	})
}

// hookUsable tells whether our hook can be run. Where it cannot it says why,
// and refuses the container that must have it.
func hookUsable(e *policy.Eval, s *MonitorSettings) bool {
	f := unusable(e)
	switch {
	case f.Wanted == "":
		return true
	case s.Required.On:
		e.Deny(f)
	case e.Facts.Rootless || e.Facts.Hook == "" || e.Facts.Lookup == nil: // no fault of the node's
	case s.Attach.Policy == "" && e.Facts.Lookup(e.Facts.Hook).Type == policy.Missing: // nobody says that there is a monitor here
	default:
		e.Report(f)
	}
	return false
}

// unusable says what is in the way of our hook; nothing is wanted where
// nothing is.
func unusable(e *policy.Eval) policy.Finding {
	f := policy.Finding{Pointer: "/hooks", Hint: "tell the node's administrator, who installs the whole of runward"}
	switch program := e.Facts.Hook; {
	case e.Facts.Rootless:
		f.Found, f.Wanted = "a rootless container", "a container of root's engine: the node's monitor follows no others"
		f.Hint = "start it with root's engine, or let the policy select no user"
	case program == "" || e.Facts.Lookup == nil:
		f.Found, f.Wanted = "a runward that cannot tell where its hook is", "runward-hook, installed as runward is"
	default:
		file := installed(e.Facts.Lookup(program))
		f.Found, f.Wanted = "the hook "+program, rootOnly(file)
		if file.Type == policy.Missing {
			f.Found = "no hook " + program
		}
		if f.Wanted == "" && file.Mode&0o111 == 0 {
			f.Wanted = "a program"
		}
	}
	return f
}

// installed leaves out directories in which nobody can replace what is root's,
// as for runward's other files.
func installed(f policy.File) policy.File {
	const sticky = 0o1000
	f.Parents = slices.DeleteFunc(slices.Clone(f.Parents), func(d policy.Dir) bool { return d.UID == 0 && d.Mode&sticky != 0 })
	return f
}

// monitorHooks are the hooks that a container is to have.
type monitorHooks struct {
	e                *policy.Eval
	attach, required bool
	usable           bool // with a hook that cannot be run the runtime would fail the create
	timeout          int  // seconds
}

// in gives a list of hooks with ours where it is to be, once, and nowhere
// else. The others stay as they are. What a stricter policy has put there stays
// too: what policy once took is not given back.
func (m *monitorHooks) in(list hookList) []specs.Hook {
	others := slices.DeleteFunc(slices.Clone(*list.list), m.ours)
	at := len(others)
	if list.name == hooks.Poststop {
		at = 0
	}
	switch have := *list.list; {
	case !m.usable || !monitorList(list.name):
		return others
	case len(have) == len(others)+1 && m.serves(&have[at], list.name):
		return have
	case !m.attach:
		return others
	}
	return slices.Insert(others, at, m.hook(list.name))
}

func (m *monitorHooks) hook(stage string) specs.Hook {
	call := hooks.Call{Stage: stage}
	if m.required && stage == hooks.CreateRuntime {
		call.Required, call.Timeout = true, m.timeout
	}
	limit := call.Limit()
	return specs.Hook{Path: m.e.Facts.Hook, Args: call.Args(), Env: hooks.Env(), Timeout: &limit}
}

// serves tells whether a hook is ours as some policy would have it that asks
// for no less.
func (m *monitorHooks) serves(h *specs.Hook, stage string) bool {
	call, err := hooks.Parse(h.Args)
	if err != nil || call.Stage != stage || h.Path != m.e.Facts.Hook || !slices.Equal(h.Env, hooks.Env()) || h.Timeout == nil || *h.Timeout != call.Limit() {
		return false
	}
	return !m.required || stage != hooks.CreateRuntime || call.Required && call.Timeout <= m.timeout
}

func (m *monitorHooks) ours(h specs.Hook) bool { return monitors(m.e, h.Path) }

// monitorList tells whether a list is for a hook of ours.
func monitorList(name string) bool { return slices.Contains(hooks.Stages[:], name) }

// monitors tells whether a hook's path leads to our own, by whatever name.
func monitors(e *policy.Eval, hook string) bool {
	own := e.Facts.Hook
	switch {
	case own == "":
		return false
	case path.Clean(hook) == own:
		return true
	case e.Facts.Lookup == nil:
		return false
	}
	f := e.Facts.Lookup(own)
	return f.Type == policy.Regular && e.Facts.Lookup(hook).SameAs(f.Dev, f.Ino)
}

func sameHook(a, b specs.Hook) bool {
	return a.Path == b.Path && slices.Equal(a.Args, b.Args) && slices.Equal(a.Env, b.Env) &&
		(a.Timeout == nil) == (b.Timeout == nil) && (a.Timeout == nil || *a.Timeout == *b.Timeout)
}
