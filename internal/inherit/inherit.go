// Package inherit keeps what Go's runtime forgets, or changes, of how a program
// was started.
package inherit

import (
	"os"
	"unsafe"
)

// Ignored has a bit for each signal that was ignored when the process started,
// from bit 0 for signal 1. The program's entry point (entry_*.s, linked with
// -E runward_entry) sets it before Go's runtime puts its own handlers there,
// as nothing tells it afterwards; the real runtime must inherit what the
// engine gave us. Linked without it, it is 0.
var Ignored uint64

// DeathSignal is the signal that this process gets when its parent dies; 0: none.
// The kernel keeps it by thread, and only the first one has it.
var DeathSignal int32

// environment is where the process's environment begins, as the kernel put it
// there; the entry point sets it. Go's own view of it differs in three things.
// It begins with GOMAXPROCS=1 and TZ=, which only Go's runtime is to see: a
// program that lives a millisecond and does one thing after the other pays for
// every thread that is started and killed again, and BurntSushi/toml asks for
// the local time zone, which would be read from its file, each time. And of two
// variables of one name Go forgets the second.
var environment *[1 << 20]*byte

// Environment is the environment, entry by entry, that the real runtime is to have.
func Environment() []string {
	if environment == nil { // linked without the entry point
		return os.Environ()
	}
	var all []string
	for _, entry := range environment {
		if entry == nil {
			break
		}
		n := 0
		for *(*byte)(unsafe.Add(unsafe.Pointer(entry), n)) != 0 {
			n++
		}
		all = append(all, unsafe.String(entry, n))
	}
	return all
}
