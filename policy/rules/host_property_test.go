package rules_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/runward/runward/internal/jsondoc"
	"github.com/runward/runward/internal/patch"
	"github.com/runward/runward/internal/policyfile"
	"github.com/runward/runward/internal/policytest"
	"github.com/runward/runward/policy"
	"github.com/runward/runward/policy/rules"
)

// The rules about what of the host a container gets: files, devices, hooks,
// kernel parameters and limits. The invariants hold for all of them together.
func TestHostRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw := drawHostSpec(t)
		facts := drawHostFacts(t)
		a, b := drawHostPolicy(t, "a"), drawHostPolicy(t, "b")
		one := hostDecision(t, raw, facts, a)
		if again := hostDecision(t, raw, facts, a); !bytes.Equal(encoded(t, one), encoded(t, again)) {
			t.Fatalf("not deterministic:\n%s\n%s", encoded(t, one), encoded(t, again))
		}
		hostFixpoint(t, raw, facts, one, a)

		both, reversed := hostDecision(t, raw, facts, a, b), hostDecision(t, raw, facts, b, a)
		if both.Verdict != reversed.Verdict {
			t.Fatalf("the order of policies matters: %v and %v", both.Verdict, reversed.Verdict)
		}
		hostFixpoint(t, raw, facts, both, a, b)
		if both.Verdict == policy.Deny {
			return
		}
		// What both let start, each lets start as it is, and more was not given.
		patched := patchedBy(t, raw, both)
		for _, p := range []*policy.Policy{a, b} {
			if d := hostDecision(t, patched, facts, p); d.Verdict != policy.Allow {
				t.Fatalf("both policies give more than %s alone:\n%s\nof %s", p.Name, encoded(t, d), patched)
			}
			if d := hostDecision(t, raw, facts, p); d.Verdict == policy.Deny {
				t.Fatalf("%s alone refuses what both let start", p.Name)
			}
		}
	})
}

func hostDecision(t *rapid.T, raw []byte, facts *policy.Facts, policies ...*policy.Policy) policy.Decision {
	spec, err := policy.ParseSpec(raw)
	if err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	return policy.Evaluate(policy.Set{Policies: policies}, rules.All, spec, facts)
}

func encoded(t *rapid.T, v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func patchedBy(t *rapid.T, raw []byte, d policy.Decision) []byte {
	patched, err := patch.Apply(raw, jsondoc.DefaultLimits(), d.Patch)
	if err != nil {
		t.Fatalf("apply: %v", err)
	}
	return patched
}

func hostFixpoint(t *rapid.T, raw []byte, facts *policy.Facts, d policy.Decision, policies ...*policy.Policy) {
	if d.Verdict != policy.Rewrite {
		return
	}
	patched := patchedBy(t, raw, d)
	if again := hostDecision(t, patched, facts, policies...); again.Verdict != policy.Allow || len(again.Patch) > 0 {
		t.Fatalf("not a fixpoint:\n%s\ngives %s\nwhich gives %s", raw, patched, encoded(t, again))
	}
}

func some(t *rapid.T, label string, of ...string) []string {
	return rapid.SliceOfNDistinct(rapid.SampledFrom(of), 0, min(3, len(of)), rapid.ID).Draw(t, label)
}

func drawHostSpec(t *rapid.T) []byte {
	mount := rapid.Custom(func(t *rapid.T) map[string]any {
		return map[string]any{
			"destination": rapid.SampledFrom([]string{"/data", "/proc", "/sys", "/sys/fs/cgroup", "/dev", "/dev/pts", "/dev/shm", "/proc/sys", "/etc/hosts", "/x/../proc", "rel", "/sbin/docker-init"}).Draw(t, "destination"),
			"type":        rapid.SampledFrom([]string{"bind", "bind", "bind", "proc", "sysfs", "tmpfs", "cgroup", "cgroup2", "devpts", "overlay", ""}).Draw(t, "type"),
			"source": rapid.SampledFrom([]string{
				"/srv/data", "/srv/data/x", "/mnt/etc", "/mnt/etc/ssh", "/etc", "/etc/localtime", "/", "/run/docker.sock", "/proc/self/root/..", "/srv/link", "/tmp/x",
				"/var/lib/docker/volumes/v/_data", "/var/lib/docker/containers/" + strings.Repeat("a", 64) + "/hosts", "/var/lib/kubelet/pods/uid/etc-hosts", "/dev/null", "", "../x",
			}).Draw(t, "source"),
			"options": some(t, "options", "bind", "rbind", "ro", "rw", "rrw", "rro", "shared", "rshared", "rslave", "nosuid", "remount"),
		}
	})
	device := rapid.Custom(func(t *rapid.T) map[string]any {
		d := map[string]any{"allow": rapid.Bool().Draw(t, "allow")}
		for _, key := range []string{"major", "minor"} {
			if rapid.Bool().Draw(t, key+" given") {
				d[key] = rapid.SampledFrom([]int{-1, 1, 3, 8, 10, 229}).Draw(t, key)
			}
		}
		if kind := rapid.SampledFrom([]string{"", "a", "b", "c", "p"}).Draw(t, "device type"); kind != "" {
			d["type"] = kind
		}
		if access := rapid.SampledFrom([]string{"", "r", "rw", "rwm", "mwr", "m"}).Draw(t, "access"); access != "" {
			d["access"] = access
		}
		return d
	})
	number := func(label string) *rapid.Generator[int64] {
		return rapid.SampledFrom([]int64{-1, 0, 1, 999, 1000, 50000, 100000, 1 << 20, 1 << 30, 1 << 40, 1<<63 - 1})
	}
	resources := map[string]any{
		"devices": rapid.SliceOfN(device, 0, 4).Draw(t, "device rules"),
		"memory":  drawNumbers(t, number("memory"), "limit", "swap", "reservation"),
		"cpu":     drawNumbers(t, rapid.SampledFrom([]int64{-1, 0, 1000, 5000, 100000, 1 << 50}), "quota"),
		"pids":    drawNumbers(t, number("pids"), "limit"),
	}
	linux := map[string]any{
		"resources":         resources,
		"namespaces":        drawNamespaces(t),
		"maskedPaths":       some(t, "masked", "/proc/acpi", "/proc", "/sys", "/proc/x/../acpi", "/sys/firmware", "/proc/kcore"),
		"readonlyPaths":     some(t, "read-only", "/proc/sys", "/proc/bus", "/", "/proc/irq"),
		"rootfsPropagation": rapid.SampledFrom([]string{"", "shared", "rshared", "rslave", "private"}).Draw(t, "propagation"),
		"sysctl": drawMap(t, "sysctl", []string{"net.ipv4.tcp_syncookies", "kernel.shmmax", "kernel.core_pattern", "net/ipv4/ip_forward", "net.core.somaxconn"},
			[]string{"1", "0 2147483647", "1\n2"}),
	}
	if rapid.Bool().Draw(t, "has nodes") {
		linux["devices"] = []any{map[string]any{"path": "/dev/x", "type": rapid.SampledFrom([]string{"b", "c", "p", "u"}).Draw(t, "node"), "major": rapid.SampledFrom([]int{1, 8, 10}).Draw(t, "node major"), "minor": 3}}
	}
	process := map[string]any{"user": map[string]any{"uid": rapid.SampledFrom([]int{0, 1000}).Draw(t, "uid"), "gid": 0}}
	if rapid.Bool().Draw(t, "has score") {
		process["oomScoreAdj"] = rapid.SampledFrom([]int{-1000, -998, -997, 0, 500}).Draw(t, "score")
	}
	if rapid.Bool().Draw(t, "has rlimits") {
		process["rlimits"] = []any{map[string]any{"type": rapid.SampledFrom([]string{"RLIMIT_NOFILE", "rlimit_nofile", "RLIMIT_RTPRIO"}).Draw(t, "rlimit"), "soft": uint64(1 << 20), "hard": uint64(1<<64 - 1)}}
	}
	spec := map[string]any{
		"process": process, "linux": linux,
		"root":   map[string]any{"path": "rootfs", "readonly": rapid.Bool().Draw(t, "readonly")},
		"mounts": rapid.SliceOfN(mount, 0, 3).Draw(t, "mounts"),
		"annotations": drawMap(t, "annotations", []string{"com.example", "bundle", "run.oci.handler", "org.systemd.property.CollectMode", "io.kubernetes.cri-o.TTY", "a=b"},
			[]string{"x", "'inactive'", "a\nb"}),
	}
	if rapid.Bool().Draw(t, "has hooks") {
		list := rapid.SampledFrom([]string{"prestart", "createContainer", "startContainer", "poststop"}).Draw(t, "list")
		spec["hooks"] = map[string]any{list: []any{map[string]any{
			"path": rapid.SampledFrom([]string{"/usr/libexec/oci/hooks.d/x", "/usr/bin/nvidia-ctk", "/proc/812/exe", "/bin/sh", "/srv/../x"}).Draw(t, "hook"),
			"args": some(t, "args", "libnetwork-setkey", "hook", "x"),
		}}}
	}
	raw, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func drawNamespaces(t *rapid.T) []any {
	var out []any
	for _, kind := range some(t, "namespaces", "network", "ipc", "cgroup", "user", "uts") {
		out = append(out, map[string]any{"type": kind})
	}
	return out
}

func drawNumbers(t *rapid.T, number *rapid.Generator[int64], names ...string) map[string]any {
	out := map[string]any{}
	for _, name := range names {
		if rapid.Bool().Draw(t, name+" given") {
			out[name] = number.Draw(t, name)
		}
	}
	return out
}

func drawMap(t *rapid.T, label string, keys, values []string) map[string]string {
	out := map[string]string{}
	for _, key := range some(t, label, keys...) {
		out[key] = rapid.SampledFrom(values).Draw(t, label+" value")
	}
	return out
}

func drawHostFacts(t *rapid.T) *policy.Facts {
	text := fmt.Sprintf(`{"engine": %q, "rootless": %v, "no_lookup": %v, "identity": {"kind": %q, "pod_uid": %q},
		"paths": {"/mnt/etc": {"same_as": "/etc"}, "/etc/ssh": {}, "/srv/link": {"link": "/var/run"}, "/srv/data/x": {},
			"/usr/libexec/oci/hooks.d/x": {"type": "file"}, "/proc/812/exe": {"link": "/usr/bin/dockerd"}}}`,
		rapid.SampledFrom([]string{"", "docker", "podman", "containerd", "cri-o"}).Draw(t, "engine"),
		rapid.Bool().Draw(t, "rootless"), rapid.Bool().Draw(t, "no lookup"),
		rapid.SampledFrom([]string{"", "container", "sandbox", "build"}).Draw(t, "kind"),
		rapid.SampledFrom([]string{"", "uid"}).Draw(t, "pod"))
	facts, err := policytest.Facts([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return facts
}

func drawHostPolicy(t *rapid.T, name string) *policy.Policy {
	text := "version = 1\nname = \"" + name + "\"\n"
	for _, rule := range [][]string{
		{"[host_paths]", `sources = ["/srv/**"]`, `sources = []`, `sources = ["default", "/etc"]`, `read_only = ["/srv"]`, `forbid = ["/srv/data/x"]`},
		{"[mounts]", `allow = ["default", "cgroup2 /**"]`, `allow = ["bind /**", "proc /proc"]`},
		{"[masked_paths]", `open = ["/proc/acpi"]`, `masked = ["/proc/cpuinfo"]`, `read_only = ["/proc/tty"]`},
		{"[devices]", `allow = ["default", "c 10:* rwm"]`, `allow = ["b *:* rwm", "c *:* rwm"]`},
		{"[hooks]", `allow = ["default", "/bin/*"]`, `set_env = true`},
		{"[annotations]", `allow = ["com.*"]`, `forbid = ["com.*"]`, `allow = ["default", "run.oci.*"]`},
		{"[sysctls]", `allow = ["default", "net.core.*"]`, `allow = ["kernel.shmmax"]`},
		{"[memory]", `max = "1GiB"`, `default = "64MiB"`, "max = 1000000\ndefault = 5000000"},
		{"[cpu]", `max = 1`, `default = "500m"`, `max = "1m"`},
		{"[pids]", `max = 100`, `default = 10`},
		{"[rlimits]", `max = { nofile = 1024 }`, `max = { RLIMIT_NOFILE = 10, core = 0 }`},
		{"[oom_score_adj]", `min = 0`, `min = -1000`},
		{"[propagation]"},
		{"[read_only_rootfs]"},
	} {
		if !rapid.Bool().Draw(t, rule[0]) {
			continue
		}
		text += "\n" + rule[0] + "\n"
		if i := rapid.IntRange(0, len(rule)-1).Draw(t, "setting"); i > 0 {
			text += rule[i] + "\n"
		}
		if rapid.IntRange(0, 9).Draw(t, "action") == 0 {
			text += "action = \"deny\"\n"
		}
	}
	p, err := policyfile.Parse(name+".toml", []byte(text), rules.All, noProfiles)
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return p
}
