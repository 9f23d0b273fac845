package rules

import (
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/policy"
)

// AnnotationsSettings says which annotations runtimes may see.
type AnnotationsSettings struct {
	Allow  policy.AllowList `toml:"allow" doc:"keys, as globs; \"default\" is every key that no runtime obeys and those that the engine itself adds"`
	Forbid policy.Forbid    `toml:"forbid" doc:"keys, as globs, that are taken out though they are harmless"`
}

// Default makes an absent list the safe one.
func (s *AnnotationsSettings) Default() { s.Allow.Default([]string{policy.DefaultItem}) }

// Annotations takes out what runtimes take for orders.
var Annotations = policy.Rule{
	ID:    "annotations",
	Title: "No annotation gives the runtime orders",
	Doc: "Runtimes obey annotations: unit properties of systemd, options of CRIU, crun's run.oci.*, handlers of other runtimes, device injection. Users of Docker and Podman can set any of them. " +
		"Annotations in those name spaces are taken out, except the exact ones that the engine itself adds. Keys that break the runtime's own records (bundle, or a key with = in it) are refused, " +
		"and so is a claim to be another engine's container. What containerd and CRI-O record of a pod stays, whatever the lists say.",
	Since:   "0.1.0",
	Default: policy.ActionRewrite,
	Refs: []policy.Ref{
		{Standard: "runtime-spec", ID: "features: potentiallyUnsafeConfigAnnotations"}, {Standard: "CVE", ID: "2024-3154"}, {Standard: "CVE", ID: "2022-0811"},
	},
	Check: policy.Check[AnnotationsSettings](checkAnnotations),
}

// obeyed are the name spaces that a runtime, or an engine reading its own
// records back, takes for orders.
var obeyed = []string{
	"org.systemd.property.", "org.criu.", "run.oci.", "krun.", "module.wasm.image/",
	"io.katacontainers.", "com.github.containers.virtcontainers.", "dev.gvisor.", "io.youki.",
	"cdi.k8s.io/", "nvidia.com/", "com.docker.oci.", "io.containers.", "io.kubernetes.cri", "io.kubernetes.pod.", "io.kubernetes.container.",
}

func checkAnnotations(e *policy.Eval, s *AnnotationsSettings) {
	if claim := e.Facts.Identity.Conflict; claim != "" {
		e.Deny(policy.Finding{
			Pointer: "/annotations",
			Found:   "a claim to be another engine's container: " + strings.Join(strings.Fields(claim), " "),
			Wanted:  "only the annotations of the engine that started it",
			Hint:    "take the annotations of the other engine out",
		})
	}
	match := orDefault(func(key string) bool { return safeAnnotation(e, key) }, policy.Match)
	for _, key := range names(e.Spec.Annotations) {
		if engineRecord(e, key) {
			continue
		}
		f := policy.Finding{
			Pointer: member("/annotations", key),
			Found:   quote(key),
			Hint:    "take the annotation out (docker, podman: --annotation)",
		}
		_, forbidden := s.Forbid.Forbids(key, policy.Match)
		switch {
		case key == "bundle" || strings.ContainsAny(key, "=\n\r\x00"):
			f.Wanted = `no annotation that is called bundle or has "=" or a line break in its name: the runtime's own records are kept that way`
			e.Deny(f)
		case forbidden:
			f.Wanted = "no annotation on the list annotations.forbid"
			e.Rewrite(f, dropAnnotation(key))
		case !s.Allow.Permits(key, match):
			f.Wanted = "no annotation that runtimes obey"
			e.Rewrite(f, dropAnnotation(key))
		}
	}
}

// engineRecord tells whether the key is one by which the engine that wrote it
// knows the container: it reads it again, and so do other rules.
func engineRecord(e *policy.Eval, key string) bool {
	return strings.HasPrefix(key, "io.kubernetes.") && !strings.ContainsAny(key, "=\n\r\x00") && safeAnnotation(e, key) &&
		(e.Facts.Engine == "containerd" || e.Facts.Engine == "cri-o")
}

func dropAnnotation(key string) func(*specs.Spec) {
	return func(s *specs.Spec) { delete(s.Annotations, key) }
}

// safeAnnotation tells whether no runtime obeys the annotation, or the engine
// adds it itself with such a value.
func safeAnnotation(e *policy.Eval, key string) bool {
	for _, prefix := range obeyed {
		if strings.HasPrefix(key, prefix) {
			return ownAnnotation(e.Facts, key, e.Spec.Annotations[key])
		}
	}
	return true
}

// ownAnnotation tells whether the engine adds the annotation.
func ownAnnotation(f *policy.Facts, key, value string) bool {
	if strings.ContainsAny(value, "\n\r") && !strings.HasPrefix(key, "io.kubernetes.cri-o.") {
		return false
	}
	if property, ok := strings.CutPrefix(key, "org.systemd.property."); ok {
		return systemdProperty(property, value)
	}
	switch f.Engine {
	case "containerd":
		return strings.HasPrefix(key, "io.kubernetes.cri.")
	case "cri-o":
		return strings.HasPrefix(key, "io.kubernetes.cri-o.") || strings.HasPrefix(key, "io.kubernetes.pod.") || strings.HasPrefix(key, "io.kubernetes.container.")
	case "podman", "":
		switch key {
		case "io.kubernetes.cri-o.Created", "io.kubernetes.cri-o.TTY", "io.kubernetes.cri-o.ContainerType", "io.kubernetes.cri-o.SandboxID":
			return true
		}
	}
	return false
}

// systemdProperty accepts what CRI-O and Podman set on the container's unit.
// None of it gives the container anything.
func systemdProperty(name, value string) bool {
	switch name {
	case "TimeoutStopUSec":
		return isDigits(strings.TrimPrefix(value, "uint64 "))
	case "KillSignal":
		return isDigits(strings.TrimPrefix(value, "int32 "))
	case "CollectMode":
		return value == "'inactive'" || value == "'inactive-or-failed'"
	case "DefaultDependencies":
		return value == "true"
	case "After":
		return value == "['crio.service']"
	}
	return false
}
