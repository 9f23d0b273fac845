// Package workload names what a container is one of: what stays the same when
// it is made anew, so that what was learned of one holds for the next.
package workload

import (
	"strings"

	"github.com/runward/runward/policy"
)

// Of gives the workload of a container, as its engine proves it. In Kubernetes
// that is the name space, the pod without what its controller adds to the name,
// and the container; else the engine with the container's name, which the
// engine's user chose, or its image. Empty: nothing tells, and nothing can be
// learned for the next.
func Of(engine string, id policy.Identity, name string) string {
	if id.Pod != "" {
		container := id.Container
		if id.Kind == "sandbox" {
			container = "(sandbox)"
		}
		return "pod/" + id.Namespace + "/" + Owner(id.Pod) + "/" + container
	}
	if name == "" {
		name = id.Container
	}
	switch {
	case name != "":
		return join(engine, id.User, name)
	case id.Digest != "" || id.Image != "":
		return join(engine, id.User, "image/"+untagged(id.Image, id.Digest))
	}
	return ""
}

func join(engine, user, name string) string {
	if engine == "" {
		engine = "runtime"
	}
	if user != "" {
		engine += "(" + user + ")"
	}
	return engine + "/" + name
}

// untagged is an image without its tag: the next version of it is the same workload.
func untagged(image, digest string) string {
	if image == "" {
		return digest
	}
	image, _, _ = strings.Cut(image, "@")
	if colon := strings.LastIndexByte(image, ':'); colon > strings.LastIndexByte(image, '/') {
		image = image[:colon]
	}
	return image
}

// Owner is a pod's name without what its controller adds: five random letters
// (DaemonSet, Job), a ReplicaSet's hash before them (Deployment), a number
// (StatefulSet, CronJob's time). A name that only looks so is cut too: two
// workloads are then learned as one.
func Owner(pod string) string {
	stem, last := cut(pod)
	switch {
	case stem == "":
		return pod
	case digits(last):
		return stem
	case len(last) != 5 || !random(last):
		return pod
	}
	if deeper, hash := cut(stem); deeper != "" && (len(hash) >= 8 && len(hash) <= 10 && random(hash) || len(hash) >= 8 && digits(hash)) {
		return deeper
	}
	return stem
}

func cut(name string) (stem, last string) {
	at := strings.LastIndexByte(name, '-')
	if at <= 0 {
		return "", name
	}
	return name[:at], name[at+1:]
}

func digits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// random tells whether all letters are of those that Kubernetes draws from
// (k8s.io/apimachinery/pkg/util/rand): no vowels, no 0, 1 and 3.
func random(s string) bool { return strings.Trim(s, "bcdfghjklmnpqrstvwxz2456789") == "" }
