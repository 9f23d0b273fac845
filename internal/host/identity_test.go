package host

import (
	"reflect"
	"strings"
	"testing"

	"github.com/runward/runward/policy"
)

const hex64 = "82df83216951a3ac97a2ac0d57cbe293206444cdbdf74943e3efd7994699f418"

type words = map[string]string

func TestIdentify(t *testing.T) {
	cri := origin{engine: containerd, cri: true}
	ctr := origin{engine: containerd}
	ofCrio := origin{engine: crio, cri: true}
	ofPodman := origin{engine: podman}
	cases := []struct {
		name string
		from origin
		keys words
		want policy.Identity
	}{
		{"containerd CRI container", cri, words{
			"io.kubernetes.cri.container-type": "container", "io.kubernetes.cri.container-name": "app",
			"io.kubernetes.cri.image-name": "r.example/shop/app:4.2.1@sha256:" + hex64, "io.kubernetes.cri.sandbox-name": "app-7c9",
			"io.kubernetes.cri.sandbox-namespace": "shop", "io.kubernetes.cri.sandbox-uid": "0e18", "io.kubernetes.container.hash": "1",
		}, policy.Identity{
			Kind: "container", Namespace: "shop", Pod: "app-7c9", PodUID: "0e18", Container: "app",
			Image: "r.example/shop/app:4.2.1@sha256:" + hex64, Digest: "sha256:" + hex64,
		}},
		{"containerd CRI sandbox: a container's name is the pod's own word", cri, words{
			"io.kubernetes.cri.container-type": "sandbox", "io.kubernetes.cri.sandbox-name": "app-7c9", "io.kubernetes.cri.sandbox-namespace": "shop",
			"io.kubernetes.cri.container-name": "cilium-agent", "io.kubernetes.cri.image-name": "quay.io/cilium", "io.kubernetes.cri.podsandbox.image-name": "pause:3.10",
		}, policy.Identity{Kind: "sandbox", Namespace: "shop", Pod: "app-7c9", Image: "pause:3.10"}},
		{"containerd CRI, CRI-O's keys", cri, words{
			"io.kubernetes.cri.container-type": "container", "io.kubernetes.cri.sandbox-namespace": "shop", "io.kubernetes.pod.namespace": "kube-system",
		}, policy.Identity{
			Kind: "container", Namespace: "shop",
			Conflict: `annotation "io.kubernetes.pod.namespace" is CRI-O's to write, and the engine is containerd`,
		}},
		{"ctr with CRI's keys", ctr, words{"io.kubernetes.cri.sandbox-namespace": "kube-system"}, policy.Identity{
			Kind:     "container",
			Conflict: `annotation "io.kubernetes.cri.sandbox-namespace" is containerd's CRI's to write, and the engine is containerd without CRI`,
		}},
		{"nerdctl", ctr, words{"nerdctl/name": "web"}, policy.Identity{Kind: "container"}},
		{"CRI-O container", ofCrio, words{
			"io.container.manager": "cri-o", "io.kubernetes.container.name": "app", "io.kubernetes.cri-o.ContainerType": "container",
			"io.kubernetes.cri-o.Image": hex64, "io.kubernetes.cri-o.ImageName": "r.example/app:1", "io.kubernetes.pod.name": "app-1",
			"io.kubernetes.pod.namespace": "shop", "io.kubernetes.pod.uid": "6513",
		}, policy.Identity{Kind: "container", Namespace: "shop", Pod: "app-1", PodUID: "6513", Container: "app", Image: "r.example/app:1"}},
		{"CRI-O sandbox", ofCrio, words{
			"io.kubernetes.container.name": "POD", "io.kubernetes.cri-o.ContainerType": "sandbox", "io.kubernetes.pod.name": "app-1",
			"io.kubernetes.pod.namespace": "shop", "io.kubernetes.cri-o.Image": "registry.k8s.io/pause:3.10",
		}, policy.Identity{Kind: "sandbox", Namespace: "shop", Pod: "app-1"}},
		{"CRI-O sandbox whose pod overrides CRI-O's keys", ofCrio, words{
			"io.kubernetes.container.name": "POD", "io.kubernetes.cri-o.ContainerType": "container", "io.kubernetes.pod.namespace": "shop",
			"io.kubernetes.cri-o.Image": "quay.io/cilium", "io.kubernetes.cri-o.Namespace": "kube-system",
		}, policy.Identity{
			Kind: "sandbox", Namespace: "shop",
			Conflict: `annotation "io.kubernetes.cri-o.ContainerType" says "container", but the container is the pod's sandbox`,
		}},
		{"CRI-O, neither one nor the other", ofCrio, words{"io.kubernetes.pod.namespace": "shop"}, policy.Identity{
			Namespace: "shop",
			Conflict:  `annotation "io.kubernetes.cri-o.ContainerType" says nothing, "io.kubernetes.container.name" says nothing`,
		}},
		{"CRI-O, containerd's keys", ofCrio, words{
			"io.kubernetes.container.name": "POD", "io.kubernetes.cri-o.ContainerType": "sandbox", "io.kubernetes.cri.sandbox-namespace": "kube-system",
		}, policy.Identity{Kind: "sandbox", Conflict: `annotation "io.kubernetes.cri.sandbox-namespace" is containerd's CRI's to write, and the engine is cri-o`}},
		{"podman", ofPodman, words{
			"io.container.manager": "libpod", "io.kubernetes.cri-o.Created": "2026", "io.kubernetes.cri-o.TTY": "false",
			"io.kubernetes.cri-o.ContainerType": "sandbox", "io.kubernetes.cri-o.SandboxID": "e2", "io.kubernetes.cri-o.ContainerType/app": "container",
			"io.podman.annotations.privileged": "FALSE",
		}, policy.Identity{Kind: "container"}},
		{"podman pretends to be CRI-O", ofPodman, words{"io.container.manager": "cri-o"}, policy.Identity{
			Kind:     "container",
			Conflict: `annotation "io.container.manager" is CRI-O's to write, and the engine is podman`,
		}},
		{"podman pretends to be kube-system: the first key is named", ofPodman, words{
			"io.kubernetes.cri.sandbox-namespace": "kube-system", "io.kubernetes.container.name": "kube-proxy", "io.kubernetes.pod.namespace": "kube-system",
		}, policy.Identity{Kind: "container", Conflict: `annotation "io.kubernetes.container.name" is CRI-O's to write, and the engine is podman`}},
		{"docker", origin{engine: docker}, nil, policy.Identity{Kind: "container"}},
		{"docker pretends to be CRI-O", origin{engine: docker}, words{"io.kubernetes.cri-o.ContainerType": "sandbox"}, policy.Identity{
			Kind:     "container",
			Conflict: `annotation "io.kubernetes.cri-o.ContainerType" is CRI-O's to write, and the engine is docker`,
		}},
		{"podman with what CRI-O lets pods ask for: orders, no identity", ofPodman, words{
			"io.kubernetes.cri-o.Devices": "/dev/sda", "io.kubernetes.cri-o.userns-mode": "auto", "io.kubernetes.cri-o.UnifiedCgroup.app": "memory.max=max",
		}, policy.Identity{Kind: "container"}},
		{"podman with a key of CRI-O's that it does not write", ofPodman, words{"io.kubernetes.cri-o.Namespace": "x"}, policy.Identity{
			Kind:     "container",
			Conflict: `annotation "io.kubernetes.cri-o.Namespace" is CRI-O's to write, and the engine is podman`,
		}},
		{"docker pretends to be nerdctl", origin{engine: docker}, words{"nerdctl/namespace": "x"}, policy.Identity{
			Kind:     "container",
			Conflict: `annotation "nerdctl/namespace" is nerdctl's to write, and the engine is docker`,
		}},
		{"buildkit", origin{engine: buildkit}, nil, policy.Identity{Kind: "build"}},
		{"buildah", origin{engine: buildah}, words{"team": "a"}, policy.Identity{Kind: "build"}},
		{"nobody", origin{}, nil, policy.Identity{}},
		{"nobody, with claims", origin{}, words{"io.kubernetes.cri.sandbox-namespace": "kube-system"}, policy.Identity{
			Conflict: `annotation "io.kubernetes.cri.sandbox-namespace" is containerd's CRI's to write, and the engine is not known`,
		}},
		{"signals that disagree", disagree("this and that"), words{"io.kubernetes.cri.sandbox-namespace": "x"}, policy.Identity{Conflict: "this and that"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := identify(c.from, &Invocation{Annotations: c.keys}); !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
}

func TestTrustedKeys(t *testing.T) {
	in := &Invocation{
		Annotations:        words{"team": "blue", "tier": "web", "other": "x"},
		TrustedAnnotations: map[string][]string{podman: {"team", "absent"}, docker: {"other"}},
		TrustedLabels:      map[string][]string{podman: {"tier"}},
	}
	got := identify(origin{engine: podman}, in)
	want := policy.Identity{Kind: "container", Annotations: words{"team": "blue"}, Labels: words{"tier": "web"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	if got := identify(disagree("no"), in); got.Annotations != nil || got.Labels != nil {
		t.Errorf("keys are trusted of an engine that is not known: %+v", got)
	}
}

func TestDigestOf(t *testing.T) {
	cases := words{
		"a/b@sha256:" + hex64: "sha256:" + hex64, "a/b:1@sha256:" + hex64: "sha256:" + hex64, "a/b:1": "", "": "",
		"a/b@sha256:" + hex64[1:]: "", "a/b@sha512:" + hex64: "", "a@sha256:" + strings.ToUpper(hex64): "",
	}
	for image, want := range cases {
		if got := digestOf(image); got != want {
			t.Errorf("%q: %q", image, got)
		}
	}
}
