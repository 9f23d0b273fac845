package engine

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/rogpeppe/go-internal/txtar"
)

// crioDocumented is what crio.conf(5), of CRI-O 1.24 to 1.35, has of what
// configure writes. CRI-O itself passes over keys that it does not know.
type crioDocumented struct {
	CRIO struct {
		Runtime struct {
			DefaultRuntime string `toml:"default_runtime"`
			Runtimes       map[string]struct {
				RuntimePath                  string            `toml:"runtime_path"`
				RuntimeType                  string            `toml:"runtime_type"`
				RuntimeRoot                  string            `toml:"runtime_root"`
				RuntimeConfigPath            string            `toml:"runtime_config_path"`
				MonitorPath                  string            `toml:"monitor_path"`
				MonitorCgroup                string            `toml:"monitor_cgroup"`
				MonitorExecCgroup            string            `toml:"monitor_exec_cgroup"`
				MonitorEnv                   []string          `toml:"monitor_env"`
				AllowedAnnotations           []string          `toml:"allowed_annotations"`
				DefaultAnnotations           map[string]string `toml:"default_annotations"`
				PrivilegedWithoutHostDevices bool              `toml:"privileged_without_host_devices"`
				ContainerMinMemory           string            `toml:"container_min_memory"`
				ContainerCreateTimeout       int64             `toml:"container_create_timeout"`
				NoSyncLog                    bool              `toml:"no_sync_log"`
				StreamWebsockets             bool              `toml:"stream_websockets"`
				SeccompProfile               string            `toml:"seccomp_profile"`
				ExecCPUAffinity              string            `toml:"exec_cpu_affinity"`
				// Not inherit_default_runtime and platform_runtime_paths: with these it
				// calls another program.
			} `toml:"runtimes"`
		} `toml:"runtime"`
	} `toml:"crio"`
}

// What configure writes for CRI-O is in its documented format, and passes the
// checks with which CRI-O starts (RuntimeHandler.Validate, and the default
// runtime must be one of the handlers).
func TestCRIODocumented(t *testing.T) {
	cases, err := filepath.Glob("testdata/crio-*.txtar")
	if err != nil || len(cases) < 3 {
		t.Fatal(cases, err)
	}
	for _, file := range cases {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		written := 0
		for _, f := range archive.Files {
			mode, path, _ := strings.Cut(f.Name, "/")
			if mode == "before" || !strings.HasSuffix(path, ".conf") {
				continue
			}
			written++
			var doc crioDocumented
			meta, err := toml.Decode(string(f.Data), &doc)
			if err != nil || len(meta.Undecoded()) > 0 {
				t.Errorf("%s: %s: %v, not documented: %v", file, f.Name, err, meta.Undecoded())
			}
			handlers := doc.CRIO.Runtime.Runtimes
			if d := doc.CRIO.Runtime.DefaultRuntime; d != "" && handlers[d].RuntimePath == "" {
				t.Errorf("%s: %s: the default runtime %s is no handler", file, f.Name, d)
			}
			for name, h := range handlers {
				if h.RuntimeType != "oci" && h.RuntimeType != "pod" {
					t.Errorf("%s: %s: %s is of type %q", file, f.Name, name, h.RuntimeType)
				}
				if !filepath.IsAbs(h.RuntimePath) || !filepath.IsAbs(h.RuntimeRoot) {
					t.Errorf("%s: %s: %s is %q with its state in %q", file, f.Name, name, h.RuntimePath, h.RuntimeRoot)
				}
				if h.RuntimeConfigPath != "" || h.StreamWebsockets && h.RuntimeType != "pod" {
					t.Errorf("%s: %s: %s has what its type has not: %+v", file, f.Name, name, h)
				}
			}
		}
		if written != 3 {
			t.Errorf("%s: %d files of CRI-O's in three modes", file, written)
		}
	}
}

// A handler is shown as through runward only if every program of it is.
func TestCRIOStatus(t *testing.T) {
	s := under(t, map[string]string{"/etc/crio/crio.conf": `[crio.runtime]
default_runtime = "runward"
[crio.runtime.runtimes.runward]
runtime_path = "/usr/bin/runward"
[crio.runtime.runtimes.inherits]
inherit_default_runtime = true
runtime_path = "/usr/bin/runc"
[crio.runtime.runtimes.platforms]
runtime_path = "/usr/bin/runward"
platform_runtime_paths = { "linux/amd64" = "/usr/bin/runc" }
[crio.runtime.runtimes.pod]
runtime_path = "/usr/bin/runward"
runtime_type = "pod"
[crio.runtime.runtimes.vm]
runtime_path = "/usr/bin/runward"
runtime_type = "vm"
`}, "crio", "runc")
	status, err := crioEngine().Status(s)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{"runward": true, "inherits": true, "platforms": false, "pod": true, "vm": false}
	for _, h := range status.Handlers {
		if through, known := want[h.Name]; !known || h.Through != through {
			t.Errorf("%+v, want through: %v", h, through)
		}
		delete(want, h.Name)
	}
	if len(want) > 0 || status.Interposed {
		t.Errorf("not shown: %v; %+v", want, status)
	}
}
