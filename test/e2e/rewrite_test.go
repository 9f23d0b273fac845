//go:build e2e

// Package e2e runs real containers under runward on real runtimes and engines,
// and reads from inside what took hold.
package e2e

import (
	"regexp"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/test/e2e/lab"
)

func ptr[T any](v T) *T { return &v }

// disk is the numbers of a disk of this machine's.
func disk(t *testing.T) string {
	t.Helper()
	for line := range strings.Lines(readFile(t, "/proc/partitions")) {
		if f := strings.Fields(line); len(f) == 4 && f[0] != "major" {
			return f[0] + " " + f[1]
		}
	}
	t.Fatal("no disk is in /proc/partitions")
	return ""
}

// limit is a command that prints what a container's own cgroup holds it to, in
// the same form for cgroup v1 and v2: of cpu, quota and period.
func limit(of string) string {
	v1 := map[string]string{
		"memory": "cat /sys/fs/cgroup/memory/memory.limit_in_bytes",
		"cpu":    "echo $(cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu/cpu.cfs_period_us)",
		"pids":   "cat /sys/fs/cgroup/pids/pids.max",
	}
	return "g=/sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup | tail -n 1); if [ -e /sys/fs/cgroup/cgroup.controllers ]; then cat $g/" + of + ".max; else " + v1[of] + "; fi"
}

// Each rewrite, shown by the container itself: what it prints under plain
// runc, and what it prints under runward.
func TestRewritesTakeHold(t *testing.T) {
	n := lab.NewNode(t)
	for _, c := range []struct {
		rule          string
		policy        string // besides version and name
		edit          func(*specs.Spec)
		script        string
		before, after string // regular expressions of what the container prints
	}{
		{
			"capabilities", "[capabilities]\nallow = ['CAP_CHOWN']\n",
			func(s *specs.Spec) {
				for _, set := range []*[]string{&s.Process.Capabilities.Bounding, &s.Process.Capabilities.Effective, &s.Process.Capabilities.Permitted} {
					*set = append(append([]string{}, *set...), "CAP_SYS_ADMIN")
				}
				s.Process.Capabilities.Inheritable, s.Process.Capabilities.Ambient = []string{"CAP_SYS_ADMIN"}, []string{"CAP_SYS_ADMIN"}
			},
			"grep Cap /proc/self/status",
			`CapInh:\s0000000000200000\nCapPrm:\s00000000a82425fb\nCapEff:\s00000000a82425fb\nCapBnd:\s00000000a82425fb\nCapAmb:\s0000000000200000\n`,
			`CapInh:\s0000000000000000\nCapPrm:\s0000000000000001\nCapEff:\s0000000000000001\nCapBnd:\s0000000000000001\nCapAmb:\s0000000000000000\n`,
		},
		{"no_new_privileges", "[no_new_privileges]\n", nil, "grep NoNewPrivs /proc/self/status", `NoNewPrivs:\s0\n`, `NoNewPrivs:\s1\n`},
		{"seccomp", "[seccomp]\n", nil, "grep Seccomp: /proc/self/status; unshare -U true 2>&1 && echo made", `Seccomp:\s0\n`, `Seccomp:\s2\n.*Operation not permitted`},
		{"user", "[user]\nuid = 1000\ngid = 1000\n", nil, "id -u; id -g", `^0\n0\n$`, `^1000\n1000\n$`},
		{
			"namespaces", "[namespaces]\n",
			func(s *specs.Spec) {
				var kept []specs.LinuxNamespace
				for _, ns := range s.Linux.Namespaces {
					if ns.Type != specs.UTSNamespace {
						kept = append(kept, ns)
					}
				}
				s.Linux.Namespaces, s.Hostname = kept, ""
			},
			"readlink /proc/self/ns/uts", `^` + hostNamespace(t, "uts") + `\n$`, `^uts:\[\d+\]\n$`,
		},
		{"read_only_rootfs", "[read_only_rootfs]\n", nil, "touch /made 2>&1 && echo made", `^made\n$`, `Read-only file system`},
		{
			"masked_paths", "[masked_paths]\n",
			func(s *specs.Spec) { s.Linux.MaskedPaths, s.Linux.ReadonlyPaths = nil, nil },
			"mount | grep -c ' on /proc/.*'; (echo x > /proc/sys/kernel/domainname) 2>&1; wc -c < /proc/keys", `^0\n`, `^1?[0-9]\n.*Read-only file system\n0\n$`,
		},
		{
			"devices", "[devices]\n",
			func(s *specs.Spec) {
				s.Linux.Resources.Devices = []specs.LinuxDeviceCgroup{{Allow: true, Access: "rwm"}}
			},
			"mknod /tmp/disk b " + disk(t) + " && head -c 1 /tmp/disk 2>&1 >/dev/null && echo read", `^read\n$`, `Operation not permitted`,
		},
		{
			"memory", "[memory]\nmax = '64MiB'\n",
			func(s *specs.Spec) { s.Linux.Resources.Memory = &specs.LinuxMemory{Limit: ptr(int64(512 << 20))} },
			limit("memory"), `^536870912\n$`, `^67108864\n$`,
		},
		{"memory", "[memory]\ndefault = '32MiB'\n", nil, limit("memory"), `^(\d{18,}|max)\n$`, `^33554432\n$`},
		{
			"cpu", "[cpu]\nmax = 0.5\n",
			func(s *specs.Spec) {
				s.Linux.Resources.CPU = &specs.LinuxCPU{Quota: ptr(int64(200000)), Period: ptr(uint64(100000))}
			},
			limit("cpu"), `^200000 100000\n$`, `^50000 100000\n$`,
		},
		{"pids", "[pids]\nmax = 100\n", nil, limit("pids"), `^max\n$`, `^100\n$`},
		{
			"rlimits", "[rlimits]\nmax = { nofile = 64 }\n",
			func(s *specs.Spec) {
				s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 256, Hard: 512}}
			},
			"ulimit -Sn; ulimit -Hn", `^256\n512\n$`, `^64\n64\n$`,
		},
		{
			"oom_score_adj", "[oom_score_adj]\nmin = 100\n",
			func(s *specs.Spec) { s.Process.OOMScoreAdj = ptr(50) },
			"cat /proc/self/oom_score_adj", `^50\n$`, `^100\n$`,
		},
		{
			"sysctls", "[sysctls]\naction = 'rewrite'\n",
			func(s *specs.Spec) { s.Linux.Sysctl = map[string]string{"net.core.somaxconn": "77"} },
			"cat /proc/sys/net/core/somaxconn", `^77\n$`, `^4096\n$`,
		},
	} {
		t.Run(c.rule, func(t *testing.T) {
			n.Policy("10-test.toml", "version = 1\nname = 'test'\n"+c.policy)
			edit := c.edit
			if edit == nil {
				edit = func(*specs.Spec) {}
			}
			plain := lab.Bundle(t, c.script, edit)
			if out := plain.Do(lab.Runc(t), "run", "--bundle", plain.Dir, plain.ID); !regexp.MustCompile(c.before).MatchString(out.Stdout) {
				t.Fatalf("under runc: %q, want %s\n%s", out.Stdout, c.before, out.Stderr)
			}
			b := lab.Bundle(t, c.script, edit)
			out := b.Try(n.Runward)
			if !regexp.MustCompile(c.after).MatchString(out.Stdout) {
				t.Errorf("under runward: %q, want %s\n%s", out.Stdout, c.after, out.Stderr)
			}
			r := n.Receipt(b.ID)
			if r.Verdict != "rewrite" || len(r.Findings) == 0 || r.Findings[0].Rule != c.rule || r.Findings[0].Done != "rewritten" || r.Original == r.Final {
				t.Errorf("receipt: %+v", r)
			}
		})
	}
}

// With nothing installed the embedded baseline holds.
func TestWorksWithoutConfiguration(t *testing.T) {
	n := lab.NewNode(t)
	b := lab.Bundle(t, "grep -E 'CapEff|Seccomp:' /proc/self/status", func(s *specs.Spec) {
		s.Process.Capabilities.Effective = append(append([]string{}, s.Process.Capabilities.Effective...), "CAP_SYS_ADMIN")
		s.Process.Capabilities.Bounding = s.Process.Capabilities.Effective
		s.Process.Capabilities.Permitted = s.Process.Capabilities.Effective
	})
	if out := b.Run(n.Runward); !strings.Contains(out, "CapEff:\t00000000a80425fb\n") || !strings.Contains(out, "Seccomp:\t2\n") {
		t.Errorf("inside: %s", out)
	}
	if r := n.Receipt(b.ID); r.Verdict != "rewrite" || len(r.Policies) != 1 || r.Policies[0] != "baseline" {
		t.Errorf("receipt: %+v", r)
	}
}
