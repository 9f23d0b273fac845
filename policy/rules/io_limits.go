package rules

import (
	"errors"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/policy"
)

// IOLimitsSettings bounds linux.resources.blockIO.
type IOLimitsSettings struct {
	ReadBytes   policy.MaxTable[policy.Bytes] `toml:"read_bytes" doc:"most bytes read in a second, by disk: { \"8:0\" = \"100MiB\" }"`
	WriteBytes  policy.MaxTable[policy.Bytes] `toml:"write_bytes" doc:"most bytes written in a second, by disk"`
	ReadCalls   policy.MaxTable[policy.Count] `toml:"read_operations" doc:"most reads in a second, by disk"`
	WriteCalls  policy.MaxTable[policy.Count] `toml:"write_operations" doc:"most writes in a second, by disk"`
	WeightLimit policy.Max[policy.Count]      `toml:"weight" doc:"most weight among containers, 10 to 1000, of all disks and of each; left out: 500, the kernel's own"`
}

const ordinaryWeight = 500

// Default makes an absent bound on weights the kernel's ordinary weight.
func (s *IOLimitsSettings) Default() {
	if !s.WeightLimit.Set {
		s.WeightLimit = policy.Max[policy.Count]{Value: ordinaryWeight, Set: true}
	}
}

// Validate refuses disks that are no device numbers, and bounds that the
// kernel takes for none.
func (s *IOLimitsSettings) Validate() error {
	for _, f := range s.throttles() {
		for _, disk := range names(f.most) {
			if _, _, ok := deviceNumber(disk); !ok {
				return errors.New(f.key + ": want a disk as major:minor, for example \"8:0\", found " + quote(disk))
			}
			if f.most[disk] <= 0 {
				return errors.New(f.key + ": " + disk + ": want more than 0")
			}
		}
	}
	if s.WeightLimit.Set && (s.WeightLimit.Value < 10 || s.WeightLimit.Value > 1000) {
		return errors.New("weight: want 10 to 1000, found " + s.WeightLimit.Value.String())
	}
	return nil
}

// Limit lowers the ceiling to what the settings allow.
func (s *IOLimitsSettings) Limit(c *policy.Ceiling) {
	c.ReadBytes, c.WriteBytes = plainNumbers(s.ReadBytes), plainNumbers(s.WriteBytes)
	c.ReadCalls, c.WriteCalls = plainNumbers(s.ReadCalls), plainNumbers(s.WriteCalls)
	c.IOWeight = lower(c.IOWeight, s.WeightLimit)
}

// deviceNumber reads MAJOR:MINOR, each in one spelling.
func deviceNumber(s string) (major, minor int64, ok bool) {
	a, b, found := strings.Cut(s, ":")
	x, errA := strconv.ParseUint(a, 10, 12)
	y, errB := strconv.ParseUint(b, 10, 20)
	return int64(x), int64(y), found && errA == nil && errB == nil && s == strconv.FormatUint(x, 10)+":"+strconv.FormatUint(y, 10)
}

// IOLimits keeps a container from having a disk to itself.
var IOLimits = policy.Rule{
	ID:    "io_limits",
	Title: "Input and output of disks are limited",
	Doc: "Lowers the throttles in linux.resources.blockIO to the maxima of their disk, and adds one for each disk that policy names and config.json does not (0 is none): the maximum is the default as well. " +
		"A disk is named by its number (lsblk), as a whole: the kernel throttles no partitions. Disks that the node lacks are passed over, so that one policy serves many nodes. " +
		"Weights are lowered to the bound. The files io.max, io.weight and io.bfq.weight in linux.resources.unified, which would undo this, are refused. " +
		"With cgroup version 1 only direct input and output are throttled.",
	Since:   "0.1.0",
	Default: policy.ActionRewrite,
	Refs:    []policy.Ref{{Standard: "NIST SP 800-190", ID: "4.4.3"}, {Standard: "runtime-spec", ID: "config-linux: blockIO"}},
	Check:   policy.Check[IOLimitsSettings](checkIOLimits),
}

// A throttle is one of the four lists of blockIO and what bounds it.
type throttle struct {
	key, member, unit string
	most              map[string]int64
	list              func(*specs.LinuxBlockIO) *[]specs.LinuxThrottleDevice
}

func (s *IOLimitsSettings) throttles() [4]throttle {
	return [...]throttle{
		{"read_bytes", "throttleReadBpsDevice", "bytes read", plainNumbers(s.ReadBytes), func(b *specs.LinuxBlockIO) *[]specs.LinuxThrottleDevice { return &b.ThrottleReadBpsDevice }},
		{"write_bytes", "throttleWriteBpsDevice", "bytes written", plainNumbers(s.WriteBytes), func(b *specs.LinuxBlockIO) *[]specs.LinuxThrottleDevice { return &b.ThrottleWriteBpsDevice }},
		{"read_operations", "throttleReadIOPSDevice", "reads", plainNumbers(s.ReadCalls), func(b *specs.LinuxBlockIO) *[]specs.LinuxThrottleDevice { return &b.ThrottleReadIOPSDevice }},
		{"write_operations", "throttleWriteIOPSDevice", "writes", plainNumbers(s.WriteCalls), func(b *specs.LinuxBlockIO) *[]specs.LinuxThrottleDevice { return &b.ThrottleWriteIOPSDevice }},
	}
}

func plainNumbers[T policy.Unit[T]](m policy.MaxTable[T]) map[string]int64 {
	out := make(map[string]int64, len(m.Values))
	for name, v := range m.Values {
		out[name] = int64(v)
	}
	return out
}

func checkIOLimits(e *policy.Eval, s *IOLimitsSettings) {
	for _, file := range [...]string{"io.max", "io.weight", "io.bfq.weight"} {
		secondWay(e, file)
	}
	for _, f := range s.throttles() {
		for _, disk := range names(f.most) {
			checkThrottle(e, &f, disk)
		}
	}
	checkWeights(e, uint16(s.WeightLimit.Value))
}

// secondWay refuses a file of the control group that sets again what a field
// of its own limits; it would be written last.
func secondWay(e *policy.Eval, file string) {
	value, ok := e.Spec.Linux.Resources.Unified[file]
	if !ok {
		return
	}
	e.Deny(policy.Finding{
		Pointer: member("/linux/resources/unified", file), Found: quote(file) + " = " + quote(value), Wanted: "the limit by its own field",
		Hint: "take it out (podman: --cgroup-conf)",
	})
}

func checkThrottle(e *policy.Eval, f *throttle, disk string) {
	major, minor, _ := deviceNumber(disk)
	most := uint64(f.most[disk])
	at := "/linux/resources/blockIO/" + f.member
	finding := policy.Finding{
		Wanted: strconv.FormatUint(most, 10) + " " + f.unit + " a second or less", Hint: "give the limit (docker, podman: --device-read-bps and its like)",
	}
	list := f.list
	have := false
	if b := e.Spec.Linux.Resources.BlockIO; b != nil {
		for i, d := range *list(b) {
			if d.Major != major || d.Minor != minor {
				continue
			}
			have = true
			if d.Rate > 0 && d.Rate <= most {
				continue
			}
			finding.Pointer, finding.Found = index(at, i), strconv.FormatUint(d.Rate, 10)+" "+f.unit+" a second of disk "+disk
			if d.Rate == 0 {
				finding.Found = "no limit on " + f.unit + " of disk " + disk
			}
			e.Rewrite(finding, func(s *specs.Spec) { (*list(s.Linux.Resources.BlockIO))[i].Rate = most })
		}
	}
	if have || absent(e.Facts, "/sys/dev/block/"+disk) {
		return
	}
	finding.Pointer, finding.Found = at+"/-", "no limit on "+f.unit+" of disk "+disk
	e.Rewrite(finding, func(s *specs.Spec) {
		r := s.Linux.Resources
		if r.BlockIO == nil {
			r.BlockIO = new(specs.LinuxBlockIO)
		}
		l := list(r.BlockIO)
		*l = append(*l, specs.LinuxThrottleDevice{LinuxBlockIODevice: specs.LinuxBlockIODevice{Major: major, Minor: minor}, Rate: most})
	})
}

// absent tells whether the node is known to lack a file.
func absent(f *policy.Facts, path string) bool {
	if f.Lookup == nil {
		return false
	}
	file := f.Lookup(path)
	return file.Type == policy.Missing && file.Err == ""
}

func checkWeights(e *policy.Eval, most uint16) {
	b := e.Spec.Linux.Resources.BlockIO
	if b == nil {
		return
	}
	const at = "/linux/resources/blockIO"
	checkWeight(e, at+"/weight", b.Weight, most, func(b *specs.LinuxBlockIO) **uint16 { return &b.Weight })
	checkWeight(e, at+"/leafWeight", b.LeafWeight, most, func(b *specs.LinuxBlockIO) **uint16 { return &b.LeafWeight })
	for i, d := range b.WeightDevice {
		at := index(at+"/weightDevice", i)
		checkWeight(e, at+"/weight", d.Weight, most, func(b *specs.LinuxBlockIO) **uint16 { return &b.WeightDevice[i].Weight })
		checkWeight(e, at+"/leafWeight", d.LeafWeight, most, func(b *specs.LinuxBlockIO) **uint16 { return &b.WeightDevice[i].LeafWeight })
	}
}

func checkWeight(e *policy.Eval, at string, have *uint16, most uint16, field func(*specs.LinuxBlockIO) **uint16) {
	if have == nil || *have <= most {
		return
	}
	e.Rewrite(policy.Finding{
		Pointer: at, Found: "a weight of " + itoa(int64(*have)), Wanted: itoa(int64(most)) + " or less",
		Hint: "lower it (docker, podman: --blkio-weight)",
	}, func(s *specs.Spec) {
		v := most
		*field(s.Linux.Resources.BlockIO) = &v
	})
}
