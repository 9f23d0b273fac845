// Package containerdshim is containerd's shim for runc with runward in runc's
// place. The task service is containerd's own; this package starts and ends
// shims, and makes sure that what the service executes is runward.
//
// It is built on containerd 2.2, and serves every containerd since 1.6: it
// answers `start` with a bare address, and offers the second version of the task
// API, both of which all of them take. The build tag nocontainerd leaves it and
// its program out, for builds without containerd's module.
package containerdshim
