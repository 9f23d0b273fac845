package specs_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/internal/policyfile"
	"github.com/runward/runward/internal/policytest"
	"github.com/runward/runward/policy"
	builtin "github.com/runward/runward/policy/profiles"
	"github.com/runward/runward/policy/rules"
)

// A server is an ordinary image that runs without root.
type server struct {
	name string
	uid  uint32
	args []string
	env  []string
	data string // its volume
}

var servers = []server{
	{"nginx-unprivileged", 101, []string{"/docker-entrypoint.sh", "nginx", "-g", "daemon off;"}, []string{"NGINX_VERSION=1.27.4", "NJS_VERSION=0.8.9"}, ""},
	{"postgres", 999, []string{"docker-entrypoint.sh", "postgres"}, []string{"GOSU_VERSION=1.17", "PG_MAJOR=17", "PGDATA=/var/lib/postgresql/data", "POSTGRES_PASSWORD_FILE=/run/secrets/password"}, "/var/lib/postgresql/data"},
	{"redis", 999, []string{"docker-entrypoint.sh", "redis-server"}, []string{"REDIS_VERSION=7.4.2", "GOSU_VERSION=1.17"}, "/data"},
	{"busybox", 1000, []string{"sh", "-c", "while :; do sleep 60; done"}, nil, ""},
}

// TestServers holds that every profile lets ordinary servers start, as each
// engine hands them over, with what they are started by as it was: program,
// user, environment, mounts. cis-docker and nist-800-190 want the root file
// system to be read-only, and say so.
func TestServers(t *testing.T) {
	for _, capture := range []struct{ dir, volumes string }{
		{"docker/user-1000", "/var/lib/docker/volumes/data/_data"},
		{"podman/user-1000", "/var/lib/containers/storage/volumes/data/_data"},
		{"cri/restricted", ""},
	} {
		for _, s := range servers {
			for _, profile := range builtin.Names() {
				t.Run(filepath.Join(capture.dir, s.name, profile), func(t *testing.T) { s.under(t, capture.dir, capture.volumes, profile) })
			}
		}
	}
}

func (s server) under(t *testing.T, dir, volume, profile string) {
	t.Helper()
	p, err := policyfile.BuiltIn(profile, rules.All)
	if err != nil {
		t.Fatal(err)
	}
	set := policy.Set{Policies: []*policy.Policy{p}}
	wantsReadOnly := profile == "cis-docker" || profile == "nist-800-190"
	for _, readOnly := range []bool{false, true} {
		spec, facts := s.spec(t, dir, volume, readOnly)
		d := policy.Evaluate(set, rules.All, spec, facts)
		policytest.CheckRewrite(t, set, rules.All, spec, facts, d)
		refused, denied := d.Refusal()
		switch {
		case wantsReadOnly && !readOnly:
			if !denied || refused.Rule != "read_only_rootfs" {
				t.Errorf("with a writable root: %v, %+v", d.Verdict, refused)
			}
		case denied:
			t.Errorf("refused: %+v", refused)
		default:
			s.checkWhole(t, spec, d)
		}
	}
}

// spec is a captured config.json with this server in it.
func (s server) spec(t *testing.T, dir, volume string, readOnly bool) (*policy.Spec, *policy.Facts) {
	t.Helper()
	read := func(name string) []byte {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	captured, err := policy.ParseSpec(read("config.json"))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := captured.Change(func(c *specs.Spec) {
		c.Process.Args = s.args
		c.Process.Env = append(c.Process.Env, s.env...)
		c.Process.User = specs.User{UID: s.uid, GID: s.uid}
		c.Root.Readonly = readOnly
		if s.data != "" && volume != "" {
			c.Mounts = append(c.Mounts, specs.Mount{Destination: s.data, Type: "bind", Source: volume, Options: []string{"rbind", "rprivate", "rw"}})
		}
		if _, ok := c.Annotations["io.kubernetes.cri.image-name"]; ok {
			c.Annotations["io.kubernetes.cri.image-name"] = "docker.io/library/" + s.name + ":1"
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	spec, err := policy.ParseSpec(raw)
	if err != nil {
		t.Fatal(err)
	}
	call, err := policytest.ParseCall(read("facts.json"))
	if err != nil {
		t.Fatal(err)
	}
	facts, _, err := policytest.CallFacts(call, spec.View())
	if err != nil {
		t.Fatal(err)
	}
	return spec, facts
}

// checkWhole holds that the patched server is still the server.
func (s server) checkWhole(t *testing.T, spec *policy.Spec, d policy.Decision) {
	t.Helper()
	raw, err := spec.Apply(d.Patch)
	if err != nil {
		t.Fatal(err)
	}
	var was, now specs.Spec
	if err := json.Unmarshal(spec.Raw(), &was); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &now); err != nil {
		t.Fatal(err)
	}
	switch {
	case !slices.Equal(was.Process.Args, now.Process.Args), !slices.Equal(was.Process.Env, now.Process.Env), was.Process.User.UID != now.Process.User.UID:
		t.Errorf("another process: %+v", now.Process)
	case was.Root.Readonly != now.Root.Readonly:
		t.Errorf("the root file system became read-only")
	case len(was.Mounts) != len(now.Mounts):
		t.Errorf("mounts: %+v", now.Mounts)
	}
	for i, m := range was.Mounts {
		if m.Destination == s.data && !slices.Equal(m.Options, now.Mounts[i].Options) {
			t.Errorf("its data: %+v", now.Mounts[i])
		}
	}
}
