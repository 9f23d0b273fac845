package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// A report is the whole run, printed case by case for people, or at the end
// for machines.
type report struct {
	Machine machine  `json:"machine"`
	Rounds  int      `json:"rounds"`
	Cases   []result `json:"cases"`
	quiet   bool
}

// A machine is what figures depend on.
type machine struct {
	Kernel  string `json:"kernel"`
	CPU     string `json:"cpu"`
	Cores   int    `json:"cores"`
	Runc    string `json:"runc"`
	Go      string `json:"go"`
	Load    string `json:"load"`    // of the last minute, before
	Runward int64  `json:"runward"` // size of the binary in bytes
}

func (l *lab) machine() machine {
	m := machine{CPU: "unknown processor", Cores: runtime.NumCPU(), Runc: "unknown runc", Go: runtime.Version()}
	var uts unix.Utsname
	if unix.Uname(&uts) == nil {
		m.Kernel = unix.ByteSliceToString(uts.Release[:])
	}
	cpuinfo, _ := os.ReadFile("/proc/cpuinfo") // unknown does
	for line := range strings.Lines(string(cpuinfo)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			m.CPU = strings.TrimSpace(value)
			break
		}
	}
	if out, err := exec.Command(l.runc, "--version").Output(); err == nil {
		m.Runc, _, _ = strings.Cut(strings.TrimSpace(string(out)), "\n")
	}
	load, _ := os.ReadFile("/proc/loadavg") // empty does
	m.Load, _, _ = strings.Cut(string(load), " ")
	if info, err := os.Stat(l.path("bin/runward")); err == nil {
		m.Runward = info.Size()
	}
	return m
}

func (r *report) start() {
	if r.quiet {
		return
	}
	m := r.Machine
	fmt.Printf("Linux %s, %s, %d cores, load %s; %s; %s; runward %.1f MiB\n", m.Kernel, m.CPU, m.Cores, m.Load, m.Runc, m.Go, float64(m.Runward)/(1<<20))
	fmt.Printf("medians [quartiles] of %d rounds in turns; differences and ratios round by round\n", r.Rounds)
}

func (r *report) add(c result) {
	r.Cases = append(r.Cases, c)
	if r.quiet {
		return
	}
	fmt.Printf("\n%s (config.json %d bytes)\n", c.Name, c.ConfigBytes)
	for _, v := range c.Variants {
		fmt.Printf("  %-16s %9.2f %s  [%.2f %.2f]%s\n", v.Name, v.Median, c.Unit, v.Q1, v.Q3, memoryTarget(c, v))
	}
	for _, k := range c.Comparisons {
		fmt.Printf("  %-32s %+7.2f %s [%+.2f %+.2f]  x%.3f%s\n", k.Of+" over "+k.Over, k.Added, c.Unit, k.Q1, k.Q3, k.Ratio, k.targets())
	}
}

// memoryTarget is said of the figure itself: there is nothing to compare with.
func memoryTarget(c result, v summary) string {
	if c.Unit != "KiB" {
		return ""
	}
	return check{"target: at most", 12 << 10, v.Median <= 12<<10}.String()
}

func (k comparison) targets() string {
	var b strings.Builder
	for _, check := range k.Checks {
		check.What = "target: " + check.What
		b.WriteString(check.String())
	}
	if k.Note != "" {
		b.WriteString(" (" + k.Note + ")")
	}
	return b.String()
}

func (c check) String() string {
	verdict := "ok"
	if !c.OK {
		verdict = "OVER"
	}
	return fmt.Sprintf("  %s %v: %s", c.What, c.Limit, verdict)
}

func (r *report) end() error {
	if !r.quiet {
		return nil
	}
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", "  ")
	return out.Encode(r)
}
