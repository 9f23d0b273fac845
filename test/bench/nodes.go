package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/runward/runward/internal/ledger"
	"github.com/runward/runward/policy"
)

// A node is a machine's settings: runward.toml and the policies.
type node struct {
	policies int    // how many files
	selects  bool   // the container; else each has 20 selectors, of other namespaces
	tight    bool   // the first takes capabilities away
	sync     string // receipts
	others   int    // containers that live on it, under a quota; 0: no quota
	custom   int    // custom rules, in the first
	monitor  string // "": the hook is not installed; "there": it is, and a monitor answers; "away": none does
	stub     string // in the place of the real runtime: quit only exits, broken cannot be executed
}

func nodes() map[string]node {
	return map[string]node{
		"none":                 {},
		"5":                    {policies: 5, selects: true},
		"5, synced":            {policies: 5, selects: true, sync: "data"},
		"5, synced, stub":      {policies: 5, selects: true, sync: "data", stub: "quit"},
		"5, stub":              {policies: 5, selects: true, stub: "quit"},
		"5, monitored":         {policies: 5, selects: true, monitor: "there"},
		"5, monitor away":      {policies: 5, selects: true, monitor: "away"},
		"5 that rewrite":       {policies: 5, selects: true, tight: true},
		"1 of others":          {policies: 1},
		"5 of others":          {policies: 5},
		"50 of others":         {policies: 50},
		"1000 of others":       {policies: 1000},
		"5, broken":            {policies: 5, selects: true, stub: "broken"},
		"1, stub":              {policies: 1, stub: "quit"},
		"5 that rewrite, stub": {policies: 5, selects: true, tight: true, stub: "quit"},
		"1000, stub":           {policies: 1000, stub: "quit"},
		"1 custom rule":        {policies: 5, selects: true, custom: 1, stub: "quit"},
		"20 custom rules":      {policies: 5, selects: true, custom: 20, stub: "quit"},
		"quota, 1":             {policies: 5, selects: true, others: 1, stub: "quit"},
		"quota, 100":           {policies: 5, selects: true, others: 100, stub: "quit"},
		"quota, 1000":          {policies: 5, selects: true, others: 1000, stub: "quit"},
	}
}

const policyText = `# What team %[1]d runs.
version = 1
name = "team-%04[1]d"
mode = "enforce"
%[2]s
[capabilities]
allow = [%[3]s]

[no_new_privileges]

[seccomp]

[namespaces]

[masked_paths]

[memory]
max = "8GiB"

[pids]
max = 4096
`

const dockerCapabilities = `
	"CAP_AUDIT_WRITE", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_MKNOD",
	"CAP_NET_BIND_SERVICE", "CAP_NET_RAW", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT",
`

const quotaText = `
[quota]
memory = { node = "100TiB", namespace = "50TiB" }
pids = { node = 1_000_000_000 }
`

// customText is a rule as a site writes one: by identity, and over a list.
const customText = `
[[rule]]
id = "site-%d"
when = 'kind == "container" and not glob(image, "registry.example.com/**") and any(spec.mounts, .type == "nfs" or .source matches "^//")'
message = "a mount from the network, in an image from elsewhere"
`

// policy is the text of the node's i-th policy file.
func (n node) policy(i int) string {
	var selectors strings.Builder
	if !n.selects {
		for j := range 20 {
			fmt.Fprintf(&selectors, "\n[[select]]\nengine = [\"containerd\"]\nnamespace = [\"team-%04d-%02d\", \"team-%04d-%02d-*\"]\n", i, j, i, j)
		}
	}
	capabilities := dockerCapabilities
	if n.tight && i == 0 {
		capabilities = `"CAP_CHOWN", "CAP_NET_BIND_SERVICE"`
	}
	text := fmt.Sprintf(policyText, i, selectors.String(), capabilities)
	if n.monitor != "" && i == 0 {
		text += "\n[monitor]\n"
	}
	if n.others > 0 && i == 0 {
		text += quotaText
	}
	if i == 0 {
		for j := range n.custom {
			text += fmt.Sprintf(customText, j)
		}
	}
	return text
}

// write makes the node's files below dir, which stands for /etc.
func (n node) write(dir string, l *lab) error {
	real := l.runc
	if n.stub != "" {
		real = l.path(n.stub)
	}
	policies := filepath.Join(dir, "runward", "policy.d")
	if err := os.MkdirAll(policies, 0o755); err != nil {
		return err
	}
	if n.sync == "" {
		n.sync = "none"
	}
	settings := fmt.Sprintf("version = 1\n\n[runtime]\npath = %q\n\n[audit]\nsync = %q\n", real, n.sync)
	if err := os.WriteFile(filepath.Join(dir, "runward", "runward.toml"), []byte(settings), 0o644); err != nil {
		return err
	}
	for i := range n.policies {
		if err := os.WriteFile(filepath.Join(policies, fmt.Sprintf("%04d.toml", i)), []byte(n.policy(i)), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// fill keeps decisions about other containers in a ledger, as a node of
// Kubernetes has them, and makes the directories that their runtime would have.
func (n node) fill(ledgerDir, stateRoot string) error {
	for i := range n.others {
		id := fmt.Sprintf("%064x", i)
		e := &ledger.Entry{
			ID: id, Root: stateRoot, Runtime: "runc", Engine: "containerd", Handler: "runward",
			Identity: policy.Identity{
				Kind: "container", Namespace: fmt.Sprintf("team-%d", i%20), Pod: fmt.Sprintf("web-5d8f7c9b6d-%05d", i),
				PodUID: "0ff2bfe2-7e4b-4b3c-9d0a-000000000000", Container: "web", Image: "registry.example.com/team/web:1.27.3",
			},
			Claim: policy.Claim{Memory: 512 << 20, CPU: 500, Pids: 512}, Bundle: "/run/containerd/io.containerd.runtime.v2.task/k8s.io/" + id,
			Ceiling: policy.Ceiling{Capabilities: &[]string{"CAP_CHOWN", "CAP_KILL", "CAP_NET_BIND_SERVICE"}},
		}
		if err := ledger.Put(ledgerDir, e); err != nil {
			return err
		}
		// After Put, which refuses what its runtime has.
		if err := os.MkdirAll(filepath.Join(stateRoot, id), 0o711); err != nil {
			return err
		}
	}
	return nil
}
