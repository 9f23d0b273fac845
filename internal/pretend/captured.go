package pretend

import (
	"encoding/json"
	"fmt"
	"path"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/internal/host"
	"github.com/runward/runward/policy"
)

// A Call is how an engine called the runtime, as the facts.json of a captured
// config.json has it.
type Call struct {
	Engine        string `json:"engine"`
	Command       string `json:"command"`
	Runtime       string `json:"runtime"`
	Root          string `json:"root"`
	Bundle        string `json:"bundle"`
	ParentExe     string `json:"parent_exe"`
	CgroupVersion int    `json:"cgroup_version"`
}

// CallFacts gives the facts of a captured call: the engine and the identity as
// internal/host finds them, the rest of the node the default tree, with what a
// node has where that engine runs (its rootfs, its bundle, its daemon behind
// Docker's hook) and a namespace of its own for each path that the config joins.
func CallFacts(call Call, spec *specs.Spec) (*policy.Facts, *Tree, error) {
	f, tree, err := FactsAndTree(nil)
	if err != nil {
		return nil, nil, err
	}
	f.Bundle = tree.Lookup(call.Bundle).Path // as realpath does: Docker's begins with /var/run
	if call.Bundle == "" {
		f.Bundle = "/run/bundle"
	}
	tree.cwd = f.Bundle
	tree.add(f.Bundle, Node{})
	f.CgroupV2 = call.CgroupVersion == 2
	f.Runtime = or(call.Runtime, "runc")
	in := host.Invocation{Root: call.Root, Bundle: f.Bundle, Annotations: spec.Annotations}
	f.Engine, f.Identity = host.Identify(in, call.ParentExe, callArgs(call))
	tree.AddContainer(spec)
	return f, tree, nil
}

// callArgs are the arguments of a conmon, of which captures have only the name.
func callArgs(call Call) []string {
	if path.Base(call.ParentExe) != "conmon" {
		return nil
	}
	if call.Engine == "podman" {
		return []string{call.ParentExe, "--exit-dir", "/run/libpod/exits", "--exit-command", "/usr/bin/podman"}
	}
	return []string{call.ParentExe, "--exit-dir", "/var/run/crio/exits"}
}

// AddContainer adds what is on a node when an engine calls the runtime for this
// config: the namespaces that it joins, its root file system, and the daemon
// that its hooks name by process.
func (t *Tree) AddContainer(spec *specs.Spec) {
	if spec.Linux != nil {
		for _, ns := range spec.Linux.Namespaces {
			if ns.Path != "" {
				t.AddNamespaces(ns.Path)
			}
		}
	}
	if spec.Root != nil && spec.Root.Path != "" {
		if f := t.Lookup(spec.Root.Path); f.Type == policy.Missing && f.Err == "" {
			t.add(f.Path, Node{Dev: 90})
		}
	}
	if spec.Hooks == nil {
		return
	}
	//lint:ignore SA1019 Docker still uses prestart
	for _, hooks := range [][]specs.Hook{spec.Hooks.Prestart, spec.Hooks.CreateRuntime} {
		for _, h := range hooks {
			if pid, ok := strings.CutSuffix(h.Path, "/exe"); ok && strings.HasPrefix(pid, "/proc/") && len(h.Args) > 0 && h.Args[0] == "libnetwork-setkey" {
				t.add(h.Path, Node{Link: "/usr/bin/dockerd"})
			}
		}
	}
}

// ParseCall reads a facts.json of a capture.
func ParseCall(text []byte) (Call, error) {
	var c Call
	if err := json.Unmarshal(text, &c); err != nil {
		return c, fmt.Errorf("facts.json: %w", err)
	}
	return c, nil
}
