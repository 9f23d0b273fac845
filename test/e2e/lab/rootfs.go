package lab

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Rootfs fills dir with a root file system: busybox-static under all its names, users root and app
// (1000), and empty directories to mount on.
func Rootfs(t testing.TB, dir string) {
	t.Helper()
	busybox := Tool(t, "busybox")
	program, err := os.ReadFile(busybox)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{"dev", "proc", "sys", "tmp", "root", "data", "home/app", "etc", "run"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(dir, "bin/busybox"), program, 0o755)
	write(t, filepath.Join(dir, "etc/passwd"), []byte("root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000:app:/home/app:/bin/sh\n"), 0o644)
	write(t, filepath.Join(dir, "etc/group"), []byte("root:x:0:\napp:x:1000:\n"), 0o644)
	for _, applet := range strings.Fields(Try(t, "", nil, busybox, "--list").want(t, "busybox --list")) {
		if applet == "busybox" {
			continue
		}
		if err := os.Symlink("busybox", filepath.Join(dir, "bin", applet)); err != nil {
			t.Fatal(err)
		}
	}
}
