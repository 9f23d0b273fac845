package engine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Files that somebody edits while runward is registered: elsewhere, and in
// runward's own part.
func TestEditedSince(t *testing.T) {
	const (
		daemon = "/etc/docker/daemon.json"
		main   = "/etc/containerd/config.toml"
		dropin = "/etc/containerd/conf.d/99-runward.toml"
		toml   = "/etc/runward/runward.toml"
	)
	for _, c := range []struct {
		name, engine string
		file         string
		old, new     string // a part of the file as runward wrote it; old empty: new is all of it
		want         string // of the file when all is taken back
		err          string // or why it is not
	}{
		{
			"a member added", "docker", daemon, "{\n  \"run", "{\n  \"debug\": true,\n  \"run",
			"{\n  \"debug\": true,\n  \"runtimes\": {\"crun\": {\"path\": \"/usr/bin/crun\"}}\n}\n", "",
		},
		{
			"a runtime added", "docker", daemon, "{\"crun\": ", "{\"z\": {\"path\":\"/z\"}, \"crun\": ",
			"{\n  \"runtimes\": {\"z\": {\"path\":\"/z\"}, \"crun\": {\"path\": \"/usr/bin/crun\"}}\n}\n", "",
		},
		{
			"default-runtime taken out by hand", "docker", daemon, ",\n  \"default-runtime\": \"runward\"", "",
			"{\n  \"runtimes\": {\"crun\": {\"path\": \"/usr/bin/crun\"}}\n}\n", "",
		},
		{
			"another default-runtime", "docker", daemon, `"default-runtime": "runward"`, `"default-runtime": "crun"`, "",
			"/etc/docker/daemon.json: /default-runtime is not what runwardctl wrote there: take it out by hand, and try again",
		},
		{
			"no JSON any more", "docker", daemon, "", "{,}", "",
			"/etc/docker/daemon.json: line 1, column 2: want a key in double quotes, found \",\"; correct that first",
		},
		{
			"a handler of the site's own", "docker", toml, "mine = ", "yours = \"/usr/bin/runc\"\nmine = ",
			"mode = \"audit\"\n\n[runtime.handlers] # ours\nyours = \"/usr/bin/runc\"\nmine = \"/usr/bin/crun\"\n", "",
		},
		{
			"a line of runward's", "docker", toml, "\"docker-crun\" = \"/usr/bin/crun\"", "docker-crun = '/usr/bin/runc'", "",
			"/etc/runward/runward.toml:4:1: this line is not as runwardctl wrote it: take it out by hand, and try again",
		},
		{
			"a comment", "containerd", main, "# by hand", "# by me",
			"version = 2\n# by me\n[plugins.\"io.containerd.grpc.v1.cri\"]\n  sandbox_image = \"pause:1\"\n", "",
		},
		{
			"another import", "containerd", main, `imports = ["/etc/containerd/conf.d/99-runward.toml"]`, `imports = ["/a", "/etc/containerd/conf.d/99-runward.toml", '/b']`,
			"version = 2\nimports = [\"/a\", '/b']\n# by hand\n[plugins.\"io.containerd.grpc.v1.cri\"]\n  sandbox_image = \"pause:1\"\n", "",
		},
		{
			"runward's own file", "containerd", dropin, "pause:1", "pause:2", "",
			"/etc/containerd/conf.d/99-runward.toml is runward's own, and was edited since: put what was added into a file of its own, remove this one, and try again",
		},
		{"the import taken out by hand", "containerd", main, "imports = [\"/etc/containerd/conf.d/99-runward.toml\"]\n", "", "version = 2\n# by hand\n[plugins.\"io.containerd.grpc.v1.cri\"]\n  sandbox_image = \"pause:1\"\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, e := site(t), Find(c.engine)
			plan, err := e.Configure(s, &Request{Mode: Interpose, Names: []string{"runward"}})
			apply(t, plan, err)
			text := c.new
			if c.old != "" {
				raw, err := os.ReadFile(filepath.Join(s.Root, c.file))
				if err != nil || !strings.Contains(string(raw), c.old) {
					t.Fatalf("%v: no %q in\n%s", err, c.old, raw)
				}
				text = strings.Replace(string(raw), c.old, c.new, 1)
			}
			put(t, s, c.file, text, 0o640)
			now := tree(t, s)
			plan, err = e.Unconfigure(s, false)
			if c.err != "" {
				if err == nil || err.Error() != c.err {
					t.Errorf("%v, want\n%s", err, c.err)
				}
				equalTrees(t, tree(t, s), now)
				return
			}
			apply(t, plan, err)
			raw, err := os.ReadFile(filepath.Join(s.Root, c.file))
			if err != nil || string(raw) != c.want {
				t.Errorf("%v\n%s\nwant\n%s", err, raw, c.want)
			}
		})
	}
}

// What cannot be configured says why, and changes nothing.
func TestRefused(t *testing.T) {
	for _, c := range []struct {
		name, engine string
		files        map[string]string
		mode         Mode
		handler      string
		want         string
	}{
		{"a name of Docker's", "docker", nil, Register, "runc", "a handler cannot be called runc: that is another runtime's name; --mode interpose stands in front of those"},
		{"a name that no pod can give", "docker", nil, Register, "Run_Ward", "a handler cannot be called Run_Ward: want small letters, digits and -, as a RuntimeClass does"},
		{"no such mode", "docker", nil, "all", "runward", "no mode is called all: want register, default, interpose"},
		{
			"somebody's runward", "docker",
			map[string]string{"/etc/docker/daemon.json": `{"runtimes": {"runward": {"path": "/opt/runward"}}}` + "\n"},
			Register, "runward",
			"/etc/docker/daemon.json: /runtimes/runward is there already, and is not /usr/bin/runward: take it out, or choose another name with --handler",
		},
		{
			"runtimes that are none", "docker",
			map[string]string{"/etc/docker/daemon.json": `{"runtimes": []}` + "\n"},
			Register, "runward",
			"/etc/docker/daemon.json: /runtimes: want an object, found array",
		},
		{
			"version 1", "containerd",
			map[string]string{"/etc/containerd/config.toml": "disabled_plugins = []\n"},
			Register, "runward",
			"/etc/containerd/config.toml:1:1: its version is 1; runwardctl knows 2, 3 and 4: containerd config migrate writes a newer one",
		},
		{
			"CRI disabled", "containerd",
			map[string]string{"/etc/containerd/config.toml": "version = 2\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n"},
			Register, "runward",
			"/etc/containerd/config.toml disables containerd's CRI plugin, which alone has handlers: nothing to register with (whoever uses containerd's own socket names the runtime)",
		},
		{
			"no TOML", "podman",
			map[string]string{"/etc/containers/containers.conf": "[engine\n"},
			Default, "runward",
			"/etc/containers/containers.conf:2:1: expected '.' or ']' to end table name, but got '\\n' instead",
		},
		{
			"handlers inline", "docker",
			map[string]string{
				"/etc/runward/runward.toml": "runtime.handlers = {}\n", "/etc/docker/daemon.json": `{"runtimes": {"crun": {"path": "crun"}}}` + "\n",
			},
			Interpose, "runward",
			"/etc/runward/runward.toml: runtime.handlers is written in a way that cannot be added to: write it as a table [runtime.handlers]",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := under(t, c.files, "dockerd", "containerd", "podman", "runc", "crun")
			first := tree(t, s)
			_, err := Find(c.engine).Configure(s, &Request{Mode: c.mode, Names: []string{c.handler}})
			if err == nil || err.Error() != c.want {
				t.Errorf("%v, want\n%s", err, c.want)
			}
			equalTrees(t, tree(t, s), first)
		})
	}
}

// runward.toml of a node that begins is taken back with the last engine, also
// after enforce, and stays where somebody wrote anything else in it.
func TestAuditSettings(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"as it was written", auditSettings, "/etc/runward/runward.toml was removed"},
		{"enforced", strings.Replace(auditSettings, `"audit"`, `"enforce"`, 1), "/etc/runward/runward.toml was removed"},
		{"edited", auditSettings + "[audit]\nsync = \"data\"\n", "/etc/runward/runward.toml stays: it was edited since runwardctl wrote it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := under(t, nil, "dockerd", "podman", "crun")
			first := tree(t, s)
			if began, err := s.BeginAudit(false); err != nil || !began {
				t.Fatal(began, err)
			}
			for _, name := range []string{"docker", "podman"} {
				plan, err := Find(name).Configure(s, &Request{Mode: Register, Names: []string{"runward"}})
				apply(t, plan, err)
			}
			put(t, s, s.Settings, c.text, 0o644)
			if began, err := s.BeginAudit(false); err != nil || began {
				t.Error("a second time", began, err)
			}
			for _, name := range []string{"docker", "podman"} {
				if said, err := s.EndAudit(false); err != nil || said != "" {
					t.Errorf("with %s: %q %v", name, said, err)
				}
				plan, err := Find(name).Unconfigure(s, false)
				apply(t, plan, err)
			}
			said, err := s.EndAudit(false)
			if err != nil || said != c.want {
				t.Errorf("%q %v, want %q", said, err, c.want)
			}
			if strings.Contains(c.want, "stays") {
				return
			}
			last := tree(t, s)
			delete(last, "/var/lib/runward/engines/")
			delete(last, "/var/lib/runward/")
			equalTrees(t, last, first)
		})
	}
}

// Containers that run go on calling links; those stay until they have ended.
func TestLinksStay(t *testing.T) {
	s := site(t)
	first := tree(t, s)
	plan, err := dockerEngine().Configure(s, &Request{Mode: Interpose, Names: []string{"runward"}})
	apply(t, plan, err)
	settings, err := s.read(s.Settings)
	if err != nil {
		t.Fatal(err)
	}
	plan, err = dockerEngine().Unconfigure(s, true)
	apply(t, plan, err)
	now := tree(t, s)
	if now["/etc/docker/daemon.json"] != first["/etc/docker/daemon.json"] {
		t.Errorf("daemon.json is %s", now["/etc/docker/daemon.json"])
	}
	if now[s.Links+"/docker-crun"] != "-> /usr/bin/runward\n" || !strings.HasSuffix(now[s.Settings], settings.Text) {
		t.Errorf("the link is gone, or what stands behind it: %q", now[s.Settings])
	}
	plan, err = dockerEngine().Unconfigure(s, false)
	apply(t, plan, err)
	last := tree(t, s)
	delete(last, "/var/lib/runward/engines/")
	delete(last, "/var/lib/runward/")
	equalTrees(t, last, first)
}

// The mode is replaced, and nothing else.
func TestSetMode(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{auditSettings, strings.Replace(auditSettings, `"audit"`, `"enforce"`, 1)},
		{"version = 1 # mode = \"audit\"\nmode    = 'audit' # \"audit\" first\n[audit]\nsync = \"none\"\n", "version = 1 # mode = \"audit\"\nmode    = \"enforce\" # \"audit\" first\n[audit]\nsync = \"none\"\n"},
		{"[audit]\nsync = \"none\"\n", "mode = \"enforce\"\n[audit]\nsync = \"none\"\n"},
		{"mode = \"\"\"audit\"\"\"\n", "runward.toml:1:1: the mode cannot be replaced: do it by hand"},
		{"mode = \"audi\\u0074\"\n", "runward.toml:1:1: the mode cannot be replaced: do it by hand"},
	} {
		got, err := SetMode("runward.toml", c.text, "enforce")
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%q becomes %q, want %q", c.text, got, c.want)
		}
	}
}
