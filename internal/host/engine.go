package host

import "strings"

// Engines, as policy.Facts names them.
const (
	containerd = "containerd"
	crio       = "cri-o"
	docker     = "docker"
	podman     = "podman"
	buildkit   = "buildkit"
	buildah    = "buildah"
)

// signals are what tells the engine and no container can forge.
type signals struct {
	root   string // --root
	bundle string
	parent parent
}

// An origin is the engine that signals agree on; without one, engine is empty
// and conflict says what did not agree, or is empty if nothing spoke of an engine.
type origin struct {
	engine   string
	cri      bool // its CRI side: pods have namespaces
	conflict string
}

// detect finds the engine. The bundle's layout and the parent process must
// name the same one; --root, where given, must not name another. State
// directories can be anywhere, so layouts are recognised by how a path ends:
//
//	layout                                               parent                    engine
//	.../io.containerd.runtime.v2.task/NAMESPACE/ID       containerd-shim-*         containerd; docker for moby; buildkit for buildkit
//	.../DRIVER-containers/ID/userdata                    conmon --exit-command     podman
//	                                                     conmon, conmonrs, crio    cri-o
//	.../buildah1234                                      buildah, podman           buildah
//	.../runc-SNAPSHOTTER/executor/ID, buildkit/executor  buildkitd, dockerd        buildkit
//
// containerd's --root ends in the same NAMESPACE; where it has containerd's form
// the parent may also be a program that is no engine's (a wrapper in between).
// CRI's identity keys are
// trusted in its name space k8s.io alone: whoever may use another one (nerdctl,
// ctr) may also write annotations.
func detect(s signals) origin {
	shape, ns := layout(s.bundle)
	by := caller(s.parent)
	rootNS, rootDocker := containerdRoot(s.root)
	if shape == "" && by == "" {
		return origin{}
	}
	if shape == containerd && rootNS == ns && by == "" {
		by, s.parent.err = "shim", "" // two signals agree, and the third speaks of no engine
	}
	if shape != "" && s.parent.err != "" {
		return disagree("the bundle's path is " + shape + "'s, but the calling process proves nothing: " + s.parent.err)
	}
	if s.parent.err != "" {
		return origin{}
	}
	if shape == "" {
		return disagree("the calling process is " + s.parent.exe + ", but the bundle's path is not one of its engine's")
	}
	from := combine(shape, by, ns, rootDocker)
	switch {
	case from.engine == "":
		return disagree("the bundle's path is " + shape + "'s, but the calling process is " + s.parent.exe)
	case shape != containerd && rootNS != "":
		return disagree("the bundle's path is " + shape + "'s, but --root " + s.root + " is containerd's")
	case shape == containerd && s.root != "" && last(s.root, 0) != ns:
		return disagree("the bundle is in containerd's name space " + ns + ", but --root is " + s.root)
	case from.cri && rootDocker:
		return disagree("the bundle is in containerd's name space " + ns + ", but --root " + s.root + " is Docker's")
	}
	return from
}

func disagree(why string) origin { return origin{conflict: why} }

// combine looks a layout and a caller up in detect's table.
func combine(shape, by, ns string, rootDocker bool) origin {
	switch shape + " by " + by {
	case "containerd by shim":
		switch {
		case ns == "k8s.io":
			return origin{engine: containerd, cri: true}
		case ns == "moby" || ns == "plugins.moby" || rootDocker:
			return origin{engine: docker}
		case ns == "buildkit":
			return origin{engine: buildkit}
		}
		return origin{engine: containerd}
	case "containers/storage by conmon of podman", "containers/storage by podman":
		return origin{engine: podman}
	case "containers/storage by conmon of cri-o", "containers/storage by cri-o":
		return origin{engine: crio, cri: true}
	case "buildah by buildah", "buildah by podman":
		return origin{engine: buildah}
	case "buildkit by buildkitd", "buildkit by dockerd":
		return origin{engine: buildkit}
	}
	return origin{}
}

// layout tells by its end whose bundle path it is, and containerd's name space.
func layout(bundle string) (shape, namespace string) {
	id, above, third := last(bundle, 0), last(bundle, 1), last(bundle, 2)
	switch {
	case id == "":
		return "", ""
	case (third == "io.containerd.runtime.v2.task" || third == "io.containerd.runtime.v1.linux") && above != "":
		return containerd, above
	case id == "userdata" && strings.HasSuffix(third, "-containers"):
		return "containers/storage", ""
	case strings.HasPrefix(id, "buildah") && isNumber(id[len("buildah"):]):
		return buildah, ""
	case above == "executor" && (third == "buildkit" || strings.HasPrefix(third, "runc-")):
		return buildkit, ""
	}
	return "", ""
}

// caller tells which program called, by the table above; empty: none of them.
func caller(p parent) string {
	name := p.name()
	switch {
	case strings.HasPrefix(name, "containerd-shim"):
		return "shim"
	case name == "conmon":
		return conmonOf(p.args)
	case name == "conmonrs" || name == "crio":
		return crio
	case name == podman || name == buildah || name == "buildkitd" || name == "dockerd":
		return name
	}
	return ""
}

// conmonOf tells who started a conmon. Podman gives it a command to run at the
// end, itself (but for health checks); CRI-O never does, and reads exit codes
// from --exit-dir, as Podman does from one below "libpod".
// A value that merely looks like the option (a log tag, a name) is not in the
// option's place: options are taken with their values, as conmon takes them.
func conmonOf(args []string) string {
	by := "conmon"
	for i := 1; i < len(args); i++ {
		switch arg := args[i]; {
		case arg == "--exit-command":
			if i+1 < len(args) && last(args[i+1], 0) == podman {
				return "conmon of podman"
			}
			return "conmon"
		case arg == "--exit-dir" && i+1 < len(args):
			i++
			by = "conmon of cri-o"
			if strings.Contains(args[i], "/libpod/") {
				by = "conmon of podman"
			}
		case takesValue(arg):
			i++
		}
	}
	return by
}

// takesValue tells which of conmon's options are followed by a value (conmon(8)).
func takesValue(arg string) bool {
	switch arg {
	case "--api-version", "-b", "--bundle", "-c", "--cid", "-u", "--cuuid", "--exec-process-spec", "--exit-delay",
		"--exit-command-arg", "-l", "--log-path", "--log-level", "--log-max-files", "--log-allowlist-dir", "--log-size-max", "--log-size-global-max", "--log-tag",
		"--log-label", "-n", "--name", "-p", "--container-pidfile", "-P", "--conmon-pidfile", "--persist-dir", "-0", "--restore",
		"-r", "--runtime", "--runtime-arg", "--runtime-opt", "--sdnotify-socket", "--seccomp-notify-socket",
		"--seccomp-notify-plugins", "--socket-dir-path", "-T", "--timeout":
		return true
	}
	return false
}

// containerdRoot tells whether --root is as containerd's shims pass it:
// .../containerd/runc/NAMESPACE, or Docker's .../runtime-runc/NAMESPACE.
func containerdRoot(root string) (namespace string, ofDocker bool) {
	switch {
	case last(root, 1) == "runtime-runc":
		return last(root, 0), true
	case last(root, 1) == "runc" && last(root, 2) == "containerd":
		return last(root, 0), false
	}
	return "", false
}

// last returns a name in a path, counted from its end.
func last(path string, n int) string {
	path = strings.TrimRight(path, "/")
	for {
		i := strings.LastIndexByte(path, '/')
		if n == 0 || i < 0 {
			if n > 0 {
				return ""
			}
			return path[i+1:]
		}
		path, n = strings.TrimRight(path[:i], "/"), n-1
	}
}

func isNumber(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
