package rules

import (
	"errors"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/policy"
)

// DevicesSettings says which devices a container may reach.
type DevicesSettings struct {
	Allow policy.AllowList `toml:"allow" doc:"devices as \"type major:minor access\", for example \"c 10:229 rwm\", with * for any number; \"default\" is null zero full random urandom tty console ptmx pts net/tun"`
}

// Default makes an absent list the safe one.
func (s *DevicesSettings) Default() { s.Allow.Default([]string{policy.DefaultItem}) }

// Validate refuses patterns that say nothing.
func (s *DevicesSettings) Validate() error {
	return items(s.Allow.Lists, func(item string) error {
		if _, ok := parseDevice(item); !ok {
			return errors.New("devices.allow: want \"c 10:229 rwm\" (type a, b or c; numbers or *; some of r, w, m), found " + quote(item))
		}
		return nil
	})
}

// Devices bounds linux.devices and linux.resources.devices.
var Devices = policy.Rule{
	ID:    "devices",
	Title: "Only harmless devices, and the device cgroup denies the rest",
	Doc: "A device node is judged by its type and numbers, never by its path: a disk under the name /dev/null is a disk. A node that is not on the list is refused, since the container asked for the host's device. " +
		"The rules of the device cgroup are read in order, as the runtime applies them; where they end up allowing more than the list, they are rewritten to deny everything first and then allow what is on the list. " +
		"(Runtimes add null, zero, full, random, urandom, tty, console, ptmx and pts themselves.) Devices of CDI and of device plugins are for the administrator's list.",
	Since:   "0.1.0",
	Default: policy.ActionRewrite,
	Refs:    []policy.Ref{{Standard: "CIS Docker 1.6", ID: "5.18"}, {Standard: "MITRE ATT&CK", ID: "T1611"}},
	Check:   policy.Check[DevicesSettings](checkDevices),
}

// safeDevices are what runtimes themselves give every container, and net/tun,
// which needs a capability over the container's own network to be of use.
var safeDevices = [...]deviceRange{
	{'c', 1, 3, "rwm"},
	{'c', 1, 5, "rwm"},
	{'c', 1, 7, "rwm"},
	{'c', 1, 8, "rwm"},
	{'c', 1, 9, "rwm"},
	{'c', 5, 0, "rwm"},
	{'c', 5, 1, "rwm"},
	{'c', 5, 2, "rwm"},
	{'c', 136, anyNumber, "rwm"},
	{'c', 10, 200, "rwm"},
	{'c', anyNumber, anyNumber, "m"},
	{'b', anyNumber, anyNumber, "m"}, // a node that cannot be opened
}

const anyNumber = -1

// A deviceRange is a set of devices and what may be done with them.
type deviceRange struct {
	kind         byte // a, b or c; a is both
	major, minor int64
	access       string
}

func (r deviceRange) String() string {
	return string(r.kind) + " " + number(r.major) + ":" + number(r.minor) + " " + r.access
}

func number(n int64) string {
	if n == anyNumber {
		return "*"
	}
	return itoa(n)
}

// contains tells whether all of o is in r.
func (r deviceRange) contains(o deviceRange) bool {
	return (r.kind == 'a' || r.kind == o.kind) &&
		(r.major == anyNumber || r.major == o.major) &&
		(r.minor == anyNumber || r.minor == o.minor) &&
		strings.Trim(o.access, r.access) == ""
}

// parseDevice reads "c 10:229 rwm".
func parseDevice(s string) (deviceRange, bool) {
	kind, rest, ok := strings.Cut(s, " ")
	numbers, access, ok2 := strings.Cut(rest, " ")
	major, minor, ok3 := strings.Cut(numbers, ":")
	if !ok || !ok2 || !ok3 || len(kind) != 1 || !strings.Contains("abc", kind) || access == "" || strings.Trim(access, "rwm") != "" {
		return deviceRange{}, false
	}
	r := deviceRange{kind: kind[0], access: access}
	if r.major, ok = parseNumber(major); !ok {
		return r, false
	}
	r.minor, ok = parseNumber(minor)
	return r, ok
}

func parseNumber(s string) (int64, bool) {
	if s == "*" {
		return anyNumber, true
	}
	n, err := strconv.ParseInt(s, 10, 32)
	return n, err == nil && n >= 0
}

func safeDevice(value string) bool {
	want, ok := parseDevice(value)
	for _, r := range safeDevices {
		if ok && r.contains(want) {
			return true
		}
	}
	return false
}

func deviceMatch(item, value string) bool {
	have, ok := parseDevice(item)
	want, ok2 := parseDevice(value)
	return ok && ok2 && have.contains(want)
}

func (s *DevicesSettings) permits(r deviceRange) bool {
	return s.Allow.Permits(r.String(), orDefault(safeDevice, deviceMatch))
}

func checkDevices(e *policy.Eval, s *DevicesSettings) {
	var refused, misplaced []int
	for i := range e.Spec.Linux.Devices {
		switch d := &e.Spec.Linux.Devices[i]; {
		case !permittedNode(s, d):
			refused = append(refused, i)
		case !leadsToNode(e, d):
			misplaced = append(misplaced, i)
		}
	}
	if len(refused) > 0 {
		f := nodesFinding(e.Spec, refused)
		f.Wanted = "only devices on the list devices.allow"
		f.Hint = "take the device out (docker, podman: --device), or ask the administrator to allow it"
		e.Deny(f)
	}
	if len(misplaced) > 0 {
		f := nodesFinding(e.Spec, misplaced)
		f.Wanted = "a path that is this device on the host: in a user namespace the runtime mounts what is there"
		f.Hint = "give the device under its own path"
		e.Deny(f)
	}
	checkDeviceRules(e, s)
}

// nodesFinding names device nodes, the first of them in full.
func nodesFinding(s *specs.Spec, nodes []int) policy.Finding {
	const named = 4
	f := policy.Finding{Pointer: "/linux/devices", Found: "the host's device "}
	if len(nodes) == 1 {
		f.Pointer = index(f.Pointer, nodes[0])
	}
	for n, i := range nodes[:min(named, len(nodes))] {
		d := &s.Linux.Devices[i]
		if n > 0 {
			f.Found += ", "
		}
		f.Found += quote(d.Path) + " (" + strings.Trim(quote(d.Type), `"`) + " " + itoa(d.Major) + ":" + itoa(d.Minor) + ")"
	}
	if more := len(nodes) - named; more > 0 {
		f.Found += " and " + strconv.Itoa(more) + " more"
	}
	return f
}

// nodeKind is a node's type as lists have it. A named pipe is no device.
func nodeKind(d *specs.LinuxDevice) string {
	if d.Type == "u" {
		return "c"
	}
	return d.Type
}

func permittedNode(s *DevicesSettings, d *specs.LinuxDevice) bool {
	switch kind := nodeKind(d); kind {
	case "p":
		return true
	case "b", "c":
		return d.Major >= 0 && d.Minor >= 0 && s.permits(deviceRange{kind[0], d.Major, d.Minor, "rw"})
	}
	return false
}

// leadsToNode tells whether the runtime gives the container that device. In a
// user namespace it cannot make one, and mounts the host's file of that path.
func leadsToNode(e *policy.Eval, d *specs.LinuxDevice) bool {
	if e.Facts.Lookup == nil || !inUserNamespace(e.Spec) {
		return true
	}
	at := e.Facts.Lookup(d.Path)
	if at.Type == policy.Missing {
		return at.Err == ""
	}
	return isDevice(at, nodeKind(d)) && at.Rdev == makedev(d.Major, d.Minor)
}

func isDevice(f policy.File, kind string) bool {
	return kind == "b" && f.Type == policy.BlockDevice || kind == "c" && f.Type == policy.CharDevice
}

// makedev is the kernel's number of a device in user space (sysmacros.h).
func makedev(major, minor int64) uint64 {
	a, i := uint64(major), uint64(minor)
	return i&0xff | a&0xfff<<8 | i&^0xff<<12 | a&^0xfff<<32
}

func inUserNamespace(s *specs.Spec) bool {
	for i := range s.Linux.Namespaces {
		if s.Linux.Namespaces[i].Type == specs.UserNamespace {
			return true
		}
	}
	return false
}
