// Package pretend gives the facts of a node as values: a facts.json and a
// pretended file tree that resolves paths as the kernel would. Cases of policies
// are judged with it, the same on every machine.
package pretend

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/runward/runward/policy"
)

// facts is the layout of a facts.json. Everything may be left out.
type facts struct {
	Verb    string          `json:"verb"` // create unless said
	Flags   []string        `json:"flags"`
	Ceiling *policy.Ceiling `json:"ceiling"`
	Now     string          `json:"now"` // RFC 3339; 2026-01-01 unless said
	Engine  string          `json:"engine"`
	Handler string          `json:"handler"`
	Runtime string          `json:"runtime"` // runc unless said
	// Version is what the runtime says; left out: its version is not known.
	Version  *policy.RuntimeVersion `json:"runtime_version"`
	Bundle   string                 `json:"bundle"` // /run/bundle unless said
	Identity policy.Identity        `json:"identity"`
	Rootless bool                   `json:"rootless"`
	CgroupV2 *bool                  `json:"cgroup_v2"` // true unless said
	Arch     string                 `json:"arch"`      // amd64 unless said
	Kernel   []int                  `json:"kernel"`    // [6, 12] unless said
	AppArmor struct {
		Enabled bool     `json:"enabled"`
		Loaded  []string `json:"loaded"`
	} `json:"apparmor"`
	SELinux bool   `json:"selinux"`
	Hook    string `json:"hook"` // the path of runward's hook, which is there unless paths says otherwise; left out: not known

	// Claim is what the container of an update claims already, Used what the
	// others do, by grouping; none unless said.
	Claim *policy.Claim           `json:"claim"`
	Used  map[string]policy.Usage `json:"used"`

	// NoLookup leaves out the file tree: Facts.Lookup is nil.
	NoLookup bool `json:"no_lookup"`
	// Paths are added to the default tree, or change it.
	Paths map[string]Node `json:"paths"`
	// Image are files of the container's root file system; absent: Facts.Inside is nil.
	Image map[string]ImageFile `json:"image"`
	// Feeds are the texts of feed files, by path; absent: every feed is empty.
	Feeds map[string]string `json:"feeds"`
	// Features are the runtime's; absent: Facts.Features is nil.
	Features *policy.Features `json:"features"`
}

// Facts reads a facts.json. Empty text gives a node with cgroup v2, without
// AppArmor and SELinux, with the default tree.
func Facts(text []byte) (*policy.Facts, error) {
	f, _, err := FactsAndTree(text)
	return f, err
}

// FactsAndTree is Facts for a test that goes on to change the tree.
func FactsAndTree(text []byte) (*policy.Facts, *Tree, error) {
	var in facts
	if len(bytes.TrimSpace(text)) > 0 {
		d := json.NewDecoder(bytes.NewReader(text))
		d.DisallowUnknownFields()
		if err := d.Decode(&in); err != nil {
			return nil, nil, fmt.Errorf("facts.json: %w", err)
		}
	}
	out := &policy.Facts{
		Verb: or(in.Verb, "create"), Flags: in.Flags, Ceiling: in.Ceiling,
		Engine: in.Engine, Handler: in.Handler, Runtime: or(in.Runtime, "runc"), Bundle: or(in.Bundle, "/run/bundle"),
		Identity: in.Identity, Rootless: in.Rootless, CgroupV2: in.CgroupV2 == nil || *in.CgroupV2,
		Arch: or(in.Arch, "amd64"), Kernel: [2]int{6, 12},
		Capabilities: 1<<41 - 1, SELinux: in.SELinux, Claim: in.Claim, Hook: in.Hook,
		Used: func(by string) (policy.Usage, error) { return in.Used[by], nil },
	}
	if len(in.Kernel) == 2 {
		out.Kernel = [2]int(in.Kernel)
	}
	out.RuntimeVersion = func() policy.RuntimeVersion {
		if in.Version == nil {
			return policy.RuntimeVersion{Err: "facts.json does not say it"}
		}
		return *in.Version
	}
	now, err := time.Parse(time.RFC3339, or(in.Now, "2026-01-01T00:00:00Z"))
	if err != nil {
		return nil, nil, fmt.Errorf("facts.json: now: %w", err)
	}
	out.Now = now.Unix()
	out.AppArmor.Enabled = in.AppArmor.Enabled
	out.AppArmor.Profiles = func() []string { return in.AppArmor.Loaded }
	tree := NewTree(out.Bundle)
	if program := uint32(0o755); in.Hook != "" {
		tree.add(in.Hook, Node{Type: "file", Mode: &program})
	}
	for p, n := range in.Paths {
		if err := tree.Add(p, n); err != nil {
			return nil, nil, fmt.Errorf("facts.json: %w", err)
		}
	}
	if !in.NoLookup {
		out.Lookup = tree.Lookup
	}
	out.Feed = func(glob string) []policy.FeedFile { return feed(in.Feeds, glob) }
	if in.Features != nil {
		out.Features = func() policy.Features { return *in.Features }
	}
	if in.Image != nil {
		image, err := newImage(in.Image)
		if err != nil {
			return nil, nil, fmt.Errorf("facts.json: image: %w", err)
		}
		out.Inside = func(_, p string) policy.InnerFile { return image.look(p) }
	}
	return out, tree, nil
}

func feed(texts map[string]string, glob string) []policy.FeedFile {
	if texts == nil {
		return nil
	}
	var files []policy.FeedFile
	for _, p := range slices.Sorted(maps.Keys(texts)) {
		if ok, err := path.Match(glob, p); ok && err == nil {
			files = append(files, policy.FeedFile{Path: p, Text: texts[p]})
		}
	}
	if len(files) == 0 && !strings.ContainsAny(glob, "*?") {
		return []policy.FeedFile{{Path: glob, Err: "it is missing"}}
	}
	return files
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
