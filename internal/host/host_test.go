package host

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// fakeNode makes a root with the parts of /proc and /sys that are read.
func fakeNode(t *testing.T, files map[string]string) string {
	t.Helper()
	root := place(t)
	for name, content := range files {
		must(t, os.MkdirAll(filepath.Dir(root+name), 0o755))
		must(t, os.WriteFile(root+name, []byte(content), 0o644))
	}
	return root
}

func TestCollect(t *testing.T) {
	f := Collect(Invocation{
		Now: 7, Bundle: "/tmp", Handler: "runward", Runtime: "runc",
		Annotations: map[string]string{"io.kubernetes.cri.sandbox-namespace": "kube-system"},
	})
	if f.Now != 7 || f.Bundle != "/tmp" || f.Handler != "runward" || f.Runtime != "runc" || f.Engine != "" {
		t.Errorf("%+v", f)
	}
	if f.Identity.Namespace != "" || !strings.HasSuffix(f.Identity.Conflict, "and the engine is not known") {
		t.Errorf("%+v", f.Identity)
	}
	status, err := os.ReadFile("/proc/thread-self/status")
	must(t, err)
	if want := fmt.Sprintf("CapBnd:\t%016x\n", f.Capabilities); !strings.Contains(string(status), want) {
		t.Errorf("capabilities %#x are not the kernel's", f.Capabilities)
	}
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	must(t, err)
	if v := f.Kernel; !strings.HasPrefix(string(release), strconv.Itoa(v[0])+"."+strconv.Itoa(v[1])) || v[0] < 3 {
		t.Errorf("kernel %v of %s", v, release)
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	must(t, err)
	if want := strings.Contains(string(mounts), " /sys/fs/cgroup cgroup2 "); f.CgroupV2 != want {
		t.Errorf("cgroup v2: %v", f.CgroupV2)
	}
	if want := strings.Contains(string(mounts), " selinuxfs "); f.SELinux != want {
		t.Errorf("SELinux: %v", f.SELinux)
	}
	if _, err := os.Stat("/sys/module/apparmor"); err != nil && f.AppArmor.Enabled {
		t.Error("AppArmor without its module")
	}
}

func TestCollectUnderAnEngine(t *testing.T) {
	needRoot(t)
	root := fakeNode(t, map[string]string{"/proc/self/uid_map": "0 0 4294967295\n", "/usr/bin/containerd-shim-runc-v2": ""})
	proc := root + "/proc/" + strconv.Itoa(os.Getppid())
	must(t, os.Mkdir(proc, 0o755))
	must(t, os.Symlink("/usr/bin/env", proc+"/exe")) // Stands for a shim: procfs links past any root.
	f := collect(root, Invocation{Bundle: "/run/containerd/io.containerd.runtime.v2.task/k8s.io/1"})
	if f.Engine != "" || f.Identity.Conflict != "the bundle's path is containerd's, but the calling process is /usr/bin/env" {
		t.Errorf("%q, %+v", f.Engine, f.Identity)
	}
	shim := filepath.Join(rootsDirectory(t), "containerd-shim-runc-v2")
	must(t, os.WriteFile(shim, nil, 0o755))
	must(t, os.Remove(proc+"/exe"))
	must(t, os.Symlink(shim, proc+"/exe"))
	f = collect(root, Invocation{
		Root: "/run/containerd/runc/k8s.io", Bundle: "/run/containerd/io.containerd.runtime.v2.task/k8s.io/1",
		Annotations: map[string]string{"io.kubernetes.cri.container-type": "sandbox", "io.kubernetes.cri.sandbox-namespace": "shop"},
	})
	if f.Engine != "containerd" || f.Identity.Kind != "sandbox" || f.Identity.Namespace != "shop" || f.Rootless {
		t.Errorf("%q, %+v", f.Engine, f.Identity)
	}
}

func TestRootless(t *testing.T) {
	euid := strconv.Itoa(os.Geteuid())
	for uidMap, want := range map[string]string{
		"         0       1000          1\n         1     100000      65536\n": "1000",
		"0 100000 65536\n": "100000",
		"5 100000 65536\n": "",
		"0 1000 1\ntorn":   "1000",
	} {
		if os.Geteuid() != 0 {
			break
		}
		root := fakeNode(t, map[string]string{"/proc/self/uid_map": uidMap})
		if yes, user := rootless(root); !yes || user != want {
			t.Errorf("%q: %v %q, want %q", uidMap, yes, user, want)
		}
	}
	for _, uidMap := range []string{"", "garbage"} {
		if yes, user := rootless(fakeNode(t, map[string]string{"/proc/self/uid_map": uidMap})); !yes || user != "" {
			t.Errorf("%q: %v %q", uidMap, yes, user)
		}
	}
	yes, user := rootless(fakeNode(t, map[string]string{"/proc/self/uid_map": "         0          0 4294967295\n"}))
	if yes != (euid != "0") || yes && user != euid {
		t.Errorf("the host's own namespace: %v %q", yes, user)
	}
}

// The test binary, again, in a user namespace of its own.
func TestRootlessInUserNamespace(t *testing.T) {
	if os.Getenv("RUNWARD_TEST_USERNS") != "" {
		f := Collect(Invocation{Bundle: "/tmp"})
		fmt.Printf("rootless=%v user=%s\n", f.Rootless, f.Identity.User)
		return
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestRootlessInUserNamespace$")
	cmd.Env = append(os.Environ(), "RUNWARD_TEST_USERNS=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	must(t, err)
	if want := "rootless=true user=" + strconv.Itoa(os.Getuid()); !strings.Contains(string(out), want) {
		t.Errorf("%s, want %s", out, want)
	}
}

func TestAppArmor(t *testing.T) {
	const list = "/usr/bin/man (enforce)\ndocker-default (enforce)\nodd (name) (complain)\nunconfined-one (unconfined)\ntorn"
	root := fakeNode(t, map[string]string{"/sys/module/apparmor/parameters/enabled": "Y\n"})
	a := appArmor(root)
	must(t, os.MkdirAll(root+"/sys/kernel/security/apparmor", 0o755)) // Read when asked, not before.
	must(t, os.WriteFile(root+"/sys/kernel/security/apparmor/profiles", []byte(list), 0o444))
	for profile, want := range map[string]bool{
		"docker-default": true, "/usr/bin/man": true, "odd (name)": true, "docker": false, "": false, "torn": false, "docker-default (enforce)": false,
	} {
		if (a.Loaded(profile) == profile && profile != "") != want {
			t.Errorf("%q: %v", profile, !want)
		}
	}
	must(t, os.Remove(root+"/sys/kernel/security/apparmor/profiles"))
	if a.Loaded("docker-default") == "" {
		t.Error("the answer changed")
	}
	if a := appArmor(root); !a.Enabled || a.Loaded("docker-default") != "" {
		t.Error("a profile is loaded that nobody lists")
	}
	if a := appArmor(fakeNode(t, map[string]string{"/sys/module/apparmor/parameters/enabled": "N\n"})); a.Enabled || a.Profiles != nil {
		t.Error("enabled when it is not")
	}
	if a := appArmor(fakeNode(t, nil)); a.Enabled {
		t.Error("enabled without the module")
	}
	root = fakeNode(t, nil)
	must(t, os.MkdirAll(root+"/sys/module/apparmor/parameters/enabled", 0o755)) // there, and not to be read
	if a := appArmor(root); !a.Enabled || a.Loaded("docker-default") != "" {
		t.Error("off, or loaded, when nobody knows")
	}
}

func BenchmarkCollect(b *testing.B) {
	in := Invocation{
		Root: "/run/containerd/runc/k8s.io", Bundle: "/run/containerd/io.containerd.runtime.v2.task/k8s.io/1",
		Annotations: map[string]string{"io.kubernetes.cri.container-type": "sandbox", "io.kubernetes.cri.sandbox-namespace": "shop"},
	}
	b.ReportAllocs()
	for b.Loop() {
		Collect(in)
	}
}

// What a usual container asks: a dozen binds, some namespaces, what they may not reach.
func BenchmarkCollectAndLookup(b *testing.B) {
	dir := place(b)
	must(b, os.MkdirAll(dir+"/pods/0e18/volumes/empty/data", 0o755))
	paths := []string{
		"/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/dev/shm", "/dev/null", "/proc/1/ns/net", "/proc/1/ns/pid", "/proc/1/ns/ipc",
		"/proc/1/ns/uts", "/var/run/docker.sock", "/run/containerd/containerd.sock", "/var/lib/kubelet", "/", "/etc", "/usr/bin/env", "/sys/fs/cgroup",
		dir + "/pods/0e18/volumes/empty/data", dir + "/pods/0e18/volumes", dir + "/pods/0e18/none/deep", "rootfs",
	}
	b.ReportAllocs()
	for b.Loop() {
		f := Collect(Invocation{Bundle: dir})
		for _, p := range paths {
			f.Lookup(p)
		}
	}
}
