package rules_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/runward/runward/internal/policyfile"
	"github.com/runward/runward/policy"
	"github.com/runward/runward/policy/rules"
)

// What engines write of themselves is known: the rule breaks none of them.
func TestEnginesWriteNothingUnknown(t *testing.T) {
	for _, raw := range corpus().specs {
		spec, err := policy.ParseSpec(raw)
		if err != nil {
			t.Fatal(err)
		}
		spec.Unknown(func(_, pointer string) bool {
			if !strings.HasPrefix(pointer, "/linux/resources/extension") { // test/cases/unknown-member
				t.Errorf("not known: %s", pointer)
			}
			return true
		})
	}
}

// A document full of members that nobody knows costs no more than one that is
// read.
func TestUnknownFieldsIsBounded(t *testing.T) {
	b := &strings.Builder{}
	b.WriteString(`{"process":{},"linux":{}`)
	for i := range 400_000 {
		b.WriteString(`,"k` + string(rune('a'+i%26)) + strings.Repeat("0", i%3) + strconv.Itoa(i) + `":0`)
	}
	b.WriteString("}")
	spec, err := policy.ParseSpec([]byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	for _, allow := range []string{"[]", `["**"]`} {
		p, err := policyfile.Parse("a.toml", []byte("version = 1\nname = \"a\"\n[unknown_fields]\nallow = "+allow), rules.All, noProfiles)
		if err != nil {
			t.Fatal(err)
		}
		set := policy.Set{Policies: []*policy.Policy{p}}
		start := time.Now()
		d := policy.Evaluate(set, rules.All, spec, &policy.Facts{})
		if d.Verdict != policy.Deny || len(d.Findings) > 17 {
			t.Errorf("%v with %d findings", d.Verdict, len(d.Findings))
		}
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("took %v", took)
		}
	}
}
