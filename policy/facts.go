package policy

// Facts is what Evaluate may know besides the config.json: the node and the
// engine, as values, gathered before.
type Facts struct {
	Verb    string   // create, run, exec, update, restore or checkpoint; empty: create
	Flags   []string // of the call, that decide what the container gets: no-pivot, no-new-keyring, preserve-fds
	Ceiling *Ceiling // of the container that the call is about; nil at create, or not known
	Now     int64    // Unix seconds; what exceptions expire by
	Engine  string   // containerd, cri-o, docker, podman, buildkit, buildah; empty: not known
	Handler string   // the name that the wrapper was called by
	Runtime string   // the real runtime's kind: runc, crun, youki, runsc
	// RuntimeVersion asks the real runtime for its version; nil: nobody can. It
	// has always the same answer.
	RuntimeVersion func() RuntimeVersion

	Bundle   string   // the bundle's absolute path; relative bind sources start there
	Identity Identity // from keys that the engine writes last, and from no others
	Rootless bool     // not started by the host's root: the rules advise, the user owns everything checked

	Arch   string // the node's processor as Go names it: amd64, arm64, ...; empty: not known
	Kernel [2]int // major and minor version; zero: not known, the oldest supported is assumed

	CgroupV2     bool
	Capabilities uint64   // the host's bounding set; runc refuses a container with others
	AppArmor     AppArmor // what the kernel offers
	SELinux      bool     // enabled

	// Lookup resolves a host path as the runtime will: relative ones from the
	// bundle, symbolic links, magic links and ".." by the kernel. It is a
	// snapshot: within one evaluation a path always has the same answer.
	Lookup func(path string) File

	// Inside looks at a file of the container's root file system, which is at
	// root on the host, as the container would find it before anything is
	// mounted. It is a snapshot, and only rules that have reason to ask do.
	Inside func(root, path string) InnerFile

	// Feed reads the files that an absolute path names, whose last element may
	// be a glob. It reads them anew for every evaluation.
	Feed func(glob string) []FeedFile

	// Features are what the real runtime says that it can do; only rules that
	// have reason to ask do, since it may have to be executed for it.
	Features func() Features

	// Hook is the absolute path of runward's own hook, which joins containers to
	// the node's monitor; empty: not known. Whether it is there, Lookup says.
	Hook string

	// Claim is what the container that the call is about counts for in quotas
	// already; nil at create, or not known.
	Claim *Claim

	// Used sums what the other containers claim that live on the node and are
	// in the same group of a grouping (see Group). Like Lookup it is a snapshot.
	// nil: not known.
	Used func(by string) (Usage, error)
}

// A FeedFile is one of the files that Feed reads.
type FeedFile struct {
	Path string
	Text string
	Err  string // why it could not be read, or may not be trusted
}

// Features is what a real runtime can do.
type Features struct {
	UserNamespace bool   `json:"user_namespace"` // it makes user namespaces
	IDMap         bool   `json:"idmap"`          // it obeys uidMappings and gidMappings of bind mounts
	Err           string `json:"err"`            // why that is not known
}

// A RuntimeVersion is what a runtime says of itself.
type RuntimeVersion struct {
	Name    string `json:"name,omitempty"`    // runc, crun, youki, runsc
	Version string `json:"version,omitempty"` // 1.1.5+ds1
	Build   string `json:"build,omitempty"`   // the commit, in which distributions say more: 1.1.5+ds1-1+deb12u1
	Err     string `json:"err,omitempty"`     // why it is not known
}

// AppArmor tells whether the kernel confines with AppArmor, and what is loaded.
type AppArmor struct {
	Enabled  bool
	Profiles func() []string // the names of those that are loaded; nil: nothing is
}

// Loaded returns the loaded profile that has the name, or that the glob
// matches: the last one by name, as engines put a version there. Empty: none.
func (a AppArmor) Loaded(glob string) string {
	if a.Profiles == nil {
		return ""
	}
	last := ""
	for _, name := range a.Profiles() {
		if name > last && Match(glob, name) {
			last = name
		}
	}
	return last
}

// Identity is whom a container belongs to, as far as its engine proves it.
// An empty field was not said.
type Identity struct {
	Kind      string `json:"kind,omitempty"` // container, sandbox or build
	Namespace string `json:"namespace,omitempty"`
	Pod       string `json:"pod,omitempty"`
	PodUID    string `json:"pod_uid,omitempty"`
	Container string `json:"container,omitempty"`
	Image     string `json:"image,omitempty"`  // the reference the user gave
	Digest    string `json:"digest,omitempty"` // sha256:...
	User      string `json:"user,omitempty"`   // the rootless owner

	// Annotations and Labels hold only keys that the administrator lists as
	// trusted for this engine.
	Annotations map[string]string `json:"annotations,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`

	// Conflict names what in config.json claims to be another engine's; such a
	// claim is never believed.
	Conflict string `json:"conflict,omitempty"`
}

// FileType is what a path leads to.
type FileType uint8

const (
	Missing FileType = iota // does not exist
	Directory
	Regular
	Socket
	CharDevice
	BlockDevice
	Fifo
	Other
)

// A File is what a host path leads to.
type File struct {
	// Path is canonical: absolute, without symbolic links, "." or "..". For a
	// missing file it is the canonical path of the deepest directory that
	// exists, followed by the rest.
	Path string
	Type FileType
	Dev  uint64 // st_dev
	Ino  uint64 // st_ino
	Rdev uint64 // st_rdev, of a device
	UID  uint32 // owner
	GID  uint32
	Mode uint32 // permission bits and setuid, setgid, sticky
	FS   int64  // statfs f_type

	// Magic tells that the way leads through a magic link of procfs, or through
	// the process's own directory there (/proc/self, /dev/fd, /proc/PID/root,
	// cwd or fd): where it ends depends on who looks and when, so what is said
	// here may not be what the runtime finds. A namespace file (/proc/PID/ns/*)
	// and another process's exe are named on purpose and not marked.
	Magic bool

	// Parents are the directories from "/" down to the one that holds Path.
	Parents []Dir

	// Err says why the path cannot be resolved, where it is not merely
	// missing: a loop, a name too long, ".." after something that is missing.
	Err string
}

// A Dir is a directory above a File.
type Dir struct {
	Path     string
	Dev, Ino uint64
	UID, GID uint32
	Mode     uint32
}

// An InnerFile is what a path in a container's image leads to. Links and ".."
// are followed as in the container and never lead out of its root.
type InnerFile struct {
	Path    string // canonical, from the container's root; the path itself where it is missing
	Type    FileType
	UID     uint32 // owner, as the host numbers it
	GID     uint32
	Mode    uint32 // permission bits and setuid, setgid, sticky
	Links   bool   // a symbolic link was on the way, perhaps to something missing
	ACL     bool   // it or a directory above it has an access list, so that Mode does not say it all
	NoSuid  bool   // its file system ignores setuid, setgid and capabilities
	Head    string // of a regular file the first bytes, at most 256
	Caps    FileCaps
	Parents []Dir // from "/" down to the one that holds it; their Path is not set

	// Err says why nothing can be said about it.
	Err string
}

// FileCaps are the capabilities that a program in an image has (security.capability), by
// number as bits.
type FileCaps struct {
	Permitted   uint64
	Inheritable uint64
	Effective   bool // the program expects them in force: without one of them the kernel does not start it
}

// SameAs tells whether both are the same object on the same device.
func (f File) SameAs(dev, ino uint64) bool { return f.Type != Missing && f.Dev == dev && f.Ino == ino }
