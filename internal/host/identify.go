package host

import "github.com/runward/runward/policy"

// Identify tells the engine and whose container it is from values alone: what
// Collect says once it has looked at the calling process, whose executable
// only root can have put there, and of which args count where it is conmon.
func Identify(in Invocation, exe string, args []string) (engine string, id policy.Identity) {
	from := detect(signals{root: in.Root, bundle: in.Bundle, parent: parent{exe: exe, args: args}})
	return from.engine, identify(from, &in)
}
