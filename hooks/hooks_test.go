package hooks_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/runward/runward/hooks"
)

func TestArgsAreParsed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		call := hooks.Call{Stage: rapid.SampledFrom(hooks.Stages[:]).Draw(t, "stage")}
		if call.Stage == hooks.CreateRuntime && rapid.Bool().Draw(t, "required") {
			call.Required, call.Timeout = true, rapid.IntRange(1, hooks.MostTimeout).Draw(t, "timeout")
		}
		got, err := hooks.Parse(call.Args())
		if err != nil || got != call {
			t.Fatalf("%+v, %v, want %+v", got, err, call)
		}
		if call.Limit()*1000 <= call.Wait() || call.Wait() <= 0 {
			t.Fatalf("%+v waits %d ms of %d s", call, call.Wait(), call.Limit())
		}
	})
}

func TestOtherArguments(t *testing.T) {
	const another = "arguments of another version of runward"
	for args, want := range map[string]string{
		"":                                     "want a stage: createRuntime, poststart or poststop",
		"runward-hook":                         "want a stage: createRuntime, poststart or poststop",
		"runward-hook prestart":                `the stage "prestart" is not known`,
		"runward-hook poststop --required":     another,
		"runward-hook createRuntime --timeout": another,
		"runward-hook createRuntime --required --timeout=":      another,
		"runward-hook createRuntime --required --timeout=0":     another,
		"runward-hook createRuntime --required --timeout=61":    another,
		"runward-hook createRuntime --required --timeout=2 --x": another,
		"runward-hook poststart --required --timeout=2":         another,
	} {
		call, err := hooks.Parse(strings.Fields(args))
		if err == nil || !strings.Contains(err.Error(), want) || call != (hooks.Call{}) {
			t.Errorf("%s: %+v, %v", args, call, err)
		}
	}
}

// A hook whose environment is empty inherits one.
func TestEnvIsThere(t *testing.T) {
	if slices.ContainsFunc(hooks.Env(), func(s string) bool { return !strings.Contains(s, "=") }) || len(hooks.Env()) == 0 {
		t.Error(hooks.Env())
	}
}
