package host

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestOtherNames(t *testing.T) {
	const info = `22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
23 22 0:5 / /proc rw - proc proc rw
24 22 8:2 / /home rw - ext4 /dev/sda2 rw
25 22 8:2 /app/with\040blank /srv/app rw - ext4 /dev/sda2 rw
30 22 8:1 /etc /var/tmp/buildah1/mnt/buildah-bind-target-0 rw - ext4 /dev/sda1 rw
31 22 8:2 /app/with\040blank/x /var/tmp/buildah1/mnt/buildah-bind-target-1 rw - ext4 /dev/sda2 rw
32 22 0:5 / /var/tmp/buildah1/mnt/buildah-bind-target-2 rw - proc proc rw
33 22 0:99 / /var/tmp/buildah1/mnt/buildah-bind-target-3 rw - tmpfs tmpfs rw
34 22 8:1 / /var/tmp/buildah1/mnt/buildah-bind-target-4 rw - ext4 /dev/sda1 rw
35 22 8:1 /etc /var/tmp/buildah1/mnt/buildah-bind-target-5 rw - ext4 /dev/sda1 rw
36 35 8:2 /\134040 /var/tmp/buildah1/mnt/buildah-bind-target-5 rw - ext4 /dev/sda2 rw
`
	for _, c := range []struct {
		path    string
		want    []string
		mounted bool
	}{
		{"0", []string{"/etc"}, true},
		{"0/ssl/private", []string{"/etc/ssl/private"}, true},
		{"1", []string{"/home/app/with blank/x", "/srv/app/x"}, true},
		{"2", []string{"/proc"}, true},
		{"3", nil, true},
		{"4", []string{"/"}, true},
		{"5", []string{`/home/\040`}, true}, // what is on top
		{"6", nil, false},
		{"00", nil, false},
	} {
		names, mounted := otherNames(info, "/var/tmp/buildah1"+bindTarget+c.path)
		if !reflect.DeepEqual(names, c.want) || mounted != c.mounted {
			t.Errorf("%s: %q, %v, want %q, %v", c.path, names, mounted, c.want, c.mounted)
		}
	}
}

// As buildah does it: what is mounted at its own name is found under the host's.
func TestLookupBuildah(t *testing.T) {
	needRoot(t)
	dir := place(t)
	bundle := dir + "/buildah1"
	target := bundle + bindTarget
	for _, d := range []string{"/real/sub", "/buildah1/mnt"} {
		must(t, os.MkdirAll(dir+d, 0o755))
	}
	for _, n := range []string{"0", "1", "2", "3"} {
		must(t, os.Mkdir(target+n, 0o755))
	}
	onThread(t, func() {
		must(t, unix.Unshare(unix.CLONE_FS|unix.CLONE_NEWNS))
		must(t, unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
		must(t, unix.Mount("/etc", target+"0", "", unix.MS_BIND|unix.MS_REC, ""))
		must(t, unix.Mount(dir+"/real", target+"1", "", unix.MS_BIND, ""))
		must(t, unix.Mount("tmpfs", target+"2", "tmpfs", 0, "size=16k"))

		r := newResolver("/")
		for path, want := range map[string]string{"0": "/etc", "0/passwd": "/etc/passwd", "1": dir + "/real", "1/sub": dir + "/real/sub", "3": target + "3"} {
			if f := r.Lookup(target + path); f.Path != want || f.Err != "" {
				t.Errorf("%s: %q %s, want %q", path, f.Path, f.Err, want)
			}
		}
		if f := r.Lookup(target + "2"); !strings.Contains(f.Err, "what buildah mounted there has no name on this host") {
			t.Errorf("a file system of its own: %+v", f)
		}
	})
}
