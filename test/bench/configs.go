package main

import (
	"encoding/json"
	"fmt"
	"os"
)

// captured is a config.json as docker writes it for a plain `docker run`.
const captured = "test/specs/docker/default/config.json"

// configs returns config.json by name: docker's, made to run here, and the
// same as a node with many Kubernetes services has it, 25 KB.
func configs(rootfs, cgroups string) (map[string][]byte, error) {
	text, err := os.ReadFile(captured)
	if err != nil {
		return nil, err
	}
	var spec map[string]any
	if err := json.Unmarshal(text, &spec); err != nil {
		return nil, fmt.Errorf("decode %s: %w", captured, err)
	}
	delete(spec, "hooks") // dockerd itself, which is not here
	spec["root"] = map[string]any{"path": rootfs}
	var mounts []any
	for _, m := range spec["mounts"].([]any) {
		if m.(map[string]any)["type"] != "bind" { // files of dockerd
			mounts = append(mounts, m)
		}
	}
	spec["mounts"] = mounts
	linux := spec["linux"].(map[string]any)
	linux["cgroupsPath"] = cgroups
	linux["namespaces"] = append(linux["namespaces"].([]any), map[string]any{"type": "cgroup"}) // docker's default on cgroup v2
	resources := linux["resources"].(map[string]any)
	resources["memory"] = map[string]any{"limit": 512 << 20}
	resources["pids"] = map[string]any{"limit": 512}
	process := spec["process"].(map[string]any)
	process["args"] = []string{"/bin/true"}
	process["noNewPrivileges"] = true

	small, err := json.Marshal(spec)
	if err != nil {
		return nil, err
	}
	env := process["env"].([]any)
	full := small
	for service := 0; len(full) < 25<<10; service++ {
		env = append(env, serviceEnv(service)...)
		process["env"] = env
		if full, err = json.Marshal(spec); err != nil {
			return nil, err
		}
	}
	return map[string][]byte{"small": small, "25 KB": full}, nil
}

// serviceEnv is what the kubelet tells a container of one service.
func serviceEnv(n int) []any {
	name, addr := fmt.Sprintf("TEAM_%02d_BACKEND", n), fmt.Sprintf("10.96.%d.%d", n/250, n%250+1)
	return []any{
		name + "_SERVICE_HOST=" + addr,
		name + "_SERVICE_PORT=8080",
		name + "_SERVICE_PORT_HTTP=8080",
		name + "_PORT=tcp://" + addr + ":8080",
		name + "_PORT_8080_TCP=tcp://" + addr + ":8080",
		name + "_PORT_8080_TCP_PROTO=tcp",
		name + "_PORT_8080_TCP_PORT=8080",
		name + "_PORT_8080_TCP_ADDR=" + addr,
	}
}
