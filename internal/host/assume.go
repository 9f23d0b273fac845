package host

import "github.com/runward/runward/policy"

// Assume gathers facts as Collect does, for tools that no engine calls: there
// is no calling process to ask, so the engine is taken as given. Given as
// empty, it is the one that the bundle's path speaks of, which for a create
// would not be enough.
func Assume(in Invocation, engine string) *policy.Facts {
	return gather("", in, func(bool) origin {
		if engine == "" {
			return assumed(in.Bundle, in.Root)
		}
		shape, ns := layout(in.Bundle)
		return origin{engine: engine, cri: engine == crio || engine == containerd && (shape != containerd || ns == "k8s.io")}
	})
}

// assumed is the first origin that could have called with this bundle.
func assumed(bundle, root string) origin {
	shape, ns := layout(bundle)
	_, rootDocker := containerdRoot(root)
	for _, by := range []string{"shim", "conmon of podman", buildah, "buildkitd"} {
		if from := combine(shape, by, ns, rootDocker); from.engine != "" {
			return from
		}
	}
	return origin{}
}
