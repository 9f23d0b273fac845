package attest

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// parseStatus reads /proc/PID/status.
func parseStatus(text string, p *Process) error {
	p.Filters = -1
	seen := 0
	for line := range strings.Lines(text) {
		key, value, found := strings.Cut(line, ":")
		if !found {
			continue
		}
		value = strings.TrimSpace(value)
		var err error
		switch key {
		case "Name":
			p.Name = value
		case "State":
			if value == "" {
				err = strconv.ErrSyntax
				break
			}
			p.State = value[0]
		case "Uid":
			err = parseIDs(value, &p.UIDs)
		case "Gid":
			err = parseIDs(value, &p.GIDs)
		case "Groups":
			p.Groups, err = parseGroups(value)
		case "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb":
			set := strings.Index("CapInhCapPrmCapEffCapBndCapAmb", key) / 6
			p.Capabilities[set], err = strconv.ParseUint(value, 16, 64)
		case "NoNewPrivs":
			p.NoNewPrivs, err = value == "1", oneDigit(value)
		case "Seccomp":
			p.Seccomp, err = strconv.Atoi(value)
		case "Seccomp_filters":
			p.Filters, err = strconv.Atoi(value)
			seen--
		default:
			continue
		}
		if err != nil {
			return errors.New("its line " + key + " is " + strconv.QuoteToASCII(value))
		}
		seen++
	}
	if seen < 12 {
		return errors.New("it lacks lines that were expected")
	}
	return nil
}

func oneDigit(value string) error {
	if value != "0" && value != "1" {
		return strconv.ErrSyntax
	}
	return nil
}

// parseIDs reads real, effective, saved and file system id.
func parseIDs(text string, ids *[4]uint32) error {
	fields := strings.Fields(text)
	if len(fields) != 4 {
		return strconv.ErrSyntax
	}
	for i, f := range fields {
		n, err := strconv.ParseUint(f, 10, 32)
		if err != nil {
			return err
		}
		ids[i] = uint32(n)
	}
	return nil
}

func parseGroups(text string) ([]uint32, error) {
	var groups []uint32
	for _, f := range strings.Fields(text) {
		n, err := strconv.ParseUint(f, 10, 32)
		if err != nil {
			return nil, err
		}
		groups = append(groups, uint32(n))
	}
	return groups, nil
}

// parseIDMap reads /proc/PID/uid_map.
func parseIDMap(text string) ([]IDMap, error) {
	var maps []IDMap
	for line := range strings.Lines(text) {
		n, err := parseGroups(line)
		if err != nil || len(n) != 3 {
			return nil, errors.New("its line " + strconv.QuoteToASCII(strings.TrimSpace(line)) + " is no mapping")
		}
		maps = append(maps, IDMap{n[0], n[1], n[2]})
	}
	return maps, nil
}

// parseCgroups reads /proc/PID/cgroup.
func parseCgroups(text string) (map[string]string, error) {
	paths := map[string]string{}
	for line := range strings.Lines(text) { // 4:cpu,cpuacct:/path, 1:name=systemd:/path, 0::/path
		id, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		controllers, path, found := strings.Cut(rest, ":")
		if _, err := strconv.Atoi(id); err != nil || !found || !strings.HasPrefix(path, "/") {
			return nil, errors.New("its line " + strconv.QuoteToASCII(line) + " is none of a cgroup")
		}
		for controller := range strings.SplitSeq(controllers, ",") {
			paths[controller] = path
		}
	}
	return paths, nil
}

// rlimitNames are the names in /proc/PID/limits, in the order of their
// numbers, and those of config.json.
var rlimitNames = [...][2]string{
	{"Max cpu time", "RLIMIT_CPU"},
	{"Max file size", "RLIMIT_FSIZE"},
	{"Max data size", "RLIMIT_DATA"},
	{"Max stack size", "RLIMIT_STACK"},
	{"Max core file size", "RLIMIT_CORE"},
	{"Max resident set", "RLIMIT_RSS"},
	{"Max processes", "RLIMIT_NPROC"},
	{"Max open files", "RLIMIT_NOFILE"},
	{"Max locked memory", "RLIMIT_MEMLOCK"},
	{"Max address space", "RLIMIT_AS"},
	{"Max file locks", "RLIMIT_LOCKS"},
	{"Max pending signals", "RLIMIT_SIGPENDING"},
	{"Max msgqueue size", "RLIMIT_MSGQUEUE"},
	{"Max nice priority", "RLIMIT_NICE"},
	{"Max realtime priority", "RLIMIT_RTPRIO"},
	{"Max realtime timeout", "RLIMIT_RTTIME"},
}

// parseRlimits reads /proc/PID/limits.
func parseRlimits(text string) (map[string]Rlimit, error) {
	limits := map[string]Rlimit{}
	for line := range strings.Lines(text) {
		for _, name := range rlimitNames {
			rest, found := strings.CutPrefix(line, name[0]+" ")
			if !found {
				continue
			}
			fields := strings.Fields(rest)
			if len(fields) < 2 {
				return nil, errors.New("its line " + name[0] + " has no two limits")
			}
			soft, err := rlimit(fields[0])
			hard, err2 := rlimit(fields[1])
			if err != nil || err2 != nil {
				return nil, errors.New("its line " + name[0] + " has what is no number")
			}
			limits[name[1]] = Rlimit{soft, hard}
		}
	}
	if len(limits) == 0 {
		return nil, errors.New("it has no limits")
	}
	return limits, nil
}

func rlimit(text string) (uint64, error) {
	if text == "unlimited" {
		return math.MaxUint64, nil
	}
	return strconv.ParseUint(text, 10, 64)
}

// parseMounts reads /proc/PID/mountinfo.
func parseMounts(text string) ([]Mount, error) {
	mounts := make([]Mount, 0, strings.Count(text, "\n"))
	for line := range strings.Lines(text) {
		m, ok := parseMount(strings.TrimSuffix(line, "\n"))
		if !ok {
			return nil, errors.New("its line " + strconv.QuoteToASCII(line) + " is no mount")
		}
		mounts = append(mounts, m)
	}
	return mounts, nil
}

// parseMount reads: ID PARENT DEVICE ROOT POINT FLAGS [OPTIONAL...] - FS SOURCE OPTIONS.
func parseMount(line string) (Mount, bool) {
	before, after, found := strings.Cut(line, " - ")
	fields := strings.Split(before, " ")
	if !found || len(fields) < 6 {
		return Mount{}, false
	}
	id, err := strconv.Atoi(fields[0])
	parent, err2 := strconv.Atoi(fields[1])
	fs, _, _ := strings.Cut(after, " ")
	m := Mount{ID: id, Parent: parent, Device: fields[2], Root: unescape(fields[3]), Point: unescape(fields[4]), FS: fs}
	for option := range strings.SplitSeq(fields[5], ",") {
		m.Flags |= flagOf(option)
	}
	for _, optional := range fields[6:] {
		m.Shared = m.Shared || strings.HasPrefix(optional, "shared:")
		m.Slave = m.Slave || strings.HasPrefix(optional, "master:")
	}
	return m, err == nil && err2 == nil && strings.HasPrefix(m.Point, "/")
}

func flagOf(option string) Flags {
	for i, name := range flagNames {
		if option == name {
			return 1 << i
		}
	}
	return 0
}

// unescape takes the kernel's \040 back.
func unescape(text string) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+3 < len(text) {
			if n, err := strconv.ParseUint(text[i+1:i+4], 8, 8); err == nil {
				out = append(out, byte(n))
				i += 3
				continue
			}
		}
		out = append(out, text[i])
	}
	return string(out)
}
