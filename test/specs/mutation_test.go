package specs_test

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/runward/runward/internal/jsondoc"
	"github.com/runward/runward/internal/patch"
	"github.com/runward/runward/internal/policyfile"
	"github.com/runward/runward/policy"
	"github.com/runward/runward/policy/rules"
)

// TestNoMutationWidensUnseen changes every captured config.json that restricted
// lets start in every way of mutations_test.go. Each change is refused, or has a finding
// of its own, or what the container then gets is what it gets without it, or
// it is of a kind that widens nothing: see harmless, where each says why.
func TestNoMutationWidensUnseen(t *testing.T) {
	restricted, err := policyfile.BuiltIn("restricted", rules.All)
	if err != nil {
		t.Fatal(err)
	}
	set := policy.Set{Policies: []*policy.Policy{restricted}}
	cases, err := filepath.Glob("*/*/config.json")
	if err != nil {
		t.Fatal(err)
	}
	var lock sync.Mutex
	used, bases := map[int]bool{}, 0
	t.Run("each", func(t *testing.T) {
		for _, file := range cases {
			dir := filepath.ToSlash(filepath.Dir(file))
			if strings.HasSuffix(dir, "-sandbox") && dir != "cri/default-sandbox" {
				continue // as good as the same
			}
			t.Run(dir, func(t *testing.T) {
				t.Parallel()
				reasons, ok := mutate(t, set, dir)
				lock.Lock()
				defer lock.Unlock()
				for _, i := range reasons {
					used[i] = true
				}
				if ok {
					bases++
				}
			})
		}
	})
	if bases < 15 {
		t.Errorf("restricted lets only %d captured files start", bases)
	}
	for i, h := range harmless {
		if !used[i] {
			t.Errorf("harmless has %q (%s), which is not needed: remove it", h.what, h.why)
		}
	}
}

// mutate changes one captured file in every way, and returns which of harmless
// it took; ok is false where restricted does not let it start as it is.
func mutate(t *testing.T, set policy.Set, dir string) (used []int, ok bool) {
	raw, facts := capture(t, dir)
	before, ok := outcomeOf(t, set, raw, facts)
	if !ok || before.Verdict == policy.Deny {
		return nil, false
	}
	for _, m := range mutations(t, raw) {
		changed, err := patch.Apply(raw, jsondoc.DefaultLimits(), m.ops)
		if err != nil {
			t.Fatalf("%s: %v", m.what, err)
		}
		after, ok := outcomeOf(t, set, changed, facts)
		if !ok || after.Verdict == policy.Deny || bytes.Equal(after.given, before.given) || after.says(before) {
			continue
		}
		if i := harmlessIs(dir, m.what); i >= 0 {
			used = append(used, i)
			continue
		}
		t.Errorf("unseen: %s", m.what)
	}
	return used, true
}

// capture is captured on a node with AppArmor.
func capture(t *testing.T, dir string) ([]byte, *policy.Facts) {
	t.Helper()
	raw, _, facts := captured(t, dir)
	facts.AppArmor = policy.AppArmor{Enabled: true, Profiles: func() []string {
		return []string{"cri-containerd.apparmor.d", "containers-default-0.50.1", "docker-default", "site-web"}
	}}
	return raw, facts
}

// An outcome is a decision and what the container is then given.
type outcome struct {
	policy.Decision
	given []byte // its config.json, with nothing in it that says nothing
}

// outcomeOf decides; ok is false where the document is refused unread.
func outcomeOf(t *testing.T, set policy.Set, raw []byte, facts *policy.Facts) (o outcome, ok bool) {
	t.Helper()
	spec, err := policy.ParseSpec(raw)
	if err != nil {
		return o, false
	}
	o.Decision = policy.Evaluate(set, rules.All, spec, facts)
	final, err := spec.Apply(o.Patch)
	if err != nil {
		t.Fatal(err)
	}
	given, err := policy.ParseSpec(final)
	if err != nil {
		t.Fatal(err)
	}
	if o.given, err = json.Marshal(given.View()); err != nil {
		t.Fatal(err)
	}
	return o, true
}

// says tells whether there is a finding that the other decision does not have.
func (o outcome) says(than outcome) bool {
	return slices.ContainsFunc(o.Findings, func(f policy.Finding) bool {
		return !slices.ContainsFunc(than.Findings, func(g policy.Finding) bool { return f.Rule == g.Rule && f.Found == g.Found && f.Done == g.Done })
	})
}

// harmlessIs returns the number of what lets a change pass unseen, or -1.
func harmlessIs(dir, what string) int {
	return slices.IndexFunc(harmless, func(h struct{ what, why, only string }) bool {
		return policy.Match(h.what, what) && (h.only == "" || policy.Match(h.only, dir))
	})
}

// harmless are the changes that pass unseen and may, as globs of what a
// mutation calls itself, each with the reason, some only of some captured files.
var harmless = []struct{ what, why, only string }{
	// Less is given.
	{"remove /mounts/*", "a file system less", ""},
	{"remove /mounts", "no file systems", ""},
	{"remove /process/capabilities/**", "capabilities less", ""},
	{"remove /process/user/additionalGids/*", "a group less", ""},
	{"remove /process/user/additionalGids", "no groups", ""},
	{"remove /hooks/prestart/*", "a hook less", ""},
	{"remove /hooks/prestart", "no hooks", ""},
	{"remove /hooks", "no hooks", ""},
	{"remove /linux/sysctl/*", "a parameter less", ""},
	{"remove /linux/sysctl", "no parameters", ""},
	{"remove /** of a device rule that allows", "a device less; a rule for nothing allows nothing, and access is to devices that are allowed", ""},
	{"flip /allow of a device rule that allows", "a device less", ""},
	{"remove /** of a device rule that denies", "it denies more, or what the first rule denies", ""},
	{"remove /linux/namespaces/*/path", "a new namespace in place of the pod's or another one that the engine made", ""},
	{"remove /** of the system call *", "a rule of fewer calls, or of none; errors that have another number; rules by argument of personality, or of netlink's audit, which need capabilities", ""},
	{"remove /linux/seccomp/architectures/*", "calls of other architectures end the process", ""},
	{"remove /linux/seccomp/architectures", "calls of other architectures end the process", ""},
	{"remove /linux/seccomp/defaultErrnoRet", "another number for the same error", ""},

	// File systems. Without CAP_MKNOD, under the device rules and with
	// noNewPrivileges, what nodev and nosuid keep out is out.
	{"remove source of a file system of its own", "it has none", ""},
	{"remove type of a bind", "the option says it", ""},
	{"remove options of *", "nosuid, nodev and noexec keep nothing out that is not out; sizes and modes are the container's own", ""},
	{"remove option * of a file system of its own", "as above", ""},
	{"remove option * of a bind", "what engines and volumes mount is the container's to write; without rprivate it is slave at most, since the root is", ""},
	{"add option suid to **", "noNewPrivileges is set", ""},
	{"add option dev to **", "no CAP_MKNOD, and the device rules hold", ""},
	{"add option exec to **", "no standard asks for noexec", ""},
	{"add option shared to **", "a new file system is the host's nowhere; of binds and of the root it is taken away", ""},
	{"add option rshared to **", "as above", ""},
	{"add option idmap to **", "without a mapping of its own it is the container's user namespace's, or an error", ""},
	{"add option r* to a bind", "what engines and volumes mount is the container's to write", ""},
	{"add option r* to a file system of its own", "it is the container's own", ""},
	{"add option r* to /proc", "it is the process namespace's own, and /proc/sys and the rest are covered", ""},
	{"remove maskedPaths /sys/fs/selinux", "Podman's and more than the runtime-spec's list; /sys is read-only", ""},
	{"remove maskedPaths /sys/dev**", "as above", ""},
	{"set /linux/rootfsPropagation \"slave\"", "what engines use: the host's mounts appear, none goes back", ""},
	{"set /linux/rootfsPropagation \"unbindable\"", "less than private", ""},
	{"remove /root", "the bundle is the container's own", ""},
	{"remove /root/path", "the bundle is the container's own", ""},
	{"* /root/readonly*", "no Pod Security Standard asks for it: see the rule read_only_rootfs", ""},

	// The process.
	{"add /process/capabilities/*/- CAP_NET_BIND_SERVICE", "the Pod Security Standards allow it", ""},
	{"set /process/user/additionalGids/- 0", "root of a sandbox has the group anyway", "cri/*-sandbox"},
	{"set /process/user/additionalGids/- 0", "root's of a user namespace", "*/userns*"},
	{"set /process/user/additionalGids/- 0", "rootless: at most the user's", "*/rootless"},
	{"remove /process/user", "root of a user namespace", "*/userns*"},
	{"set /process/user/umask 0", "what it makes is its own", ""},
	{"remove /process/user/umask", "as above", ""},
	{"set /process/env/- **", "its own environment: see the rule environment", ""},
	{"remove /process/env**", "its own environment", ""},
	{"remove /process/args**", "its own program", ""},
	{"* /process/terminal**", "a terminal", ""},
	{"remove /process/rlimits**", "the runtime's own limits, or an error; no standard has any", ""},
	{"remove /process/oomScoreAdj", "the engine's own, which it sets for what it starts", ""},

	// What config.json says without a meaning there, or to nobody.
	{"remove /ociVersion", "runtimes refuse it, or read the same", ""},
	{"remove /hostname", "a name", ""},
	{"remove /annotations**", "said to nobody, or less is known of who it is, which never widens", ""},
	{"set the annotation io.kubernetes.cri*", "the engine's own key, not believed where it is not that engine", ""},
	{"remove /hooks/prestart/*/args/*", "Docker's own program for its own network, the first argument is held", ""},
	{"set /linux/timeOffsets *", "there is no time namespace: runtimes refuse it", ""},
	{"set /linux/uidMappings *", "there is no user namespace: runtimes refuse it", ""},
	{"remove /linux/gidMappings/*/size", "the kernel refuses an empty mapping", ""},
	{"set /linux/personality *", "another uname: see the rule personality", ""},
	{"set /linux/memoryPolicy *", "where its own memory lies: see the rule memory_policy", ""},
	{"set /linux/cgroupsPath \"system.slice:runc:x\"", "a unit of the container's own, as engines with systemd's driver ask for", ""},
	{"remove /linux/cgroupsPath", "the runtime's own choice", ""},

	// Limits: no Pod Security Standard has any, see the rules memory, cpu, pids and io_limits.
	{"* /linux/resources/memory**", "a limit", ""},
	{"* /linux/resources/pids**", "a limit", ""},
	{"* /linux/resources/cpu**", "a limit", ""},
	{"* /linux/resources/blockIO**", "a limit", ""},

	// Rootless, where runward advises: who asks owns what is asked for.
	{"remove /linux/resources", "limits, and device rules that are not its to set", "*/rootless"},
	{"remove /linux/resources", "limits; it has no device rules, which policy gives it", "podman/userns-mapped"},
	{"remove /linux/resources/devices", "device rules are not its to set", "*/rootless"},
	{"remove /linux/namespaces/*", "the user's own namespace", "*/rootless"},
}
