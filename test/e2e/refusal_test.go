//go:build e2e

package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/test/e2e/lab"
)

func hostNamespace(t *testing.T, name string) string {
	t.Helper()
	link, err := os.Readlink("/proc/self/ns/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return regexp.QuoteMeta(link)
}

// without removes a namespace, so that the container would share the host's.
func without(kind specs.LinuxNamespaceType) func(*specs.Spec) {
	return func(s *specs.Spec) {
		var kept []specs.LinuxNamespace
		for _, ns := range s.Linux.Namespaces {
			if ns.Type != kind {
				kept = append(kept, ns)
			}
		}
		s.Linux.Namespaces = kept
	}
}

func mount(m specs.Mount) func(*specs.Spec) {
	return func(s *specs.Spec) { s.Mounts = append(s.Mounts, m) }
}

// Each denial: nothing ran, nothing was written, and the person is told.
func TestRefusals(t *testing.T) {
	n := lab.NewNode(t)
	link := filepath.Join(lab.Dir(t), "innocent")
	if err := os.Symlink("/var/../etc", link); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, policy  string
		edit          func(*specs.Spec)
		rule, pointer string
	}{
		{"host pid", "", without(specs.PIDNamespace), "namespaces", "/linux/namespaces"},
		{"host network", "", without(specs.NetworkNamespace), "namespaces", "/linux/namespaces"},
		{"host network by path", "", func(s *specs.Spec) {
			for i := range s.Linux.Namespaces {
				if s.Linux.Namespaces[i].Type == specs.NetworkNamespace {
					s.Linux.Namespaces[i].Path = "/proc/1/ns/net"
				}
			}
		}, "namespaces", "/linux/namespaces/1"},
		{"host root", "", mount(specs.Mount{Destination: "/data", Type: "bind", Source: "/", Options: []string{"rbind", "ro"}}), "host_paths", "/mounts/7"},
		{"behind a link", "", mount(specs.Mount{Destination: "/data", Type: "bind", Source: link, Options: []string{"rbind", "ro"}}), "host_paths", "/mounts/7"},
		{"engine socket by another spelling", "", mount(specs.Mount{Destination: "/data", Source: "//var/./run/", Options: []string{"bind"}}), "host_paths", "/mounts/7"},
		{"second procfs", "", mount(specs.Mount{Destination: "/data", Type: "proc", Source: "proc"}), "mounts", "/mounts/7"},
		{"hook", "", func(s *specs.Spec) {
			s.Hooks = &specs.Hooks{CreateRuntime: []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", "touch " + filepath.Join(link, "../made")}}}}
		}, "hooks", "/hooks/createRuntime/0"},
		{"device", "", func(s *specs.Spec) {
			s.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/innocent", Type: "b", Major: 253, Minor: 0}}
		}, "devices", "/linux/devices/0"},
		{"bundle annotation", "", func(s *specs.Spec) { s.Annotations = map[string]string{"bundle": "/evil"} }, "annotations", "/annotations/bundle"},
		{"host sysctl", "", func(s *specs.Spec) { s.Linux.Sysctl = map[string]string{"kernel/core_pattern": "|/x"} }, "sysctls", "/linux/sysctl/kernel~1core_pattern"},
		{"root", "extends = ['restricted']\n", nil, "user", "/process/user/uid"},
		{"privileged", "", func(s *specs.Spec) {
			s.Linux.MaskedPaths, s.Linux.ReadonlyPaths = nil, nil
			s.Linux.Resources.Devices = []specs.LinuxDeviceCgroup{{Allow: true, Access: "rwm"}}
		}, "privileged", ""},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			if c.policy == "" {
				n.Policy("10-test.toml", "version = 1\nname = 'test'\nextends = ['baseline']\n")
			} else {
				n.Policy("10-test.toml", "version = 1\nname = 'test'\n"+c.policy)
			}
			edit := c.edit
			if edit == nil {
				edit = func(*specs.Spec) {}
			}
			b := lab.Bundle(t, "echo ran; touch /ran", edit)
			before := readFile(t, filepath.Join(b.Dir, "config.json"))
			pidFile := filepath.Join(b.Dir, "pid")
			out := b.Do(n.Runward, "create", "--bundle", b.Dir, "--pid-file", pidFile, b.ID)

			if out.Code != 1 || out.Stdout != "" {
				t.Errorf("exit code %d, output %q", out.Code, out.Stdout)
			}
			r := n.Receipt(b.ID)
			wantLine(t, out.Stderr, "runward: "+c.rule+" "+c.pointer, "found ", "wanted ", "hint: ", "receipt "+r.ID)
			if r.Verdict != "deny" || r.Final != "" {
				t.Errorf("receipt: %+v", r)
			}
			found := false
			for _, f := range r.Findings {
				found = found || f.Rule == c.rule && f.Done == "denied" && strings.HasPrefix(f.Pointer, c.pointer)
			}
			if !found {
				t.Errorf("no finding of %s at %s: %+v", c.rule, c.pointer, r.Findings)
			}
			wantRecord(t, b.Log, strings.TrimSuffix(out.Stderr, "\n"))
			if after := readFile(t, filepath.Join(b.Dir, "config.json")); after != before {
				t.Error("config.json was written")
			}
			nothingStarted(t, b, pidFile)
			if kept := n.Kept(); len(kept) != 0 {
				t.Errorf("kept %v", kept)
			}
		})
	}
}

// nothingStarted fails if the runtime knows the container, or its process ran.
func nothingStarted(t *testing.T, b *lab.Container, pidFile string) {
	t.Helper()
	for _, path := range []string{filepath.Join(b.Dir, "rootfs/ran"), filepath.Join(b.Root, b.ID), pidFile} {
		if _, err := os.Lstat(path); !os.IsNotExist(err) {
			t.Errorf("%s is there: %v", path, err)
		}
	}
}

// wantLine checks that stderr is one line with all the parts in order.
func wantLine(t *testing.T, stderr string, parts ...string) {
	t.Helper()
	if strings.Count(stderr, "\n") != 1 || !strings.HasSuffix(stderr, "\n") {
		t.Errorf("not one line: %q", stderr)
	}
	if !strings.HasPrefix(stderr, parts[0]) {
		t.Errorf("%q does not begin with %q", stderr, parts[0])
	}
	rest := stderr
	for _, part := range parts {
		_, after, ok := strings.Cut(rest, part)
		if !ok {
			t.Errorf("%q is missing in %q", part, stderr)
		}
		rest = after
	}
}

// wantRecord checks that the engine's log has exactly one record, with msg.
func wantRecord(t *testing.T, log, msg string) {
	t.Helper()
	raw := readFile(t, log)
	var record map[string]string
	if err := json.Unmarshal([]byte(raw), &record); err != nil || strings.Count(raw, "\n") != 1 {
		t.Fatalf("log %q: %v", raw, err)
	}
	if record["level"] != "error" || record["msg"] != msg || !regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d`).MatchString(record["time"]) || len(record) != 3 {
		t.Errorf("record %q, want msg %q", raw, msg)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
