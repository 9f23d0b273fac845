package lab

import (
	"fmt"
	"path/filepath"
	"testing"
)

// A Builder is a buildah with storage and configuration of the test's own.
type Builder struct {
	t   testing.TB
	dir string
}

// Buildah prepares one, with a working container "base" of the lab's image.
func Buildah(t testing.TB) *Builder {
	t.Helper()
	b := &Builder{t: t, dir: Dir(t)}
	write(t, filepath.Join(b.dir, "containers.conf"), []byte("[containers]\ndefault_ulimits = [\"nofile=1024:1024\", \"nproc=4096:4096\"]\n"), 0o600)
	write(t, filepath.Join(b.dir, "policy.json"), []byte(`{"default": [{"type": "insecureAcceptAnything"}]}`), 0o600)
	write(t, filepath.Join(b.dir, "storage.conf"), fmt.Appendf(nil, "[storage]\ndriver = \"overlay\"\ngraphroot = %q\nrunroot = %q\n",
		filepath.Join(b.dir, "graph"), filepath.Join(b.dir, "run")), 0o600)
	archive := ImageArchive(t, filepath.Join(b.dir, "images"))
	b.Try("pull", "--quiet", "docker-archive:"+archive+":"+Image).want(t, "buildah pull")
	b.Try("from", "--quiet", "--name", "base", Image).want(t, "buildah from")
	t.Cleanup(func() {
		b.Try("rm", "--all").want(t, "buildah rm")
		Try(t, "", nil, Tool(t, "umount"), "--lazy", filepath.Join(b.dir, "graph/overlay")) // mounted if it was used
	})
	return b
}

// Try is any command of buildah's; one that loads something takes this image's word for it.
func (b *Builder) Try(args ...string) Result {
	b.t.Helper()
	if args[0] == "pull" || args[0] == "from" || args[0] == "build" {
		args = append([]string{args[0], "--signature-policy", filepath.Join(b.dir, "policy.json")}, args[1:]...)
	}
	return Try(b.t, b.dir, []string{
		"CONTAINERS_CONF=" + filepath.Join(b.dir, "containers.conf"),
		"CONTAINERS_STORAGE_CONF=" + filepath.Join(b.dir, "storage.conf"),
	}, Tool(b.t, "buildah"), args...)
}

// Build is `buildah build` of one step.
func (b *Builder) Build(step string, options ...string) Result {
	b.t.Helper()
	dir := Dir(b.t)
	write(b.t, filepath.Join(dir, "Dockerfile"), []byte("FROM "+Image+"\nRUN "+step+"\n"), 0o644)
	return b.Try(append(append([]string{"build", "--no-cache", "--network", "none"}, options...), dir)...)
}
