package running

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/runward/runward/internal/owner"
	"github.com/runward/runward/internal/state"
)

// Places is where Find looks. States and Tasks may hold patterns of package
// path/filepath.
type Places struct {
	States []string // state directories of runtimes, what engines pass as --root
	Tasks  []string // directories of containerd's bundles, one for each of its name spaces
	Proc   string   // procfs, for the processes that watch over containers
}

// Node is where runtimes and engines keep what runs, where nobody has told
// them otherwise. What engines keep elsewhere is found by the processes that
// they leave with every container.
func Node() Places {
	p := Places{Proc: "/proc"}
	for _, run := range []string{"/run", "/run/user/*"} { // root's, and those of users
		for _, kind := range []string{"runc", "crun", "youki"} {
			p.States = append(p.States, run+"/"+kind)
		}
		p.States = append(p.States, run+"/containerd/runc/*", run+"/docker/runtime-runc/*")
		for _, of := range []string{"containerd", "docker/containerd/daemon", "k3s/containerd"} {
			p.Tasks = append(p.Tasks, run+"/"+of+"/io.containerd.runtime.v2.task/*")
		}
	}
	p.Tasks = append(p.Tasks, "/var/snap/microk8s/common/run/containerd/io.containerd.runtime.v2.task/*")
	return p
}

// expand gives the directories that patterns stand for, each once whatever
// links lead there.
func (f *finder) expand(patterns []string) []string {
	var all []string
	for _, pattern := range patterns {
		dirs, err := filepath.Glob(pattern)
		if err != nil {
			f.Problems = append(f.Problems, pattern+": "+err.Error())
		}
		for _, dir := range dirs {
			all = append(all, canonical(dir))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// directories lists the names of a directory's directories.
func (f *finder) directories(dir string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		f.Problems = append(f.Problems, dir+" cannot be read: "+owner.Reason(err))
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}

func isNone(err error) bool { return errors.Is(err, state.ErrNotFound) }
