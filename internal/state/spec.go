package state

import (
	"errors"
	"path/filepath"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/internal/jsondoc"
	"github.com/runward/runward/internal/oci"
)

// config is config.json as far as it is needed.
type config struct {
	Annotations map[string]string `json:"annotations"`
	Process     *specs.Process    `json:"process"`
	Linux       *struct {
		Namespaces  []specs.LinuxNamespace `json:"namespaces"`
		UIDMappings []specs.LinuxIDMapping `json:"uidMappings"`
		Seccomp     *struct{}              `json:"seccomp"`
		Resources   struct {
			Memory struct {
				Limit int64 `json:"limit"`
			} `json:"memory"`
			CPU struct {
				Quota  int64  `json:"quota"`
				Period uint64 `json:"period"`
			} `json:"cpu"`
			Pids struct {
				Limit int64 `json:"limit"`
			} `json:"pids"`
		} `json:"resources"`
	} `json:"linux"`
}

// crunStatus is the file status of crun. Before 1.0 it had no scope.
type crunStatus struct {
	Cgroup *string `json:"cgroup-path"` // below the hierarchy's mount point; "": none
	Scope  string  `json:"scope"`       // the unit, where systemd made the cgroup
	Bundle string  `json:"bundle"`
}

// readCrun reads crun's status and its own copy of config.json, which exec
// starts from too. An update changes neither.
func readCrun(dir int, c *Container) error {
	var status crunStatus
	if err := decodeFile(dir, "status", &status); err != nil {
		return err
	}
	if status.Cgroup == nil {
		return errors.New("status: it has no cgroup-path")
	}
	c.Bundle = status.Bundle
	doc, err := readDoc(dir, "config.json")
	if err != nil {
		return err
	}
	recorded, err := c.fromConfig(doc)
	if err != nil {
		return errors.New("config.json: " + err.Error())
	}
	groups, err := mounted(*status.Cgroup, status.Scope)
	if err != nil {
		return errors.New("status: " + err.Error())
	}
	return c.setLimits(recorded, groups)
}

// youkiState is state.json of youki, and youkiConfig its youki_config.json.
type youkiState struct {
	ID          string            `json:"id"`
	PID         int               `json:"pid"`
	Bundle      string            `json:"bundle"`
	Annotations map[string]string `json:"annotations"`
	Systemd     bool              `json:"useSystemd"`
}

type youkiConfig struct {
	Cgroup string `json:"cgroup_path"` // for systemd: slice:prefix:name
}

// readYouki reads youki's state. It keeps no configuration: its exec reads the
// bundle's config.json again, and so does this.
func readYouki(dir int, c *Container) error {
	var s youkiState
	var conf youkiConfig
	if err := decodeFile(dir, "state.json", &s); err != nil {
		return err
	}
	if s.ID != c.ID {
		return errors.New("state.json: it is the state of another container")
	}
	if err := decodeFile(dir, "youki_config.json", &conf); err != nil {
		return err
	}
	c.Bundle = s.Bundle
	if !filepath.IsAbs(c.Bundle) {
		return nil // load refuses it
	}
	recorded, err := c.fromBundle()
	if err != nil {
		return err
	}
	c.Annotations = s.Annotations
	groups, err := s.cgroups(conf.Cgroup)
	if err != nil {
		return err
	}
	return c.setLimits(recorded, groups)
}

// cgroups finds where systemd put the container by where its process is.
func (s *youkiState) cgroups(path string) (cgroups, error) {
	parts := strings.Split(path, ":")
	if !s.Systemd || len(parts) != 3 {
		return mounted("/"+strings.TrimPrefix(path, "/"), "")
	}
	if s.PID <= 0 {
		return cgroups{}, nil
	}
	return ofProcess(s.PID, parts[1]+"-"+parts[2]+".scope")
}

// fromBundle is fromConfig on the bundle's config.json.
func (c *Container) fromBundle() (limits, error) {
	bundle, err := oci.Open(c.Bundle)
	if err != nil {
		return limits{}, err
	}
	defer bundle.Close()
	raw, err := bundle.ReadSpec()
	if err != nil {
		return limits{}, err
	}
	doc, err := jsondoc.Parse(raw, jsondoc.DefaultLimits())
	if err != nil {
		return limits{}, errors.New(c.Bundle + "/config.json: " + err.Error())
	}
	recorded, err := c.fromConfig(doc.Root())
	if err != nil {
		return limits{}, errors.New(c.Bundle + "/config.json: " + err.Error())
	}
	if root := c.Ceiling.UserNamespace; root != nil {
		return recorded, bundle.CheckOwner(*root)
	}
	return recorded, bundle.CheckOwner()
}

// fromConfig fills in what config.json says, and returns its limits.
func (c *Container) fromConfig(doc jsondoc.Value) (limits, error) {
	var f config
	if err := jsondoc.Decode(doc, &f); err != nil {
		return limits{}, err
	}
	c.Annotations = f.Annotations
	c.Ceiling.Capabilities = union()
	if p := f.Process; p != nil {
		c.UserKnown = true
		c.Ceiling.UID, c.Ceiling.GID = p.User.UID, p.User.GID
		c.Ceiling.NoNewPrivileges = p.NoNewPrivileges
		c.Ceiling.AppArmor, c.Ceiling.SELinux = p.ApparmorProfile, p.SelinuxLabel
		if caps := p.Capabilities; caps != nil {
			c.Ceiling.Capabilities = union(caps.Bounding, caps.Effective, caps.Inheritable, caps.Permitted, caps.Ambient)
		}
		if p.OOMScoreAdj != nil {
			score := int64(*p.OOMScoreAdj)
			c.Ceiling.OOMScoreAdj = &score
		}
	}
	l := f.Linux
	if l == nil {
		return limits{}, nil
	}
	c.Ceiling.Seccomp = l.Seccomp != nil
	for _, ns := range l.Namespaces {
		if ns.Type != specs.UserNamespace {
			continue
		}
		for _, m := range l.UIDMappings {
			if m.ContainerID == 0 && m.Size > 0 {
				host := m.HostID
				c.Ceiling.UserNamespace = &host
			}
		}
	}
	r := l.Resources
	return limits{memory: r.Memory.Limit, quota: r.CPU.Quota, period: int64(min(r.CPU.Period, 1<<62)), pids: r.Pids.Limit}, nil
}

func quote(s string) string {
	const most = 128
	if len(s) > most {
		s = s[:most] + "..."
	}
	return strconv.QuoteToASCII(s)
}
