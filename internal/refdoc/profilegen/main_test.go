package main

import (
	"bytes"
	"os"
	"reflect"
	"testing"

	"github.com/runward/runward/internal/builtin"
	"github.com/runward/runward/internal/policyfile"
	"github.com/runward/runward/policy"
	"github.com/runward/runward/policy/profiles"
	"github.com/runward/runward/policy/rules"
)

func TestGeneratedIsCurrent(t *testing.T) {
	want, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	have, err := os.ReadFile("../../builtin/profiles.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, want) {
		t.Error("internal/builtin/profiles.go is not what policy/profiles gives: go generate ./internal/builtin")
	}
}

func TestGeneratedIsDecoded(t *testing.T) {
	for _, name := range profiles.Names() {
		want, extends, err := policyfile.BuiltInAlone(name, rules.All)
		if err != nil {
			t.Fatal(err)
		}
		got, gotExtends := builtin.Profile(name)
		if !reflect.DeepEqual(got, want) || !reflect.DeepEqual(gotExtends, extends) {
			t.Errorf("%s: got %+v, %v, want %+v, %v", name, got, gotExtends, want, extends)
		}
	}
	if p, _ := builtin.Profile("none"); p != nil {
		t.Error("there is a profile called none")
	}
}

// Nothing and an empty list are two things, in a literal too.
func TestLiteral(t *testing.T) {
	var b bytes.Buffer
	err := literal(&b, reflect.ValueOf(policy.Exception{
		Rules: []string{}, Allow: map[string]any{"user": &rules.UserSettings{UID: policy.Default[policy.Count]{Value: 5, Set: true}}}, Expires: -1,
	}), false)
	want := "policy.Exception{Rules: []string{}, Allow: map[string]any{\n" +
		"\"user\": &rules.UserSettings{UID: policy.Default[policy.Count]{Value: 5, Set: true, }, },\n}, Expires: -1, }"
	if err != nil || b.String() != want {
		t.Errorf("got %v %s", err, b.String())
	}
}
