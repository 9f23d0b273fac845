package policyfile

import (
	"reflect"
	"testing"

	"github.com/runward/runward/internal/builtin"
	"github.com/runward/runward/policy/rules"
)

// Profiles that are decoded already change nothing but the time it takes, also
// where the node has its own of the name that a built-in one extends.
func TestBuiltInDecoded(t *testing.T) {
	n := newNode(t)
	for range 2 {
		want, err := Load(n.Sources, rules.All)
		n.must(err)
		n.BuiltIn = builtin.Profile
		got, err := Load(n.Sources, rules.All)
		n.must(err)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
		n.BuiltIn = nil
		n.write("lib/profiles/baseline.toml", "version = 1\nname = \"baseline\"\n[user]\nuid = 7\n")
	}
}
