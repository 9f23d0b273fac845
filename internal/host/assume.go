package host

import (
	"strconv"
	"strings"

	"github.com/runward/runward/policy"
)

// Assume gathers facts as Collect does, for tools that no engine calls: there
// is no calling process to ask, so the engine is taken as given. Given as
// empty, it is the one that the bundle's path speaks of, which for a create
// would not be enough.
func Assume(in Invocation, engine string) *policy.Facts {
	return gather("", in, func(bool) origin {
		if engine == "" {
			return assumed(&in)
		}
		shape, ns := layout(in.Bundle)
		return origin{engine: engine, cri: engine == crio || engine == containerd && (shape != containerd || ns == "k8s.io")}
	})
}

// Running gathers facts about a container that runs, by the process that
// watches over it: containerd's shim and conmon, which called the runtime, become
// the parent of its init process pid (0: not known). Where that parent is no
// engine's, the engine is the one that the bundle's path speaks of, as with
// Assume, and proven is false.
//
// A container of the engine of a user who is not root, 0, is judged as that
// user's runward would.
func Running(in Invocation, pid int, user uint32) (f *policy.Facts, proven bool) {
	f = gather("", in, func(rootless bool) origin {
		by := readParent("", parentOf(pid), rootless || user != 0)
		if caller(by) == "" {
			return assumed(&in)
		}
		proven = true
		return detect(signals{root: in.Root, bundle: in.Bundle, parent: by})
	})
	if user != 0 && !f.Rootless {
		f.Rootless, f.Identity.User = true, strconv.FormatUint(uint64(user), 10)
	}
	return f, proven
}

// parentOf returns the parent of a process, 0: not known.
func parentOf(pid int) int {
	if pid <= 0 {
		return 0
	}
	stat, err := readSmall("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0
	}
	// The name is in parentheses and may contain any byte; the state is next.
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 2 {
		return 0
	}
	parent, err := strconv.Atoi(fields[1])
	if err != nil {
		return 0
	}
	return parent
}

// assumed is the first origin that could have called with this bundle. Podman
// and CRI-O have the same layout: there the container's own word decides.
func assumed(in *Invocation) origin {
	shape, ns := layout(in.Bundle)
	_, rootDocker := containerdRoot(in.Root)
	if shape == "containers/storage" && in.Annotations["io.container.manager"] == crio {
		return origin{engine: crio, cri: true}
	}
	for _, by := range []string{"shim", "conmon of podman", buildah, "buildkitd"} {
		if from := combine(shape, by, ns, rootDocker); from.engine != "" {
			return from
		}
	}
	return origin{}
}
