package host

import (
	"os"
	"testing"
)

func TestAssume(t *testing.T) {
	pod := map[string]string{"io.kubernetes.cri.container-type": "container", "io.kubernetes.cri.sandbox-namespace": "prod", "io.kubernetes.cri.container-name": "web"}
	for _, c := range []struct {
		name, bundle, root, given string
		engine, namespace         string
		conflict                  bool
	}{
		{"containerd's path", "/run/containerd/io.containerd.runtime.v2.task/k8s.io/1", "", "", "containerd", "prod", false},
		{"docker's path", "/run/containerd/io.containerd.runtime.v2.task/moby/1", "", "", "docker", "", true},
		{"podman's path", "/var/lib/containers/storage/overlay-containers/1/userdata", "", "", "podman", "", true},
		{"given", "/tmp/b", "", "containerd", "containerd", "prod", false},
		{"given against the path", "/run/containerd/io.containerd.runtime.v2.task/k8s.io/1", "", "docker", "docker", "", true},
		{"given in another name space", "/run/containerd/io.containerd.runtime.v2.task/default/1", "", "containerd", "containerd", "", true},
		{"nothing to go by", "/tmp/b", "", "", "", "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := Assume(Invocation{Bundle: c.bundle, Root: c.root, Annotations: pod}, c.given)
			if f.Engine != c.engine || f.Identity.Namespace != c.namespace || (f.Identity.Conflict != "") != c.conflict {
				t.Errorf("engine %q, %+v", f.Engine, f.Identity)
			}
		})
	}
}

// Without an engine's process as its parent, a container's engine is the one
// that its bundle's path speaks of, and CRI-O's is told from Podman's by its word.
func TestRunningWithoutMonitor(t *testing.T) {
	const storage = "/var/lib/containers/storage/overlay-containers/1/userdata"
	for _, c := range []struct {
		name, bundle, manager string
		pid                   int
		user                  uint32
		engine, owner         string
	}{
		{"containerd", "/run/containerd/io.containerd.runtime.v2.task/default/1", "", 0, 0, "containerd", ""},
		{"a parent that is no engine", "/run/containerd/io.containerd.runtime.v2.task/default/1", "", os.Getpid(), 0, "containerd", ""},
		{"podman", storage, "libpod", 0, 0, "podman", ""},
		{"cri-o", storage, "cri-o", 0, 0, "cri-o", ""},
		{"a user's", storage, "libpod", 0, 1234, "podman", "1234"},
		{"by hand", "/srv/bundle", "", os.Getpid(), 0, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := Invocation{Bundle: c.bundle}
			if c.manager != "" {
				in.Annotations = map[string]string{"io.container.manager": c.manager}
			}
			f, proven := Running(in, c.pid, c.user)
			if f.Engine != c.engine || f.Identity.User != c.owner || f.Rootless != (c.user != 0) || proven {
				t.Errorf("engine %q, user %q, rootless %v, proven %v", f.Engine, f.Identity.User, f.Rootless, proven)
			}
		})
	}
}
