// Package stamp puts the version into every program, where it can be read from
// the file: the wrapper and the hook have no command line to ask for it.
package stamp

// Mark is in the file of every program that names it: prefix, version, ";".
// `make build` sets it. It has no value here: that would be in the file, too.
var Mark string

// Prefix begins a mark.
const Prefix = "runward-version:"
