package customrule

import (
	"math"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/policy"
)

//go:generate go run ./viewgen

// What an expression sees has the names of config.json. What is absent reads
// as nothing (0, "", false, an empty list or object), and every number is an
// int: one too large for it is the largest.

// ofContainer is what an expression sees of a container that is created.
type ofContainer struct {
	Facts
	Spec   specView `expr:"spec" doc:"config.json as the runtime will read it, after all that other rules rewrite; fields as the OCI runtime-spec names them"`
	Budget *budget  `expr:"#budget"` // which no expression can spell
}

// ofProcess is what it sees of a process that joins one.
type ofProcess struct {
	Facts
	Spec struct {
		Process processView `expr:"process"`
	} `expr:"spec"`
	Budget *budget `expr:"#budget"`
}

// Facts are what an expression knows besides the config.json.
type Facts struct {
	Engine    string            `expr:"engine" doc:"containerd, cri-o, docker, podman, buildkit, buildah; empty where it is not known"`
	Handler   string            `expr:"handler" doc:"the name that runward was called by"`
	Runtime   string            `expr:"runtime" doc:"the real runtime's kind: runc, crun, youki, runsc"`
	Verb      string            `expr:"verb" doc:"create, run, restore or exec"`
	Flags     []string          `expr:"flags" doc:"of the call: no-pivot, no-new-keyring, preserve-fds, cgroup-manager=disabled"`
	Kind      string            `expr:"kind" doc:"container, sandbox or build"`
	Namespace string            `expr:"namespace" doc:"the pod's namespace"`
	Pod       string            `expr:"pod" doc:"the pod's name"`
	PodUID    string            `expr:"pod_uid" doc:"the pod's uid"`
	Container string            `expr:"container" doc:"the container's name in its pod"`
	Image     string            `expr:"image" doc:"the image reference as the user gave it"`
	Digest    string            `expr:"digest" doc:"the image's digest"`
	User      string            `expr:"user" doc:"the owner, where the engine runs rootless"`
	Trusted   map[string]string `expr:"annotations" doc:"the annotations that runward.toml trusts; spec.annotations are all of them, and prove nothing"`
	Labels    map[string]string `expr:"labels" doc:"the labels that runward.toml trusts"`
	Rootless  bool              `expr:"rootless" doc:"not started by the host's root"`
	Bundle    string            `expr:"bundle" doc:"the bundle's absolute path"`
	Arch      string            `expr:"arch" doc:"the node's processor: amd64, arm64, ..."`
	Kernel    kernel            `expr:"kernel" doc:"the node's kernel: kernel.major and kernel.minor"`
	CgroupV2  bool              `expr:"cgroup_v2" doc:"the node has cgroup version 2 alone"`
	AppArmor  bool              `expr:"apparmor" doc:"the node's kernel confines with AppArmor"`
	SELinux   bool              `expr:"selinux" doc:"the node's kernel confines with SELinux"`
}

type kernel struct {
	Major int `expr:"major"`
	Minor int `expr:"minor"`
}

func factsOf(f *policy.Facts) Facts {
	id := &f.Identity
	verb := f.Verb
	if verb == "" {
		verb = "create"
	}
	return Facts{
		Engine: f.Engine, Handler: f.Handler, Runtime: f.Runtime, Verb: verb, Flags: f.Flags,
		Kind: id.Kind, Namespace: id.Namespace, Pod: id.Pod, PodUID: id.PodUID, Container: id.Container,
		Image: id.Image, Digest: id.Digest, User: id.User, Trusted: id.Annotations, Labels: id.Labels,
		Rootless: f.Rootless, Bundle: f.Bundle, Arch: f.Arch, Kernel: kernel{f.Kernel[0], f.Kernel[1]},
		CgroupV2: f.CgroupV2, AppArmor: f.AppArmor.Enabled, SELinux: f.SELinux,
	}
}

func containerEnv(s *specs.Spec, f *policy.Facts) any {
	return ofContainer{Facts: factsOf(f), Spec: toSpec(s), Budget: &budget{fullBudget}}
}

func processEnv(s *specs.Spec, f *policy.Facts) any {
	e := ofProcess{Facts: factsOf(f), Budget: &budget{fullBudget}}
	e.Spec.Process = toProcess(s.Process)
	return e
}

type integer interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64
}

func whole[T integer](n T) int {
	if n > 0 && uint64(n) > math.MaxInt64 {
		return math.MaxInt64
	}
	return int(n)
}

func wholeAt[T integer](n *T) int {
	if n == nil {
		return 0
	}
	return whole(*n)
}

func wholes[T integer](list []T) []int {
	var out []int
	for _, n := range list {
		out = append(out, whole(n))
	}
	return out
}

func orFalse(b *bool) bool { return b != nil && *b }

func texts[T ~string](list []T) []string {
	if same, ok := any(list).([]string); ok {
		return same
	}
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = string(s)
	}
	return out
}

func each[T, V any](list []T, to func(*T) V) []V {
	if len(list) == 0 {
		return nil
	}
	out := make([]V, len(list))
	for i := range list {
		out[i] = to(&list[i])
	}
	return out
}

func eachKey[T, V any](m map[string]T, to func(*T) V) map[string]V {
	out := make(map[string]V, len(m))
	for k, v := range m {
		out[k] = to(&v)
	}
	return out
}
