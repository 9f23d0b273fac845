// Package archtest holds the module to its architecture, as tests: which
// package may import which, what the wrapper may link, which calls are not
// made, and why. It has no code of its own.
package archtest
