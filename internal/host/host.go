// Package host gathers what policy may know of the node: which engine asks,
// whose container it is, what the kernel offers, and where host paths lead.
//
// What every evaluation needs is read at once; paths and AppArmor's profiles
// are read when a rule asks.
package host

import (
	"runtime"

	"github.com/runward/runward/policy"
	"golang.org/x/sys/unix"
)

// An Invocation is what the wrapper knows of its own call.
type Invocation struct {
	Now     int64  // Unix seconds
	Root    string // the value of --root; empty: not given
	Bundle  string // the bundle's canonical path
	Handler string // the last name in argv[0]
	Runtime string // the real runtime's kind: runc, crun, youki, runsc
	Hook    string // the absolute path of runward's own hook

	// Annotations are config.json's. They are the container's word, of which
	// only what the engine writes itself is believed.
	Annotations map[string]string

	// TrustedAnnotations and TrustedLabels list, by engine, the keys that the
	// administrator trusts beyond those.
	TrustedAnnotations map[string][]string
	TrustedLabels      map[string][]string
}

// Collect gathers the facts. What cannot be learnt is left unknown, never
// guessed: an engine that is not sure is no engine, and a path that cannot be
// resolved says why.
//
// The facts are for one evaluation in one goroutine; Lookup remembers its answers.
func Collect(in Invocation) *policy.Facts { return collect("", in) }

// collect reads below root, which is empty but in tests.
func collect(root string, in Invocation) *policy.Facts {
	return gather(root, in, func(rootless bool) origin {
		return detect(signals{root: in.Root, bundle: in.Bundle, parent: readParent(root, unix.Getppid(), rootless)})
	})
}

// gather is collect with the engine found as find says.
func gather(root string, in Invocation, find func(rootless bool) origin) *policy.Facts {
	f := &policy.Facts{
		Now:      in.Now,
		Handler:  in.Handler,
		Runtime:  in.Runtime,
		Bundle:   in.Bundle,
		Hook:     in.Hook,
		Lookup:   newResolver(in.Bundle).Lookup,
		Inside:   newInsider(in.Bundle).Inside,
		Feed:     ReadFeed,
		AppArmor: appArmor(root),
		Arch:     runtime.GOARCH,
		Kernel:   kernelVersion(),
		SELinux:  isFilesystem(root+"/sys/fs/selinux", unix.SELINUX_MAGIC),
		CgroupV2: isFilesystem(root+"/sys/fs/cgroup", unix.CGROUP2_SUPER_MAGIC),
	}
	f.Capabilities = boundingSet()
	owner := ""
	f.Rootless, owner = rootless(root)
	from := find(f.Rootless)
	f.Engine = from.engine
	f.Identity = identify(from, &in)
	f.Identity.User = owner
	return f
}
