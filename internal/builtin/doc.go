// Package builtin holds the built-in profiles decoded, so that nothing has to
// parse their text before a container starts.
package builtin

//go:generate go run ../refdoc/profilegen
