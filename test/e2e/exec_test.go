//go:build e2e

package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/test/e2e/lab"
)

// sleeping creates and starts a container under runward that waits.
func sleeping(t *testing.T, n *lab.Node, edits ...func(*specs.Spec)) *lab.Container {
	t.Helper()
	b := lab.Bundle(t, "sleep 1000", edits...)
	for _, args := range [][]string{{"create", "--bundle", b.Dir, b.ID}, {"start", b.ID}} {
		if out := b.Do(n.Runward, args...); out.Code != 0 {
			t.Fatalf("%v: %s", args, out.Stderr)
		}
	}
	return b
}

const power = "grep -E 'CapBnd|CapEff|CapAmb|NoNewPrivs|Seccomp:' /proc/self/status"

// What exec asks for beyond the container it does not get: read from inside.
func TestExecIsHeldToTheContainer(t *testing.T) {
	n := lab.NewNode(t)
	n.Policy("10-test.toml", "version = 1\nname = 'test'\nextends = ['baseline']\n[no_new_privileges]\n[capabilities]\nallow = ['CAP_CHOWN', 'CAP_KILL']\n")
	b := sleeping(t, n)
	const bounded = "CapEff:\t0000000000000021\nCapBnd:\t0000000000000021\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n"

	everything := []string{"CAP_SYS_ADMIN", "CAP_CHOWN", "CAP_KILL", "CAP_NET_ADMIN"}
	file := filepath.Join(b.Dir, "process.json")
	write := func(p specs.Process) {
		raw, err := json.Marshal(p)
		must(t, err)
		must(t, os.WriteFile(file, raw, 0o644))
	}
	write(specs.Process{
		Args: []string{"sh", "-c", power}, Env: []string{"PATH=/bin"}, Cwd: "/",
		Capabilities: &specs.LinuxCapabilities{Bounding: everything, Effective: everything, Permitted: everything, Inheritable: everything, Ambient: everything},
	})
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"a process file asks for everything", []string{"exec", "--process", file, b.ID}, bounded},
		{"flags ask for more", []string{"exec", "--cap", "CAP_SYS_ADMIN", b.ID, "sh", "-c", power}, bounded},
		{"flags switch no-new-privileges off", []string{"exec", "--no-new-privs=false", b.ID, "sh", "-c", power}, bounded},
		{"nothing is asked", []string{"exec", b.ID, "sh", "-c", power}, bounded},
		{"another user", []string{"exec", "--user", "1000:1000", "--env", "A=b", "--cwd", "/tmp", b.ID, "sh", "-c", "id -u; id -g; echo $A; pwd"}, "1000\n1000\nb\n/tmp\n"},
		{"arguments that look like flags", []string{"exec", b.ID, "echo", "--process", "/x", "--", "-p"}, "--process /x -- -p\n"},
		{"no file of ours stays open", []string{"exec", b.ID, "sh", "-c", "ls /proc/self/fd | tr '\\n' ' '"}, "0 1 2 3 "},
	} {
		out := b.Do(n.Runward, c.args...)
		if out.Code != 0 || out.Stdout != c.want {
			t.Errorf("%s: exit code %d, %q, want %q\n%s", c.name, out.Code, out.Stdout, c.want, out.Stderr)
		}
	}
	rewrites := 0
	for _, r := range n.Receipts() {
		if r.Verb == "exec" && r.Verdict == "rewrite" {
			rewrites++
		}
	}
	if rewrites != 3 {
		t.Errorf("%d receipts of rewritten execs", rewrites)
	}
	if out := b.Do(n.Runward, "exec", b.ID, "sh", "-c", "exit 7"); out.Code != 7 {
		t.Errorf("exit code %d, %s", out.Code, out.Stderr)
	}
	if out := b.Do(n.Runward, "exec", "nobody", "true"); !strings.Contains(out.Stderr, "does not exist") {
		t.Errorf("an unknown container: exit code %d, %s", out.Code, out.Stderr)
	}
}

// Each refusal of an exec: nothing joins, and exec's own exit code.
func TestExecRefusals(t *testing.T) {
	n := lab.NewNode(t)
	const policy = "version = 1\nname = 'test'\nextends = ['baseline']\n[user]\nnon_root = true\n"
	n.Policy("10-test.toml", policy)
	b := sleeping(t, n, func(s *specs.Spec) { s.Process.User.UID = 1000 })
	for _, c := range []struct {
		name, more string
		args       []string
		want       string
	}{
		{"as root", "", []string{"exec", "--user", "0", b.ID, "touch", "/made"}, "runward: user /process/user/uid: found user 0 (root)"},
		{"all", "[exec]\ndeny = true\n", []string{"exec", b.ID, "touch", "/tmp/made"}, "runward: exec /process: found a process that joins the container"},
		{"a terminal", "[exec]\nno_terminal = true\n", []string{"exec", "--tty", b.ID, "touch", "/tmp/made"}, "runward: exec /process/terminal: found a terminal"},
		{"a program", "[exec]\nforbid = ['touch']\n", []string{"exec", b.ID, "touch", "/tmp/made"}, `runward: exec /process/args: found the program "touch"`},
		{"out of the cgroup", "", []string{"exec", "--cgroup", "memory:/../..", b.ID, "touch", "/tmp/made"}, `runward: exec --cgroup "memory:/../.." leads out of the container's cgroup`},
		{"no process file", "", []string{"exec", "--process", "/tmp/no/process.json", b.ID}, "runward: the process file /tmp/no/process.json cannot be read: it is missing"},
		{"a user by name", "", []string{"exec", "--user", "root", b.ID, "touch", "/tmp/made"}, `runward: exec --user "root": want UID or UID:GID, in numbers`},
	} {
		n.Policy("10-test.toml", policy+c.more)
		out := b.Do(n.Runward, c.args...)
		if out.Code != 255 || !strings.HasPrefix(out.Stderr, c.want) {
			t.Errorf("%s: exit code %d, %q, want %q", c.name, out.Code, out.Stderr, c.want)
		}
		wantLine(t, out.Stderr, "runward: ", "receipt ")
		for _, made := range []string{"made", "tmp/made"} {
			if _, err := os.Lstat(filepath.Join(b.Dir, "rootfs", made)); !os.IsNotExist(err) {
				t.Errorf("%s: it ran", c.name)
			}
		}
	}
}

// A container that runward does not know: by default its own runtime's record
// is the bound, or exec is refused.
func TestExecWithoutLedger(t *testing.T) {
	n := lab.NewNode(t)
	b := lab.Bundle(t, "sleep 1000", func(s *specs.Spec) {
		some := []string{"CAP_CHOWN", "CAP_SYS_ADMIN"}
		s.Process.Capabilities = &specs.LinuxCapabilities{Bounding: some, Effective: some, Permitted: some}
	})
	for _, args := range [][]string{{"create", "--bundle", b.Dir, b.ID}, {"start", b.ID}} {
		if out := b.Do(lab.Runc(t), args...); out.Code != 0 {
			t.Fatalf("%v: %s", args, out.Stderr)
		}
	}
	n.Policy("10-test.toml", "version = 1\nname = 'test'\n[no_new_privileges]\n")
	out := b.Do(n.Runward, "exec", "--cap", "CAP_NET_ADMIN", b.ID, "sh", "-c", "grep -E 'CapBnd|NoNewPrivs' /proc/self/status")
	if want := "CapBnd:\t0000000000200001\nNoNewPrivs:\t1\n"; out.Stdout != want {
		t.Errorf("inside: %q, want %q\n%s", out.Stdout, want, out.Stderr)
	}
	said := false
	for _, f := range n.Receipt(b.ID).Findings {
		said = said || f.Rule == "ceiling" && f.Done == "reported"
	}
	if !said {
		t.Errorf("the receipt does not say that nothing was kept: %+v", n.Receipt(b.ID))
	}
	n.Settings("[ledger]\nmissing = 'deny'\n")
	out = b.Do(n.Runward, "exec", b.ID, "touch", "/made")
	if out.Code != 255 || !strings.HasPrefix(out.Stderr, "runward: no decision is kept about container "+b.ID) {
		t.Errorf("exit code %d, %q", out.Code, out.Stderr)
	}
}

// Updates cannot go beyond what policy allowed at create.
func TestUpdateIsHeldToTheCeiling(t *testing.T) {
	n := lab.NewNode(t)
	n.Policy("10-test.toml", "version = 1\nname = 'test'\nextends = ['baseline']\n[memory]\nmax = '64MiB'\n[cpu]\nmax = 0.5\n[pids]\nmax = 50\n")
	b := sleeping(t, n)
	inside := func() string {
		return b.Do(lab.Runc(t), "exec", b.ID, "sh", "-c", limit("memory")+"; "+limit("cpu")+"; "+limit("pids")).Stdout
	}
	const before = "67108864\n50000 100000\n50\n"
	if got := inside(); got != before {
		t.Fatalf("after create: %q", got)
	}
	file := filepath.Join(b.Dir, "resources.json")
	for _, c := range []struct {
		args  []string
		stdin string
		want  string // of standard error; empty: it goes through
		after string
	}{
		{[]string{"--memory", "128m"}, "", "runward: ceiling /memory/limit: found a memory limit of 128MiB, wanted at most 64MiB", before},
		{[]string{"--memory", "-1"}, "", "runward: ceiling /memory/limit: found a memory limit of none", before},
		{[]string{"--cpu-quota", "-1"}, "", "runward: ceiling /cpu/quota: found processor time of none", before},
		{[]string{"--cpu-period", "10000"}, "", "runward: ceiling /cpu/quota: found processor time of 5", before},
		{[]string{"--pids-limit", "51"}, "", "runward: ceiling /pids/limit: found a limit on processes of 51", before},
		{[]string{"--resources", file}, `{"memory":{"limit":134217728}}`, "runward: ceiling /memory/limit", before},
		{[]string{"--resources", "-"}, `{"pids":{"limit":-1}}`, "runward: ceiling /pids/limit", before},
		{[]string{"--resources", "-"}, `{"unified":{"memory.max":"max"}}`, "runward: ceiling /unified/memory.max", before},
		{[]string{"--resources", "-"}, `{"pids":{"limit":5},"pids":{"limit":-1}}`, "runward: the resources to update: line 1, column 21: duplicate key", before},
		{[]string{"--resources", "-"}, `{"memory":{"limit":33554432}}`, "", "33554432\n50000 100000\n50\n"},
		{[]string{"--pids-limit", "20"}, "", "", "33554432\n50000 100000\n20\n"},
		{[]string{"--cpu-quota", "20000"}, "", "", "33554432\n20000 100000\n20\n"},
	} {
		if c.args[0] == "--resources" && c.args[1] == file {
			must(t, os.WriteFile(file, []byte(c.stdin), 0o600))
		}
		out := b.DoStdin(c.stdin, n.Runward, append(append([]string{"update"}, c.args...), b.ID)...)
		if (c.want == "") != (out.Code == 0) || !strings.HasPrefix(out.Stderr, c.want) {
			t.Errorf("%v %s: exit code %d, %q, want %q", c.args, c.stdin, out.Code, out.Stderr, c.want)
		}
		if got := inside(); got != c.after {
			t.Errorf("%v %s: inside %q, want %q", c.args, c.stdin, got, c.after)
		}
	}
}

// What the engine asked for at create, and got less of, it repeats with updates of
// other limits (podman update): that stays as it is.
func TestUpdateRepeatsCreate(t *testing.T) {
	n := lab.NewNode(t)
	n.Policy("10-test.toml", "version = 1\nname = 'test'\n[memory]\nmax = '64MiB'\n[cpu]\nmax = 0.5\n[pids]\nmax = 50\n")
	b := sleeping(t, n, func(s *specs.Spec) {
		s.Linux.Resources = &specs.LinuxResources{
			Memory: &specs.LinuxMemory{Limit: ptr(int64(256 << 20))}, Pids: &specs.LinuxPids{Limit: ptr(int64(2048))},
			CPU: &specs.LinuxCPU{Quota: ptr(int64(200_000)), Period: ptr(uint64(100_000))},
		}
	})
	for _, c := range []struct{ update, want, after string }{
		{`{"memory":{"limit":33554432},"pids":{"limit":2048},"cpu":{"quota":200000,"period":100000}}`, "", "33554432\n50000 100000\n50\n"},
		{`{"memory":{"limit":268435456},"pids":{"limit":20},"cpu":{}}`, "", "33554432\n50000 100000\n20\n"},
		{`{"memory":{"limit":268435456},"pids":{"limit":2048}}`, "", "33554432\n50000 100000\n20\n"},
		{`{"memory":{"limit":16777216},"pids":{"limit":2047}}`, "runward: ceiling /pids/limit: found a limit on processes of 2047, wanted at most 50; ", "33554432\n50000 100000\n20\n"},
	} {
		out := b.DoStdin(c.update, n.Runward, "update", "--resources", "-", b.ID)
		if (c.want == "") != (out.Code == 0) || !strings.HasPrefix(out.Stderr, c.want) {
			t.Errorf("%s: exit code %d, %q, want %q", c.update, out.Code, out.Stderr, c.want)
		}
		if got := b.Do(lab.Runc(t), "exec", b.ID, "sh", "-c", limit("memory")+"; "+limit("cpu")+"; "+limit("pids")).Stdout; got != c.after {
			t.Errorf("%s: inside %q, want %q", c.update, got, c.after)
		}
	}
	var verdicts []string
	for _, r := range n.Receipts() {
		if r.Verb == "update" {
			verdicts = append(verdicts, r.Verdict)
		}
	}
	if got := strings.Join(verdicts, " "); got != "rewrite rewrite rewrite deny" {
		t.Errorf("the receipts say %s", got)
	}
}

// Nor beyond the block I/O and the huge pages that it allowed.
func TestUpdateIsHeldToDisksAndPages(t *testing.T) {
	n := lab.NewNode(t)
	disks, err := os.ReadDir("/sys/dev/block")
	if err != nil || len(disks) == 0 {
		t.Skip("no disk: nothing can be throttled")
	}
	disk := disks[0].Name()
	major, minor, _ := strings.Cut(disk, ":")
	n.Policy("10-test.toml", "version = 1\nname = 'test'\n[io_limits]\nread_bytes = { '"+disk+"' = '1MiB' }\n[hugepages]\n")
	b := sleeping(t, n)
	throttled := func() string {
		return groupFile(t, b, "blkio", "blkio.throttle.read_bps_device", "io.max")
	}
	before := throttled()
	if !strings.HasPrefix(before, disk+" ") || !strings.Contains(before, "1048576") {
		t.Fatalf("after create: %q", before)
	}
	throttle := func(rate string) string {
		return `{"blockIO":{"throttleReadBpsDevice":[{"major":` + major + `,"minor":` + minor + `,"rate":` + rate + `}]}}`
	}
	for _, c := range []struct {
		args        []string
		stdin, want string
	}{
		{[]string{"--blkio-weight", "501"}, "", "runward: ceiling /blockIO/weight: found a weight of 501, wanted at most 500"},
		{[]string{"--blkio-weight", "66037"}, "", `runward: update --blkio-weight "66037": want a number`}, // 501 in 16 bits
		{[]string{"--resources", "-"}, throttle("1048577"), "runward: ceiling /blockIO/throttleReadBpsDevice/0: found a rate of 1048577 bytes read a second of disk " + disk},
		{[]string{"--resources", "-"}, throttle("0"), "runward: ceiling /blockIO/throttleReadBpsDevice/0: found a rate of unlimited"},
		{[]string{"--resources", "-"}, `{"hugepageLimits":[{"pageSize":"2MB","limit":2097152}]}`, "runward: ceiling /hugepageLimits/0: found 2MiB in huge pages"},
		{[]string{"--resources", "-"}, `{"unified":{"io.max":"` + disk + ` rbps=max"}}`, "runward: ceiling /unified/io.max: found "},
	} {
		out := b.DoStdin(c.stdin, n.Runward, append(append([]string{"update"}, c.args...), b.ID)...)
		if out.Code != 1 || !strings.HasPrefix(out.Stderr, c.want) {
			t.Errorf("%v %s: exit code %d, %q, want %q", c.args, c.stdin, out.Code, out.Stderr, c.want)
		}
	}
	if out := b.DoStdin(throttle("1048576"), n.Runward, "update", "--resources", "-", b.ID); out.Code != 0 {
		t.Errorf("within: exit code %d, %s", out.Code, out.Stderr)
	}
	if after := throttled(); after != before {
		t.Errorf("%q, was %q", after, before)
	}
}

// Checkpoint and restore are refused unless allowed.
func TestCheckpointAndRestore(t *testing.T) {
	n := lab.NewNode(t)
	b := sleeping(t, n)
	out := b.Do(n.Runward, "checkpoint", "--image-path", filepath.Join(b.Dir, "image"), b.ID)
	if out.Code != 1 || !strings.HasPrefix(out.Stderr, "runward: checkpoint_restore: found checkpoint, wanted neither checkpoint nor restore") {
		t.Errorf("checkpoint: exit code %d, %q", out.Code, out.Stderr)
	}
	r := lab.Bundle(t, "true")
	out = r.Do(n.Runward, "restore", "--image-path", r.Dir, "--bundle", r.Dir, r.ID)
	if out.Code != 1 || !strings.HasPrefix(out.Stderr, "runward: checkpoint_restore: found restore") {
		t.Errorf("restore: exit code %d, %q", out.Code, out.Stderr)
	}
	nothingStarted(t, r, filepath.Join(r.Dir, "pid"))
}

// Where policy lets containers be restored, the bundle is judged as at create:
// refused, or rewritten before the runtime reads it. What the image brings
// besides is the monitor's to compare.
func TestAllowedRestoreIsCompared(t *testing.T) {
	n := lab.NewNode(t)
	n.Policy("10-test.toml", "version = 1\nname = 'test'\n[namespaces]\n[checkpoint_restore]\nallow = ['restore']\n[no_new_privileges]\n")
	runtime := filepath.Join(n.Dir, "runc")
	must(t, os.WriteFile(runtime, []byte("#!/bin/sh\ncat config.json\n"), 0o755))
	n.Settings("[runtime]\npath = '" + runtime + "'\n")
	b := lab.Bundle(t, "true", without(specs.PIDNamespace))
	out := b.Do(n.Runward, "restore", "--image-path", b.Dir, "--bundle", b.Dir, b.ID)
	if out.Code != 1 || out.Stdout != "" {
		t.Errorf("exit code %d, the runtime was given %q", out.Code, out.Stdout)
	}
	wantLine(t, out.Stderr, "runward: namespaces /linux/namespaces", "receipt ")
	b = lab.Bundle(t, "true", func(s *specs.Spec) { s.Process.NoNewPrivileges = false })
	out = b.Do(n.Runward, "restore", "--image-path", b.Dir, "--bundle", b.Dir, b.ID)
	var read specs.Spec
	if err := json.Unmarshal([]byte(out.Stdout), &read); err != nil {
		t.Fatalf("exit code %d, %q %q: %v", out.Code, out.Stdout, out.Stderr, err)
	}
	if !read.Process.NoNewPrivileges {
		t.Error("restored without no-new-privileges")
	}
}

// Flags that isolate less are refused as config.json is.
func TestNoPivotIsRefused(t *testing.T) {
	n := lab.NewNode(t)
	b := lab.Bundle(t, "echo ran; touch /ran")
	out := b.Do(n.Runward, "run", "--no-pivot", "--bundle", b.Dir, b.ID)
	if out.Code != 1 || !strings.HasPrefix(out.Stderr, "runward: runtime_flags: found the runtime's flag --no-pivot") {
		t.Errorf("exit code %d, %q", out.Code, out.Stderr)
	}
	nothingStarted(t, b, filepath.Join(b.Dir, "pid"))
}

// What only crun has; it does not run on every host, so a stand-in has its name.
func TestCrunsOwn(t *testing.T) {
	n := lab.NewNode(t)
	crun := filepath.Join(n.Dir, "crun")
	must(t, os.WriteFile(crun, []byte("#!/bin/sh\necho ran\n"), 0o755))
	n.Settings("[runtime]\npath = '" + crun + "'\n")
	b := lab.Bundle(t, "true")
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--root", b.Root, "create", "--config", "other.json", "--bundle", b.Dir, b.ID}, "runward: --config gives another file"},
		{[]string{"--root", b.Root, "create", "-fother.json", "-b", b.Dir, b.ID}, "runward: --config gives another file"},
		{[]string{"--root", b.Root, "--cgroup-manager=disabled", "create", "--bundle", b.Dir, b.ID}, "runward: runtime_flags: found the runtime's flag --cgroup-manager=disabled"},
		{[]string{"--root", b.Root, "mounts", "add", b.ID, "mounts.json"}, "runward: mounts changes a container after it was judged"},
		{[]string{"--root", b.Root, "create", "--bu=" + b.Dir, b.ID}, ""},
		{[]string{"--root", b.Root, "state", b.ID}, ""},
	} {
		out := lab.Try(t, b.Dir, nil, n.Runward, c.args...)
		if (c.want == "") != (out.Stdout == "ran\n") || !strings.HasPrefix(out.Stderr, c.want) {
			t.Errorf("%v: exit code %d, %q %q, want %q", c.args, out.Code, out.Stdout, out.Stderr, c.want)
		}
	}
}

// What was judged is what the runtime reads: from a file in memory that nobody
// can change, also where nothing was to be changed.
func TestExecIsHandedOverSealed(t *testing.T) {
	n := lab.NewNode(t)
	n.Policy("10-test.toml", "version = 1\nname = 'test'\n") // the baseline would give it an AppArmor profile, where there is one
	b := sleeping(t, n)
	file := filepath.Join(b.Dir, "process.json")
	const process = `{"user":{"uid":0,"gid":0},"args":["true"],"cwd":"/", "x-kept":1.50}`
	must(t, os.WriteFile(file, []byte(process), 0o644))
	runtime := filepath.Join(n.Dir, "runc")
	must(t, os.WriteFile(runtime, []byte(`#!/bin/sh
while [ "$1" != --process ]; do shift; done
cat "$2"
for to in ">" ">>"; do (eval "echo changed $to $2") 2>/dev/null && echo changed; done
cat "$2"
shift 2
echo "$@"
`), 0o755))
	n.Settings("[runtime]\npath = '" + runtime + "'\n")
	out := b.Do(n.Runward, "exec", "--tty", "--process", file, "--pid-file", "/x", "--detach", b.ID)
	if want := process + process + "--pid-file /x --detach " + b.ID + "\n"; out.Stdout != want {
		t.Errorf("the runtime was given %q, want %q %s", out.Stdout, want, out.Stderr)
	}
}

// A log that cannot be opened loses the record, and nothing else.
func TestRefusalWithoutALog(t *testing.T) {
	n := lab.NewNode(t)
	b := lab.Bundle(t, "true", without(specs.PIDNamespace))
	out := lab.Try(t, b.Dir, nil, n.Runward, "--root", b.Root, "--log", "/nonexistent-directory/log", "create", b.ID)
	if out.Code != 1 {
		t.Errorf("exit code %d", out.Code)
	}
	wantLine(t, out.Stderr, "runward: namespaces /linux/namespaces", "receipt ")
}
