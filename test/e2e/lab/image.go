package lab

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// The images in the archive that ImageArchive makes: a shell, and what holds a pod's namespaces.
const (
	Image = "localhost/busybox:latest"
	Pause = "localhost/pause:latest"
)

// ImageArchive writes the images, as `docker save` would, to a file that every engine can load, and
// returns its path.
func ImageArchive(t testing.TB, dir string) string {
	t.Helper()
	root := filepath.Join(dir, "image")
	Rootfs(t, root)
	layer := filepath.Join(dir, "layer.tar")
	Try(t, "", nil, Tool(t, "tar"), "-C", root, "-cf", layer, ".").want(t, "tar")
	content, err := os.ReadFile(layer)
	if err != nil {
		t.Fatal(err)
	}
	path := []string{"PATH=/bin"}
	digest := sha256.Sum256(content)
	busybox := imageConfig(t, digest, map[string]any{"Env": path, "Cmd": []string{"sh"}})
	sleeping := imageConfig(t, digest, map[string]any{"Env": path, "Entrypoint": []string{"sleep", "2147483647"}})
	manifest := encode(t, []map[string]any{
		{"Config": "busybox.json", "RepoTags": []string{Image}, "Layers": []string{"layer.tar"}},
		{"Config": "pause.json", "RepoTags": []string{Pause}, "Layers": []string{"layer.tar"}},
	})
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	add := func(name string, content []byte) {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	add("manifest.json", manifest)
	add("busybox.json", busybox)
	add("pause.json", sleeping)
	add("layer.tar", content)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "images.tar")
	write(t, file, archive.Bytes(), 0o644)
	return file
}

func imageConfig(t testing.TB, layer [sha256.Size]byte, config map[string]any) []byte {
	return encode(t, map[string]any{
		"architecture": "amd64", "os": "linux", "config": config,
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + hex.EncodeToString(layer[:])}},
	})
}

func encode(t testing.TB, value any) []byte {
	t.Helper()
	raw, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
