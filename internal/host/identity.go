package host

import (
	"strings"

	"github.com/runward/runward/policy"
)

// identify reads who a container is from the keys that its engine writes, and
// from no other engine's. Keys that speak another engine's language make a
// Conflict; what they say is not believed.
func identify(from origin, in *Invocation) policy.Identity {
	id := policy.Identity{Conflict: from.conflict}
	if id.Conflict == "" {
		id.Conflict = foreign(from, in.Annotations)
	}
	switch {
	case from.engine == "":
		return id
	case from.engine == buildkit || from.engine == buildah:
		id.Kind = "build"
	case from.engine == containerd && from.cri:
		containerdPod(&id, in.Annotations)
	case from.engine == crio:
		crioPod(&id, in.Annotations)
	default:
		id.Kind = "container"
	}
	id.Digest = digestOf(id.Image)
	id.Annotations = pick(in.TrustedAnnotations[from.engine], in.Annotations)
	id.Labels = pick(in.TrustedLabels[from.engine], in.Annotations)
	return id
}

// containerdPod reads the keys that containerd's CRI writes after all others.
// A sandbox has no container's name and no container's image; such a key in one
// is a pod's own annotation that the node lets through.
func containerdPod(id *policy.Identity, a map[string]string) {
	const cri = "io.kubernetes.cri."
	id.Namespace = a[cri+"sandbox-namespace"]
	id.Pod = a[cri+"sandbox-name"]
	id.PodUID = a[cri+"sandbox-uid"]
	switch kind := a[cri+"container-type"]; kind {
	case "sandbox":
		id.Kind = kind
		id.Image = a[cri+"podsandbox.image-name"]
	case "container":
		id.Kind = kind
		id.Container = a[cri+"container-name"]
		id.Image = a[cri+"image-name"]
	}
}

// crioPod reads what CRI-O writes. On a sandbox a pod's annotations override
// CRI-O's own keys, and the kubelet's labels override those: they are what is
// believed. Among them is the name POD, which no pod can give a container.
func crioPod(id *policy.Identity, a map[string]string) {
	const own = "io.kubernetes.cri-o."
	id.Namespace = a["io.kubernetes.pod.namespace"]
	id.Pod = a["io.kubernetes.pod.name"]
	id.PodUID = a["io.kubernetes.pod.uid"]
	name, kind := a["io.kubernetes.container.name"], a[own+"ContainerType"]
	switch {
	case name == "POD":
		id.Kind = "sandbox"
		if kind != "sandbox" && id.Conflict == "" {
			id.Conflict = `annotation "` + own + `ContainerType" says ` + word(kind) + ", but the container is the pod's sandbox"
		}
	case name != "" && kind == "container":
		id.Kind = kind
		id.Container = name
		id.Image = a[own+"Image"]
		if isHex64(strings.TrimPrefix(id.Image, "sha256:")) { // The kubelet may ask by id; the name stands beside it.
			id.Image = a[own+"ImageName"]
		}
	case id.Conflict == "":
		id.Conflict = `annotation "` + own + `ContainerType" says ` + word(kind) +
			`, "io.kubernetes.container.name" says ` + word(name)
	}
}

// foreign names the first key, in order, that belongs to another engine.
func foreign(from origin, annotations map[string]string) string {
	first, owner := "", ""
	for key, value := range annotations {
		if by := ownerOf(from, key, value); by != "" && (first == "" || key < first) {
			first, owner = key, by
		}
	}
	switch {
	case first == "":
		return ""
	case from.engine == "":
		return `annotation "` + first + `" is ` + owner + "'s to write, and the engine is not known"
	case from.engine == containerd && !from.cri:
		return `annotation "` + first + `" is ` + owner + "'s to write, and the engine is containerd without CRI"
	}
	return `annotation "` + first + `" is ` + owner + "'s to write, and the engine is " + from.engine
}

// ownerOf tells which engine else a key speaks for; empty: none. Only keys that
// say who a container is count. Podman writes some of CRI-O's.
func ownerOf(from origin, key, value string) string {
	switch {
	case strings.HasPrefix(key, "io.kubernetes.cri."):
		if !from.cri || from.engine != containerd {
			return "containerd's CRI"
		}
	case strings.HasPrefix(key, "io.kubernetes.cri-o."):
		if crioOrder(key) {
			return ""
		}
		if from.engine != crio && !(from.engine == podman && podmanWrites(key)) {
			return "CRI-O"
		}
	case key == "io.kubernetes.pod.name", key == "io.kubernetes.pod.namespace", key == "io.kubernetes.pod.uid",
		key == "io.kubernetes.container.name":
		if from.engine != crio {
			return "CRI-O"
		}
	case key == "io.container.manager":
		if value == "libpod" && from.engine != podman {
			return "Podman"
		}
		if value != "libpod" && from.engine != crio {
			return "CRI-O"
		}
	case strings.HasPrefix(key, "nerdctl/"):
		if from.engine != containerd {
			return "nerdctl"
		}
	}
	return ""
}

// crioOrder tells which of CRI-O's keys are a pod's to write, where the node
// allows it (crio.conf, allowed_annotations): they say what a container is to
// be given, not who it is.
func crioOrder(key string) bool {
	key, _, _ = strings.Cut(strings.TrimPrefix(key, "io.kubernetes.cri-o."), "/")
	switch key {
	case "Devices", "DisableFIPS", "LinkLogs", "PlatformRuntimePath", "PodLinuxOverhead", "PodLinuxResources", "ShmSize", "TrySkipVolumeSELinuxLabel",
		"cgroup2-mount-hierarchy-rw", "seccompNotifierAction", "umask", "userns-mode":
		return true
	}
	return strings.HasPrefix(key, "UnifiedCgroup")
}

// podmanWrites tells which of CRI-O's keys Podman uses too; in pods that came
// from a YAML file the container's name follows.
func podmanWrites(key string) bool {
	key, _, _ = strings.Cut(strings.TrimPrefix(key, "io.kubernetes.cri-o."), "/")
	switch key {
	case "Created", "TTY", "ContainerType", "SandboxID":
		return true
	}
	return false
}

// pick copies the listed keys.
func pick(keys []string, from map[string]string) map[string]string {
	var to map[string]string
	for _, key := range keys {
		if value, ok := from[key]; ok {
			if to == nil {
				to = make(map[string]string, len(keys))
			}
			to[key] = value
		}
	}
	return to
}

// digestOf returns the digest that an image reference pins; the engine has
// checked it when it fetched the image.
func digestOf(image string) string {
	_, digest, _ := strings.Cut(image, "@")
	if hex, ok := strings.CutPrefix(digest, "sha256:"); ok && isHex64(hex) {
		return digest
	}
	return ""
}

func isHex64(s string) bool {
	for i := range len(s) {
		if (s[i] < '0' || s[i] > '9') && (s[i] < 'a' || s[i] > 'f') {
			return false
		}
	}
	return len(s) == 64
}

func word(s string) string {
	if s == "" {
		return "nothing"
	}
	return `"` + s + `"`
}
