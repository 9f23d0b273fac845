package rules

import (
	"strings"

	"github.com/runward/runward/policy"
)

// RequireIdentitySettings says what must be known of a container.
type RequireIdentitySettings struct {
	Fields policy.Forbid `toml:"fields" doc:"what must be known besides the engine: kind, namespace, pod, pod_uid, container, image, digest, user; policies' lists unite"`
}

var identityFields = [...]string{"engine", "kind", "namespace", "pod", "pod_uid", "container", "image", "digest", "user"}

// Validate refuses fields that no identity has.
func (s *RequireIdentitySettings) Validate() error {
	return items(s.Fields.Lists, func(item string) error { return oneOf("fields", item, identityFields[:]) })
}

// RequireIdentity refuses containers of which is not known whose they are.
var RequireIdentity = policy.Rule{
	ID:    "require_identity",
	Title: "It is known whose container this is",
	Doc: "Selectors and exceptions go by what the engine proves. A container started by an engine that is not known, by hand with runc, or with annotations that claim to be another engine's, is refused; and so is one of which a listed field was not said. " +
		"containerd's CRI and CRI-O say everything but the digest, unless the image was named by one; Docker, Podman and builds say only engine and kind, so that naming more refuses all of theirs. " +
		"A pod's sandbox has no container name, and its image is the node's: container, image and digest are not asked of it; user is only of rootless engines.",
	Since:   "0.1.0",
	Default: policy.ActionDeny,
	Refs:    []policy.Ref{{Standard: "NIST SP 800-190", ID: "4.4.5"}, {Standard: "NIST SP 800-53", ID: "CM-8"}},
	Check:   policy.Check[RequireIdentitySettings](checkRequireIdentity),
}

func checkRequireIdentity(e *policy.Eval, s *RequireIdentitySettings) {
	const hint = "start it through an engine that the node knows, as the engine's own commands do"
	id := &e.Facts.Identity
	if id.Conflict != "" {
		e.Deny(policy.Finding{
			Pointer: "/annotations", Found: "a claim to be another engine's container: " + strings.Join(strings.Fields(id.Conflict), " "),
			Wanted: "only the annotations of the engine that started it", Hint: "take the annotations of the other engine out",
		})
	}
	if e.Facts.Engine == "" {
		e.Deny(policy.Finding{Pointer: "", Found: "an engine that is not known", Wanted: "a known engine", Hint: hint})
	}
	var missing []string
	for field := range s.Fields.Items {
		if identityField(e.Facts, field) == "" && !hasString(missing, field) {
			missing = append(missing, field)
		}
	}
	if len(missing) > 0 {
		e.Deny(policy.Finding{
			Pointer: "", Found: "not said by the engine: " + strings.Join(missing, ", "), Wanted: "all that require_identity.fields names", Hint: hint,
		})
	}
}

// identityField returns a field's value, or "-" where it is not asked for.
func identityField(f *policy.Facts, field string) string {
	id := &f.Identity
	if nodesOwn(f) && (field == "container" || field == "image" || field == "digest") {
		return "-"
	}
	switch field {
	case "kind":
		return id.Kind
	case "namespace":
		return id.Namespace
	case "pod":
		return id.Pod
	case "pod_uid":
		return id.PodUID
	case "container":
		return id.Container
	case "image":
		return id.Image
	case "digest":
		return id.Digest
	case "user":
		if !f.Rootless {
			return "-"
		}
		return id.User
	default: // engine, which is always asked for
		return "-"
	}
}

// nodesOwn tells whether the container is a pod's sandbox, whose image and
// program are the node's and not the pod's.
func nodesOwn(f *policy.Facts) bool { return f.Identity.Kind == "sandbox" && f.Identity.Conflict == "" }
