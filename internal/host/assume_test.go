package host

import "testing"

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
