package main

import (
	"strings"
	"testing"

	"github.com/runward/runward/internal/policyfile"
	"github.com/runward/runward/policy/rules"
)

// What the starter shows in comments decodes too.
func TestStarterWithoutComments(t *testing.T) {
	var text strings.Builder
	settings := 0
	for line := range strings.Lines(strings.Replace(starter, "PROFILE", "baseline", 1)) {
		code := strings.TrimPrefix(line, "# ")
		if code != line && (strings.HasPrefix(code, "[") || strings.Contains(code, " = ")) {
			line = code
			settings++
		}
		text.WriteString(line)
	}
	if settings < 15 {
		t.Fatalf("only %d lines of code in comments", settings)
	}
	p, err := policyfile.Parse("starter.toml", []byte(text.String()), rules.All, policyfile.BuiltInExtend(rules.All))
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Select) != 1 || len(p.Exceptions) != 1 || p.Rules["pids"].Settings == nil || p.Rules["read_only_rootfs"].Settings == nil {
		t.Errorf("%+v", p)
	}
}
