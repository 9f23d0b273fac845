package state

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/runward/runward/internal/jsondoc"
	"github.com/runward/runward/policy"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func ptr[T any](v T) *T { return &v }

// keep writes files of a container's state and returns the root.
func keep(t testing.TB, id string, files map[string]string) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "root")
	must(t, os.MkdirAll(filepath.Join(root, id), 0o711))
	for name, text := range files {
		must(t, os.WriteFile(filepath.Join(root, id, name), []byte(text), 0o600))
	}
	return root
}

func sample(t testing.TB, version string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "runc-"+version+".json"))
	must(t, err)
	return string(text)
}

// What testdata/generate asks for, each version of runc writes in its own
// spelling. The AppArmor profile it asks for is in none of them.
func TestVersionsOfRunc(t *testing.T) {
	for _, version := range []string{"v1.1.5", "v1.2.8", "v1.3.3", "v1.4.0", "v1.5.2"} {
		t.Run(version, func(t *testing.T) {
			root := keep(t, "c1", map[string]string{"state.json": sample(t, version)})
			got, err := Load("runc", root+"/", "c1")
			must(t, err)
			want := &Container{
				ID: "c1", Root: root, Bundle: "/tmp/bundle",
				Annotations: map[string]string{"io.kubernetes.cri.sandbox-namespace": "default", "note": "a=b", "html": "<&>"},
				Unclear:     []string{"note"},
				Ceiling: policy.Ceiling{
					Capabilities: &[]string{"CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW", "CAP_SETPCAP"}, NoNewPrivileges: true, Seccomp: true,
					SELinux: "system_u:system_r:container_t:s0:c1,c2", UserNamespace: ptr(uint32(100000)), OOMScoreAdj: ptr(int64(100)),
					Memory: ptr(int64(64 << 20)), CPU: ptr(int64(250)), Pids: ptr(int64(77)),
				},
				CPUQuota: 50000, CPUPeriod: 200000,
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got\n%+v\nwant\n%+v", got, want)
			}
		})
	}
}

// What is forged is refused in the words that say so, and what runc would read
// is read.
func TestLabels(t *testing.T) {
	for _, tt := range []struct {
		name, labels string
		bundle, want string
	}{
		{"the container's own", `"a=b","bundle=/b"`, "/b", ""},
		{"an annotation named bundle", `"bundle=/evil","bundle=/b"`, "", "it names more than one bundle: an annotation named bundle forges the container's own"},
		{"an annotation named bundle=/evil", `"bundle=/evil=","bundle=/b"`, "", "it names more than one bundle: an annotation named bundle forges the container's own"},
		{"the same twice", `"bundle=/b","bundle=/b"`, "", "it names more than one bundle: an annotation named bundle forges the container's own"},
		{"escaped", `"bundl\u0065=/evil","bundle=/b"`, "", "it names more than one bundle: an annotation named bundle forges the container's own"},
		{"case differs", `"Bundle=/evil","bundle=/b"`, "/b", ""},
		{"a longer key", `"bundle.x=/evil","bundle=/b"`, "/b", ""},
		{"none", `"a=b"`, "", "it names no bundle"},
		{"relative", `"bundle=b"`, "", "its bundle is not an absolute path"},
		{"empty", `"bundle="`, "", "its bundle is not an absolute path"},
		{"an annotation forged", `"n=x=","n=y","bundle=/b"`, "", `two labels read as the annotation "n": one of them forges the other with a '=' in its key`},
		{"no equals sign", `"n","bundle=/b"`, "", "a label has no '='"},
		{"no string", `1,"bundle=/b"`, "", "want string, found number 1 (at /config/labels/0)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root := keep(t, "a", map[string]string{"state.json": `{"id":"a","config":{"labels":[` + tt.labels + `]}}`})
			c, err := Load("runc", root, "a")
			switch {
			case tt.want == "":
				must(t, err)
				if c.Bundle != tt.bundle || len(c.Unclear) != 0 {
					t.Errorf("%+v", c)
				}
			case err == nil || !strings.HasSuffix(err.Error(), tt.want):
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

func TestDamaged(t *testing.T) {
	good := sample(t, "v1.1.5")
	for _, tt := range []struct{ name, text, want string }{
		{"empty", "", "state.json: line 1, column 1: document is empty"},
		{"cut short", good[:len(good)-1], "document ends early"},
		{"trailing data", good + "{}", "want the end of the document"},
		{"equal keys", `{"id":"c1","id":"c1"}`, `duplicate key "id"`},
		{"case variant", strings.Replace(good, `"no_new_privileges"`, `"No_new_privileges"`, 1), `key "No_new_privileges" is a case variant of "no_new_privileges"; runtimes disagree on it (at /config/No_new_privileges)`},
		{"of another container", strings.Replace(good, `"c1"`, `"c2"`, 1), "state.json: it is the state of another container"},
		{"no id", "{}", "state.json: it is the state of another container"},
		{"no config", `{"id":"c1"}`, "state.json: it has no config"},
		{"config is null", `{"id":"c1","config":null}`, "state.json: it has no config"},
		{"an array", "[]", "state.json: line 1, column 1: want object, found array"},
		{"capabilities of another type", strings.Replace(good, `"Effective":[`, `"Effective":[1,`, 1), "want string, found number 1 (at /config/capabilities/Effective/0)"},
		{"memory is no integer", strings.Replace(good, `"memory":67108864`, `"memory":6.7`, 1), "want integer, found number 6.7 (at /config/cgroups/memory)"},
		{"a relative cgroup", strings.Replace(good, `/sys/fs/cgroup/memory/`, `sys/fs/cgroup/memory/`, 1), `state.json: its cgroup "sys/fs/cgroup/memory/runward-no-such-cgroup" is not a clean absolute path`},
		{"a cgroup with ..", strings.Replace(good, `/sys/fs/cgroup/memory/`, `/sys/fs/cgroup/../memory/`, 1), "is not a clean absolute path"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root := keep(t, "c1", map[string]string{"state.json": tt.text})
			c, err := Load("runc", root, "c1")
			if c != nil || err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
			if err != nil && (!strings.HasPrefix(err.Error(), "what runc keeps of container c1 in "+root+": ") || strings.Contains(err.Error(), "\n")) {
				t.Error(err)
			}
		})
	}
}

// Files and directories that others than root could have made are not read.
func TestUntrusted(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("run as root: files are given to another user")
	}
	for _, tt := range []struct {
		name   string
		change func(root, dir, file string) error
		want   string
	}{
		{"nothing", func(_, _, _ string) error { return nil }, ""},
		{"no container", func(_, dir, _ string) error { return os.RemoveAll(dir) }, ErrNotFound.Error()},
		{"no root", func(root, _, _ string) error { return os.RemoveAll(root) }, ErrNotFound.Error()},
		{"no file", func(_, _, file string) error { return os.Remove(file) }, "state.json: it is missing"},
		{"others can write the root", func(root, _, _ string) error { return os.Chmod(root, 0o770) }, "the state directory is writable by others than its owner"},
		{"sticky is no excuse", func(root, _, _ string) error { return os.Chmod(root, 0o777|os.ModeSticky) }, "the state directory is writable by others than its owner"},
		{"another's root", func(root, _, _ string) error { return os.Chown(root, 65534, 0) }, "the state directory does not belong to root"},
		{"others can write the directory", func(_, dir, _ string) error { return os.Chmod(dir, 0o712) }, "its directory is writable by others than its owner"},
		{"another's directory", func(_, dir, _ string) error { return os.Chown(dir, 65534, 0) }, "its directory does not belong to root"},
		{"others can write the file", func(_, _, file string) error { return os.Chmod(file, 0o620) }, "state.json: it is writable by others than its owner"},
		{"another's file", func(_, _, file string) error { return os.Chown(file, 65534, 0) }, "state.json: it does not belong to root"},
		{"a linked directory", func(_, dir, _ string) error {
			must(t, os.Rename(dir, dir+"2"))
			return os.Symlink(dir+"2", dir)
		}, "its directory is a symbolic link or no directory"},
		{"a file for a directory", func(_, dir, _ string) error {
			must(t, os.RemoveAll(dir))
			return os.WriteFile(dir, nil, 0o600)
		}, "its directory is a symbolic link or no directory"},
		{"a linked file", func(_, _, file string) error {
			must(t, os.Rename(file, file+"2"))
			return os.Symlink(file+"2", file)
		}, "state.json: it is a symbolic link"},
		{"a fifo", func(_, _, file string) error {
			must(t, os.Remove(file))
			return unix.Mkfifo(file, 0o600)
		}, "state.json: it is no regular file, or too large"},
		{"too large", func(_, _, file string) error { return os.Truncate(file, MaxFile+1) }, "state.json: it is no regular file, or too large"},
		{"the root by a link", func(root, _, _ string) error {
			must(t, os.Rename(root, root+"2"))
			return os.Symlink(root+"2", root)
		}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root := keep(t, "c1", map[string]string{"state.json": sample(t, "v1.5.2")})
			dir := filepath.Join(root, "c1")
			must(t, tt.change(root, dir, filepath.Join(dir, "state.json")))
			_, err := Load("runc", root, "c1")
			switch {
			case tt.want == "":
				must(t, err)
			case err == nil || err.Error() != "what runc keeps of container c1 in "+root+": "+tt.want:
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
			if (tt.want == ErrNotFound.Error()) != errors.Is(err, ErrNotFound) {
				t.Error("ErrNotFound", err)
			}
		})
	}
}

func TestArguments(t *testing.T) {
	for _, tt := range []struct{ kind, root, id, want string }{
		{"runsc", "/run/runsc", "a", "what runsc keeps of container a in /run/runsc: runsc keeps it in a form of its own, which is not read here; create the container again under runward"},
		{"", "/run/runc", "a", "this kind of runtime is not known here: runc, crun and youki are"},
		{"runc", "run/runc", "a", "the state directory is not an absolute path"},
		{"runc", "", "a", "the state directory is not an absolute path"},
		{"runc", "/", "", "not a container id"},
		{"runc", "/", ".", "not a container id"},
		{"crun", "/", "..", "not a container id"},
		{"youki", "/", "a/b", "not a container id"},
		{"runc", "/", "a\x00", "not a container id"},
		{"runc", "/", "a b", "not a container id"},
		{"runc", "/", strings.Repeat("a", 1025), "not a container id"},
	} {
		if c, err := Load(tt.kind, tt.root, tt.id); c != nil || err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q %q %q: %v", tt.kind, tt.root, tt.id, err)
		}
	}
}

// Whatever is in a state.json, it is refused or gives a bundle, and never a
// panic; what is accepted names exactly one.
func FuzzRunc(f *testing.F) {
	for _, version := range []string{"v1.1.5", "v1.5.2"} {
		f.Add(sample(f, version))
	}
	f.Add(`{"id":"c1","config":{"labels":["bundle=/evil","bundle=/b"]}}`)
	f.Add(`{"id":"c1","config":{"labels":["a=","bundle=/b"],"capabilities":null,"cgroups":{"cpu_quota":-1,"cpu_period":18446744073709551615}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		doc, err := jsondoc.Parse([]byte(text), jsondoc.Limits{Bytes: MaxFile, Depth: 64})
		if err != nil {
			return
		}
		c := &Container{ID: "c1"}
		g, recorded, err := c.fromRunc(doc.Root())
		if err != nil {
			return
		}
		labels, bundles := doc.Root().Get("config").Get("labels"), 0
		for l := labels.First(); l.Exists(); l = l.Next() {
			if strings.HasPrefix(l.Str(), "bundle=") {
				bundles++
			}
		}
		if bundles != 1 || labels.Len() != len(c.Annotations)+1 || c.Ceiling.Capabilities == nil {
			t.Errorf("%s: %+v", text, c)
		}
		quota, period := g.kept(recorded, limits{})
		if quota == 0 || period <= 0 {
			t.Errorf("%s: keeps %d/%d", text, quota, period)
		}
	})
}

func FuzzConfig(f *testing.F) {
	f.Add(crunConfig)
	f.Add(`{"process":{"capabilities":{"bounding":["chown"]}},"linux":{"resources":{"cpu":{"quota":9223372036854775807,"period":1}}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		doc, err := jsondoc.Parse([]byte(text), jsondoc.DefaultLimits())
		if err != nil {
			return
		}
		c := &Container{ID: "c1"}
		if recorded, err := c.fromConfig(doc.Root()); err == nil {
			must(t, c.setLimits(recorded, cgroups{}))
			if c.Ceiling.Capabilities == nil || c.CPUQuota == 0 || c.CPUPeriod <= 0 {
				t.Errorf("%s: %+v", text, c)
			}
		}
	})
}

// 60 KB, most of it the seccomp filter, as of a container with the engine's
// default profile.
func BenchmarkLoad(b *testing.B) {
	call := `{"name":"read","action":4,"errnoRet":null,"args":[]},`
	text := sample(b, "v1.1.5")
	text = strings.Replace(text, `"syscalls":[`, `"syscalls":[`+strings.Repeat(call, (60000-len(text))/len(call)), 1)
	root := keep(b, "c1", map[string]string{"state.json": text})
	b.ReportMetric(float64(len(text)), "bytes")
	for b.Loop() {
		if _, err := Load("runc", root, "c1"); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzInit(f *testing.F) {
	f.Add([]byte(`{"id":"x","init_process_pid":12,"init_process_start":34,"created":"2026"`))
	f.Add([]byte(`{ "pid": 1, "process-start-time": 2 }`))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		must(t, os.WriteFile(filepath.Join(dir, "state.json"), data, 0o600))
		fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY, 0)
		must(t, err)
		defer unix.Close(fd)
		if pid, start, ok := RuncInit(fd, "x"); ok && (pid <= 0 || start == 0) {
			t.Error(pid, start)
		}
	})
}
