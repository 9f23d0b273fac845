// Package policy decides what a container may be given.
//
// Evaluate takes a set of policies, the rules, a config.json and the facts of
// the node, and returns a Decision: allow, rewrite (with a JSON Patch) or deny,
// and what was found. It is pure: the same inputs give the same decision and
// the same bytes. Nothing here reads a file, a clock or the environment; what
// it knows of the node arrives in Facts.
package policy
