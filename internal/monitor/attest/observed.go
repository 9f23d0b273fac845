package attest

// An Observed is what the kernel shows of a container.
type Observed struct {
	Init   Process
	Others []Process // in its cgroup, or in its mount namespace from outside it
	Left   int       // processes that were not looked at, for their number

	UIDMap, GIDMap []IDMap // of the init process, in the numbers of who reads
	Mounts         []Mount
	Paths          map[string]Path   // that the expectation asks about and no mount point is at
	Named          map[string]uint64 // inode number of the namespaces that config.json names by path; 0: nothing is there
	Limits         Limits

	Unread []Unread
}

// An Unread is something that could not be read, and why.
type Unread struct{ Field, Why string }

// A Process is what procfs says of one.
type Process struct {
	PID   int
	Start uint64 // clock ticks since boot
	Name  string // that it gave itself
	State byte   // R, S, Z, ...

	Capabilities   [capSets]uint64
	NoNewPrivs     bool
	Seccomp        int // 0: none, 1: strict, 2: filter
	Filters        int // of seccomp; -1: the kernel does not tell (before 5.9)
	UIDs, GIDs     [4]uint32
	Groups         []uint32
	Label          string // of AppArmor or SELinux, as it stands in procfs
	Namespaces     [nsCount]uint64
	Cgroups        map[string]string // path by controller; "" is cgroup v2
	Rlimits        map[string]Rlimit
	OOMScoreAdj    int
	Login, Session uint32 // of the login that it goes back to; 1<<32-1: none

	// Inside tells that its program is on one of the container's own mounts: it
	// is neither the runtime, before it executes the container's, nor in memory.
	Inside bool
	// Runtime tells that its program is one of the node's runtimes or engines.
	Runtime bool
	// Young tells that it started a few seconds ago: a runtime's copy of itself
	// in memory may yet become the container's.
	Young bool
	// Nested tells that it is in a user namespace below the container's: what it
	// can do there it can do to what is its own.
	Nested bool
	// Outside tells that it is in the container's mount namespace and in none of
	// its cgroups.
	Outside bool
	// Rooted tells that its root directory is the one of its mount namespace.
	Rooted bool

	Unread []Unread
}

// An IDMap is a line of uid_map.
type IDMap struct{ Inside, Outside, Size uint32 }

// An Rlimit is in the kernel's units; the largest number is no limit.
type Rlimit struct{ Soft, Hard uint64 }

// Flags are what a mount may not do.
type Flags uint8

const (
	readOnly Flags = 1 << iota
	noSuid
	noDev
	noExec
	noSymfollow
)

var flagNames = [...]string{"ro", "nosuid", "nodev", "noexec", "nosymfollow"}

func (f Flags) String() string {
	text := ""
	for i, name := range flagNames {
		if f&(1<<i) != 0 {
			if text != "" {
				text += ","
			}
			text += name
		}
	}
	if text == "" {
		return "none of its flags"
	}
	return text
}

// A Mount is a line of mountinfo.
type Mount struct {
	ID     int    `json:"-"`
	Parent int    `json:"-"`
	Device string `json:"device"` // 8:0
	Root   string `json:"root"`   // in its file system
	Point  string `json:"point"`
	FS     string `json:"fs"`
	Flags  Flags  `json:"flags"`
	Shared bool   `json:"shared,omitempty"` // what is mounted below it is seen elsewhere
	Slave  bool   `json:"slave,omitempty"`  // what is mounted elsewhere is seen below it
}

// A Path is what a path in the container leads to.
type Path struct {
	Exists bool
	Mount  int  // the id of the mount that it is on
	Top    bool // it is that mount's root
}

// Limits are a container's, in force. A nil pointer, or an empty text, is one
// that the kernel has no file for; -1 is no limit.
type Limits struct {
	Seen bool // its cgroup was found
	V2   bool // of the hierarchy that has memory

	Memory      *int64 // bytes
	Swap        *int64 // bytes; of cgroup v1 memory and swap together
	MemoryHigh  *int64
	Quota       *int64 // microseconds in a period
	Period      *int64
	Shares      *int64 // of cgroup v1
	Weight      *int64 // of cgroup v2
	RealTime    *int64 // microseconds
	Pids        *int64
	IOWeight    *int64 // 10 to 1000 (v1), 1 to 10000 (v2)
	CPUs, Mems  string // lists, as cpuset has them
	Hugetlb     map[string]int64
	Throttle    map[string]int64 // by disk and kind: "8:0 rbps"
	Devices     []string         // rules of cgroup v1: "c 1:3 rwm"
	OOMDisabled bool

	Unread []Unread
}
