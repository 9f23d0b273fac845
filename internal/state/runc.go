package state

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"github.com/runward/runward/internal/jsondoc"
)

// runcState is state.json of runc 1.1 to 1.5, as far as it is needed: the
// struct State of libcontainer, whose names have not changed since. What 1.1
// writes as null or 0, 1.4 leaves out.
type runcState struct {
	ID          string            `json:"id"`
	PID         int               `json:"init_process_pid"`
	Start       uint64            `json:"init_process_start"`
	Config      *runcConfig       `json:"config"`
	CgroupPaths map[string]string `json:"cgroup_paths"` // by controller of cgroup v1; "": of cgroup v2
}

// runcConfig is the struct configs.Config of libcontainer.
type runcConfig struct {
	Namespaces []struct {
		Type string `json:"type"`
	} `json:"namespaces"`
	Capabilities *struct {
		Bounding    []string `json:"Bounding"`
		Effective   []string `json:"Effective"`
		Inheritable []string `json:"Inheritable"`
		Permitted   []string `json:"Permitted"`
		Ambient     []string `json:"Ambient"`
	} `json:"capabilities"`
	Cgroups *struct {
		Memory    int64  `json:"memory"`
		CPUQuota  int64  `json:"cpu_quota"`
		CPUPeriod uint64 `json:"cpu_period"`
		PidsLimit int64  `json:"pids_limit"`
		Systemd   bool   `json:"Systemd"`
	} `json:"cgroups"`
	AppArmor    string `json:"apparmor_profile"` // never set by runc itself
	SELinux     string `json:"process_label"`
	OOMScoreAdj *int64 `json:"oom_score_adj"`
	UIDMappings []struct {
		ContainerID int64 `json:"container_id"`
		HostID      int64 `json:"host_id"`
		Size        int64 `json:"size"`
	} `json:"uid_mappings"`
	Seccomp         *struct{} `json:"seccomp"`
	NoNewPrivileges bool      `json:"no_new_privileges"`
	Labels          []string  `json:"labels"`
}

func readRunc(dir int, c *Container) error {
	doc, err := readDoc(dir, "state.json")
	if err != nil {
		return err
	}
	groups, recorded, err := c.fromRunc(doc)
	if err != nil {
		return errors.New("state.json: " + err.Error())
	}
	return c.setLimits(recorded, groups)
}

// fromRunc fills in what state.json says, but the limits.
func (c *Container) fromRunc(doc jsondoc.Value) (cgroups, limits, error) {
	var s runcState
	if err := jsondoc.Decode(doc, &s); err != nil {
		return cgroups{}, limits{}, err
	}
	switch {
	case s.ID != c.ID:
		return cgroups{}, limits{}, errors.New("it is the state of another container")
	case s.Config == nil:
		return cgroups{}, limits{}, errors.New("it has no config")
	}
	if err := c.readLabels(s.Config.Labels); err != nil {
		return cgroups{}, limits{}, err
	}
	s.Config.ceiling(c)
	if c.Ceiling.AppArmor == "" {
		profile, err := confinement(s.PID, s.Start)
		if err != nil {
			return cgroups{}, limits{}, err
		}
		c.Ceiling.AppArmor = profile
	}
	groups := cgroups{ownRecord: true}
	for _, g := range []struct {
		name string
		dirs *[]string
		v2   *bool
	}{{"memory", &groups.memory, &groups.memoryV2}, {"cpu", &groups.cpu, &groups.cpuV2}, {"pids", &groups.pids, &groups.pidsV2}} {
		dir, v1 := s.CgroupPaths[g.name]
		if !v1 {
			dir = s.CgroupPaths[""]
		}
		if dir != "" {
			if dir != filepath.Clean(dir) || dir[0] != '/' {
				return cgroups{}, limits{}, errors.New("its cgroup " + quote(dir) + " is not a clean absolute path")
			}
			*g.dirs, *g.v2 = []string{dir}, !v1
		}
	}
	var recorded limits
	if r := s.Config.Cgroups; r != nil {
		groups.systemd = r.Systemd
		recorded = limits{memory: r.Memory, quota: r.CPUQuota, period: int64(min(r.CPUPeriod, 1<<62)), pids: r.PidsLimit}
	}
	return groups, recorded, nil
}

// readLabels takes the list apart that runc makes of the annotations: each as
// key=value, in no order, and behind them bundle=PATH. Every version takes the
// first bundle= there is, so an annotation named bundle, or bundle=x, decides
// where exec finds its process: two are refused.
func (c *Container) readLabels(labels []string) error {
	bundles := 0
	c.Annotations = make(map[string]string, len(labels))
	for _, label := range labels {
		key, value, ok := strings.Cut(label, "=")
		if !ok {
			return errors.New("a label has no '='")
		}
		if key == "bundle" {
			bundles++
			c.Bundle = value
			continue
		}
		if _, again := c.Annotations[key]; again {
			return errors.New("two labels read as the annotation " + quote(key) + ": one of them forges the other with a '=' in its key")
		}
		c.Annotations[key] = value
		if strings.Contains(value, "=") {
			c.Unclear = append(c.Unclear, key)
		}
	}
	slices.Sort(c.Unclear)
	switch bundles {
	case 0:
		return errors.New("it names no bundle")
	case 1:
		return nil
	}
	return errors.New("it names more than one bundle: an annotation named bundle forges the container's own")
}

func (f *runcConfig) ceiling(c *Container) {
	c.Ceiling.NoNewPrivileges = f.NoNewPrivileges
	c.Ceiling.Seccomp = f.Seccomp != nil
	c.Ceiling.AppArmor = f.AppArmor
	c.Ceiling.SELinux = f.SELinux
	c.Ceiling.OOMScoreAdj = f.OOMScoreAdj
	c.Ceiling.Capabilities = union()
	if caps := f.Capabilities; caps != nil {
		c.Ceiling.Capabilities = union(caps.Bounding, caps.Effective, caps.Inheritable, caps.Permitted, caps.Ambient)
	}
	for _, ns := range f.Namespaces {
		if ns.Type != "NEWUSER" {
			continue
		}
		for _, m := range f.UIDMappings {
			if m.ContainerID == 0 && m.Size > 0 && m.HostID >= 0 && m.HostID < 1<<32-1 {
				host := uint32(m.HostID)
				c.Ceiling.UserNamespace = &host
			}
		}
	}
}
