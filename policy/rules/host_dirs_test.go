package rules

import (
	"testing"

	"github.com/runward/runward/policy"
)

func TestOnlyDataIsMounted(t *testing.T) {
	for typ := policy.Missing; typ <= policy.Other+1; typ++ {
		data := typ == policy.Missing || typ == policy.Directory || typ == policy.Regular
		got := byType(policy.File{Path: "/srv/data/x", Type: typ})
		if refused := got != (reason{}); refused == data {
			t.Errorf("type %d: %+v", typ, got)
		}
	}
}
