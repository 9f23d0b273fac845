package host

import (
	"strings"
	"testing"
)

const (
	shimExe = "/usr/bin/containerd-shim-runc-v2"
	podmanB = "/var/lib/containers/storage/overlay-containers/f20f1a/userdata"
	crioB   = "/run/containers/storage/overlay-containers/1192078995f7/userdata"
)

func conmon(args ...string) parent {
	return parent{exe: "/usr/bin/conmon", args: append([]string{"/usr/bin/conmon"}, args...)}
}

var (
	byPodman = conmon("--api-version", "1", "-c", "f20f1a", "-n", "web", "--exit-dir", "/run/libpod/exits",
		"--exit-command", "/usr/bin/podman", "--exit-command-arg", "container", "--exit-command-arg", "cleanup")
	byCrio = conmon("-b", crioB, "-c", "1192078995f7", "--exit-dir", "/var/run/crio/exits", "-l", "/var/log/pods/x.log",
		"-n", "k8s_app", "-r", "/usr/bin/runward", "--runtime-arg", "--root=/run/runc")
)

func TestDetect(t *testing.T) {
	const v2 = "/run/containerd/io.containerd.runtime.v2.task"
	shim := parent{exe: shimExe}
	cases := []struct {
		name         string
		root, bundle string
		parent       parent
		engine       string
		cri          bool
		conflict     string // its beginning
	}{
		{"containerd CRI", "/run/containerd/runc/k8s.io", v2 + "/k8s.io/0a1b", shim, containerd, true, ""},
		{"containerd CRI, our shim", "/run/containerd/runc/k8s.io", v2 + "/k8s.io/0a1b", parent{exe: "/usr/bin/containerd-shim-runward-v2"}, containerd, true, ""},
		{"k3s", "/run/containerd/runc/k8s.io", "/run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io/0a", parent{exe: "/var/lib/rancher/k3s/data/ab/bin/containerd-shim-runc-v2"}, containerd, true, ""},
		{"a handler with a root of its own", "/srv/runc/k8s.io", "/srv/state/io.containerd.runtime.v2.task/k8s.io/0a", shim, containerd, true, ""},
		{"ctr", "/run/containerd/runc/default", v2 + "/default/e", shim, containerd, false, ""},
		{"ctr --runc-root", "/run/other/default", v2 + "/default/e", shim, containerd, false, ""},
		{"docker", "/var/run/docker/runtime-runc/moby", "/run/docker/containerd/daemon/io.containerd.runtime.v2.task/moby/0a", shim, docker, false, ""},
		{"docker on the system's containerd", "/run/docker/runtime-runc/moby", v2 + "/moby/0a", shim, docker, false, ""},
		{"docker with a name space of its own", "/run/docker/runtime-runc/mine", v2 + "/mine/0a", shim, docker, false, ""},
		{"docker, version 1 shim", "/run/docker/runtime-runc/moby", "/run/containerd/io.containerd.runtime.v1.linux/moby/0a", parent{exe: "/usr/bin/containerd-shim"}, docker, false, ""},
		{"buildkit on containerd", "/run/containerd/runc/buildkit", v2 + "/buildkit/0a", shim, buildkit, false, ""},
		{"podman", "", podmanB, byPodman, podman, false, ""},
		{"podman, vfs", "", "/srv/c/vfs-containers/f2/userdata", byPodman, podman, false, ""},
		{"podman, rootless", "", "/home/ann/.local/share/containers/storage/overlay-containers/f2/userdata", byPodman, podman, false, ""},
		{"podman, health check", "", podmanB, conmon("-c", "f2", "--exit-dir", "/run/user/1000/libpod/tmp/exits"), podman, false, ""},
		{"podman itself", "", podmanB, parent{exe: "/usr/bin/podman"}, podman, false, ""},
		{"cri-o", "/run/runc", crioB, byCrio, crio, true, ""},
		{"cri-o, conmonrs", "/run/runc", crioB, parent{exe: "/usr/libexec/crio/conmonrs"}, crio, true, ""},
		{"cri-o, other roots", "/srv/runc", "/srv/run/btrfs-containers/11/userdata", conmon("--exit-dir", "/srv/exits"), crio, true, ""},
		{"buildah", "", "/var/tmp/buildah1069986153", parent{exe: "/usr/bin/buildah"}, buildah, false, ""},
		{"podman build", "", "/var/tmp/buildah1069986153/", parent{exe: "/usr/bin/podman"}, buildah, false, ""},
		{"buildkitd", "", "/var/lib/buildkit/runc-overlayfs/executor/k3x", parent{exe: "/usr/bin/buildkitd"}, buildkit, false, ""},
		{"docker build", "", "/var/lib/docker/buildkit/executor/k3x", parent{exe: "/usr/bin/dockerd"}, buildkit, false, ""},

		{"a person", "", "/tmp/bundle", parent{exe: "/usr/bin/bash"}, "", false, ""},
		{"a person, parent unreadable", "", "/tmp/bundle", parent{err: "its executable cannot be read"}, "", false, ""},
		{"not quite buildah's", "", "/var/tmp/buildah", parent{exe: "/usr/bin/bash"}, "", false, ""},

		{"a wrapper in between", "/run/containerd/runc/k8s.io", v2 + "/k8s.io/0a", parent{exe: "/usr/bin/bash"}, "containerd", true, ""},
		{"a parent that cannot be read", "/run/containerd/runc/k8s.io", v2 + "/k8s.io/0a", parent{err: "it is outside of this PID namespace"}, "containerd", true, ""},
		{
			"a person in an engine's bundle", "/run/runc", v2 + "/k8s.io/0a",
			parent{exe: "/usr/bin/bash"},
			"", false,
			"the bundle's path is containerd's, but the calling process is /usr/bin/bash",
		},
		{
			"only the bundle speaks", "", v2 + "/k8s.io/0a",
			parent{err: "it is outside of this PID namespace"},
			"", false,
			"the bundle's path is containerd's, but the calling process proves nothing: it is outside of this PID namespace",
		},
		{
			"a shim that is not root's", "/run/containerd/runc/k8s.io", v2 + "/k8s.io/0a",
			parent{exe: "/home/ann/containerd-shim-runc-v2", err: "/home/ann is not root's alone"},
			"", false,
			"the bundle's path is containerd's, but the calling process proves nothing: /home/ann is not root's alone",
		},
		{
			"a shim with a strange bundle", "/run/containerd/runc/k8s.io", "/tmp/bundle", shim, "", false,
			"the calling process is " + shimExe + ", but the bundle's path is not one of its engine's",
		},
		{
			"name spaces differ", "/run/containerd/runc/default", v2 + "/k8s.io/0a", shim, "", false,
			"the bundle is in containerd's name space k8s.io, but --root is /run/containerd/runc/default",
		},
		{
			"Docker's root, CRI's name space", "/run/docker/runtime-runc/k8s.io", v2 + "/k8s.io/0a", shim, "", false,
			"the bundle is in containerd's name space k8s.io, but --root /run/docker/runtime-runc/k8s.io is Docker's",
		},
		{
			"podman's bundle, containerd's root", "/run/containerd/runc/k8s.io", podmanB, byPodman, "", false,
			"the bundle's path is containers/storage's, but --root /run/containerd/runc/k8s.io is containerd's",
		},
		{
			"podman's bundle, a shim", "", podmanB, shim, "", false,
			"the bundle's path is containers/storage's, but the calling process is " + shimExe,
		},
		{
			"a conmon of neither", "", podmanB, conmon("-c", "f2", "--exit-command", "/home/ann/cleanup"), "", false,
			"the bundle's path is containers/storage's, but the calling process is /usr/bin/conmon",
		},
		{
			"conmon without arguments", "", podmanB,
			parent{exe: "/usr/bin/conmon"},
			"", false,
			"the bundle's path is containers/storage's, but the calling process is /usr/bin/conmon",
		},
		{
			"docker build's bundle, buildah", "", "/var/lib/docker/buildkit/executor/k3x",
			parent{exe: "/usr/bin/buildah"},
			"", false,
			"the bundle's path is buildkit's, but the calling process is /usr/bin/buildah",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := detect(signals{root: c.root, bundle: c.bundle, parent: c.parent})
			if want := (origin{engine: c.engine, cri: c.cri, conflict: c.conflict}); got != want {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

// Values that users choose (names, log tags) cannot pass for options.
func TestConmonValuesAreNotOptions(t *testing.T) {
	for _, option := range []string{"--log-tag", "-n", "--name", "-l", "--exit-command-arg"} {
		p := conmon("--exit-dir", "/run/crio/exits", option, "--exit-command", "podman")
		if got := conmonOf(p.args); got != "conmon of cri-o" {
			t.Errorf("%s --exit-command podman: %s", option, got)
		}
		p = conmon(option, "--exit-dir", "--exit-command", "/usr/bin/podman")
		if got := conmonOf(p.args); got != "conmon of podman" {
			t.Errorf("%s --exit-dir: %s", option, got)
		}
	}
	for _, args := range [][]string{nil, {"conmon"}, {"conmon", "--exit-command"}, {"conmon", "--exit-dir"}, {"conmon", "-n"}} {
		if got := conmonOf(args); got != "conmon" {
			t.Errorf("%q: %s", args, got)
		}
	}
}

func TestLast(t *testing.T) {
	for _, c := range []struct {
		path string
		n    int
		want string
	}{
		{"/a/b/c", 0, "c"},
		{"/a/b/c", 1, "b"},
		{"/a/b/c", 2, "a"},
		{"/a/b/c", 3, ""},
		{"/a//b/c//", 1, "b"},
		{"c", 0, "c"},
		{"c", 1, ""},
		{"", 0, ""},
		{"/", 0, ""},
		{"/", 1, ""},
	} {
		if got := last(c.path, c.n); got != c.want {
			t.Errorf("last(%q, %d) = %q, want %q", c.path, c.n, got, c.want)
		}
	}
}

func FuzzDetect(f *testing.F) {
	f.Add("/run/containerd/runc/k8s.io", "/run/containerd/io.containerd.runtime.v2.task/k8s.io/x", shimExe, "")
	f.Add("", podmanB, "/usr/bin/conmon", "conmon\x00--exit-command\x00/usr/bin/podman")
	f.Fuzz(func(t *testing.T, root, bundle, exe, args string) {
		got := detect(signals{root: root, bundle: bundle, parent: parent{exe: exe, args: strings.Split(args, "\x00")}})
		if got.engine != "" && got.conflict != "" {
			t.Errorf("an engine in spite of a conflict: %+v", got)
		}
		if got.cri && got.engine != containerd && got.engine != crio {
			t.Errorf("%+v", got)
		}
	})
}
