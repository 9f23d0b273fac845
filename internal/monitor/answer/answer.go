// Package answer acts on a container that runs: it freezes, thaws and kills it,
// cuts its network or its way out, and undoes that. What is in force is kept by
// the kernel alone, so that it outlives whoever asked for it, and every act is
// verified there before it counts as done.
package answer

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/runward/runward/internal/owner"
	"github.com/runward/runward/internal/state"
)

// A Target is the container to act on.
type Target struct {
	PID   int    // its first process
	Start uint64 // of that, in clock ticks since boot

	Freezer string // directory of its cgroup in the freezer of cgroup v1; "": it is in none
	Unified string // directory of its cgroup in cgroup v2; "": it is in none, or the hierarchy has nothing to do with it
}

// ErrGone is what an act returns when the container has ended.
var ErrGone = errors.New("the container has ended")

// alive is an error where the first process has ended: its number, and its
// namespaces, may be another's.
func (t *Target) alive() error {
	if t.PID <= 1 || !state.Alive(t.PID, t.Start) {
		return ErrGone
	}
	return nil
}

// group is the directory to act on, and whether it is of cgroup v2. The freezer
// of v1 comes first: where it is mounted runtimes use it, and cgroup v2 does not
// see what it has frozen.
func (t *Target) group() (dir string, v2 bool, err error) {
	dir, v2 = t.Freezer, false
	if dir == "" {
		dir, v2 = t.Unified, true
	}
	switch {
	case dir == "":
		return "", false, errors.New("the container has no cgroup to act on")
	case !below("/sys/fs/cgroup", dir) && !strings.Contains(dir, "cgroup"):
		return "", false, errors.New(dir + " is no cgroup")
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		if errors.Is(err, unix.ENOENT) {
			return "", false, ErrGone
		}
		return "", false, errors.New(dir + ": " + owner.Reason(err))
	}
	want := int64(unix.CGROUP_SUPER_MAGIC)
	if v2 {
		want = unix.CGROUP2_SUPER_MAGIC
	}
	if int64(fs.Type) != want {
		return "", false, errors.New(dir + " is no cgroup of the hierarchy that it should be of")
	}
	return dir, v2, nil
}

func below(top, dir string) bool { return strings.HasPrefix(dir, top+"/") }

// self refuses a cgroup that this process is in, or one above it: freezing it
// would leave nobody to undo it.
func self(dir string) error {
	pids, err := members(dir)
	if err != nil {
		return err
	}
	own := os.Getpid()
	for _, pid := range pids {
		if pid == own || pid == 1 {
			return errors.New(dir + " holds process " + strconv.Itoa(pid) + ", which is not the container's: nothing is done to it")
		}
	}
	return nil
}

// members are the processes in a cgroup and in those below it.
func members(dir string) ([]int, error) {
	var pids []int
	err := walk(dir, func(dir string) error {
		text, err := os.ReadFile(dir + "/cgroup.procs")
		if errors.Is(err, unix.EOPNOTSUPP) { // threaded: listed further up
			return nil
		}
		for line := range strings.FieldsSeq(string(text)) {
			if pid, err := strconv.Atoi(line); err == nil && pid > 0 { // 0: in another PID namespace, not to be named
				pids = append(pids, pid)
			}
		}
		return err
	})
	return pids, err
}

// walk calls f with a cgroup and all below it, outermost first. What vanishes
// meanwhile is no error.
func walk(dir string, f func(string) error) error {
	if err := f(dir); err != nil && !vanished(err) {
		return errors.New(dir + ": " + owner.Reason(err))
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !vanished(err) {
		return errors.New(dir + ": " + owner.Reason(err))
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := walk(dir+"/"+e.Name(), f); err != nil {
				return err
			}
		}
	}
	return nil
}

func vanished(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENODEV)
}

// until asks again and again, more and more rarely, for at most that long.
func until(limit time.Duration, is func() (bool, error)) error {
	end := time.Now().Add(limit)
	for pause := 200 * time.Microsecond; ; pause = min(2*pause, 20*time.Millisecond) {
		done, err := is()
		if done || err != nil {
			return err
		}
		if time.Now().After(end) {
			return errTime
		}
		time.Sleep(pause)
	}
}

var errTime = errors.New("the kernel has not done it in time")

// put writes a file of a cgroup, which is one write of the whole.
func put(file, text string) error {
	fd, err := unix.Open(file, unix.O_WRONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	_, err = unix.Write(fd, []byte(text))
	if closed := unix.Close(fd); err == nil {
		err = closed
	}
	return err
}

// value reads a file of a cgroup, or one of its lines: KEY VALUE.
func value(file, key string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil || key == "" {
		return strings.TrimSpace(string(text)), err
	}
	for line := range strings.Lines(string(text)) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), key+" "); ok {
			return v, nil
		}
	}
	return "", errors.New("it has no line " + key)
}
