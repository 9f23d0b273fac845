package main

import (
	"debug/buildinfo"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/runward/runward/internal/config"
	"github.com/runward/runward/internal/display"
	"github.com/runward/runward/internal/realruntime"
)

// versionInfo is what `runwardctl version` says.
type versionInfo struct {
	Version  string   `json:"version"`
	Go       string   `json:"go"`
	Platform string   `json:"platform"`
	Config   string   `json:"config"`
	Policies []string `json:"policies"`
	Profiles []string `json:"profiles"`
	Receipts string   `json:"receipts"`
	Ledger   string   `json:"ledger"`
	Shim     string   `json:"shim,omitempty"`    // containerd's, for io.containerd.runward.v2, and what it is built on
	Runtime  string   `json:"runtime,omitempty"` // the real one that runward executes
	Problem  string   `json:"problem,omitempty"` // why there is none

	Components []component `json:"components"`
}

func (a *app) version() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Show the version, where everything is, and the real runtime",
		Args:  args(0, 0, "no arguments"),
		RunE: func(*cobra.Command, []string) error {
			v := versions()
			return a.print(v, v.text)
		},
	}
}

func versions() *versionInfo {
	cfg, cfgErr := config.Load() // with an error, as much as could be read
	v := &versionInfo{
		Version: config.Version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		Config: config.File(), Policies: config.PolicyDirs(), Profiles: config.ProfileDirs(),
		Receipts: cfg.Audit.Receipts, Ledger: config.LedgerDir(),
		Shim: shim(beside("containerd-shim-runward-v2")), Components: components(),
	}
	path, err := realruntime.Find(cfg, "runward", wrapper())
	if err == nil {
		err = realruntime.Safe("the real runtime "+path, path)
	}
	v.Runtime = path
	switch {
	case cfgErr != nil:
		v.Problem = cfgErr.Error()
	case err != nil:
		v.Problem = err.Error()
	}
	return v
}

// shim says where containerd's shim is, if it is installed, and of which
// containerd it was built.
func shim(path string) string {
	built, err := buildinfo.ReadFile(path)
	if err != nil {
		return ""
	}
	for _, module := range built.Deps {
		if module.Path == "github.com/containerd/containerd/v2" {
			return path + " (of containerd " + strings.TrimPrefix(module.Version, "v") + ")"
		}
	}
	return path
}

func (v *versionInfo) text(p *display.Printer) error {
	p.Line("runwardctl ", v.Version, " (", v.Go, ", ", v.Platform, ")")
	p.Line()
	p.Field("settings", v.Config)
	p.Field("policies", strings.Join(v.Policies, ", "))
	p.Field("profiles", strings.Join(v.Profiles, ", "))
	p.Field("receipts", v.Receipts)
	p.Field("ledger", v.Ledger)
	if v.Shim != "" {
		p.Field("shim", v.Shim)
	}
	p.Field("runtime", v.Runtime)
	for _, c := range v.Components {
		if c.Version != config.Version {
			p.Line()
			p.Line(p.Paint(display.Yellow, "note"), ": ", display.Clean(c.Path), " is of version ", display.Clean(c.Version), ": install all programs of one version")
		}
	}
	if v.Problem != "" {
		p.Line()
		p.Line(p.Paint(display.Red, "problem"), ": ", display.Clean(v.Problem))
	}
	return p.Err()
}
