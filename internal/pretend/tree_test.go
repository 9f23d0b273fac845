package pretend

import (
	"testing"

	"github.com/runward/runward/policy"
)

func TestLookup(t *testing.T) {
	f, err := Facts([]byte(`{"paths": {
		"/mnt/etc": {"same_as": "/etc"}, "/srv/link": {"link": "../var/run"}, "/srv/loop": {"link": "loop"},
		"/proc/99/ns/net": {"type": "other", "ino": 7, "dev": 4, "fs": 1853056627}}}`))
	if err != nil {
		t.Fatal(err)
	}
	etc := f.Lookup("/etc/shadow")
	for _, c := range []struct {
		path, want string
		typ        policy.FileType
		err        string
	}{
		{"/etc/shadow", "/etc/shadow", policy.Regular, ""},
		{"/etc//./passwd/", "/etc/passwd", policy.Regular, ""},
		{"/etc/passwd/x", "/etc/passwd/x", policy.Missing, "/etc/passwd is not a directory"},
		{"/var/run/docker.sock", "/run/docker.sock", policy.Socket, ""},
		{"/srv/link/../etc", "/etc", policy.Directory, ""},
		{"/srv/loop", "/srv/loop", policy.Missing, "too many symbolic links"},
		{"/proc/self/root/..", "/", policy.Directory, ""},
		{"/srv/no/such", "/srv/no/such", policy.Missing, ""},
		{"/srv/no/../x", "/srv/no", policy.Missing, `".." after something that is missing`},
		{"rootfs", "/run/bundle/rootfs", policy.Missing, ""},
		{"/mnt/etc/shadow", "/mnt/etc/shadow", policy.Regular, ""},
	} {
		got := f.Lookup(c.path)
		if got.Path != c.want || got.Type != c.typ || got.Err != c.err {
			t.Errorf("%s: %+v", c.path, got)
		}
	}
	if got := f.Lookup("/mnt/etc/shadow"); !got.SameAs(etc.Dev, etc.Ino) {
		t.Errorf("bind mount: %+v, want the inode of %+v", got, etc)
	}
	if got := f.Lookup("/mnt/etc/shadow").Parents; len(got) != 3 || got[2].Ino != f.Lookup("/etc").Ino {
		t.Errorf("parents through a bind mount: %+v", got)
	}
	if got := f.Lookup("/proc/99/ns/net"); got.Ino != 7 || got.FS != NamespaceFS {
		t.Errorf("namespace: %+v", got)
	}
	if host, own := f.Lookup("/proc/1/ns/net"), f.Lookup("/proc/self/ns/net"); !own.SameAs(host.Dev, host.Ino) {
		t.Errorf("own namespace %+v, host's %+v", own, host)
	}
}
