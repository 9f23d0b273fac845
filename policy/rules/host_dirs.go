package rules

import (
	"path"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/policy"
)

// hostTrees are the host's own directories: a container that sees or writes
// them, one above or anything below, is on the host.
var hostTrees = [...]string{
	"/bin", "/boot", "/dev", "/efi", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/proc", "/root", "/run", "/sbin", "/sys", "/usr", "/var/run",
	"/tmp", "/var/tmp", // anyone on the host writes there
	"/var/log", "/var/spool/cron", "/var/spool/at",
	"/gnu/store", "/nix", "/ostree", "/sysroot", "/snap",
	"/opt/cni", "/opt/containerd",
	"/var/lib/buildkit", "/var/lib/cloud", "/var/lib/cni", "/var/lib/containerd", "/var/lib/containers", "/var/lib/crio", "/var/lib/dbus", "/var/lib/docker",
	"/var/lib/etcd", "/var/lib/k0s", "/var/lib/kube-proxy", "/var/lib/kubelet", "/var/lib/nerdctl", "/var/lib/rancher", "/var/lib/runward",
	"/var/lib/sudo", "/var/lib/systemd", "/var/snap",
}

// A reason says why a source is the host's own. dir is the host's directory
// that it touches: an administrator's glob must name it to allow the source.
type reason struct {
	dir, words string
}

type fileID struct{ dev, ino uint64 }

// hostDirs knows the host's directories by inode.
type hostDirs struct {
	tree  map[fileID]string // the directories themselves, by their path
	above map[fileID]string // what is above them, by what is below
	paths []string          // canonical, as far as they differ from hostTrees
}

func (j *sourceJudge) hostDirs() *hostDirs {
	if j.host != nil {
		return j.host
	}
	j.host = &hostDirs{tree: map[fileID]string{}, above: map[fileID]string{}}
	if j.e.Facts.Lookup == nil {
		return j.host
	}
	for _, dir := range hostTrees {
		f := j.e.Facts.Lookup(dir)
		if f.Type == policy.Missing {
			continue
		}
		if f.Path != dir {
			j.host.paths = append(j.host.paths, f.Path)
		}
		j.host.tree[fileID{f.Dev, f.Ino}] = dir
		for _, p := range f.Parents {
			j.host.above[fileID{p.Dev, p.Ino}] = dir
		}
	}
	return j.host
}

// hostOwn says why a source is the host's own, if it is. Inside a directory
// that the engine manages only other names for the host's directories count.
func (j *sourceJudge) hostOwn(m *specs.Mount, source policy.File, managed string) reason {
	if managed == "" {
		if publicFile(m, source) && !kubernetes(j.e.Facts) {
			return reason{}
		}
		if why := j.byPath(m, source); why.words != "" {
			return why
		}
		if why := byType(source); why.words != "" {
			return why
		}
	}
	if managed != "" && !strings.Contains(managed, "/volume") {
		return reason{} // the engine made it; only into volumes can people mount
	}
	return j.byInode(source, managed)
}

func (j *sourceJudge) byPath(m *specs.Mount, source policy.File) reason {
	if spelled := path.Clean(m.Source); within(spelled, "/proc") || within(spelled, "/dev/fd") {
		return reason{"/proc", "nothing by way of /proc: where it leads depends on who looks"}
	}
	p := source.Path
	if p == "/" {
		return reason{"/", "not the whole of the host's file system"}
	}
	if kubernetes(j.e.Facts) && within(p, "/var/lib/kubelet/pods") {
		return reason{"/var/lib/kubelet", "only volumes of the same pod"}
	}
	for _, dir := range append(hostTrees[:], j.hostDirs().paths...) {
		switch {
		case p == dir && harmlessSource(source):
		case within(p, dir) && !harmlessSource(source):
			return reason{dir, "nothing of the host's " + dir}
		case within(dir, p):
			return reason{dir, "nothing that holds the host's " + dir}
		}
	}
	if dir := homeSecret(p); dir != "" {
		return reason{dir, "no home directory, and none of the keys in one: only a directory below it"}
	}
	if engineProgram(path.Base(p)) {
		return reason{p, "not the program or the socket of a container engine"}
	}
	for _, d := range source.Parents {
		if d.Mode&0o002 != 0 {
			return reason{d.Path, "no path that anyone on the host can replace: all may write " + d.Path}
		}
	}
	return reason{}
}

func harmlessSource(f policy.File) bool {
	return harmlessDevice(f.Path) && (f.Type == policy.CharDevice || f.Type == policy.Missing)
}

// byInode finds the host's directories under other names.
func (j *sourceJudge) byInode(source policy.File, managed string) reason {
	if source.Type == policy.Missing && len(source.Parents) == 0 {
		return reason{}
	}
	host := j.hostDirs()
	id := fileID{source.Dev, source.Ino}
	if source.Type != policy.Missing && !harmlessSource(source) {
		if dir, ok := host.tree[id]; ok {
			return reason{dir, "nothing of the host's " + dir + ", under whatever name"}
		}
		if dir, ok := host.above[id]; ok {
			return reason{dir, "nothing that holds the host's " + dir + ", under whatever name"}
		}
	}
	for _, d := range source.Parents {
		dir, ok := host.tree[fileID{d.Dev, d.Ino}]
		if ok && !harmlessSource(source) && (managed == "" || within(d.Path, managed)) {
			return reason{dir, "nothing of the host's " + dir + ", under whatever name"}
		}
	}
	return reason{}
}

// byType refuses what is not data.
func byType(f policy.File) reason {
	switch f.Type {
	case policy.Socket:
		return reason{path.Dir(f.Path), "no socket: at its other end is a program of the host"}
	case policy.Missing, policy.Directory, policy.Regular:
		return byKernel(f)
	default: // devices, FIFOs, and whatever else there may be
		if harmlessSource(f) {
			return reason{}
		}
		return reason{path.Dir(f.Path), "a directory or a regular file"}
	}
}

// byKernel refuses file systems of the kernel's.
func byKernel(f policy.File) reason {
	if kernelFS(f.FS) {
		return reason{f.Path, "no file system of the kernel's (proc, sysfs, cgroup, debugfs and the like), wherever it is mounted"}
	}
	return reason{}
}

// kernelFS tells by statfs' f_type (linux/magic.h).
func kernelFS(magic int64) bool {
	switch uint32(magic) {
	case 0x9fa0, 0x62656572, 0x27e0eb, 0x63677270, // proc, sysfs, cgroup, cgroup2
		0x64626720, 0x74726163, 0x73636673, 0xcafe4a11, // debugfs, tracefs, securityfs, bpf
		0x1cd1, 0x19800202, 0xde5e81e4, 0x62656570, // devpts, mqueue, efivarfs, configfs
		0x6165676c, 0x6e736673, 0xf97cff8c, 0x65735543, 0x42494e4d: // pstore, nsfs, selinux, fusectl, binfmt_misc
		return true
	}
	return false
}

// homeSecret is the directory by which a path is a home directory, or keys in one.
func homeSecret(p string) string {
	if p == "/home" || path.Dir(p) == "/home" {
		return p
	}
	for dir := p; dir != "/" && dir != "."; dir = path.Dir(dir) {
		switch path.Base(dir) {
		case ".ssh", ".gnupg", ".aws", ".azure", ".gcloud", ".kube", ".docker":
			return dir
		}
	}
	return ""
}

// engineProgram tells whether a file's name is one of the programs, or the
// sockets, that give power over the host's containers.
func engineProgram(name string) bool {
	switch name {
	case "runc", "crun", "youki", "runsc", "kata-runtime", "runward", "runwardd", "runward-hook", "conmon", "crio", "kubelet",
		"containerd", "dockerd", "podman", "buildkitd", "docker.sock", "containerd.sock", "crio.sock", "podman.sock", "buildkitd.sock":
		return true
	}
	return strings.HasPrefix(name, "containerd-shim")
}

// publicFile are files that all the world may read, and read-only at that.
func publicFile(m *specs.Mount, source policy.File) bool {
	if !readOnly(m.Options) || source.Type != policy.Regular && source.Type != policy.Missing && source.Type != policy.Directory {
		return false
	}
	switch source.Path {
	case "/etc/localtime", "/etc/timezone", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/run/systemd/resolve/resolv.conf", "/run/systemd/resolve/stub-resolv.conf":
		return true
	}
	for _, dir := range []string{"/usr/share/zoneinfo", "/etc/ssl/certs", "/usr/share/ca-certificates", "/etc/pki/ca-trust/extracted"} {
		if within(source.Path, dir) {
			return true
		}
	}
	return false
}

// driverFile are the libraries and programs of NVIDIA's driver, which CDI
// mounts into containers read-only.
func driverFile(m *specs.Mount, source policy.File) bool {
	name := path.Base(source.Path)
	if source.Path == "/run/nvidia-persistenced/socket" || source.Path == "/run/nvidia-fabricmanager/socket" {
		return true
	}
	if !readOnly(m.Options) || source.Type != policy.Regular && source.Type != policy.Missing || source.UID != 0 || source.Mode&0o022 != 0 {
		return false
	}
	inSystem := false
	for _, dir := range []string{"/usr/lib", "/usr/lib64", "/usr/lib32", "/lib", "/lib64", "/usr/bin", "/usr/share", "/etc/vulkan", "/etc/OpenCL"} {
		inSystem = inSystem || within(source.Path, dir)
	}
	return inSystem && (strings.Contains(name, "nvidia") || strings.HasPrefix(name, "libcuda") || strings.HasPrefix(name, "libnvcuvid") || strings.HasPrefix(name, "libnvoptix"))
}
