// Package inherit keeps what Go's runtime forgets of how a program was started.
package inherit

// Ignored has a bit for each signal that was ignored when the process started,
// from bit 0 for signal 1. The program's entry point (entry_*.s, linked with
// -E runward_entry) sets it before Go's runtime puts its own handlers there,
// as nothing tells it afterwards; the real runtime must inherit what the
// engine gave us. Linked without it, it is 0.
var Ignored uint64
