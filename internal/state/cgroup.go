package state

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/runward/runward/internal/owner"
)

// limits are as runtimes count them: 0 is not said, less is no limit.
type limits struct {
	memory        int64 // bytes
	quota, period int64 // microseconds
	pids          int64
}

// cgroups is where a container's limits are in the file system. Where systemd
// made a unit with the container's cgroup in it, both are listed: the lowest
// limit holds.
type cgroups struct {
	memory, cpu, pids       []string
	memoryV2, cpuV2, pidsV2 bool // files of cgroup v2
	systemd                 bool // the runtime asks systemd
	ownRecord               bool // an update starts from the runtime's record
}

const mount = "/sys/fs/cgroup"

// DefaultPeriod is the kernel's, in microseconds, over which a quota counts.
const DefaultPeriod = 100_000

// Processors gives the processor time that a quota per period allows, in
// thousandths of a processor; nil: no limit.
func Processors(quota, period int64) *int64 {
	if quota <= 0 {
		return nil
	}
	if period <= 0 {
		period = DefaultPeriod
	}
	whole, rest := quota/period, quota%period
	if whole > math.MaxInt64/1000-1 {
		return nil
	}
	n := whole*1000 + int64(float64(rest)/float64(period)*1000)
	n = max(n, 1)
	return &n
}

// setLimits fills in the limits in force. Where the container has no cgroup,
// or none any more, it is held to what was recorded.
func (c *Container) setLimits(recorded limits, g cgroups) error {
	now, err := g.read()
	if err != nil {
		return err
	}
	page := int64(os.Getpagesize())
	memory := now.memory
	if memory == 0 || recorded.memory > 0 && recorded.memory/page*page == memory { // the kernel rounds
		memory = recorded.memory
	}
	if memory > 0 {
		c.Ceiling.Memory = &memory
	}
	pids := now.pids
	if pids == 0 {
		pids = recorded.pids
	}
	if pids > 0 {
		c.Ceiling.Pids = &pids
	}
	quota, period := now.quota, now.period
	if quota == 0 {
		quota, period = recorded.quota, recorded.period
	}
	c.Ceiling.CPU = Processors(quota, period)
	c.CPUQuota, c.CPUPeriod = g.kept(recorded, now)
	return nil
}

// kept gives what an update of the quota or the period alone leaves of the
// other: what the runtime writes together with it, else the kernel's.
func (g *cgroups) kept(recorded, now limits) (quota, period int64) {
	if g.ownRecord {
		quota, period = recorded.quota, recorded.period
	}
	if !g.cpuV2 && !g.systemd { // one file each; cgroup v2 and systemd have both in one
		if quota == 0 {
			quota = now.quota
		}
		if period == 0 {
			period = now.period
		}
	}
	if quota <= 0 {
		quota = -1
	}
	if period <= 0 {
		period = DefaultPeriod
	}
	return quota, period
}

// mounted finds a cgroup by its path below the mount points. Those between
// scope, a unit of systemd's, and path are listed with it.
func mounted(path, scope string) (cgroups, error) {
	if path == "" {
		return cgroups{}, nil
	}
	if path != filepath.Clean(path) || path[0] != '/' {
		return cgroups{}, errors.New("its cgroup " + quote(path) + " is not a clean absolute path")
	}
	v2, err := unified()
	if err != nil {
		return cgroups{}, err
	}
	if v2 {
		dirs := upTo(mount, path, scope)
		return cgroups{memory: dirs, cpu: dirs, pids: dirs, memoryV2: true, cpuV2: true, pidsV2: true, systemd: scope != ""}, nil
	}
	return cgroups{
		memory:  upTo(mount+"/memory", path, scope),
		cpu:     upTo(mount+"/cpu", path, scope),
		pids:    upTo(mount+"/pids", path, scope),
		systemd: scope != "",
	}, nil
}

func upTo(top, path, scope string) []string {
	dirs := []string{top + path}
	if scope == "" || !strings.Contains(path+"/", "/"+scope+"/") {
		return dirs
	}
	for filepath.Base(path) != scope {
		path = filepath.Dir(path)
		dirs = append(dirs, top+path)
	}
	return dirs
}

// unified tells whether cgroup v2 alone is mounted.
func unified() (bool, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(mount, &fs); err != nil {
		return false, errors.New(mount + " cannot be looked at: " + owner.Reason(err))
	}
	return fs.Type == unix.CGROUP2_SUPER_MAGIC, nil
}

// ofProcess finds the cgroup of that name which a process is in, or below.
func ofProcess(pid int, scope string) (cgroups, error) {
	data, err := readSmall("/proc/" + strconv.Itoa(pid) + "/cgroup")
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH) {
		return cgroups{}, nil
	}
	if err != nil {
		return cgroups{}, errors.New("the cgroup of process " + strconv.Itoa(pid) + " cannot be read: " + owner.Reason(err))
	}
	v2, err := unified()
	if err != nil {
		return cgroups{}, err
	}
	for line := range strings.Lines(string(data)) { // 4:memory:/path, 0::/path
		_, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		controllers, path, _ := strings.Cut(rest, ":")
		before, _, in := strings.Cut(path+"/", "/"+scope+"/")
		if in && (v2 == (controllers == "")) {
			return mounted(before+"/"+scope, scope)
		}
	}
	return cgroups{}, errors.New("process " + strconv.Itoa(pid) + " is not in the container's cgroup " + quote(scope))
}

func (g *cgroups) read() (now limits, err error) {
	for _, dir := range g.memory {
		name := "memory.limit_in_bytes"
		if g.memoryV2 {
			name = "memory.max"
		}
		now.memory, err = lower(now.memory, dir, name)
		if err != nil {
			return now, err
		}
	}
	if now.memory >= math.MaxInt64>>16<<16 { // cgroup v1 writes no limit as the largest number of whole pages
		now.memory = -1
	}
	for _, dir := range g.pids {
		if now.pids, err = lower(now.pids, dir, "pids.max"); err != nil {
			return now, err
		}
	}
	for _, dir := range g.cpu {
		quota, period, err := readCPU(dir, g.cpuV2)
		if err != nil {
			return now, err
		}
		if now.quota <= 0 && quota != 0 || quota > 0 && float64(quota)/float64(period) < float64(now.quota)/float64(now.period) {
			now.quota, now.period = quota, period
		}
	}
	return now, nil
}

// readCPU gives 0 for what is not there.
func readCPU(dir string, v2 bool) (quota, period int64, err error) {
	if v2 {
		return readPair(dir, "cpu.max")
	}
	if quota, err = readValue(dir, "cpu.cfs_quota_us"); err != nil {
		return 0, 0, err
	}
	period, err = readValue(dir, "cpu.cfs_period_us")
	if err == nil && quota > 0 && period <= 0 {
		err = errors.New(dir + "/cpu.cfs_period_us: it has no period")
	}
	return quota, period, err
}

// lower reads a limit and returns the lower of the two.
func lower(than int64, dir, name string) (int64, error) {
	n, err := readValue(dir, name)
	if err != nil || n == 0 || n < 0 && than > 0 {
		return than, err
	}
	if than > 0 {
		return min(n, than), nil
	}
	return n, nil
}

func readValue(dir, name string) (int64, error) {
	text, err := readText(dir, name)
	if text == "" || err != nil {
		return 0, err
	}
	return value(dir, name, text)
}

// readPair reads cpu.max: a quota and a period.
func readPair(dir, name string) (quota, period int64, err error) {
	text, err := readText(dir, name)
	if text == "" || err != nil {
		return 0, 0, err
	}
	first, second, _ := strings.Cut(text, " ")
	if quota, err = value(dir, name, first); err != nil {
		return 0, 0, err
	}
	period, err = value(dir, name, second)
	if err == nil && period <= 0 {
		err = errors.New(dir + "/" + name + ": it has no period")
	}
	return quota, period, err
}

// value reads one number. No limit, and a limit of 0, are -1 and 1: nothing
// here can tell 0 from what is not said, and who has 1 process has all of them.
func value(dir, name, text string) (int64, error) {
	if text == "max" {
		return -1, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, errors.New(dir + "/" + name + ": " + quote(text) + " is no number")
	}
	if n == 0 {
		return 1, nil
	}
	return n, nil
}

// readText returns "" for a file that is not there: its controller is not on,
// or the container has ended.
func readText(dir, name string) (string, error) {
	data, err := readSmall(dir + "/" + name)
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENODEV): // ENODEV: removed while it was read
		return "", nil
	case err != nil:
		return "", errors.New(dir + "/" + name + " cannot be read: " + owner.Reason(err))
	}
	text := string(bytes.TrimSpace(data))
	if text == "" {
		return "", errors.New(dir + "/" + name + ": it is empty")
	}
	return text, nil
}

// readSmall reads a file of the kernel's, of up to 16 KB.
func readSmall(path string) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	return owner.ReadSome(fd, make([]byte, 16<<10))
}
