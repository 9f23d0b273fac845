package host

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/runward/runward/policy"
	"golang.org/x/sys/unix"
)

// kernelVersion returns the kernel's major and minor version; zeros where
// uname(2) does not tell.
func kernelVersion() (v [2]int) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return v
	}
	return parseVersion(unix.ByteSliceToString(u.Release[:]))
}

// parseVersion reads the first two numbers of a release such as 6.1.0-18-amd64.
func parseVersion(release string) (v [2]int) {
	major, rest, _ := strings.Cut(release, ".")
	minor := rest
	if end := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' }); end >= 0 {
		minor = rest[:end]
	}
	a, errA := strconv.Atoi(major)
	b, errB := strconv.Atoi(minor)
	if errA != nil || errB != nil {
		return v
	}
	return [2]int{a, b}
}

// isFilesystem tells whether a file system of that type is mounted at path.
func isFilesystem(path string, magic int64) bool {
	var st unix.Statfs_t
	return unix.Statfs(path, &st) == nil && int64(st.Type) == magic
}

// boundingSet returns this process's capability bounding set, a bit each. The
// kernel answers EINVAL for the first capability that it does not know.
func boundingSet() uint64 {
	var set uint64
	for c := range 64 {
		// Raw: it never waits, and is asked forty times.
		has, _, errno := unix.RawSyscall(unix.SYS_PRCTL, unix.PR_CAPBSET_READ, uintptr(c), 0)
		if errno != 0 {
			break
		}
		set |= uint64(has) << c
	}
	return set
}

// rootless tells whether the caller is anybody but the host's root, and who the
// user is: a number, since names would need NSS. A user namespace that maps
// every user to itself is taken for the host's own; only root can make one.
func rootless(root string) (yes bool, user string) {
	raw, err := readSmall(root + "/proc/self/uid_map")
	fields := strings.Fields(raw)
	switch {
	case err != nil || len(fields) < 3:
		return true, "" // Not proven to be the host's root.
	case fields[0] == "0" && fields[1] == "0" && fields[2] == "4294967295":
		if uid := unix.Geteuid(); uid != 0 {
			return true, strconv.Itoa(uid)
		}
		return false, ""
	}
	return true, outerUser(fields, uint64(unix.Geteuid()))
}

// outerUser finds whom a user is outside of the user namespace; fields are uid_map's.
func outerUser(fields []string, uid uint64) string {
	for ; len(fields) >= 3; fields = fields[3:] {
		inside, err1 := strconv.ParseUint(fields[0], 10, 32)
		outside, err2 := strconv.ParseUint(fields[1], 10, 32)
		count, err3 := strconv.ParseUint(fields[2], 10, 32)
		if err1 == nil && err2 == nil && err3 == nil && uid >= inside && uid-inside < count {
			return strconv.FormatUint(outside+uid-inside, 10)
		}
	}
	return ""
}

// appArmor looks where runc looks; what is there and cannot be read is taken to
// be on. The profiles are read when first asked for.
func appArmor(root string) policy.AppArmor {
	enabled, err := readSmall(root + "/sys/module/apparmor/parameters/enabled")
	if errors.Is(err, fs.ErrNotExist) || err == nil && !strings.HasPrefix(enabled, "Y") {
		return policy.AppArmor{}
	}
	var profiles []string
	read := false
	return policy.AppArmor{Enabled: true, Profiles: func() []string {
		if !read {
			profiles, read = loadedProfiles(root), true
		}
		return profiles
	}}
}

// loadedProfiles returns the names in securityfs, one a line as "name (mode)".
// What cannot be read is not loaded.
func loadedProfiles(root string) []string {
	raw, err := os.ReadFile(root + "/sys/kernel/security/apparmor/profiles")
	if err != nil {
		return nil
	}
	var names []string
	for line := range strings.SplitSeq(string(raw), "\n") {
		if end := strings.LastIndex(line, " ("); end > 0 { // Names may hold spaces and parentheses.
			names = append(names, line[:end])
		}
	}
	return names
}

// readSmall reads a file of at most a page, as procfs and sysfs have them.
func readSmall(path string) (string, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	var buf [4096]byte
	n, err := unix.Read(fd, buf[:])
	if err != nil {
		return "", err
	}
	return string(buf[:n]), nil
}
