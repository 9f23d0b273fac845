package state

import (
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/runward/runward/policy"
)

// crunStatusText is a status as crun 1.8 writes it.
const crunStatusText = `{
    "pid": 536870912,
    "process-start-time": 5,
    "cgroup-path": "/runward-no-such-cgroup",
    "scope": "",
    "rootfs": "/b/rootfs",
    "systemd-cgroup": false,
    "bundle": "/b",
    "created": "2026-01-01T00:00:00.000000Z",
    "owner": "root",
    "detached": false,
    "external_descriptors": "[\"/dev/null\",\"/dev/null\",\"/dev/null\"]"
}`

const crunConfig = `{"ociVersion":"1.0.2","annotations":{"a=b":"c","bundle":"/evil"},
"process":{"args":["sh"],"cwd":"/","user":{"uid":7,"gid":8},"noNewPrivileges":true,"apparmorProfile":"p","selinuxLabel":"l","oomScoreAdj":-5,
"capabilities":{"bounding":["CAP_KILL"],"ambient":["CAP_CHOWN","CAP_KILL"]}},
"linux":{"namespaces":[{"type":"user"}],"uidMappings":[{"containerID":1,"hostID":5,"size":1},{"containerID":0,"hostID":200000,"size":10}],
"seccomp":{"defaultAction":"SCMP_ACT_ALLOW"},
"resources":{"memory":{"limit":4096},"cpu":{"quota":25000},"pids":{"limit":9}}}}`

func crunContainer(root string) *Container {
	return &Container{
		ID: "c1", Root: root, Bundle: "/b", Annotations: map[string]string{"a=b": "c", "bundle": "/evil"}, UserKnown: true,
		Ceiling: policy.Ceiling{
			Capabilities: &[]string{"CAP_CHOWN", "CAP_KILL"}, NoNewPrivileges: true, UID: 7, GID: 8, Seccomp: true, AppArmor: "p", SELinux: "l",
			UserNamespace: ptr(uint32(200000)), OOMScoreAdj: ptr(int64(-5)), Memory: ptr(int64(4096)), CPU: ptr(int64(250)), Pids: ptr(int64(9)),
		},
		CPUQuota: -1, CPUPeriod: DefaultPeriod,
	}
}

func TestCrun(t *testing.T) {
	root := keep(t, "c1", map[string]string{"status": crunStatusText, "config.json": crunConfig})
	got, err := Load("crun", root, "c1")
	must(t, err)
	if want := crunContainer(root); !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
	for _, tt := range []struct{ name, status, config, want string }{
		{"no status", "", crunConfig, "status: it is missing"},
		{"no config", crunStatusText, "", "config.json: it is missing"},
		{"no cgroup", strings.Replace(crunStatusText, `"cgroup-path"`, `"x"`, 1), crunConfig, "status: it has no cgroup-path"},
		{"a cgroup with ..", strings.Replace(crunStatusText, "/runward", "/../runward", 1), crunConfig, `status: its cgroup "/../runward-no-such-cgroup" is not a clean absolute path`},
		{"no bundle", strings.Replace(crunStatusText, `"bundle"`, `"x"`, 1), crunConfig, "its bundle is not an absolute path"},
		{"equal keys", crunStatusText, strings.Replace(crunConfig, `"process"`, `"linux":{},"process"`, 1), `config.json: line 4, column 1: duplicate key "linux"`},
		{"a key in another case", crunStatusText, strings.Replace(crunConfig, `"process"`, `"Process"`, 1), `key "Process" is a case variant of "process"`},
	} {
		files := map[string]string{}
		if tt.status != "" {
			files["status"] = tt.status
		}
		if tt.config != "" {
			files["config.json"] = tt.config
		}
		if _, err := Load("crun", keep(t, "c1", files), "c1"); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	// --cgroup-manager=disabled
	root = keep(t, "c1", map[string]string{"status": strings.Replace(crunStatusText, "/runward-no-such-cgroup", "", 1), "config.json": `{}`})
	got, err = Load("crun", root, "c1")
	must(t, err)
	if c := got.Ceiling; len(*c.Capabilities) != 0 || c.Memory != nil || c.CPU != nil || c.Pids != nil || got.UserKnown {
		t.Errorf("%+v", got)
	}
}

func TestYouki(t *testing.T) {
	bundle := t.TempDir()
	must(t, os.WriteFile(filepath.Join(bundle, "config.json"), []byte(crunConfig), 0o600))
	state := `{"ociVersion":"v1.0.2","id":"c1","status":"running","pid":536870912,"bundle":"` + bundle + `","annotations":{"a=b":"c","bundle":"/evil"},"created":"2026-01-01T00:00:00Z","creator":0,"useSystemd":SYSTEMD,"cleanUpIntelRdtSubdirectory":false}`
	load := func(systemd, cgroup string) (*Container, string, error) {
		root := keep(t, "c1", map[string]string{
			"state.json": strings.Replace(state, "SYSTEMD", systemd, 1), "youki_config.json": `{"hooks":null,"cgroup_path":"` + cgroup + `"}`,
		})
		c, err := Load("youki", root, "c1")
		return c, root, err
	}
	for _, tt := range []struct{ systemd, cgroup string }{
		{"false", "/runward-no-such-cgroup"},
		{"false", ":youki:c1"},
		{"true", "system.slice:youki:c1"}, // the process is gone
	} {
		got, root, err := load(tt.systemd, tt.cgroup)
		must(t, err)
		want := crunContainer(root)
		want.Bundle = bundle
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%v: got\n%+v\nwant\n%+v", tt, got, want)
		}
	}
	state = strings.Replace(state, "536870912", strconv.Itoa(os.Getpid()), 1)
	_, _, err := load("true", "system.slice:youki:c1")
	if want := "process " + strconv.Itoa(os.Getpid()) + ` is not in the container's cgroup "youki-c1.scope"`; err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Error(err)
	}
	state = strings.Replace(state, `"id":"c1"`, `"id":"c2"`, 1)
	if _, _, err := load("false", "/x"); err == nil || !strings.HasSuffix(err.Error(), "state.json: it is the state of another container") {
		t.Error(err)
	}
}
