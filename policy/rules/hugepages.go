package rules

import (
	"errors"
	"math"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/policy"
)

// HugepagesSettings bounds linux.resources.hugepageLimits.
type HugepagesSettings struct {
	Max policy.MaxTable[policy.Bytes] `toml:"max" doc:"most memory in huge pages, by the size of a page: { 2MB = \"64MiB\", 1GB = 0 }; left out: none of 2MB and 1GB"`
}

// Default makes an absent table the one that gives no huge pages.
func (s *HugepagesSettings) Default() {
	if s.Max.Values == nil {
		s.Max.Values = map[string]policy.Bytes{"2MB": 0, "1GB": 0}
	}
}

// Validate refuses names that are no page sizes as the kernel writes them.
func (s *HugepagesSettings) Validate() error {
	for _, size := range names(s.Max.Values) {
		if policy.PageSize(size) == 0 {
			return errors.New("max: want the size of a page as the kernel writes it, for example 2MB or 1GB, found " + quote(size))
		}
	}
	return nil
}

// Limit lowers the ceiling to what the settings allow.
func (s *HugepagesSettings) Limit(c *policy.Ceiling) {
	c.Hugepages = make(map[string]int64, len(s.Max.Values))
	for size := range s.Max.Values {
		bytes := policy.PageSize(size)
		most, _ := mostPages(s.Max.Values, bytes)
		c.Hugepages[strconv.FormatUint(bytes, 10)] = int64(most)
	}
}

// Hugepages keeps the node's huge pages for those that were given some.
var Hugepages = policy.Rule{
	ID:    "hugepages",
	Title: "Huge pages are limited",
	Doc: "A node has few huge pages, reserved for the program that needs them; what is not limited may take all. Lowers linux.resources.hugepageLimits to the maximum of each page size, as the kubelet does for pods that ask for none, " +
		"and adds the limit for sizes that policy names and the node has. That needs the hugetlb control group: a node with version 1 that lacks it is reported; with version 2 every distribution's kernel has it (CONFIG_CGROUP_HUGETLB), and without it the runtime refuses the container. The files hugetlb.* in linux.resources.unified, which would undo this, are refused. " +
		"Take care on nodes with huge pages: a program that takes some where it can, as PostgreSQL does with huge_pages = try, ends with a bus error under a limit of 0 unless kernel and runtime limit the reservation (hugetlb.*.rsvd, since Linux 5.7); no profile has this rule.",
	Since:   "0.1.0",
	Default: policy.ActionRewrite,
	Refs:    []policy.Ref{{Standard: "NIST SP 800-190", ID: "4.4.3"}, {Standard: "runtime-spec", ID: "config-linux: hugepageLimits"}},
	Check:   policy.Check[HugepagesSettings](checkHugepages),
}

func checkHugepages(e *policy.Eval, s *HugepagesSettings) {
	for _, file := range names(e.Spec.Linux.Resources.Unified) {
		if strings.HasPrefix(file, "hugetlb.") {
			secondWay(e, file)
		}
	}
	const hint = "ask for fewer (kubernetes: resources.limits hugepages-2Mi and its like)"
	for i, h := range e.Spec.Linux.Resources.HugepageLimits {
		most, ok := mostPages(s.Max.Values, policy.PageSize(h.Pagesize))
		if !ok || h.Limit <= most {
			continue
		}
		found := "no limit on"
		if h.Limit <= math.MaxInt64 {
			found = policy.Bytes(h.Limit).String() + " in"
		}
		e.Rewrite(policy.Finding{
			Pointer: index("/linux/resources/hugepageLimits", i), Found: found + " huge pages of " + quote(h.Pagesize),
			Wanted: pagesWanted(most), Hint: hint,
		}, func(s *specs.Spec) { s.Linux.Resources.HugepageLimits[i].Limit = most })
	}
	for _, size := range names(s.Max.Values) {
		bytes := policy.PageSize(size)
		if limitsPages(e.Spec, bytes) || e.Facts.Lookup == nil || absent(e.Facts, "/sys/kernel/mm/hugepages/hugepages-"+strconv.FormatUint(bytes/1024, 10)+"kB") {
			continue
		}
		most, _ := mostPages(s.Max.Values, bytes)
		f := policy.Finding{Pointer: "/linux/resources/hugepageLimits/-", Found: "no limit on huge pages of " + size, Wanted: pagesWanted(most), Hint: hint}
		// A file in it, for Podman makes plain directories of hierarchies that are not mounted.
		if !e.Facts.CgroupV2 && absent(e.Facts, "/sys/fs/cgroup/hugetlb/cgroup.procs") {
			f.Found += ", and a node without the hugetlb control group, which cannot limit them"
			f.Hint = "mount the hugetlb control group on the node"
			e.Report(f)
			continue
		}
		e.Rewrite(f, func(s *specs.Spec) {
			r := s.Linux.Resources
			r.HugepageLimits = append(r.HugepageLimits, specs.LinuxHugepageLimit{Pagesize: size, Limit: most})
		})
	}
}

func pagesWanted(most uint64) string {
	if most == 0 {
		return "none"
	}
	return policy.Bytes(most).String() + " or less"
}

// limitsPages tells whether the container has a limit on pages of this size.
func limitsPages(s *specs.Spec, bytes uint64) bool {
	for _, h := range s.Linux.Resources.HugepageLimits {
		if policy.PageSize(h.Pagesize) == bytes {
			return true
		}
	}
	return false
}

// mostPages finds a size in whatever spelling policies have it; the smallest wins.
func mostPages(values map[string]policy.Bytes, bytes uint64) (most uint64, ok bool) {
	for size, v := range values {
		if policy.PageSize(size) == bytes && bytes > 0 && (!ok || uint64(v) < most) {
			most, ok = uint64(v), true
		}
	}
	return most, ok
}
