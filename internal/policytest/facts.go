// Package policytest has what tests of policies and rules share. It is for
// tests only; the facts come from internal/pretend.
package policytest

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/internal/pretend"
	"github.com/runward/runward/policy"
)

// Node, Tree and Call are those of internal/pretend.
type (
	Node = pretend.Node
	Tree = pretend.Tree
	Call = pretend.Call
)

// Facts is pretend.Facts.
func Facts(text []byte) (*policy.Facts, error) { return pretend.Facts(text) }

// ParseCall is pretend.ParseCall.
func ParseCall(text []byte) (Call, error) { return pretend.ParseCall(text) }

// CallFacts is pretend.CallFacts.
func CallFacts(call Call, spec *specs.Spec) (*policy.Facts, *Tree, error) {
	return pretend.CallFacts(call, spec)
}
