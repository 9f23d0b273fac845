package rules

import (
	"path"

	"github.com/runward/runward/policy"
)

// RootfsSettings says which directories may be a container's root.
type RootfsSettings struct {
	Allow policy.AllowList `toml:"allow" doc:"host directories, as globs, that may be the root file system; \"default\" is any that is not the host's own; one of the host's own, as /opt/cni, must be named down to it"`
}

// Default makes an absent list the safe one.
func (s *RootfsSettings) Default() { s.Allow.Default([]string{policy.DefaultItem}) }

// Validate refuses globs that match nothing.
func (s *RootfsSettings) Validate() error { return items(s.Allow.Lists, absolute("rootfs.allow")) }

// Rootfs refuses the host's directories as a container's root.
var Rootfs = policy.Rule{
	ID:    "rootfs",
	Title: "The root file system is not the host's",
	Doc: "root.path is what the container sees as /. Judged by where it really leads, as bind mounts are: not /, nor one of the host's directories (/etc, /usr, /home and the like), under whatever name, nor one that holds them, " +
		"nor anything by way of /proc. Below a host directory only those where engines keep root file systems are allowed, and the bundle itself.",
	Since:   "0.1.0",
	Default: policy.ActionDeny,
	Refs:    []policy.Ref{{Standard: "PSS baseline", ID: "HostPath Volumes"}, {Standard: "CIS Docker 1.6", ID: "5.6"}, {Standard: "MITRE ATT&CK", ID: "T1611"}},
	Check:   policy.Check[RootfsSettings](checkRootfs),
}

func checkRootfs(e *policy.Eval, s *RootfsSettings) {
	j := &sourceJudge{e: e}
	name := e.Spec.Root.Path
	at := policy.File{Path: e.Facts.Bundle}
	if name != "" { // without a path it is the bundle
		at = j.resolve(name)
	}
	why := j.hostRoot(name, at)
	if s.Allow.Permits(at.Path, func(item, value string) bool {
		if item == policy.DefaultItem {
			return why.words == ""
		}
		return policy.Match(item, value) && (why.words == "" || why.dir != "" && within(literal(item), why.dir))
	}) {
		return
	}
	f := policy.Finding{
		Pointer: "/root/path",
		Found:   quote(name) + " as the root file system",
		Wanted:  why.words,
		Hint:    "start the container from an image (docker, podman: without --rootfs), or ask the administrator to put the directory on the list rootfs.allow",
	}
	if at.Path != name && at.Err == "" {
		f.Found += " (it leads to " + quote(at.Path) + ")"
	}
	if f.Wanted == "" {
		f.Wanted = "only directories on the list rootfs.allow: " + listed(s.Allow)
	}
	e.Deny(f)
}

// rootStores are where, in the host's directories, engines keep root file systems.
var rootStores = [...]string{
	"/run/containerd", "/run/containers", "/run/crio", "/run/docker", "/run/k3s", "/run/k0s", "/run/user", "/run/buildkit", "/run/runward", "/run/podman",
	"/tmp", "/var/tmp", "/dev/shm", "/var/snap", "/gnu/store", "/nix/store",
	"/var/lib/buildkit", "/var/lib/containerd", "/var/lib/containers", "/var/lib/crio", "/var/lib/docker", "/var/lib/k0s", "/var/lib/nerdctl", "/var/lib/rancher",
}

// hostRoot says why a directory is the host's own, if it is.
func (j *sourceJudge) hostRoot(name string, at policy.File) reason {
	spelled := path.Clean(name)
	switch {
	case at.Err != "":
		return reason{words: "a directory that can be resolved: " + at.Err}
	case at.Magic || within(spelled, "/proc") || within(spelled, "/dev/fd") || within(at.Path, "/proc"):
		return reason{"/proc", "nothing by way of /proc: where it leads depends on who looks"}
	case at.Path == "/":
		return reason{"/", "not the whole of the host's file system"}
	case at.Path == "/home" || path.Dir(at.Path) == "/home":
		return reason{at.Path, "no home directory"}
	}
	// A root file system where engines keep them, on a file system of its own
	// (overlay, tmpfs), is not compared by inode with every directory of the
	// host: that would cost every container 0.3 ms.
	stored := j.rootStore(at.Path)
	apart := stored && len(at.Parents) > 0 && at.Dev != at.Parents[0].Dev
	trees := hostTrees[:]
	if !apart {
		trees = append(hostTrees[:], j.hostDirs().paths...)
	}
	for _, dir := range trees {
		switch {
		case within(dir, at.Path):
			return reason{dir, "nothing that is or holds the host's " + dir}
		case within(at.Path, dir) && !stored:
			return reason{dir, "nothing of the host's " + dir}
		}
	}
	if apart {
		return byKernel(at)
	}
	if why := j.renamedRoot(at); why.words != "" {
		return why
	}
	return byKernel(at)
}

// renamedRoot finds the host's directories under other names, above the
// directory as well.
func (j *sourceJudge) renamedRoot(at policy.File) reason {
	host := j.hostDirs()
	for _, d := range append(at.Parents[:len(at.Parents):len(at.Parents)], policy.Dir{Path: at.Path, Dev: at.Dev, Ino: at.Ino}) {
		dir, ok := host.tree[fileID{d.Dev, d.Ino}]
		if ok && d.Path != dir && !hasString(host.paths, d.Path) {
			return reason{dir, "nothing of the host's " + dir + ", under whatever name"}
		}
	}
	if dir, ok := host.above[fileID{at.Dev, at.Ino}]; ok && at.Type != policy.Missing {
		return reason{dir, "nothing that holds the host's " + dir + ", under whatever name"}
	}
	return reason{}
}

// rootStore tells whether the directory is below the bundle, or below one where
// engines keep root file systems.
func (j *sourceJudge) rootStore(p string) bool {
	if b := path.Clean(j.e.Facts.Bundle); b != "/" && within(p, b) {
		return true
	}
	for _, dir := range rootStores {
		if p != dir && within(p, dir) {
			return true
		}
	}
	return false
}
