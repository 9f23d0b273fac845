package running

import (
	"encoding/json"
	"path/filepath"
	"strings"
)

// config is what of config.json names a container. It is for a person to
// recognise it by, and proves nothing.
type config struct {
	Annotations map[string]string `json:"annotations"`
	Mounts      []struct {
		Destination string `json:"destination"`
		Source      string `json:"source"`
	} `json:"mounts"`
}

// describe finds the name of a container whose monitor does not say it.
func (c *Container) describe() {
	if c.Name != "" || c.Problem != "" {
		return
	}
	var own config
	text, err := readSome(filepath.Join(c.Bundle, "config.json"))
	if err != nil || json.Unmarshal(text, &own) != nil {
		return // whoever judges it says so
	}
	for _, key := range []string{"nerdctl/name", "io.kubernetes.cri.container-name", "io.kubernetes.container.name", "io.kubernetes.cri.sandbox-name"} {
		if name := own.Annotations[key]; name != "" {
			c.Name = name
			return
		}
	}
	for _, m := range own.Mounts {
		if m.Destination == "/etc/hostname" && filepath.Base(filepath.Dir(m.Source)) == c.ID {
			c.Name = dockerName(filepath.Dir(m.Source))
		}
	}
}

// dockerName reads the name that Docker keeps beside a container's files.
func dockerName(dir string) string {
	var own struct{ Name string }
	text, err := readSome(filepath.Join(dir, "config.v2.json"))
	if err != nil || json.Unmarshal(text, &own) != nil {
		return ""
	}
	return strings.TrimPrefix(own.Name, "/")
}
