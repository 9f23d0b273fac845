package rules

import (
	"path"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/policy"
)

// Shapes of what engines mount. * is any name, <id> a container's or sandbox's
// id, <own> this container's or its sandbox's, <uid> this pod's, and a last **
// the directory itself and anything below.
var (
	dockerFiles = []string{
		"/var/lib/docker/containers/<id>/resolv.conf", "/var/lib/docker/containers/<id>/hostname", "/var/lib/docker/containers/<id>/hosts",
		"/var/lib/docker/containers/<id>/mounts/shm", "/var/lib/docker/containers/<own>/mounts/secrets/**",
		"/var/lib/docker/volumes/*/_data/**",
		"/var/lib/docker/*.*/containers/<id>/resolv.conf", "/var/lib/docker/*.*/containers/<id>/hostname", "/var/lib/docker/*.*/containers/<id>/hosts", // userns-remap
		"/var/lib/docker/*.*/containers/<id>/mounts/shm", "/var/lib/docker/*.*/volumes/*/_data/**",
		"/var/lib/nerdctl/*/containers/*/<id>/resolv.conf", "/var/lib/nerdctl/*/containers/*/<id>/hostname",
		"/var/lib/nerdctl/*/etchosts/*/<id>/hosts", "/var/lib/nerdctl/*/volumes/*/*/_data/**",
	}
	builderFiles = []string{
		"/var/lib/docker/buildkit/executor/*", "/var/lib/docker/*.*/buildkit/executor/*", "/var/lib/buildkit/*/executor/*", "/var/lib/buildkit/executor/*",
		"/var/lib/docker/overlay2/*/diff/**", "/var/lib/docker/overlay2/*/merged/**", "/var/lib/buildkit/*/snapshots/snapshots/*/fs/**",
		"/var/lib/containerd/*/snapshots/*/fs/**",
		"/tmp/buildkit-mount*/**", "/tmp/buildkit-secrets*/**", "/tmp/buildkit-ssh*/**", "/tmp/containerd-mount*/**", "/usr/bin/buildkit-qemu-*",
		"/var/tmp/buildah*/**", "/tmp/buildah*/**", "/var/lib/containers/storage/overlay/*/merged/**", "/var/lib/containers/storage/overlay/*/diff/**",
		"/var/lib/containers/storage/overlay-containers/<id>/userdata/**",
	}
	// Below a containers-storage.
	storageFiles = []string{
		"/*-containers/<id>/userdata/resolv.conf", "/*-containers/<id>/userdata/hosts", "/*-containers/<id>/userdata/hostname",
		"/*-containers/<id>/userdata/shm", "/*-containers/<id>/userdata/.containerenv",
		"/*-containers/<own>/userdata/passwd", "/*-containers/<own>/userdata/group", "/*-containers/<own>/userdata/localtime",
		"/*-containers/<own>/userdata/run/**", "/*-containers/<own>/userdata/secrets/**",
		"/volumes/*/_data/**",
	}
	storages = []string{
		"/var/lib/containers/storage", "/run/containers/storage",
		"/home/*/.local/share/containers/storage", "/run/user/*/containers", "/tmp/storage-run-*/containers", "/tmp/podman-run-*/containers",
	}
	kubeletFiles = []string{"/etc-hosts", "/containers/*/*", "/volumes/*~*/*/**", "/volume-subpaths/*/*/*/**"}
	kubelets     = []string{"/var/lib/kubelet", "/var/lib/k0s/kubelet", "/var/snap/microk8s/common/var/lib/kubelet"}
	criFiles     = []string{
		"/sandboxes/<own>/hostname", "/sandboxes/<own>/hosts", "/sandboxes/<own>/resolv.conf", "/sandboxes/<own>/shm",
		"/containers/<own>/volumes/**", "/image-volumes/**",
	}
	criStates = []string{
		"/var/lib/containerd/io.containerd.grpc.v1.cri", "/run/containerd/io.containerd.grpc.v1.cri",
		"/var/lib/rancher/*/agent/containerd/io.containerd.grpc.v1.cri", "/run/k3s/containerd/io.containerd.grpc.v1.cri",
	}
)

// engineFile returns the directory or file of an engine's that the source is,
// or is in; empty where no engine manages it.
func engineFile(e *policy.Eval, m *specs.Mount, source policy.File) string {
	if source.Err != "" {
		return ""
	}
	ids := idsOf(e)
	p := source.Path
	if driverFile(m, source) || rootlessSys(e, m) {
		return p
	}
	if dir := ids.under(p, storages, storageFiles); dir != "" {
		return dir
	}
	if kubernetes(e.Facts) {
		if dir := ids.under(p, kubelets, prefixed("/pods/<uid>", kubeletFiles)); dir != "" {
			return dir
		}
		if dir := ids.under(p, criStates, criFiles); dir != "" {
			return dir
		}
		return ids.elsewhere(source)
	}
	if dir := ids.any(p, dockerFiles); dir != "" {
		return dir
	}
	if isBuild(e.Facts) && (!worldWritable(p) || ownedByRoot(source)) {
		if dir := ids.any(p, builderFiles); dir != "" {
			return dir
		}
	}
	if initProgram(m, p) {
		return p
	}
	return ids.elsewhere(source)
}

// ownFiles are the shapes that name the container, its sandbox or its pod:
// with engines that keep their data elsewhere, these are known wherever they
// are, if only root can have put them there.
var ownFiles = []string{
	"/io.containerd.grpc.v1.cri/sandboxes/<own>/hostname", "/io.containerd.grpc.v1.cri/sandboxes/<own>/hosts",
	"/io.containerd.grpc.v1.cri/sandboxes/<own>/resolv.conf", "/io.containerd.grpc.v1.cri/sandboxes/<own>/shm",
	"/io.containerd.grpc.v1.cri/containers/<own>/volumes/**",
	"/pods/<uid>/etc-hosts", "/pods/<uid>/containers/*/*", "/pods/<uid>/volumes/*~*/*/**", "/pods/<uid>/volume-subpaths/*/*/*/**",
	"/*-containers/<own>/userdata/resolv.conf", "/*-containers/<own>/userdata/hosts", "/*-containers/<own>/userdata/hostname",
	"/*-containers/<own>/userdata/shm", "/*-containers/<own>/userdata/.containerenv", "/*-containers/<own>/userdata/passwd",
	"/*-containers/<own>/userdata/group", "/*-containers/<own>/userdata/localtime", "/*-containers/<own>/userdata/run/**",
	"/*-containers/<own>/userdata/secrets/**",
	"/containers/<own>/resolv.conf", "/containers/<own>/hostname", "/containers/<own>/hosts", "/containers/<own>/mounts/shm",
}

// elsewhere matches the end of a path against ownFiles.
func (i ids) elsewhere(source policy.File) string {
	p := source.Path
	for at := 1; at < len(p); at++ {
		if p[at] != '/' {
			continue
		}
		if dir := i.any(p[at:], ownFiles); dir != "" {
			dir = p[:at] + dir
			if onlyRootAbove(source, dir) {
				return dir
			}
		}
	}
	return ""
}

// onlyRootAbove tells whether nobody but root can have put dir where it is.
func onlyRootAbove(f policy.File, dir string) bool {
	if len(f.Parents) == 0 {
		return false
	}
	for _, d := range f.Parents {
		if d.Path != dir && within(dir, d.Path) && (d.UID != 0 || d.Mode&0o022 != 0 && d.Mode&0o1000 == 0) {
			return false
		}
	}
	return true
}

func isBuild(f *policy.Facts) bool {
	return f.Identity.Kind == "build" || f.Engine == "buildah" || f.Engine == "buildkit"
}

// worldWritable tells whether the path is in a directory that anyone writes.
func worldWritable(p string) bool { return within(p, "/tmp") || within(p, "/var/tmp") }

// ownedByRoot tells whether, below the directory that anyone writes, only root
// can change the way to the source.
func ownedByRoot(f policy.File) bool {
	for _, d := range f.Parents {
		if worldWritable(d.Path) && d.Path != "/tmp" && d.Path != "/var/tmp" && (d.UID != 0 || d.Mode&0o022 != 0) {
			return false
		}
	}
	return true
}

// initProgram is what engines mount as process 1 for --init.
func initProgram(m *specs.Mount, p string) bool {
	switch m.Destination {
	case "/sbin/docker-init", "/run/podman-init", "/dev/init", "/sbin/tini":
	default:
		return false
	}
	switch path.Base(p) {
	case "docker-init", "catatonit", "tini", "tini-static":
		return readOnly(m.Options) && (within(p, "/usr") || within(p, "/sbin") || within(p, "/bin") || within(p, "/snap/docker"))
	}
	return false
}

// ids are the ids that a container's own files are under.
type ids struct {
	own, sandbox, pod string
	strict            bool // other containers' files are not this one's business
}

func idsOf(e *policy.Eval) ids {
	i := ids{own: path.Base(strings.TrimSuffix(e.Facts.Bundle, "/userdata")), pod: e.Facts.Identity.PodUID, strict: kubernetes(e.Facts)}
	switch {
	case !i.strict:
	case e.Facts.Engine == "cri-o":
		i.sandbox = e.Spec.Annotations["io.kubernetes.cri-o.SandboxID"]
	default:
		i.sandbox = e.Spec.Annotations["io.kubernetes.cri.sandbox-id"] // containerd writes it last
	}
	return i
}

// under matches a path against shapes below each of some roots.
func (i ids) under(p string, roots, shapes []string) string {
	for _, root := range roots {
		if dir := i.any(p, prefixed(root, shapes)); dir != "" {
			return dir
		}
	}
	return ""
}

func prefixed(prefix string, shapes []string) []string {
	out := make([]string, len(shapes))
	for n, s := range shapes {
		out[n] = prefix + s
	}
	return out
}

func (i ids) any(p string, shapes []string) string {
	for _, s := range shapes {
		if dir := i.match(s, p); dir != "" {
			return dir
		}
	}
	return ""
}

// match returns the part of the path that the shape names; empty where it does
// not match.
func (i ids) match(shape, p string) string {
	at := 0 // how much of p is matched
	for shape != "" {
		var want, have string
		want, shape, _ = strings.Cut(shape[1:], "/")
		if shape != "" {
			shape = "/" + shape
		}
		if want == "**" {
			return p[:at]
		}
		if at == len(p) {
			return ""
		}
		have, _, _ = strings.Cut(p[at+1:], "/")
		if !i.name(want, have) {
			return ""
		}
		at += 1 + len(have)
	}
	if at != len(p) {
		return ""
	}
	return p
}

func (i ids) name(want, have string) bool {
	own := have != "" && (have == i.own || have == i.sandbox)
	switch want {
	case "<own>":
		return own
	case "<id>":
		return own || !i.strict && isID(have)
	case "<uid>":
		return have == i.pod && have != ""
	}
	return policy.Match(want, have) && have != ""
}

// isID tells whether a name is an id as engines make them: 64 hexadecimal digits.
func isID(s string) bool { return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == "" }
