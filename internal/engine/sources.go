package engine

import (
	"path/filepath"
	"slices"
	"strings"
)

// Sources are the files and directories that an engine reads to know how to
// run containers, whether they are there or not: what is to be watched. A
// directory stands for all that is below it. Files that its own files name
// (imports) are among them as far as they can be read; what is wrong with them
// Status says.
func (e *Engine) Sources(s *System) []string {
	main := e.file(s)
	var all []string
	switch e.Name {
	case "containerd": // imports are read from anywhere; its own directory holds them by custom
		all = []string{filepath.Dir(main), "/etc/default/containerd", "/etc/sysconfig/containerd"}
	case "cri-o":
		all = []string{main, main + ".d", "/etc/sysconfig/crio", "/etc/default/crio"}
	case "docker":
		all = []string{filepath.Dir(main), "/etc/default/docker", "/etc/sysconfig/docker"}
	case "podman": // storage, registries, signatures and OCI hooks are there too
		all = []string{filepath.Dir(main), "/usr/share/containers"}
	}
	record, err := s.Recorded(e.Name)
	if err != nil {
		return all
	}
	v := &view{sys: s, engine: e, base: map[string]*Content{}}
	if record != nil {
		v.files = record.Files
	}
	if st, err := e.look(v); err == nil {
		for _, file := range st.Files {
			if !slices.ContainsFunc(all, func(dir string) bool { return file == dir || strings.HasPrefix(file, dir+"/") }) {
				all = append(all, file)
			}
		}
	}
	return all
}

// Units are the systemd units that start an engine, without directory.
func (e *Engine) Units() []string {
	switch e.Name {
	case "containerd":
		return []string{"containerd.service"}
	case "cri-o":
		return []string{"crio.service"}
	case "docker":
		return []string{"docker.service", "docker.socket"}
	case "podman":
		return []string{"podman.service", "podman.socket", "podman-restart.service"}
	}
	return nil
}

// Executables are the engine's own programs, by name.
func (e *Engine) Executables() []string {
	switch e.Name {
	case "containerd":
		return []string{"containerd", "containerd-shim-runc-v2", "containerd-shim-runward-v2", "ctr", "nerdctl"}
	case "cri-o":
		return []string{"crio", "conmon", "conmon-rs", "pinns"}
	case "docker":
		return []string{"dockerd", "docker", "docker-proxy", "docker-init", "buildkitd"}
	case "podman":
		return []string{"podman", "conmon", "buildah", "netavark", "aardvark-dns"}
	}
	return nil
}
