package rules_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"pgregory.net/rapid"

	"github.com/runward/runward/internal/jsondoc"
	"github.com/runward/runward/internal/patch"
	"github.com/runward/runward/internal/policyfile"
	"github.com/runward/runward/internal/policytest"
	"github.com/runward/runward/policy"
	"github.com/runward/runward/policy/rules"
)

// The rules about the process: its user, capabilities, namespaces, profiles.
// The invariants hold for all of them together.
func TestProcessRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw := drawProcessSpec(t)
		facts := drawProcessFacts(t)
		a, b := drawProcessPolicy(t, "a"), drawProcessPolicy(t, "b")
		one := evaluate(t, raw, facts, a)
		if again := evaluate(t, raw, facts, a); !bytes.Equal(encode(t, one), encode(t, again)) {
			t.Fatalf("not deterministic:\n%s\n%s", encode(t, one), encode(t, again))
		}
		fixpoint(t, raw, facts, one, a)

		both, reversed := evaluate(t, raw, facts, a, b), evaluate(t, raw, facts, b, a)
		if both.Verdict != reversed.Verdict {
			t.Fatalf("the order of policies matters: %v and %v", both.Verdict, reversed.Verdict)
		}
		if both.Verdict != policy.Deny {
			// What both let start, each lets start as it is. (One that refuses
			// root for want of a uid to run as may get the uid from the other.)
			patched := apply(t, raw, both)
			for _, p := range []*policy.Policy{a, b} {
				if d := evaluate(t, patched, facts, p); d.Verdict != policy.Allow {
					t.Fatalf("both policies give more than %s alone:\n%s", p.Name, encode(t, d))
				}
			}
		}
		fixpoint(t, raw, facts, both, a, b)
	})
}

func evaluate(t *rapid.T, raw []byte, facts *policy.Facts, policies ...*policy.Policy) policy.Decision {
	spec, err := policy.ParseSpec(raw)
	if err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	return policy.Evaluate(policy.Set{Policies: policies}, rules.All, spec, facts)
}

func encode(t *rapid.T, v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func apply(t *rapid.T, raw []byte, d policy.Decision) []byte {
	patched, err := patch.Apply(raw, jsondoc.DefaultLimits(), d.Patch)
	if err != nil {
		t.Fatalf("apply: %v", err)
	}
	return patched
}

func fixpoint(t *rapid.T, raw []byte, facts *policy.Facts, d policy.Decision, policies ...*policy.Policy) {
	if d.Verdict != policy.Rewrite {
		return
	}
	again := evaluate(t, apply(t, raw, d), facts, policies...)
	if again.Verdict != policy.Allow {
		t.Fatalf("not a fixpoint: first\n%s\nthen\n%s", encode(t, d), encode(t, again))
	}
}

func drawProcessPolicy(t *rapid.T, name string) *policy.Policy {
	var b strings.Builder
	b.WriteString("version = 1\nname = \"" + name + "\"\n")
	tables := map[string][]string{
		"privileged":        {},
		"namespaces":        {`host = ["network", "pid"]`, `host = []`, `report_user = true`},
		"user":              {`non_root = false`, "uid = 1000", "uid = 1000\ngid = 1000", `no_root_group = true`},
		"capabilities":      {`allow = ["CAP_CHOWN", "CAP_SYS_ADMIN"]`, `allow = []`, `ambient = ["CAP_CHOWN"]`},
		"no_new_privileges": {},
		"apparmor":          {`allow = ["docker-default", "a*"]`, `profile = "alpha"`, `required = true`},
		"selinux":           {`types = ["*_t"]`, `required = true`},
		"seccomp":           {`strict = true`, `forbid = ["ptrace", "mount"]`, `required = false`},
		"working_directory": {},
		"scheduler":         {},
	}
	for _, rule := range rules.All { // in order, for the draws to be reproducible
		lines, ok := tables[rule.ID]
		if !ok || !rapid.Bool().Draw(t, rule.ID) {
			continue
		}
		b.WriteString("[" + rule.ID + "]\n")
		if action := rapid.SampledFrom([]string{"", "", "", "deny"}).Draw(t, "action"); action != "" {
			b.WriteString("action = \"" + action + "\"\n")
		}
		if len(lines) > 0 && rapid.Bool().Draw(t, "set") {
			b.WriteString(rapid.SampledFrom(lines).Draw(t, "line") + "\n")
		}
	}
	p, err := policyfile.Parse(name+".toml", []byte(b.String()), rules.All, noProfiles)
	if err != nil {
		t.Fatalf("%v in\n%s", err, b.String())
	}
	return p
}

func drawProcessFacts(t *rapid.T) *policy.Facts {
	f, err := policytest.Facts([]byte(`{
		"apparmor": {"loaded": ["docker-default", "alpha"]},
		"paths": {"/proc/7/ns/net": {"type": "other", "dev": 4, "fs": 1853056627}, "/srv/link": {"link": "/proc/1"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	f.Engine = rapid.SampledFrom([]string{"", "docker", "podman", "containerd"}).Draw(t, "engine")
	f.Rootless = rapid.IntRange(0, 9).Draw(t, "rootless") == 0
	f.AppArmor.Enabled = rapid.Bool().Draw(t, "apparmor")
	f.SELinux = rapid.Bool().Draw(t, "selinux")
	f.Arch = rapid.SampledFrom([]string{"amd64", "arm64", "s390x", ""}).Draw(t, "arch")
	f.Kernel = rapid.SampledFrom([][2]int{{}, {4, 4}, {6, 12}}).Draw(t, "kernel")
	return f
}

func drawProcessSpec(t *rapid.T) []byte {
	names := rapid.SliceOfN(rapid.SampledFrom([]string{
		"CAP_CHOWN", "cap_kill", "CAP_SYS_ADMIN", "SYS_TIME", "CAP_NO_SUCH", "CAP_BPF", "CAP_NET_BIND_SERVICE", "ALL",
	}), 0, 5)
	s := specs.Spec{
		Process: &specs.Process{
			Cwd: rapid.SampledFrom([]string{"/", "/srv", "/proc/self/fd/7", ""}).Draw(t, "cwd"),
			User: specs.User{
				UID: rapid.SampledFrom([]uint32{0, 1000}).Draw(t, "uid"), GID: rapid.SampledFrom([]uint32{0, 1000}).Draw(t, "gid"),
				AdditionalGids: rapid.SliceOfN(rapid.SampledFrom([]uint32{0, 6, 1000}), 0, 3).Draw(t, "gids"),
			},
			NoNewPrivileges: rapid.Bool().Draw(t, "nnp"),
			ApparmorProfile: rapid.SampledFrom([]string{"", "unconfined", "docker-default", "other", ":n:unconfined"}).Draw(t, "profile"),
			SelinuxLabel:    rapid.SampledFrom([]string{"", "", "system_u:system_r:container_t:s0:c1,c2", "system_u:system_r:spc_t:s0"}).Draw(t, "label"),
		},
		Linux: &specs.Linux{Seccomp: drawSeccomp(t)},
	}
	if rapid.Bool().Draw(t, "capabilities") {
		s.Process.Capabilities = &specs.LinuxCapabilities{
			Bounding: names.Draw(t, "bounding"), Effective: names.Draw(t, "effective"), Permitted: names.Draw(t, "permitted"),
			Inheritable: names.Draw(t, "inheritable"), Ambient: names.Draw(t, "ambient"),
		}
	}
	if rapid.IntRange(0, 4).Draw(t, "scheduler") == 0 {
		s.Process.Scheduler = &specs.Scheduler{Policy: rapid.SampledFrom([]specs.LinuxSchedulerPolicy{specs.SchedOther, specs.SchedFIFO}).Draw(t, "policy")}
	}
	for _, typ := range []specs.LinuxNamespaceType{"mount", "pid", "network", "ipc", "uts", "cgroup", "user"} {
		if rapid.IntRange(0, 7).Draw(t, string(typ)) == 0 {
			continue
		}
		path := ""
		if rapid.IntRange(0, 9).Draw(t, "joined") == 0 {
			path = rapid.SampledFrom([]string{"/proc/7/ns/net", "/srv/link/ns/uts", "/proc/1/ns/cgroup", "/etc/passwd", "/nowhere"}).Draw(t, "path")
		}
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: typ, Path: path})
	}
	if rapid.IntRange(0, 3).Draw(t, "mapped") > 0 {
		s.Linux.UIDMappings = []specs.LinuxIDMapping{{HostID: rapid.SampledFrom([]uint32{0, 100000, 1<<32 - 1}).Draw(t, "host"), Size: 65536}}
		s.Linux.GIDMappings = []specs.LinuxIDMapping{{HostID: 100000, Size: 65536}}
	}
	return encode(t, s)
}

func drawSeccomp(t *rapid.T) *specs.LinuxSeccomp {
	if rapid.IntRange(0, 3).Draw(t, "seccomp") == 0 {
		return nil
	}
	action := rapid.SampledFrom([]specs.LinuxSeccompAction{specs.ActAllow, specs.ActErrno, specs.ActErrno, specs.ActKillProcess, specs.ActLog})
	sc := &specs.LinuxSeccomp{DefaultAction: action.Draw(t, "default")}
	for range rapid.IntRange(0, 4).Draw(t, "calls") {
		call := specs.LinuxSyscall{
			Names:  rapid.SliceOfN(rapid.SampledFrom([]string{"read", "clone", "bpf", "mount", "ptrace", "personality", "io_uring_setup"}), 1, 3).Draw(t, "names"),
			Action: action.Draw(t, "action"),
		}
		for range rapid.IntRange(0, 2).Draw(t, "args") {
			call.Args = append(call.Args, specs.LinuxSeccompArg{
				Index: uint(rapid.IntRange(0, 1).Draw(t, "index")), Op: rapid.SampledFrom([]specs.LinuxSeccompOperator{specs.OpEqualTo, specs.OpMaskedEqual}).Draw(t, "op"),
				Value: rapid.SampledFrom([]uint64{0, 8, 0x7e020000}).Draw(t, "value"),
			})
		}
		sc.Syscalls = append(sc.Syscalls, call)
	}
	return sc
}
