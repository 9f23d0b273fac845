package rules

import (
	"errors"
	"strings"

	"github.com/runward/runward/policy"
)

// ImageSettings says of which images containers may be made.
type ImageSettings struct {
	Allow         policy.AllowList `toml:"allow" doc:"images, as globs of registry/repository, with :tag or @digest where that matters: \"registry.example.com/**\", \"docker.io/library/nginx:1.*\"; left out: any"`
	Forbid        policy.Forbid    `toml:"forbid" doc:"images, in the same way, of which none may be: \"**:latest\""`
	RequireDigest policy.Flag      `toml:"require_digest" doc:"refuse an image that is not named by its digest (name@sha256:...)"`
	ForbidDigests policy.Forbid    `toml:"forbid_digests" doc:"digests (sha256:...) that no image may have, whatever its name"`
	DigestFiles   policy.Forbid    `toml:"forbid_digest_files" doc:"files of further such digests, as absolute paths, the last element perhaps a glob: \"/etc/runward/feeds/*.txt\"; a digest a line, # begins a comment; they and the directories above them must be root's, and are read anew for every container"`
	Unknown       policy.Permit    `toml:"unknown" doc:"allow or deny a container whose image the engine did not say; left out: deny"`
}

// Default makes what is not known refused.
func (s *ImageSettings) Default() { s.Unknown.Default(false) }

// Validate refuses globs that match no image.
func (s *ImageSettings) Validate() error {
	for _, lists := range [][]policy.List{s.Allow.Lists, s.Forbid.Lists} {
		if err := items(lists, imageItem); err != nil {
			return err
		}
	}
	if err := items(s.DigestFiles.Lists, feedPath); err != nil {
		return err
	}
	return items(s.ForbidDigests.Lists, func(item string) error {
		if !isDigest(item) {
			return errors.New("forbid_digests: want sha256: and 64 digits, found " + quote(item))
		}
		return nil
	})
}

// imageItem refuses an item without a registry: nginx is docker.io/library/nginx
// to one engine and something else to another.
func imageItem(item string) error {
	first, _, slash := strings.Cut(item, "/")
	if strings.HasPrefix(item, "**") || slash && (isRegistry(first) || strings.ContainsAny(first, "*?")) {
		return nil
	}
	return errors.New("want the registry as well: docker.io/library/" + item + " or **/" + item + ", found " + quote(item))
}

// Image judges containers by their image.
var Image = policy.Rule{
	ID:    "image",
	Title: "Only images that policy knows",
	Doc: "Goes by the image that the engine proves: containerd's CRI and CRI-O say the reference that the pod gave; Docker, Podman, nerdctl and builds say nothing, and neither does an image named by its id or, outside containerd, without a registry: " +
		"for those the setting unknown decides, and unknown = \"allow\" on a node of such engines means that this rule judges nothing there. " +
		"A short name of containerd's is read as docker.io/library/NAME:latest. A tag beside a digest permits nothing, since the digest is what was fetched. " +
		"A tag may lead to other bytes tomorrow: forbid_digests and forbid_digest_files hold only where the digest is known, and say so where it is not; a feed that cannot be read, or has a line that is no digest, refuses every such container (a glob that matches no file is no feed); require_digest makes it known. " +
		"Whether the image is signed is the engine's to check (policy.json, the image policy of the cluster). A pod's sandbox runs the node's own image and is not judged.",
	Since:   "0.1.0",
	Default: policy.ActionDeny,
	Refs: []policy.Ref{
		{Standard: "NIST SP 800-190", ID: "4.1.5"},
		{Standard: "NIST SP 800-190", ID: "4.2.2"},
		{Standard: "CIS Docker 1.6", ID: "4.2"},
		{Standard: "CIS Docker 1.6", ID: "5.28"},
		{Standard: "CIS Kubernetes 1.10", ID: "5.5.1"},
	},
	Check: policy.Check[ImageSettings](checkImage),
}

func checkImage(e *policy.Eval, s *ImageSettings) {
	id := &e.Facts.Identity
	if nodesOwn(e.Facts) {
		return
	}
	deny := func(found, wanted, hint string) {
		e.Deny(policy.Finding{Pointer: "", Found: found, Wanted: wanted, Hint: hint})
	}
	const choose = "use another image, or ask the administrator to put it on the list image.allow"
	n := readImage(id.Image, e.Facts.Engine == "containerd")
	if n.digest != id.Digest { // the engine knows it otherwise, or it is none
		n.digest = id.Digest
	}
	image := "the image " + quote(id.Image)
	if n.repository == "" {
		if id.Image == "" {
			image = "an image that the engine did not name"
		}
		if !s.Unknown.Allow {
			deny(image, "an image with registry and name that the engine says", "name the image with its registry, under an engine that tells (containerd's CRI, CRI-O)")
		}
	} else {
		if !s.Allow.Permits(id.Image, func(item, _ string) bool { return n.proves(item) }) {
			deny(image, oneOfThese(s.Allow), choose)
		}
		if by, yes := s.Forbid.Forbids(id.Image, func(item, _ string) bool { return n.suits(item) }); yes {
			deny(image, "none that image.forbid of policy "+by+" has", choose)
		}
	}
	if n.repository == "" && s.Unknown.Allow && n.digest == "" {
		return
	}
	if s.RequireDigest.On && n.digest == "" {
		deny(image+", without a digest", "an image by its digest", "name it by its digest, name@sha256:... (crane digest, skopeo inspect)")
	}
	if by, yes := s.ForbidDigests.Forbids(n.digest, equal); yes {
		deny(image+" of digest "+n.digest, "none that image.forbid_digests of policy "+by+" has", "use another version of the image")
	}
	if n.digest != "" {
		checkFeeds(e, s.DigestFiles, image, n.digest)
	} else if len(s.ForbidDigests.Lists)+len(s.DigestFiles.Lists) > 0 {
		e.Report(policy.Finding{
			Pointer: "", Found: image + ", whose digest is not known", Wanted: "a digest to compare with the forbidden ones", Hint: "name it by its digest (name@sha256:...)",
		})
	}
}
