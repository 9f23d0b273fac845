package pretend

// addDefaults adds what nodes have in common.
func (t *Tree) addDefaults() {
	for _, dir := range []string{
		"/bin", "/boot", "/etc", "/etc/cni/net.d", "/etc/docker", "/etc/kubernetes/manifests", "/etc/kubernetes/pki",
		"/etc/containers", "/etc/crio", "/etc/runward/policy.d", "/home", "/home/user", "/lib", "/lib/modules", "/media", "/mnt",
		"/opt", "/opt/cni/bin", "/root", "/root/.ssh", "/sbin", "/srv", "/srv/data",
		"/usr/bin", "/usr/lib", "/usr/lib/runward", "/usr/libexec", "/usr/local/bin", "/usr/sbin", "/usr/share/zoneinfo",
		"/var/lib", "/var/log", "/var/log/pods", "/var/log/runward", "/var/spool/cron", "/var/tmp",
		"/var/lib/kubelet/pods", "/var/lib/kubelet/pki", "/var/lib/kubelet/plugins", "/var/lib/kubelet/device-plugins",
		"/var/lib/containerd", "/var/lib/docker/containers", "/var/lib/docker/overlay2", "/var/lib/docker/volumes",
		"/var/lib/containers/storage/volumes", "/var/lib/containers/storage/overlay-containers", "/var/lib/etcd",
	} {
		t.add(dir, Node{})
	}
	for _, file := range []string{
		"/etc/passwd", "/etc/shadow", "/etc/group", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/etc/localtime",
		"/etc/ssl/certs/ca-certificates.crt", "/etc/timezone", "/etc/kubernetes/admin.conf", "/etc/kubernetes/kubelet.conf",
		"/usr/bin/runc", "/usr/bin/crun", "/usr/bin/dockerd", "/usr/bin/docker-init", "/usr/bin/runward", "/usr/bin/runward-hook",
		"/usr/sbin/runc", "/usr/sbin/dockerd", "/usr/libexec/podman/catatonit", "/usr/bin/nvidia-container-runtime-hook", "/usr/bin/nvidia-ctk",
	} {
		t.add(file, Node{Type: "file"})
	}
	mode := uint32(0o1777)
	t.add("/tmp", Node{Mode: &mode})
	t.add("/var/run", Node{Link: "/run"})
	t.add("/run", Node{Dev: 5})
	for _, dir := range []string{
		"/run/containerd", "/run/containers/storage/overlay-containers", "/run/crio", "/run/docker", "/run/lock", "/run/netns",
		"/run/podman", "/run/runward", "/run/systemd", "/run/user/1000",
	} {
		t.add(dir, Node{})
	}
	for _, socket := range []string{
		"/run/containerd/containerd.sock", "/run/crio/crio.sock", "/run/docker.sock", "/run/podman/podman.sock",
		"/run/dbus/system_bus_socket", "/run/systemd/private",
	} {
		t.add(socket, Node{Type: "socket"})
	}
	t.addDevices()
	t.addKernel()
}

func (t *Tree) addDevices() {
	t.add("/dev", Node{Dev: 6})
	t.add("/dev/shm", Node{Dev: 7})
	t.add("/dev/fd", Node{Link: "/proc/self/fd"})
	for name, rdev := range map[string]uint64{
		"null": 1<<8 | 3, "zero": 1<<8 | 5, "full": 1<<8 | 7, "random": 1<<8 | 8, "urandom": 1<<8 | 9, "tty": 5 << 8,
		"mem": 1<<8 | 1, "kmsg": 1<<8 | 11, "fuse": 10<<8 | 229, "net/tun": 10<<8 | 200,
	} {
		t.add("/dev/"+name, Node{Type: "char", Rdev: rdev})
	}
	t.add("/dev/sda", Node{Type: "block", Rdev: 8 << 8})
	t.add("/dev/sda1", Node{Type: "block", Rdev: 8<<8 | 1})
}

// addKernel adds /proc, where 1 is the host's init and 4242 the process that
// asks, both in the host's namespaces, and /sys.
func (t *Tree) addKernel() {
	t.add("/proc", Node{Dev: 2, FS: 0x9fa0})
	t.add("/proc/self", Node{Link: "4242"})
	t.add("/proc/4242/fd", Node{})
	t.add("/proc/sys", Node{})
	t.add("/proc/sysrq-trigger", Node{Type: "file"})
	for _, pid := range []string{"/proc/1", "/proc/4242"} {
		t.add(pid+"/root", Node{Link: "/"})
		t.add(pid+"/cwd", Node{Link: "/"})
		for i, name := range []string{"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"} {
			t.add(pid+"/ns/"+name, Node{Type: "other", Dev: 4, Ino: 4026531800 + uint64(i), FS: NamespaceFS})
		}
		for _, name := range []string{"pid", "time"} {
			t.add(pid+"/ns/"+name+"_for_children", Node{SameAs: pid + "/ns/" + name})
		}
	}
	t.add("/sys", Node{Dev: 3, FS: 0x62656572})
	for _, dir := range []string{"/sys/fs/cgroup", "/sys/fs/bpf", "/sys/kernel", "/sys/kernel/debug", "/sys/devices", "/sys/firmware"} {
		t.add(dir, Node{})
	}
}
